package postgres

import (
	"context"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/turquoise-db/turquoise/engines"
)

// AppPrefix starts the application_name of every session of ours. Together with
// our own role it tells them from clients; alone it is only the client's claim.
const AppPrefix = "turquoise/"

// connectLimit is longer than a restart throttle of one second and short enough
// that an operator still watches the line.
const connectLimit = 10 * time.Second

// usualLockWait is how long a statement of ours waits for a lock where its plan
// says nothing: everybody who comes after it waits as long.
const usualLockWait = 2 * time.Second

// readerStatementLimit keeps a slow gauge from holding up the tick after it: the
// sampler asks each second.
const readerStatementLimit = 800 * time.Millisecond

// config reads the DSN and adds the settings every session of ours runs under.
// Startup parameters beat settings of the role and of the database, so a
// read-only database cannot lock its own rescuer out.
func config(o engines.OpenRequest, reader bool) (*pgconn.Config, error) {
	cfg, err := pgconn.ParseConfig(o.DSN)
	if err != nil {
		// The parser's own message may quote the string, and it holds a password.
		return nil, &engines.Error{Op: "read the connection string", Object: string(o.Target), Err: errDSN,
			Next: "check the target's connection string; it is not printed because it may hold a password"}
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectLimit
	}
	set := map[string]string{
		"application_name":                    AppPrefix + o.Run + "/" + o.Person,
		"default_transaction_read_only":       "off",
		"synchronous_commit":                  "on",
		"lock_timeout":                        strconv.FormatInt(usualLockWait.Milliseconds(), 10),
		"idle_in_transaction_session_timeout": "30s",
		"search_path":                         "pg_catalog",
		"TimeZone":                            "UTC",
		"DateStyle":                           "ISO",
		"IntervalStyle":                       "postgres",
		"extra_float_digits":                  "1",
		"bytea_output":                        "hex",
		"client_encoding":                     "UTF8",
	}
	if reader {
		set["default_transaction_read_only"] = "on"
		set["statement_timeout"] = strconv.FormatInt(readerStatementLimit.Milliseconds(), 10)
	}
	for k, v := range set {
		cfg.RuntimeParams[k] = v
	}
	if o.Sid != "" {
		mark := tagMark + "s=" + o.Sid + " g=" + o.Role + " */ "
		cfg.AfterConnect = func(_ context.Context, pg *pgconn.PgConn) error {
			pg.CustomData()[tagMark] = mark
			return nil
		}
	}
	return cfg, nil
}

// tagMark begins the comment in front of every statement of ours, by which the
// server's own log tells them from those of others under the same login.
const tagMark = "/* tq "

// marked puts the comment of its connection in front of a text that carries
// none of its own: a setting, a gauge, a check.
func marked(pg *pgconn.PgConn, text string) string {
	if mark, ok := pg.CustomData()[tagMark].(string); ok && !strings.HasPrefix(text, tagMark) {
		return mark + text
	}
	return text
}

// dial connects with the bytes counted from the first statement on.
func dial(ctx context.Context, cfg *pgconn.Config, m *engines.Meter) (*pgconn.PgConn, error) {
	cfg = cfg.Copy()
	cfg.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, c net.Conn) (net.Conn, error) {
		return m.Wrap(c), nil
	}
	return pgconn.ConnectConfig(ctx, cfg)
}

func object(t engines.TargetID, cfg *pgconn.Config) string {
	return string(t) + " (" + cfg.Host + ":" + strconv.Itoa(int(cfg.Port)) + "/" + cfg.Database + ")"
}
