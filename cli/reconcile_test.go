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
	t.Parallel()
	n := newNight(t)
	if err := n.ledger.Stop(); err != nil { // its statements would only make the logs long
		t.Fatal(err)
	}
	for _, p := range []*lab.Postgres{n.pair.Blue, n.pair.Green} {
		if err := p.Exec(t.Context(), "postgres", "ALTER SYSTEM SET log_statement = 'all'",
			"ALTER SYSTEM SET log_line_prefix = '%m [%p] %q%u@%d '", "SELECT pg_reload_conf()"); err != nil {
			t.Fatal(err)
		}
	}
	s := n.open(nil)
	// A second cockpit, with a record of its own: the servers know of the first.
	var code *exitError
	_, err := n.app.open(t.Context(), n.cut, n.get, nil)
	if !errors.As(err, &code) || code.code != ExitRefused || !errors.Is(err, session.ErrDriven) || !strings.Contains(err.Error(), "turquoise (turquoise/s"+filepath.Base(s.Dir())[len(filepath.Base(s.Dir()))-4:]+"/script) from 127.0.0.1") {
		t.Fatalf("a second cockpit on the same pair got: %v", err)
	}
	seen := watch(t, s)
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
	sameNight(t, dir, <-seen)
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
	compare := func(args []string) reconcile.Result { t.Helper(); return reconciled(t, dir, args...) }
	same := func(s string) string { return s }
	if r := compare(logs(same)); r.Exit != reconcile.ExitMatched || r.Found == 0 || r.Found != r.Recorded {
		t.Errorf("a clean night: %+v", r)
	}
	if r := compare(logs(without("CREATE PUBLICATION"))); r.Exit != reconcile.ExitContradiction || r.Findings[0].Code != "missing" {
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

// reconciled runs the verb on a record.
func reconciled(t *testing.T, dir string, args ...string) reconcile.Result {
	t.Helper()
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

// without takes the first line that holds a text out of a log.
func without(text string) func(string) string {
	return func(s string) string {
		at := strings.Index(s, text)
		from := strings.LastIndex(s[:at], "\n") + 1
		return s[:from] + s[at+strings.Index(s[at:], "\n")+1:]
	}
}

// poolerTells holds the pooler's own log against the record of a walk with a
// window: every command once, and none beside them until somebody gives one.
func poolerTells(t *testing.T, n *night, s *session.Session) {
	t.Helper()
	compare := func() (found int, odd []string) {
		r := reconciled(t, s.Dir(), "--pgbouncer-log", "router="+n.pair.Pooler.LogPath)
		for _, f := range r.Findings {
			if f.Code == "missing" || f.Code == "off_record" || strings.Contains(f.Text, "no known form") {
				odd = append(odd, f.Code+" "+f.Text)
			}
		}
		return r.Found, odd
	}
	found, odd := compare()
	if found < 3 || len(odd) > 0 {
		t.Errorf("the pooler's log has %d recorded commands, and %q", found, odd)
	}
	if err := asTurquoise(t, n.pair.PoolerAdminDSN(), "RECONNECT app"); err != nil {
		t.Fatal(err)
	}
	if _, odd := compare(); len(odd) != 1 || !strings.HasPrefix(odd[0], "off_record RECONNECT 'app'") {
		t.Errorf("a command beside the cockpit: %q", odd)
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

// watch collects what a screen was shown, until the session is closed.
func watch(t *testing.T, s *session.Session) <-chan []session.Snapshot {
	t.Helper()
	ch, _ := s.Handle(session.Person{Name: "script", Role: "operator"}).Subscribe()
	out := make(chan []session.Snapshot, 1)
	go func() {
		var all []session.Snapshot
		for snap := range ch {
			all = append(all, snap)
		}
		out <- all
	}()
	return out
}

// sameNight holds the replay of a record against what was on the screen then.
func sameNight(t *testing.T, dir string, seen []session.Snapshot) {
	t.Helper()
	past, err := session.OpenPast(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) < 4 {
		t.Fatalf("only %d frames were seen", len(seen))
	}
	for k := len(seen) - 1; k >= 0; k-- { // backwards as well: a viewer jumps
		was := seen[k]
		is := past.Between(was.Record.Count-1, was.Now)
		if is.Current != was.Current || is.Freeze.State != was.Freeze.State || is.Finished != was.Finished ||
			is.Record.Head != was.Record.Head || is.Way.State != was.Way.State || is.Sides[0].Badge != was.Sides[0].Badge {
			t.Errorf("at entry %d: replay shows step %s, freeze %s, head %s, way %s, blue %s; the screen showed %s, %s, %s, %s, %s", was.Record.Count-1,
				is.Current, is.Freeze.State, is.Record.Head, is.Way.State, is.Sides[0].Badge,
				was.Current, was.Freeze.State, was.Record.Head, was.Way.State, was.Sides[0].Badge)
		}
		for i, p := range was.Phases {
			if p.Done != is.Phases[i].Done {
				t.Errorf("at entry %d: phase %s has %d done; then %d", was.Record.Count-1, p.Name, is.Phases[i].Done, p.Done)
			}
		}
	}
	if past.StepFrom(0, 1) == 0 || past.StepFrom(past.Len()-1, -1) == 0 {
		t.Error("no step was found to jump to")
	}
}
