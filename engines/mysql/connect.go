package mysql

import (
	"cmp"
	"context"
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/turquoise-db/turquoise/engines"
)

// AppPrefix starts the program name of every session of ours. Together with our
// own account it tells them from clients; alone it is only the client's claim.
const AppPrefix = "turquoise/"

const (
	// connectLimit is short enough that an operator still watches the line.
	connectLimit = 10 * time.Second
	// lockLimit in seconds: SET GLOBAL read_only waits behind LOCK TABLES and long
	// statements, and while it waits every other writer waits too.
	lockLimit = "3"
	// readerLimit keeps a slow gauge from holding up the tick after it.
	readerLimit = 800 * time.Millisecond
)

// sessionUnlogged is the name of an executor's second session, whose changes do
// not go into the server's log: what one side needs alone and the other must
// never replay.
const sessionUnlogged = "unlogged"

// link is one connection to a server, with all that is known about it.
type link struct {
	target engines.TargetID
	cfg    *mysql.Config
	role   string
	mark   string // comment in front of a text that has none of its own
	meter  engines.Meter

	raw     rawConn
	d       dialect
	id      string               // connection id
	lab     string               // run of the lab; empty on anything else
	started string               // when the server did, as it prints it
	limit   time.Duration        // the time limit in force
	wait    string               // seconds that a lock is waited for
	tls     *tls.ConnectionState // nil: in the clear
	dead    bool                 // nobody may use it any more
}

// rawConn is what the driver's connection can do. It is used without
// database/sql, which would repeat a statement on another connection.
type rawConn interface {
	driver.Conn
	driver.QueryerContext
	driver.ExecerContext
}

// fromURL turns mysql://user:password@host:port/database?tls=true, which other
// programs take, into the driver's form. What is no such address stays as it is.
func fromURL(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "mysql" && u.Scheme != "mariadb" || u.Hostname() == "" {
		return dsn
	}
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.DBName = "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "3306")), u.User.Username(), strings.Trim(u.Path, "/")
	cfg.Passwd, _ = u.User.Password()
	out := cfg.FormatDSN()
	if u.RawQuery != "" {
		out += map[bool]string{true: "&", false: "?"}[strings.Contains(out, "?")] + u.RawQuery
	}
	return out
}

// config reads the connection string, in the form of go-sql-driver:
// user:password@tcp(host:port)/database?tls=true, or as an address mysql://… or
// mariadb://…. TLS is as it says there.
func config(o engines.OpenRequest) (*mysql.Config, error) {
	cfg, err := mysql.ParseDSN(fromURL(o.DSN))
	if err != nil || cfg.Net != "tcp" && cfg.Net != "" {
		// The parser's own message may quote the string, and it holds a password.
		return nil, &engines.Error{Op: "read the connection string", Object: string(o.Target), Err: errDSN,
			Next: "write user:password@tcp(host:port)/database or mysql://user:password@host:port/database; it is not printed because it may hold a password"}
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = connectLimit
	}
	cfg.MultiStatements, cfg.RejectReadOnly, cfg.ParseTime, cfg.InterpolateParams = false, false, false, false
	cfg.AllowAllFiles = false
	cfg.Logger = &mysql.NopLogger{} // the default writes over the screen
	cfg.ConnectionAttributes = "program_name:" + AppPrefix + plain(o.Run) + "/" + plain(o.Person)
	cfg.Params = nil // settings of the session are ours
	return cfg, nil
}

// plain keeps of a name what stands in a list of attributes.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ',' || r == ':' || r < ' ' {
			return '_'
		}
		return r
	}, s)
}

// dial connects and sets the session up. Nothing of it changes the server.
func dial(ctx context.Context, o engines.OpenRequest) (*link, error) {
	cfg, err := config(o)
	if err != nil {
		return nil, err
	}
	l := &link{target: o.Target, cfg: cfg, role: o.Role}
	if o.Sid != "" {
		l.mark = tagMark + "s=" + o.Sid + " g=" + o.Role + " */ "
	}
	var d net.Dialer
	cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return l.meter.Wrap(c), nil
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	return l, l.open(ctx)
}

