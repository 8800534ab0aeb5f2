package mysql

import (
	"context"
	"fmt"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/local"
)

// grace is added to the server's own time limit before we stop waiting. The
// server's limit gives a sure refusal; ours closes the connection and leaves
// Unclear, for the server goes on with a statement whose client is gone.
const grace = 5 * time.Second

// Conn is the executor's connection to one server, used by one goroutine.
type Conn struct {
	*link
	params map[string]string
	ran    bool // the last Do began a local program
}

var (
	_ engines.Conn      = (*Conn)(nil)
	_ engines.Departure = (*Conn)(nil)
	_ engines.Flight    = (*Conn)(nil)
)

// Open connects an executor. Nothing is sent beyond the login and the settings
// of the session.
func Open(o engines.OpenRequest) (*Conn, error) {
	l, err := dial(o.Ctx, o)
	if err != nil {
		return nil, unreachable("connect", o, l, err)
	}
	return &Conn{link: l, params: o.Params}, nil
}

func unreachable(op string, o engines.OpenRequest, l *link, err error) error {
	if l == nil {
		return err // the connection string; it says so itself
	}
	return &engines.Error{Op: op, Object: l.object(), Err: mask(err),
		Next: "check that " + string(o.Target) + " runs and that the account may log in from here"}
}

// Identify asks the server who it is.
func (c *Conn) Identify(ctx context.Context) (engines.Identity, error) { return c.identify(ctx) }

// Do sends one statement and waits for the answer. It never sends twice. A ctx
// that ends after the first byte gives an error that classifies as Unclear.
func (c *Conn) Do(ctx context.Context, s engines.Statement) (engines.Result, error) {
	c.ran = false
	c.meter.Reset()
	switch s.Verb {
	case engines.SQL:
		return c.sql(ctx, s)
	case engines.Exec:
		return c.exec(ctx, s)
	}
	return engines.Result{}, &engines.Error{Op: "run an action", Object: string(c.target), Err: fmt.Errorf("verb %s is not for MySQL", s.Verb)}
}

func (c *Conn) sql(ctx context.Context, s engines.Statement) (engines.Result, error) {
	whole, err := fill(s.Text, s.Args)
	if err != nil {
		return engines.Result{}, c.fail("fill in bound values", err)
	}
	if err := c.waitFor(ctx, s.LockWait); err != nil {
		c.meter.Reset() // only a setting of our own session was tried
		return engines.Result{}, c.fail("set how long a lock may be waited for", err)
	}
	if s.Limit > 0 {
		if err := c.limitTo(ctx, s.Limit); err != nil {
			c.meter.Reset()
			return engines.Result{}, c.fail("set the time limit", err)
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.Limit+grace)
		defer cancel()
	}
	c.meter.Reset()
	if s.Tag != "" {
		whole = s.Tag + " " + whole
	}
	res, err := c.run(ctx, whole)
	if err != nil {
		return res, c.fail("run a statement", err)
	}
	return res, nil
}

func (c *Conn) fail(op string, err error) error {
	return &engines.Error{Op: op, Object: c.object(), Err: mask(err)}
}

// Classify says what is known after the last Do.
func (c *Conn) Classify(err error) engines.Outcome {
	if c.ran {
		return local.Outcome(err)
	}
	return classify(err, c.meter.Sent())
}

// Session names this connection's session on the server.
func (c *Conn) Session() string { return c.id }

// Gone reports whether no session of that number is left.
func (c *Conn) Gone(ctx context.Context, session string) (bool, error) {
	row, err := c.one(ctx, "SELECT COUNT(*) FROM information_schema.processlist WHERE id = "+value(session))
	if err != nil {
		return false, c.fail("look for the lost session", err)
	}
	return text(row, 0) == "0", nil
}

// InFlight looks for a running statement by the comment it was tagged with. A
// procedure shows the statement it has come to and not the call; ours hold a
// lock of their name while they run.
//
// HOLE: MySQL rewrites a statement that holds a password, and its comment is
// gone. Such a statement is over in milliseconds.
func (c *Conn) InFlight(ctx context.Context, tag string) (bool, error) {
	row, err := c.one(ctx, "SELECT (SELECT COUNT(*) FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND LEFT(info, "+
		fmt.Sprint(len(tag))+") = "+lit(tag)+") + (IS_USED_LOCK("+lit(procLock)+") IS NOT NULL)")
	if err != nil {
		return false, c.fail("look for a running statement", err)
	}
	return text(row, 0) != "0", nil
}

// Close ends the session. One that is already broken is closed all the same.
func (c *Conn) Close() error { return c.close() }
