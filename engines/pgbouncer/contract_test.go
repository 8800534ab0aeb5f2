package pgbouncer

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/enginetest"
	"github.com/turquoise-db/turquoise/lab"
)

// TestContract holds what every engine promises against PgBouncer. It tells
// neither a start time nor a system identifier, ends no command by itself, and
// knows no rows.
func TestContract(t *testing.T) {
	r := newRig(t)
	addr := "127.0.0.1:" + strconv.Itoa(r.l.Pooler.Port)
	u, err := url.Parse(r.l.PoolerAdminDSN())
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := u.User.Password()
	holdUp(t, r)
	enginetest.Exercise(t, enginetest.Subject{
		Engine: Engine(), Addr: addr, Secret: secret,
		Open: engines.OpenRequest{Target: "router", Run: "t1", Person: "tester", Params: map[string]string{"file": r.l.Pooler.IniPath}},
		DSN:  func(at string) string { return strings.Replace(r.l.PoolerAdminDSN(), addr, at, 1) },
		Bad:  []string{"postgres://u:" + secret + "@%zz/", "host=x port=none password=" + secret},
		// A setting that nothing here depends on, to another value each time.
		Change: func(i int) engines.Statement { return console("SET stats_period = '%d'", 100+i) },
		Applied: func(t *testing.T, i int) bool {
			res, err := r.exec.Do(t.Context(), console("%s", keep("SHOW CONFIG", "key", "stats_period", "value")))
			if err != nil {
				t.Fatal(err)
			}
			is, _ := res.First()
			return is == strconv.Itoa(100+i)
		},
		Reads:   console("SHOW VERSION"),
		Refused: []engines.Statement{console(`PAUSE "nope"`), console("NONSENSE")},
		Hostile: []engines.Statement{console("RELOAD \x1b[31m\u202e"), console("PAUSE \"\x1b[31m\u202e\u200bx\"")},
		Lasts:   console(`PAUSE "app"`), Late: engines.Unclear,
		After:     func(t *testing.T) { resumed(t, r) },
		Client:    func(t *testing.T, name string) { client(t, r.l, name) },
		Scopes:    []engines.Scope{{Run: "t1", On: "router", From: "blue", To: "green", Params: map[string]string{"budget": "20s"}}},
		Plans:     requests(t),
		ReadsOnly: func(a engines.Action) bool { return strings.HasPrefix(a.Text, "read: ") },
	})
}

func console(format string, args ...any) engines.Statement {
	return engines.Statement{Verb: engines.SQL, Text: fmt.Sprintf(format, args...)}
}

// client is an application's session with the pooler.
func client(t *testing.T, l *lab.PairLab, name string) *pgx.Conn {
	t.Helper()
	cfg, err := pgx.ParseConfig(l.AppDSN())
	if err != nil {
		t.Fatal(err)
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	cfg.RuntimeParams["application_name"] = name
	c, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) })
	return c
}

// holdUp opens a transaction, which a PAUSE waits for until the test ends.
func holdUp(t *testing.T, r *rig) {
	t.Helper()
	if _, err := client(t, r.l, "holds up").Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// resumed lets clients go on after a PAUSE that was given up.
func resumed(t *testing.T, r *rig) {
	t.Helper()
	if got, err := r.exec.Do(t.Context(), console(`RESUME "app"`)); err != nil {
		t.Fatalf("resume: %+v, %v", got, errors.Unwrap(err))
	}
}

// requests are requests for every kind, in both directions.
func requests(t *testing.T) []engines.Request {
	var out []engines.Request
	for _, kind := range []string{"capture", "freeze", "route", "open"} {
		for _, way := range [][2]engines.TargetID{{"blue", "green"}, {"green", "blue"}} {
			out = append(out, pooled(t, kind, way[0], way[1], "1.26.1", "app = host=orders-blue port=5432 dbname=app", "* = host=orders-blue"))
		}
	}
	return out
}
