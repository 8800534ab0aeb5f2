package lab

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Error numbers of MySQL and MariaDB.
const (
	mysqlDuplicate = 1062 // the key is there already
	mysqlReadOnly  = 1290 // the server takes no writes
)

// mysqlUndecided are answers to COMMIT that say nothing about the transaction:
// a shutdown, a failed commit, a killed connection or statement.
var mysqlUndecided = []uint16{1053, 1180, 1317, 1927}

// answerPatience is after what time an answer counts as lost: database/sql
// gives COMMIT no context that could end it.
const answerPatience = 30 * time.Second

// ledgerMySQL is a ledgerConn to MySQL or MariaDB: one pinned connection, since
// a pool would move a statement to another one by itself.
type ledgerMySQL struct {
	db   *sql.DB
	conn *sql.Conn
	tx   *sql.Tx
}

func dialMySQL(ctx context.Context, dsn string) (ledgerConn, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	config.Logger = &mysql.NopLogger{} // the default writes each lost connection over the screen
	config.InterpolateParams = true    // one statement, one packet: nothing is prepared
	config.ReadTimeout = answerPatience
	c, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(c)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &ledgerMySQL{db: db, conn: conn}, nil
}

func (m *ledgerMySQL) last(ctx context.Context, client int) (seq int64, err error) {
	err = m.conn.QueryRowContext(ctx, "select coalesce(max(seq), 0) from ledger where client = ?", client).Scan(&seq)
	return seq, err
}

func (m *ledgerMySQL) begin(ctx context.Context) (err error) {
	m.tx, err = m.conn.BeginTx(ctx, nil)
	return err
}

// ended: a server that ends a session closes it without a word (MySQL) or says
// 1927 first (MariaDB). Nothing was open on it, so a pool takes the next one.
func (m *ledgerMySQL) ended(err error) bool {
	var refusal *mysql.MySQLError
	return !errors.As(err, &refusal) || refusal.Number == 1927
}

func (m *ledgerMySQL) work(ctx context.Context, k ledgerKey, account, amount int64) error {
	statements := []struct {
		sql  string
		args []any
	}{
		{"insert into ledger (client, seq) values (?, ?)", []any{k.client, k.seq}},
		{"update accounts set balance = balance + ?, n = n + 1 where id = ?", []any{amount, account}},
		{"insert into orders (client, seq, amount) values (?, ?, ?)", []any{k.client, k.seq, amount}},
	}
	for _, s := range statements {
		if _, err := m.tx.ExecContext(ctx, s.sql, s.args...); err != nil {
			_ = m.tx.Rollback() // when this fails too, the connection is lost and the server rolls back
			return err
		}
	}
	return nil
}

func (m *ledgerMySQL) commit(context.Context) error { return m.tx.Commit() }

// rolledBack: the server's own no to COMMIT, as from read_only (1290). A lost
// connection is no answer.
func (m *ledgerMySQL) rolledBack(err error) bool {
	var refusal *mysql.MySQLError
	return errors.As(err, &refusal) && !slices.Contains(mysqlUndecided, refusal.Number)
}

// broken: a pool that is made for failovers gives a connection up whose server
// turned read-only; the next one may lead to another server.
func (m *ledgerMySQL) broken(err error) bool {
	var refusal *mysql.MySQLError
	return !errors.As(err, &refusal) || refusal.Number == mysqlReadOnly || slices.Contains(mysqlUndecided, refusal.Number)
}

func (m *ledgerMySQL) look(ctx context.Context, k ledgerKey) (Fate, error) {
	tx, err := m.conn.BeginTx(ctx, nil)
	if err != nil {
		return Unknown, err
	}
	_, err = tx.ExecContext(ctx, "insert into ledger (client, seq) values (?, ?)", k.client, k.seq)
	var refusal *mysql.MySQLError
	if errors.As(err, &refusal) && refusal.Number == mysqlDuplicate {
		return Found, tx.Rollback()
	}
	if err != nil {
		_ = tx.Rollback()
		return Unknown, err
	}
	return Absent, tx.Rollback()
}

func (m *ledgerMySQL) counts(ctx context.Context, table string, client int, base int64, add func(seq, n int64)) (err error) {
	found, err := m.conn.QueryContext(ctx, "select seq, count(*) from "+table+" where client = ? and seq > ? group by seq", client, base)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	for found.Next() {
		var seq, n int64
		if err := found.Scan(&seq, &n); err != nil {
			return err
		}
		add(seq, n)
	}
	return found.Err()
}

func (m *ledgerMySQL) drift(ctx context.Context) (n int64, err error) {
	err = m.conn.QueryRowContext(ctx, "select cast((select sum(n) from accounts) as signed) - (select count(*) from orders)").Scan(&n)
	return n, err
}

func (m *ledgerMySQL) close() { _, _ = m.conn.Close(), m.db.Close() }
