package pgbouncer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/turquoise-db/turquoise/engines"
)

const connectLimit = 10 * time.Second

var (
	errDSN   = errors.New("not a PostgreSQL connection string")
	errLost  = errors.New("connection lost")
	errLogin = errors.New("no connection")
)

// serverError is the pooler's refusal. Its messages name databases and commands
// only.
type serverError struct{ severity, message string }

func (e *serverError) Error() string { return e.message }

// Conn is one session on the admin console, used by one goroutine.
type Conn struct {
	target engines.TargetID
	cfg    *pgconn.Config
	file   string
	pg     *pgconn.PgConn
	wire   net.Conn
	meter  engines.Meter
	sql    bool // the last Do went over the wire

	counted   float64 // queries of all clients at the last look
	anew      bool    // connected since then
	restarted string  // when a restart was seen
}

var _ engines.Conn = (*Conn)(nil)

// Open connects to the admin console. Nothing is sent beyond the login.
func Open(o engines.OpenRequest) (*Conn, error) {
	cfg, err := pgconn.ParseConfig(o.DSN)
	if err != nil {
		// The parser's own message may quote the string, and it holds a password.
		return nil, &engines.Error{Op: "read the connection string", Object: string(o.Target), Err: errDSN,
			Next: "check the target's connection string; it is not printed because it may hold a password"}
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectLimit
	}
	// The console refuses startup settings it does not know; this one it shows in
	// SHOW CLIENTS.
	cfg.RuntimeParams = map[string]string{"application_name": "turquoise/" + o.Run + "/" + o.Person}
	c := &Conn{target: o.Target, cfg: cfg, file: o.Params["file"]}
	cfg.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, n net.Conn) (net.Conn, error) {
		c.wire = c.meter.Wrap(n)
		return c.wire, nil
	}
	if err := c.connect(o.Ctx); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Conn) object() string {
	return string(c.target) + " (" + c.cfg.Host + ":" + strconv.Itoa(int(c.cfg.Port)) + ")"
}

func (c *Conn) connect(ctx context.Context) error {
	pg, err := pgconn.ConnectConfig(ctx, c.cfg)
	if err != nil { // the ended session stays, so that Close and the next command find one
		return &engines.Error{Op: "connect to the admin console", Object: c.object(), Err: mask(err),
			Next: "check that the pooler runs and that the role stands in admin_users"}
	}
	c.pg, c.anew = pg, true
	return nil
}

// mask keeps of an error what may be shown.
func mask(err error) error {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return &serverError{pe.Severity, engines.Clean(pe.Message)}
	}
	var ce *pgconn.ConnectError
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded), pgconn.Timeout(err):
		return context.DeadlineExceeded
	case errors.As(err, &ce):
		return errLogin
	}
	return errLost
}

// Do sends one command, or carries out one instruction on the pooler's file.
func (c *Conn) Do(ctx context.Context, s engines.Statement) (engines.Result, error) {
	start := time.Now()
	var res engines.Result
	var err error
	switch s.Verb {
	case engines.SQL:
		c.sql = true
		res, err = c.command(ctx, s)
	case engines.File:
		c.sql = false
		res, err = runFile(s.Text, c.file)
	default:
		c.sql = false
		err = engines.Refuse("verb %s is not for PgBouncer", s.Verb)
	}
	res.Took = time.Since(start)
	if err != nil {
		return res, &engines.Error{Op: "run an action", Object: c.object(), Err: err}
	}
	return res, nil
}

func (c *Conn) command(ctx context.Context, s engines.Statement) (engines.Result, error) {
	// The limit holds for a login that has to come first as well: a pooler that
	// hangs must not hold up a tick of the gauges for as long as a login may take.
	if s.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.Limit)
		defer cancel()
	}
	if c.pg.IsClosed() { // a PAUSE that was broken off closed it
		err := c.connect(ctx)
		c.meter.Reset() // of the login only: the command itself is not out yet
		if err != nil {
			return engines.Result{}, err
		}
	}
	command, column, is, columns := parseKeep(s.Text)
	command, database := parseOnce(command)
	if database != "" {
		if err := c.calm(ctx, database); err != nil {
			return engines.Result{}, err
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, pauseLimit)
		defer cancel()
	}
	c.meter.Reset()
	res, err := c.query(ctx, command)
	if err != nil {
		if done := alreadySo(command, err); done != "" {
			return engines.Result{Command: done, Notices: []string{err.Error()}}, nil
		}
		return res, err
	}
	if columns == nil {
		return res, nil
	}
	return pick(res, column, is, columns)
}

// alreadySo: a RESUME of what is not paused has its effect.
func alreadySo(command string, err error) string {
	var se *serverError
	if errors.As(err, &se) && strings.HasPrefix(command, "RESUME ") && strings.HasSuffix(se.message, "is not paused") {
		return "RESUME"
	}
	return ""
}

