package session

import (
	"context"
	"errors"
	"sync"

	"github.com/turquoise-db/turquoise/engines"
)

// doors holds the executor's open connections, one per target and session name.
// They are opened before they are needed: a connect inside the window is slow
// and a new way to fail.
type doors struct {
	open func(ctx context.Context, t engines.TargetID, session string) (engines.Conn, error)
	mu   sync.Mutex
	all  map[door]engines.Conn
}

type door struct {
	target  engines.TargetID
	session string
}

func newDoors(open func(context.Context, engines.TargetID, string) (engines.Conn, error)) *doors {
	return &doors{open: open, all: map[door]engines.Conn{}}
}

// conn returns the open connection, or opens it. The server behind it is asked
// who it is and compared with the bound identity. An old connection that does not
// answer may have died while nobody used it (a firewall, a restart): the question
// is asked once more on a new one. Nothing but this question is ever asked again.
func (d *doors) conn(ctx context.Context, t engines.TargetID, session string, bound engines.Identity) (engines.Conn, error) {
	d.mu.Lock()
	c, old := d.all[door{t, session}]
	d.mu.Unlock()
	for {
		if !old {
			var err error
			if c, err = d.open(ctx, t, session); err != nil {
				return nil, err
			}
			d.mu.Lock()
			d.all[door{t, session}] = c
			d.mu.Unlock()
		}
		is, err := c.Identify(ctx)
		switch {
		case err == nil && bound.System != "" && !is.Same(bound):
			return nil, &engines.Error{Op: "check identity", Object: string(t), Err: another(difference(bound, is)), Next: "find out which server answers there"}
		case err == nil:
			return c, nil
		}
		d.drop(t, session)
		if !old || ctx.Err() != nil {
			return nil, &engines.Error{Op: "check identity", Object: string(t), Err: err, Next: "see whether the server answers, then confirm again"}
		}
		old = false
	}
}

// errAnother is what another answers to errors.Is: asking again does not help.
var errAnother = errors.New("another server answers")

type another string

func (e another) Error() string   { return string(e) }
func (another) Is(err error) bool { return err == errAnother }

// drop closes a connection nobody can trust any more.
func (d *doors) drop(t engines.TargetID, session string) {
	d.mu.Lock()
	c := d.all[door{t, session}]
	delete(d.all, door{t, session})
	d.mu.Unlock()
	if c != nil {
		_ = c.Close() // it is being given up because it failed
	}
}

func (d *doors) closeAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, c := range d.all {
		_ = c.Close() // the session ends
		delete(d.all, k)
	}
}
