package pgbouncer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

const (
	// calmLimit: a cold pool of twenty has its logins behind it after two seconds
	// on a busy machine. Clients still flow while we wait.
	calmLimit = 6 * time.Second
	calmEvery = time.Millisecond
	// calmRow: a pool that warms up begins its next login a moment after the last
	// one, so that one quiet answer proves nothing.
	calmRow = 3
	// calmSpare free server connections are enough for the clients that begin a
	// transaction between the last look and the PAUSE.
	calmSpare = 2
)

// calm waits until no server login of a database is under way and none is due:
// its pools have connections to spare, or as many as their clients can use. The
// last look is sent right before the PAUSE, on the same session. A pool that
// never has any to spare is taken after half the time if it logs in nowhere.
func (c *Conn) calm(ctx context.Context, database string) error {
	ctx, cancel := context.WithTimeout(ctx, calmLimit)
	defer cancel()
	size, err := c.poolSize(ctx, database)
	if err != nil {
		return err
	}
	over := time.Now().Add(calmLimit / 2)
	tick := time.NewTicker(calmEvery)
	defer tick.Stop()
	for row := 0; ; {
		t, err := c.look(ctx, "SHOW POOLS")
		if err != nil {
			return err
		}
		busy, tight, err := t.logins(database, size)
		if err != nil {
			return engines.Refuse("look for server logins: %w", err)
		}
		row++
		if busy != "" || tight && time.Now().Before(over) {
			row = 0
		}
		if row == calmRow {
			return nil // at once: what happens until the PAUSE is what we cannot see
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return engines.Refuse("not sent: %s; after a PAUSE now clients would be refused for server_login_retry", busy)
		}
	}
}

// look asks the console before a PAUSE. When that fails, of the PAUSE itself not
// one byte is out.
func (c *Conn) look(ctx context.Context, what string) (table, error) {
	res, err := c.query(ctx, what)
	if err != nil {
		return table{}, engines.Known(engines.Unsent, fmt.Errorf("look for server logins: %w", err))
	}
	return table{res.Columns, res.Rows}, nil
}

// poolSize is how many server connections a pool of the database may have.
func (c *Conn) poolSize(ctx context.Context, database string) (float64, error) {
	t, err := c.look(ctx, "SHOW DATABASES")
	if err != nil {
		return 0, err
	}
	for _, row := range t.rows {
		if name, _ := t.text(row, "name"); name == database {
			n, err := t.number(row, "pool_size")
			if err != nil {
				return 0, engines.Refuse("look for server logins: %w", err)
			}
			return n, nil
		}
	}
	return 0, engines.Refuse("no such database: %s", database)
}

// logins reads SHOW POOLS. busy names a pool of the database that logs in to a
// server, or that will as soon as it may: clients wait in it and it has no
// connection. tight says that a pool may need one more connection any moment.
func (t table) logins(database string, size float64) (busy string, tight bool, err error) {
	for _, row := range t.rows {
		if name, ok := t.text(row, "database"); !ok {
			return "", false, errors.New("answer has no column database")
		} else if name != database {
			continue
		}
		n := func(columns ...string) (sum float64) {
			for _, c := range columns {
				v, verr := t.number(row, c)
				err = errors.Join(err, verr)
				sum += v
			}
			return sum
		}
		user, _ := t.text(row, "user")
		waiting, clients := n("cl_waiting"), n("cl_waiting", "cl_active")
		spare := n("sv_idle", "sv_used")
		servers := spare + n("sv_active", "sv_tested")
		switch {
		case n("sv_login") > 0:
			busy = fmt.Sprintf("the pool of %s logs in to the server", user)
		case waiting > 0 && servers == 0:
			busy = fmt.Sprintf("%.0f clients of %s wait for a first server connection", waiting, user)
		case spare < calmSpare && servers < min(clients, size):
			tight = true
		}
	}
	return busy, tight, err
}