func (c *Conn) query(ctx context.Context, text string) (engines.Result, error) {
	rs, err := c.pg.Exec(ctx, text).ReadAll()
	if err != nil {
		err = mask(err)
		// The pooler gives a waiting PAUSE up only when its connection ends, so a
		// RESUME that follows must find it ended and not ending.
		if c.pg.IsClosed() {
			err = errors.Join(err, closed(c.wire.Close()))
		}
		return engines.Result{}, err
	}
	var res engines.Result
	for _, r := range rs {
		res.Command = r.CommandTag.String()
		for _, f := range r.FieldDescriptions {
			res.Columns = append(res.Columns, f.Name)
		}
		for _, in := range r.Rows {
			out := make([]*string, len(in))
			for i, v := range in {
				if v != nil {
					s := string(v)
					out[i] = &s
				}
			}
			res.Rows = append(res.Rows, out)
		}
	}
	return res, nil
}

func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// pick keeps the named columns of the rows where column is the value.
func pick(res engines.Result, column, is string, columns []string) (engines.Result, error) {
	at := slices.Index(res.Columns, column)
	from := make([]int, len(columns))
	for i, c := range columns {
		from[i] = slices.Index(res.Columns, c)
	}
	if at < 0 || slices.Contains(from, -1) {
		return engines.Result{}, engines.Refuse("the pooler's answer lacks a column: has %s", strings.Join(res.Columns, ", "))
	}
	out := engines.Result{Columns: columns, Command: res.Command, Notices: res.Notices}
	for _, r := range res.Rows {
		if r[at] == nil || *r[at] != is {
			continue
		}
		kept := make([]*string, len(from))
		for i, f := range from {
			kept[i] = r[f]
		}
		out.Rows = append(out.Rows, kept)
	}
	return out, nil
}

// Classify says what is known after the last Do.
func (c *Conn) Classify(err error) engines.Outcome {
	var fe *engines.KnownError
	var se *serverError
	switch {
	case err == nil:
		return engines.Done
	case errors.As(err, &fe):
		return fe.Outcome
	case c.sql && c.meter.Sent() == 0:
		return engines.Unsent
	case errors.As(err, &se) && se.severity == "ERROR":
		return engines.Refused
	}
	return engines.Unclear
}

// Identify asks the pooler who it is. It tells neither a start time nor an id, but
// it counts queries: fewer than before on a session that had to be opened anew are
// those of another process, which knows of no PAUSE. It shows as a start time that
// has changed.
//
// HOLE: a connection that is first opened after a restart has no earlier count. The
// reader's, which lives as long as the cockpit, has one.
func (c *Conn) Identify(ctx context.Context) (engines.Identity, error) {
	id := engines.Identity{Engine: Name, Host: c.cfg.Host, Port: int(c.cfg.Port), Database: c.cfg.Database, Login: c.cfg.User}
	fail := func(err error) (engines.Identity, error) {
		return engines.Identity{}, &engines.Error{Op: "ask who it is", Object: c.object(), Err: err,
			Next: "check that the pooler runs and that the role stands in admin_users, then verify again"}
	}
	res, err := c.command(ctx, engines.Statement{Text: "SHOW VERSION"})
	if err != nil {
		return fail(err)
	}
	text, _ := res.First()
	for _, w := range strings.Fields(text) {
		if w[0] >= '0' && w[0] <= '9' {
			id.Version = w
			break
		}
	}
	major, _, _ := strings.Cut(id.Version, ".")
	if id.Major, err = strconv.Atoi(major); err != nil {
		return fail(fmt.Errorf("version %q is not PgBouncer's", text))
	}
	id.Secured(c.pg.Conn())
	id.System = fmt.Sprintf("pgbouncer@%s:%d", id.Host, id.Port)
	if id.Started, err = c.since(ctx); err != nil {
		return fail(err)
	}
	admins, err := c.command(ctx, engines.Statement{Text: keep("SHOW CONFIG", "key", "admin_users", "value")})
	if err != nil {
		return fail(err)
	}
	list, _ := admins.First()
	id.Writable = slices.Contains(strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }), id.Login)
	if c.file != "" {
		if text, err := os.ReadFile(c.file); err == nil {
			id.Lab = labMarker(string(text))
		}
	}
	return id, nil
}

// since gives the time at which a restart was seen; empty while there was none.
func (c *Conn) since(ctx context.Context) (string, error) {
	res, err := c.command(ctx, engines.Statement{Text: "SHOW STATS"})
	if err != nil {
		return "", err
	}
	t := table{res.Columns, res.Rows}
	var n float64
	for _, row := range t.rows {
		v, err := t.number(row, "total_query_count")
		if err != nil {
			return "", err
		}
		n += v
	}
	// While the session lives the process does; KILL makes counts fall as well.
	if c.anew && n < c.counted {
		c.restarted = "a restart seen at " + time.Now().UTC().Format(time.RFC3339Nano)
	}
	c.counted, c.anew = n, false
	return c.restarted, nil
}

// Close ends the session.
func (c *Conn) Close() error {
	if c.pg.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return closed(c.pg.Close(ctx))
}