// open makes the connection, again after it was lost.
func (l *link) open(ctx context.Context) error {
	cfg := l.cfg.Clone()
	l.tls = nil
	if cfg.TLS != nil { // the driver's connection does not show it afterwards
		cfg.TLS.VerifyConnection = func(s tls.ConnectionState) error {
			l.tls = &s
			return nil
		}
	}
	con, err := mysql.NewConnector(cfg)
	if err != nil {
		return errDSN
	}
	c, err := con.Connect(ctx)
	if err != nil {
		return mask(orCause(ctx, err))
	}
	raw, ok := c.(rawConn)
	if !ok {
		return errDriver
	}
	l.raw, l.dead, l.limit, l.wait = raw, false, 0, lockLimit
	if err := l.setUp(ctx); err != nil {
		_ = raw.Close() // the error that counts is why it cannot be used
		l.dead = true
		return err
	}
	return nil
}

// setUp asks which product answers, and puts the session into the state that
// plans rely on: what a literal means, whether changes are logged, how long a
// lock may be waited for.
func (l *link) setUp(ctx context.Context) error {
	first, err := l.one(ctx, "SELECT VERSION(), CONNECTION_ID()")
	if err != nil {
		return err
	}
	var ok bool
	if l.d, ok = dialectOf(text(first, 0)); !ok {
		return errVersion
	}
	l.id = text(first, 1)
	set := "SET SESSION autocommit = 1, time_zone = '+00:00', lock_wait_timeout = " + lockLimit + ", innodb_lock_wait_timeout = " + lockLimit +
		", sql_mode = 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES', group_concat_max_len = 16777216"
	if !l.d.maria {
		set += ", information_schema_stats_expiry = 0" // else counters are those of yesterday
	}
	if l.role == sessionUnlogged {
		set += ", sql_log_bin = 0"
	}
	if l.reads() {
		set += ", transaction_read_only = 1"
		if l.d.maria && !l.d.v.least(11, 1, 1) {
			set = strings.Replace(set, "transaction_read_only", "tx_read_only", 1)
		}
	}
	if err := l.send(ctx, set); err != nil {
		return err
	}
	logged, err := l.one(ctx, "SELECT @@session.sql_log_bin")
	if err != nil {
		return err
	}
	if want := l.role != sessionUnlogged; (text(logged, 0) == "1") != want {
		return errLogBin
	}
	if err := errors.Join(l.learnLab(ctx), l.learnStart(ctx)); err != nil {
		return err
	}
	if l.reads() {
		return l.limitTo(ctx, readerLimit)
	}
	return nil
}

// reads reports whether the session may only read.
func (l *link) reads() bool {
	return l.role == "sampler" || l.role == "preflight" || l.role == roleCompare
}

// limitTo sets the server's own limit for statements where it has one: MySQL
// ends SELECTs alone.
func (l *link) limitTo(ctx context.Context, d time.Duration) error {
	if d == l.limit {
		return nil
	}
	set := "SET SESSION max_execution_time = " + strconv.FormatInt(d.Milliseconds(), 10)
	if l.d.maria {
		set = "SET SESSION max_statement_time = " + strconv.FormatFloat(d.Seconds(), 'f', 3, 64)
	}
	if err := l.send(ctx, set); err != nil {
		return err
	}
	l.limit = d
	return nil
}

func (l *link) object() string {
	return string(l.target) + " (" + l.cfg.Addr + "/" + l.cfg.DBName + ")"
}

// close ends the session; a broken one is closed all the same.
func (l *link) close() error {
	if l.raw == nil || l.dead {
		return nil
	}
	l.dead = true
	return l.raw.Close()
}
