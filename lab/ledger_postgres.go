package lab

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// duplicateKey is the error code of a key that is there already.
	duplicateKey = "23505"
	// adminShutdown and protocolViolation are the codes under which servers and
	// poolers end a connection on purpose.
	adminShutdown     = "57P01"
	protocolViolation = "08P01"
)

// ledgerPostgres is a ledgerConn to PostgreSQL.
type ledgerPostgres struct {
	conn *pgx.Conn
	tx   pgx.Tx
}

func dialPostgres(ctx context.Context, dsn string) (ledgerConn, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	// Behind a transaction pooler nothing may be kept on the server side.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.RuntimeParams["application_name"] = "ledger"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	return &ledgerPostgres{conn: conn}, nil
}

func (p *ledgerPostgres) last(ctx context.Context, client int) (seq int64, err error) {
	err = p.conn.QueryRow(ctx, "select coalesce(max(seq), 0) from ledger where client = $1", client).Scan(&seq)
	return seq, err
}

func (p *ledgerPostgres) begin(ctx context.Context) (err error) {
	p.tx, err = p.conn.Begin(ctx)
	return err
}

func (p *ledgerPostgres) ended(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == adminShutdown || e.Code == protocolViolation && e.Message == "database removed") // by KILL
}

func (p *ledgerPostgres) work(ctx context.Context, k ledgerKey, account, amount int64) error {
	statements := []struct {
		sql  string
		args []any
	}{
		{"insert into ledger (client, seq) values ($1, $2)", []any{k.client, k.seq}},
		{"update accounts set balance = balance + $2, n = n + 1 where id = $1", []any{account, amount}},
		{"insert into orders (client, seq, amount) values ($1, $2, $3)", []any{k.client, k.seq, amount}},
	}
	for _, s := range statements {
		if _, err := p.tx.Exec(ctx, s.sql, s.args...); err != nil {
			_ = p.tx.Rollback(ctx) // when this fails too, the connection is closed and the server rolls back
			return err
		}
	}
	return nil
}

func (p *ledgerPostgres) commit(ctx context.Context) error { return p.tx.Commit(ctx) }

// rolledBack: an ERROR as the answer to COMMIT is a rollback. A FATAL is not:
// the server may have been ended between the commit and its answer.
func (p *ledgerPostgres) rolledBack(err error) bool {
	var refusal *pgconn.PgError
	return errors.Is(err, pgx.ErrTxCommitRollback) || errors.As(err, &refusal) && refusal.SeverityUnlocalized == "ERROR"
}

func (p *ledgerPostgres) broken(err error) bool {
	var refusal *pgconn.PgError
	return p.conn.IsClosed() || !errors.As(err, &refusal)
}

func (p *ledgerPostgres) look(ctx context.Context, k ledgerKey) (Fate, error) {
	tx, err := p.conn.Begin(ctx)
	if err != nil {
		return Unknown, err
	}
	_, err = tx.Exec(ctx, "insert into ledger (client, seq) values ($1, $2)", k.client, k.seq)
	var refusal *pgconn.PgError
	if errors.As(err, &refusal) && refusal.Code == duplicateKey {
		return Found, tx.Rollback(ctx)
	}
	if err != nil {
		_ = tx.Rollback(ctx)
		return Unknown, err
	}
	return Absent, tx.Rollback(ctx)
}

func (p *ledgerPostgres) counts(ctx context.Context, table string, client int, base int64, add func(seq, n int64)) error {
	found, err := p.conn.Query(ctx, "select seq, count(*) from "+table+" where client = $1 and seq > $2 group by seq", client, base)
	if err != nil {
		return err
	}
	var seq, n int64
	_, err = pgx.ForEachRow(found, []any{&seq, &n}, func() error { add(seq, n); return nil })
	return err
}

func (p *ledgerPostgres) drift(ctx context.Context) (n int64, err error) {
	err = p.conn.QueryRow(ctx, "select (select sum(n) from accounts)::bigint - (select count(*) from orders)").Scan(&n)
	return n, err
}

func (p *ledgerPostgres) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = p.conn.Close(ctx)
}
