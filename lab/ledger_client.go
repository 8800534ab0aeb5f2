package lab

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// backoff is the pause of a client after its connection was refused or
	// lost: short, as an application's pool would do it.
	backoff = 50 * time.Millisecond
	// ledgerAccounts is how many accounts the clients write to.
	ledgerAccounts = 5000
	// duplicateKey is the error code of a key that is there already.
	duplicateKey = "23505"
	// adminShutdown and protocolViolation are the codes under which servers and
	// poolers end a connection on purpose.
	adminShutdown     = "57P01"
	protocolViolation = "08P01"
)

// ledgerClient is one client: one connection, one transaction at a time.
type ledgerClient struct {
	ledger *Ledger
	id     int
	pace   time.Duration
	conn   *pgx.Conn
	seq    int64 // the last number used
	known  bool  // seq was read from the server once
}

// run works until the ledger stops. offset spreads the clients over a pace.
func (c *ledgerClient) run(ctx context.Context, offset time.Duration) {
	defer c.drop()
	if !c.pause(ctx, offset) {
		return
	}
	tick := time.NewTicker(max(c.pace, time.Millisecond))
	defer tick.Stop()
	for {
		if c.conn == nil && c.connect(ctx) != nil {
			if !c.pause(ctx, backoff) {
				return
			}
			continue
		}
		if unknown := c.transact(ctx); unknown && !c.resolve(ctx) {
			return
		}
		select {
		case <-c.ledger.quit:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// pause waits, and reports false when the ledger stops meanwhile.
func (c *ledgerClient) pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-c.ledger.quit:
		return false
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// connect opens the connection and, the first time, asks for the last number
// an earlier workload used.
func (c *ledgerClient) connect(ctx context.Context) error {
	config, err := pgx.ParseConfig(c.ledger.dsn)
	if err != nil {
		return err
	}
	// Behind a transaction pooler nothing may be kept on the server side.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.RuntimeParams["application_name"] = "ledger"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err == nil && !c.known {
		err = conn.QueryRow(ctx, "select coalesce(max(seq), 0) from ledger where client = $1", c.id).Scan(&c.seq)
		if err == nil {
			c.known = true
			c.ledger.mu.Lock()
			c.ledger.base[c.id] = c.seq
			c.ledger.mu.Unlock()
		}
	}
	if err != nil {
		c.ledger.meter.refuse(err)
		if conn != nil {
			_ = conn.Close(context.WithoutCancel(ctx))
		}
		return err
	}
	c.conn = conn
	return nil
}

// drop forgets the connection. How closing goes does not matter: either it was
// lost, or nothing is open on it.
func (c *ledgerClient) drop() {
	if c.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.conn.Close(ctx)
	c.conn = nil
}

// transact runs the next number through one transaction and reports whether
// its fate is unknown.
func (c *ledgerClient) transact(ctx context.Context) (unknown bool) {
	c.seq++
	k := ledgerKey{c.id, c.seq}
	from := c.ledger.since()
	sent, err := c.send(ctx, k)
	to := c.ledger.since()
	var refusal *pgconn.PgError
	switch {
	case err == nil:
		c.ledger.note(k, Acked, from, to, nil)
		return false
	case !sent, errors.Is(err, pgx.ErrTxCommitRollback),
		errors.As(err, &refusal) && refusal.SeverityUnlocalized == "ERROR":
		// Before COMMIT nothing can be committed; an ERROR as the answer to
		// COMMIT is a rollback. A FATAL is not: the server may have been ended
		// between the commit and its answer.
		c.ledger.note(k, Failed, from, to, err)
		if c.conn.IsClosed() || !errors.As(err, &refusal) {
			c.drop()
			c.pause(ctx, backoff)
		}
		return false
	default:
		c.ledger.note(k, Unknown, from, to, err)
		c.drop()
		return true
	}
}

// begin opens a transaction. A connection that was ended while its client had
// nothing open is replaced once, as the pool of an application does it: nothing of
// the transaction was done yet. The meter counts that by itself.
func (c *ledgerClient) begin(ctx context.Context) (pgx.Tx, error) {
	tx, err := c.conn.Begin(ctx)
	var refusal *pgconn.PgError
	if err == nil || !errors.As(err, &refusal) || !endedByAdmin(refusal) {
		return tx, err
	}
	c.drop()
	if err := c.connect(ctx); err != nil {
		return nil, err
	}
	c.ledger.meter.reconnect()
	return c.conn.Begin(ctx)
}

// endedByAdmin reports whether a pooler or server ended the connection because a
// person told it to, and not because of anything that went wrong.
func endedByAdmin(e *pgconn.PgError) bool {
	return e.Code == adminShutdown || e.Code == protocolViolation && e.Message == "database removed" // by KILL
}

// send does the transaction; sent says that COMMIT may have reached the server.
func (c *ledgerClient) send(ctx context.Context, k ledgerKey) (sent bool, err error) {
	tx, err := c.begin(ctx)
	if err != nil {
		return false, err
	}
	amount := rand.Int64N(200) - 100
	statements := []struct {
		sql  string
		args []any
	}{
		{"insert into ledger (client, seq) values ($1, $2)", []any{k.client, k.seq}},
		{"update accounts set balance = balance + $2, n = n + 1 where id = $1", []any{rand.Int64N(ledgerAccounts) + 1, amount}},
		{"insert into orders (client, seq, amount) values ($1, $2, $3)", []any{k.client, k.seq, amount}},
	}
	for _, s := range statements {
		if _, err := tx.Exec(ctx, s.sql, s.args...); err != nil {
			_ = tx.Rollback(ctx) // when this fails too, the connection is closed and the server rolls back
			return false, err
		}
	}
	return true, tx.Commit(ctx)
}

// resolve asks whoever serves now whether an unknown transaction is there, as
// often as it takes. It reports false when the ledger stopped first; then the
// fate stays unknown and Check looks.
func (c *ledgerClient) resolve(ctx context.Context) bool {
	k := ledgerKey{c.id, c.seq}
	for {
		from := c.ledger.since()
		if c.conn != nil || c.connect(ctx) == nil {
			f, err := c.look(ctx, k)
			if err == nil {
				c.ledger.note(k, f, from, c.ledger.since(), nil)
				return true
			}
			c.drop()
		}
		if !c.pause(ctx, backoff) {
			return false
		}
	}
}

// look tries the key in a transaction that is rolled back. A plain query could
// miss a transaction that is still being committed; the insert waits for it.
func (c *ledgerClient) look(ctx context.Context, k ledgerKey) (Fate, error) {
	tx, err := c.conn.Begin(ctx)
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
