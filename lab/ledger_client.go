package lab

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"
)

const (
	// backoff is the pause of a client after its connection was refused or
	// lost: short, as an application's pool would do it.
	backoff = 50 * time.Millisecond
	// ledgerAccounts is how many accounts the clients write to.
	ledgerAccounts = 5000
)

// ledgerConn is one connection, in the words of one kind of server.
type ledgerConn interface {
	// last is the highest number of a client that the server holds.
	last(ctx context.Context, client int) (int64, error)
	// begin opens a transaction.
	begin(ctx context.Context) error
	// ended says that this answer to begin means: somebody ended the connection
	// on purpose while nothing was open on it.
	ended(error) bool
	// work does what the transaction is for; after an error it is rolled back.
	work(ctx context.Context, k ledgerKey, account, amount int64) error
	// commit ends it. An error may leave open whether it was committed.
	commit(ctx context.Context) error
	// rolledBack says that this answer to commit means: nothing was committed.
	rolledBack(error) bool
	// broken says that after this error the connection is of no more use.
	broken(error) bool
	// look tries the key in a transaction that is rolled back. A plain query could
	// miss a transaction that is still being committed; the insert waits for it.
	look(ctx context.Context, k ledgerKey) (Fate, error)
	// counts gives how often each number of a client above base is in a table.
	counts(ctx context.Context, table string, client int, base int64, add func(seq, n int64)) error
	// drift is updates of accounts minus rows of orders.
	drift(ctx context.Context) (int64, error)
	// close forgets the connection; how that goes does not matter.
	close()
}

// dialer picks the kind of server by the form of its connection string.
func dialer(dsn string) func(context.Context, string) (ledgerConn, error) {
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		return dialPostgres
	}
	return dialMySQL
}

// ledgerClient is one client: one connection, one transaction at a time.
type ledgerClient struct {
	ledger *Ledger
	id     int
	pace   time.Duration
	conn   ledgerConn
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
	conn, err := c.ledger.dial(ctx, c.ledger.dsn)
	if err == nil && !c.known {
		if c.seq, err = conn.last(ctx, c.id); err == nil {
			c.known = true
			c.ledger.mu.Lock()
			c.ledger.base[c.id] = c.seq
			c.ledger.mu.Unlock()
		}
	}
	if err != nil {
		c.ledger.meter.refuse(err)
		if conn != nil {
			conn.close()
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
	c.conn.close()
	c.conn = nil
}

// transact runs the next number through one transaction and reports whether
// its fate is unknown.
func (c *ledgerClient) transact(ctx context.Context) (unknown bool) {
	from, sent := c.ledger.since(), false
	gone, err := c.begin(ctx)
	if gone {
		c.pause(ctx, backoff)
		return false
	}
	c.seq++
	k := ledgerKey{c.id, c.seq}
	if err == nil {
		if err = c.conn.work(ctx, k, rand.Int64N(ledgerAccounts)+1, rand.Int64N(200)-100); err == nil {
			sent, err = true, c.conn.commit(ctx)
		}
	}
	to := c.ledger.since()
	switch {
	case err == nil:
		c.ledger.note(k, Acked, from, to, nil)
		return false
	case !sent, c.conn.rolledBack(err):
		c.ledger.note(k, Failed, from, to, err)
		if c.conn.broken(err) {
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
// the transaction was done yet. The meter counts that by itself; gone says that
// there was none to replace it with.
func (c *ledgerClient) begin(ctx context.Context) (gone bool, err error) {
	err = c.conn.begin(ctx)
	if err == nil || !c.conn.ended(err) {
		return false, err
	}
	c.drop()
	if c.connect(ctx) != nil {
		return true, nil
	}
	c.ledger.meter.reconnect()
	return false, c.conn.begin(ctx)
}

// resolve asks whoever serves now whether an unknown transaction is there, as
// often as it takes. It reports false when the ledger stopped first; then the
// fate stays unknown and Check looks.
func (c *ledgerClient) resolve(ctx context.Context) bool {
	k := ledgerKey{c.id, c.seq}
	for {
		from := c.ledger.since()
		if c.conn != nil || c.connect(ctx) == nil {
			f, err := c.conn.look(ctx, k)
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
