package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/reconcile"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
)

// The servers' own logs against the record of a real walk: all of it is found;
// a write beside the cockpit, a line missing in a log and a changed statement are
// each noticed.
func TestReconcileWithRealLogs(t *testing.T) {
	n := newNight(t)
	for _, p := range []*lab.Postgres{n.pair.Blue, n.pair.Green} {
		if err := p.Exec(t.Context(), "postgres", "ALTER SYSTEM SET log_statement = 'all'",
			"ALTER SYSTEM SET log_line_prefix = '%m [%p] %q%u@%d '", "SELECT pg_reload_conf()"); err != nil {
			t.Fatal(err)
		}
	}
	s := n.open(nil)
	if err := n.walk(s, lab.WalkOptions{Until: runbooks.StepID("3.2")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Handle(session.Person{Name: "script", Role: "operator"}).Do(t.Context(), endIntent("enough")); err != nil {
		t.Fatal(err)
	}
	dir := s.Dir()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	logs := func(change func(blue string) string) []string {
		var args []string
		for id, p := range map[engines.TargetID]*lab.Postgres{"blue": n.pair.Blue, "green": n.pair.Green} {
			raw, err := os.ReadFile(p.LogPath)
			if err != nil {
				t.Fatal(err)
			}
			_, text, found := strings.Cut(string(raw), "reloading configuration files\n") // before it the prefix was another
			if !found {
				t.Fatalf("no reload in the log of %s", id)
			}
			if id == "blue" {
				text = change(text)
			}
			file := filepath.Join(t.TempDir(), string(id)+".log")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			args = append(args, "--pg-log", string(id)+"="+file)
		}
		return args
	}
	compare := func(args []string) reconcile.Result {
		var out bytes.Buffer
		code := Main(append([]string{"reconcile", dir, "--json"}, args...), nil, &out, testWriter{t})
		var r reconcile.Result
		if err := json.Unmarshal(out.Bytes(), &r); err != nil {
			t.Fatalf("%v in %s", err, out.String())
		}
		if code != r.Exit {
			t.Errorf("status %d, result says %d", code, r.Exit)
		}
		return r
	}
	same := func(s string) string { return s }
	if r := compare(logs(same)); r.Exit != reconcile.ExitMatched || r.Found == 0 || r.Found != r.Recorded {
		t.Errorf("a clean night: %+v", r)
	}
	gone := func(s string) string {
		at := strings.Index(s, "CREATE PUBLICATION")
		from := strings.LastIndex(s[:at], "\n") + 1
		to := from + strings.Index(s[from:], "\n") + 1
		return s[:from] + s[to:]
	}
	if r := compare(logs(gone)); r.Exit != reconcile.ExitContradiction || r.Findings[0].Code != "missing" {
		t.Errorf("a line was taken out of the log: %+v", r)
	}
	other := func(s string) string { return strings.Replace(s, "CREATE PUBLICATION", "CREATE PUBLICATIOM", 1) }
	if r := compare(logs(other)); r.Exit != reconcile.ExitContradiction {
		t.Errorf("another statement under our tag: %+v", r)
	}
	if err := asTurquoise(t, n.pair.BlueDSN(), "ALTER ROLE batch CONNECTION LIMIT 7"); err != nil {
		t.Fatal(err)
	}
	if r := compare(logs(same)); r.Exit != reconcile.ExitOffRecord || r.OffRecord != 1 {
		t.Errorf("a write beside the cockpit: %+v", r)
	}
}

func asTurquoise(t *testing.T, dsn, sql string) error {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		return err
	}
	_, err = c.Exec(t.Context(), sql)
	return errors.Join(err, c.Close(t.Context()))
}
