package postgres

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/local"
)

// grace is added to the server's own time limit before we stop waiting. The
// server's limit gives a sure refusal; ours closes the connection and leaves
// Unclear.
const grace = 5 * time.Second

// Conn is the executor's connection to one server, used by one goroutine.
type Conn struct {
	target  engines.TargetID
	cfg     *pgconn.Config
	params  map[string]string
	pg      *pgconn.PgConn
	meter   engines.Meter
	timeout time.Duration // the statement_timeout in force
	locks   time.Duration // the lock_timeout in force, as Statement.LockWait says it
	notices []string
	ran     bool // the last Do began a local program
}

var (
	_ engines.Conn      = (*Conn)(nil)
	_ engines.Departure = (*Conn)(nil)
)

// Open connects an executor. Nothing is sent beyond the login.
func Open(o engines.OpenRequest) (*Conn, error) {
	cfg, err := config(o, false)
	if err != nil {
		return nil, err
	}
	c := &Conn{target: o.Target, cfg: cfg, params: o.Params}
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		pe := (*pgconn.PgError)(n)
		c.notices = append(c.notices, maskServer(pe).Error())
	}
	if c.pg, err = dial(o.Ctx, cfg, &c.meter); err != nil {
		return nil, &engines.Error{Op: "connect", Object: object(o.Target, cfg), Err: mask(err),
			Next: "check that the server runs and that the role may log in from here"}
	}
	return c, nil
}

// Identify asks the server who it is.
func (c *Conn) Identify(ctx context.Context) (engines.Identity, error) {
	return identify(ctx, c.pg, c.target, c.cfg)
}

// Do sends one statement and waits for the answer. It never sends twice. A ctx
// that ends after the first byte gives an error that classifies as Unclear.
func (c *Conn) Do(ctx context.Context, s engines.Statement) (engines.Result, error) {
	c.ran = false
	c.notices = nil
	c.meter.Reset()
	switch s.Verb {
	case engines.SQL:
		return c.sql(ctx, s)
	case engines.Exec:
		return c.exec(ctx, s)
	}
	return engines.Result{}, &engines.Error{Op: "run an action", Object: string(c.target),
		Err: fmt.Errorf("verb %s is not for PostgreSQL", s.Verb)}
}

func (c *Conn) sql(ctx context.Context, s engines.Statement) (engines.Result, error) {
	if err := c.limits(ctx, s); err != nil {
		c.meter.Reset() // only a setting of our own session was tried
		return engines.Result{}, c.fail("set the time limit", err)
	}
	if s.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.Limit+grace)
		defer cancel()
	}
	c.meter.Reset()
	start := time.Now()
	res, err := run(ctx, c.pg, tagged(s), s.Args)
	res.Took = time.Since(start)
	res.Notices = c.notices
	if err != nil {
		return res, c.fail("run a statement", err)
	}
	return res, nil
}

// limits sets the server's own time limits where they differ from those in
// force. That is sent before the count of bytes starts: it changes nothing but
// our session.
func (c *Conn) limits(ctx context.Context, s engines.Statement) error {
	if s.Limit != c.timeout {
		if _, err := run(ctx, c.pg, "SET statement_timeout = "+strconv.FormatInt(s.Limit.Milliseconds(), 10), nil); err != nil {
			return err
		}
		c.timeout = s.Limit
	}
	if s.LockWait != c.locks {
		ms := int64(0) // no limit
		switch {
		case s.LockWait == 0:
			ms = usualLockWait.Milliseconds()
		case s.LockWait > 0:
			ms = max(s.LockWait.Milliseconds(), 1) // 0 would be no limit
		}
		if _, err := run(ctx, c.pg, "SET lock_timeout = "+strconv.FormatInt(ms, 10), nil); err != nil {
			return err
		}
		c.locks = s.LockWait
	}
	return nil
}

func (c *Conn) fail(op string, err error) error {
	return &engines.Error{Op: op, Object: object(c.target, c.cfg), Err: mask(err)}
}

// Classify says what is known after the last Do.
func (c *Conn) Classify(err error) engines.Outcome {
	if c.ran {
		return local.Outcome(err)
	}
	return classify(err, c.meter.Sent())
}

// Session names this connection's backend: its process and when it started.
func (c *Conn) Session() string { return strconv.FormatUint(uint64(c.pg.PID()), 10) }

// Gone reports whether no backend of that process id is left.
//
// HOLE: a process id that was given out again to another session reads as still
// there. That errs on the side of waiting.
func (c *Conn) Gone(ctx context.Context, session string) (bool, error) {
	res, err := run(ctx, c.pg, "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE pid = $1::int", []string{session})
	if err != nil {
		return false, c.fail("look for the lost session", err)
	}
	n, _ := res.First()
	return n == "0", nil
}

// Close ends the session. A connection that is already broken is closed all
// the same.
func (c *Conn) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if c.pg.IsClosed() {
		return nil
	}
	return c.pg.Close(ctx)
}

// tagged puts the caller's tag in front, so that the server's own log shows who
// sent the statement and for which step.
func tagged(s engines.Statement) string {
	if s.Tag == "" {
		return s.Text
	}
	return s.Tag + " " + s.Text
}

// run sends one text by the extended protocol: the server itself refuses two
// statements in one text, and a lost answer is seen as lost.
func run(ctx context.Context, pg *pgconn.PgConn, text string, args []string) (engines.Result, error) {
	return result(pg.ExecParams(ctx, marked(pg, text), bytesOf(args), nil, nil, nil).Read())
}

func bytesOf(args []string) [][]byte {
	values := make([][]byte, len(args))
	for i, a := range args {
		values[i] = []byte(a)
	}
	return values
}

func result(r *pgconn.Result) (engines.Result, error) {
	res := engines.Result{Affected: r.CommandTag.RowsAffected(), Command: r.CommandTag.String()}
	for _, f := range r.FieldDescriptions {
		res.Columns = append(res.Columns, f.Name)
	}
	for _, row := range r.Rows {
		out := make([]*string, len(row))
		for i, v := range row {
			if v != nil {
				s := string(v)
				out[i] = &s
			}
		}
		res.Rows = append(res.Rows, out)
	}
	return res, r.Err
}
