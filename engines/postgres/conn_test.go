package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/enginetest"
	"github.com/turquoise-db/turquoise/engines/postgres"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

func open(t *testing.T, dsn string) *postgres.Conn {
	t.Helper()
	c, err := postgres.Open(engines.OpenRequest{Ctx: t.Context(), Target: "blue", DSN: dsn, Run: "r1", Person: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func through(t *testing.T, db labtest.DB, w *enginetest.Wire) *postgres.Conn {
	t.Helper()
	return open(t, strings.Replace(db.DSN, fmt.Sprintf("127.0.0.1:%d", db.Server.Port), w.Addr, 1))
}

// TestLostAnswerIsUnclear cuts the wire around a statement. What was lost is
// never called unsent, and a proof on a new connection finds what happened.
func TestLostAnswerIsUnclear(t *testing.T) {
	db := labtest.Postgres(t, 15)
	for _, cut := range []struct {
		name    string
		where   enginetest.Where
		applied string
	}{
		{"request lost", enginetest.Before, "0"},
		{"cut in between", enginetest.Mid, "1"},
		{"answer lost", enginetest.After, "1"},
	} {
		t.Run(cut.name, func(t *testing.T) {
			wire := enginetest.NewWire(t, fmt.Sprintf("127.0.0.1:%d", db.Server.Port))
			c := through(t, db, wire)
			old := c.Session()
			name := fmt.Sprintf("s%d", cut.where)
			wire.Cut(cut.where, "CREATE SCHEMA "+name)
			_, err := c.Do(t.Context(), engines.Statement{Text: "CREATE SCHEMA " + name, Limit: time.Second})
			if got := c.Classify(err); got != engines.Unclear || wire.Cuts() != 1 {
				t.Fatalf("%v after %d cuts: got %v, want unclear", err, wire.Cuts(), got)
			}
			again := open(t, db.DSN)
			for gone := false; !gone; {
				if gone, err = again.Gone(t.Context(), old); err != nil {
					t.Fatal(err)
				}
			}
			res, err := again.Do(t.Context(), engines.Statement{Text: "SELECT count(*) FROM pg_namespace WHERE nspname = '" + name + "'"})
			if is, _ := res.First(); err != nil || is != cut.applied {
				t.Errorf("applied: %s, %v; want %s", is, err, cut.applied)
			}
		})
	}
}

// TestClassify is the table of outcomes that need no cut wire.
func TestClassify(t *testing.T) {
	db := labtest.Postgres(t, 15)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name, text string
		ctx        context.Context
		limit      time.Duration
		want       engines.Outcome
	}{
		{"done", "SELECT 1", t.Context(), 0, engines.Done},
		{"refused", "SELECT * FROM nowhere", t.Context(), 0, engines.Refused},
		{"two statements", "SELECT 1; SELECT 2", t.Context(), 0, engines.Refused},
		{"server's time limit", "SELECT pg_sleep(30)", t.Context(), 20 * time.Millisecond, engines.Refused},
		{"context over", "SELECT 1", over, 0, engines.Unsent},
		{"ended by an admin", "SELECT pg_terminate_backend(pg_backend_pid())", t.Context(), 0, engines.Unclear},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := open(t, db.DSN)
			_, err := conn.Do(c.ctx, engines.Statement{Text: c.text, Limit: c.limit})
			if got := conn.Classify(err); got != c.want {
				t.Errorf("%v: got %v, want %v", err, got, c.want)
			}
			if c.want == engines.Unclear { // the line is gone: nothing can leave
				_, err = conn.Do(t.Context(), engines.Statement{Text: "SELECT 1"})
				if got := conn.Classify(err); got != engines.Unsent {
					t.Errorf("after the end: got %v, want unsent", got)
				}
			}
		})
	}
}

// TestErrorsHoldNoValues: what a person typed into a row, and what a statement
// held as a secret, is not in an error.
func TestErrorsHoldNoValues(t *testing.T) {
	db := labtest.Postgres(t, 15)
	c := open(t, db.DSN)
	for _, text := range []string{
		"SELECT 'hunter2'::int",
		"CREATE TABLE hunter2 hunter2",
		"DO $$ BEGIN RAISE EXCEPTION 'hunter2'; END $$",
		"CREATE SUBSCRIPTION s CONNECTION 'hunter2' PUBLICATION p WITH (connect = false, enabled = false, create_slot = false)",
	} {
		_, err := c.Do(t.Context(), engines.Statement{Text: text})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
		var se *postgres.ServerError
		if !errors.As(err, &se) || len(se.Code) != 5 {
			t.Errorf("%s: no SQLSTATE in %v", text, err)
		}
	}
	_, err := postgres.Open(engines.OpenRequest{Ctx: t.Context(), Target: "blue", DSN: "postgres://u:hunter2@%zz/"})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("bad connection string: %v", err)
	}
}

// TestIdentityIsTheServers: two connections see the same server, two databases
// are two.
func TestIdentityIsTheServers(t *testing.T) {
	a, b := labtest.Postgres(t, 15), labtest.Postgres(t, 15)
	id := func(db labtest.DB) engines.Identity {
		i, err := open(t, db.DSN).Identify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	if x, y := id(a), id(a); !x.Same(y) || x.Major != 15 || !x.Writable || x.System == "" {
		t.Errorf("%+v is not %+v", x, y)
	}
	if id(a).Same(id(b)) {
		t.Error("two databases are taken for one")
	}
}
