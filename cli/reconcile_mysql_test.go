package cli

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/reconcile"
	"github.com/turquoise-db/turquoise/session"
)

// TestReconcileWithRealGeneralLogs: the general logs of both products against the
// record of a walk through the window.
func TestReconcileWithRealGeneralLogs(t *testing.T) {
	t.Parallel()
	for _, c := range courses() {
		if c.engine == "mysql" {
			t.Run(c.name, func(t *testing.T) {
				c.dear(t, "mysql")
				reconcileGeneralLogs(t, c)
			})
		}
	}
}

func reconcileGeneralLogs(t *testing.T, c course) {
	n := newNightOn(t, c)
	l := n.bench.(*lab.MySQLPairLab)
	if err := n.ledger.Stop(); err != nil { // its statements would only make the logs long
		t.Fatal(err)
	}
	servers := map[engines.TargetID]*lab.MySQL{"blue": l.Blue, "green": l.Green}
	file := func(id engines.TargetID) string { return filepath.Join(l.Dir, string(id), "general.log") }
	for id, m := range servers {
		if err := m.Exec(t.Context(), "", "set global log_output = 'FILE'", "set global general_log_file = '"+file(id)+"'", "set global general_log = on"); err != nil {
			t.Fatal(err)
		}
	}
	s := n.open(nil)
	if err := n.walk(s, lab.WalkOptions{Until: c.back}); err != nil {
		t.Fatal(err)
	}
	if err := s.Handle(session.Person{Name: "script", Role: "operator"}).Do(t.Context(), endIntent("enough")); err != nil {
		t.Fatal(err)
	}
	dir := s.Dir()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	logs := func(change func(blue string) string) []string { return logsOf(t, file, "blue", change) }
	compare := func(args []string) reconcile.Result { t.Helper(); return reconciled(t, dir, args...) }
	same := func(s string) string { return s }
	if r := compare(logs(same)); r.Exit != reconcile.ExitMatched || r.Found == 0 || r.Found != r.Recorded {
		t.Errorf("a clean night: %+v", r)
	}
	if r := compare(logs(without("CREATE DATABASE IF NOT EXISTS tqctl"))); r.Exit != reconcile.ExitContradiction || r.Findings[0].Code != "missing" {
		t.Errorf("a line was taken out of the log: %+v", r)
	}
	other := func(s string) string {
		return strings.Replace(s, "CREATE DATABASE IF NOT EXISTS tqctl", "CREATE DATABASE IF NOT EXISTS tqctx", 1)
	}
	if r := compare(logs(other)); r.Exit != reconcile.ExitContradiction {
		t.Errorf("another statement under our tag: %+v", r)
	}
	value := func(s string) string {
		return strings.Replace(s, "CALL tqctl.raise_counters('", "CALL tqctl.raise_counters('x", 1)
	}
	if r := compare(logsOf(t, file, "green", value)); r.Exit != reconcile.ExitContradiction {
		t.Errorf("another value under our tag: %+v", r)
	}
	beside(t, l.BlueDSN(), "SET GLOBAL max_connections = 201")
	if r := compare(logs(same)); r.Exit != reconcile.ExitOffRecord || r.OffRecord != 1 {
		t.Errorf("a change beside the cockpit: %+v", r)
	}
}

// beside runs a statement as Turquoise's own account, and not through Turquoise.
func beside(t *testing.T, dsn, text string) {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), text)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// logsOf gives copies of both logs to the verb, one of them changed.
func logsOf(t *testing.T, file func(engines.TargetID) string, changed engines.TargetID, change func(string) string) []string {
	t.Helper()
	var args []string
	for _, id := range []engines.TargetID{"blue", "green"} {
		raw, err := os.ReadFile(file(id))
		if err != nil {
			t.Fatal(err)
		}
		text := string(raw)
		if id == changed {
			text = change(text)
		}
		name := filepath.Join(t.TempDir(), string(id)+".log")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--mysql-log", string(id)+"="+name)
	}
	return args
}
