package reconcile

import (
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/report"
)

func TestBoundValuesAreComparedByTheirValue(t *testing.T) {
	binds := []entries.Bind{{Name: "file", Value: "binlog.000001"}, {Name: "pos", Value: "4711"}}
	planned := "SELECT SOURCE_POS_WAIT($1, $2, 10)"
	for sent, want := range map[string]bool{
		"SELECT SOURCE_POS_WAIT('binlog.000001', 4711, 10)":   true,
		"SELECT SOURCE_POS_WAIT('binlog.000002', 4711, 10)":   false,
		"SELECT SOURCE_POS_WAIT('binlog.000001', 4712, 10)":   false,
		"SELECT SOURCE_POS_WAIT('binlog.000001', '4711', 10)": false,
		"SELECT SOURCE_POS_WAIT($1, $2, 10)":                  false,
	} {
		if got := sameBound(planned, sent, binds); got != want {
			t.Errorf("%s: %v", sent, got)
		}
	}
	if sameBound("SELECT $3", "SELECT $3", binds) || sameBound("SELECT 1", "SELECT 1", nil) {
		t.Error("a parameter without a value was compared")
	}
	m := &match{values: map[string]bool{"it's": true, "5": true}}
	for sent, want := range map[string]bool{"SELECT 'it''s' = 5": true, "SELECT 'its' = 5": false, "SELECT 'it''s' = 6": false, "SELECT 'it''s' = 5 OR 1": false} {
		if got := m.sameCaptured("SELECT $1 = $2", sent); got != want {
			t.Errorf("%s: %v", sent, got)
		}
	}
}

func TestMaskedStatementsAreToldByTheirWords(t *testing.T) {
	planned := "CHANGE REPLICATION SOURCE TO\n SOURCE_HOST = 'b', SOURCE_PORT = 3306, SOURCE_PASSWORD = <secret>, SOURCE_HEARTBEAT_PERIOD = 1"
	for sent, want := range map[string]bool{
		"CHANGE REPLICATION SOURCE TO SOURCE_HOST = 'b', SOURCE_PASSWORD = <secret>, SOURCE_PORT = 3306, SOURCE_HEARTBEAT_PERIOD = 1.000000":                 true,
		"CHANGE REPLICATION SOURCE TO SOURCE_HOST = 'c', SOURCE_PASSWORD = <secret>, SOURCE_PORT = 3306, SOURCE_HEARTBEAT_PERIOD = 1.000000":                 false,
		"CHANGE REPLICATION SOURCE TO SOURCE_HOST = 'b', SOURCE_PASSWORD = <secret>, SOURCE_PORT = 3306, SOURCE_HEARTBEAT_PERIOD = 1.000000, SOURCE_SSL = 0": false,
		"CHANGE REPLICATION SOURCE TO SOURCE_HOST = 'b', SOURCE_PASSWORD = <secret>, SOURCE_PORT = 3306":                                                     false,
		"CHANGE REPLICATION SOURCE TO SOURCE_HOST = 'b', SOURCE_PASSWORD = <secret>, SOURCE_PORT = 3306, SOURCE_HEARTBEAT_PERIOD = 1.000000 FOR CHANNEL 'x'": false,
		"CREATE USER 'b'@'%' IDENTIFIED BY <secret>": false,
	} {
		if got := sameMasked(planned, sent); got != want {
			t.Errorf("%s: %v", sent, got)
		}
	}

	at := time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC)
	st := &report.Statement{Seq: 7, At: at, Target: "blue"}
	st.Text, st.Tag = "ALTER USER 'repl'@'%' IDENTIFIED BY ${secret:repl_sql}", "/* tq s=x n=1 i=1 h=00 */"
	m := &match{ours: map[string][]*statement{st.Tag: {{Statement: st}}}, offsets: map[string][]time.Duration{}}
	m.r.Logins = []string{"turquoise@%"}
	log := func(target string) *Log { return &Log{Kind: "mysql", Target: target} }
	seen := Seen{Login: "turquoise", At: at.Add(time.Second), Text: "ALTER USER 'repl'@'%' IDENTIFIED BY <secret>"}
	for name, s := range map[string]struct {
		l *Log
		s Seen
	}{
		"another server": {log("green"), seen},
		"another login":  {log("blue"), Seen{Login: "bob", At: seen.At, Text: seen.Text}},
		"another time":   {log("blue"), Seen{Login: seen.Login, At: at.Add(time.Minute), Text: seen.Text}},
		"another user":   {log("blue"), Seen{Login: seen.Login, At: seen.At, Text: strings.ReplaceAll(seen.Text, "repl", "root")}},
	} {
		if m.ownMasked(s.l, s.s) {
			t.Errorf("%s was taken for ours", name)
		}
	}
	if !m.ownMasked(log("blue"), seen) || m.r.Found != 1 {
		t.Errorf("ours was not found: %d", m.r.Found)
	}
	if m.ownMasked(log("blue"), seen) {
		t.Error("a second one was taken for the same")
	}
}

// TestOurLoginIsAUserThere: the record names the account with its hosts.
func TestOurLoginIsAUserThere(t *testing.T) {
	m := &match{}
	m.r.Logins = []string{"turquoise@%", "ada"}
	for login, want := range map[string]bool{"turquoise": true, "turquoise@%": true, "ada": true, "turq": false, "": false} {
		if got := m.ofOurs(&Log{Kind: "mysql"}, login); got != want {
			t.Errorf("%q: %v", login, got)
		}
	}
	if m.ofOurs(&Log{Kind: "postgres"}, "turquoise") {
		t.Error("a role with @ in its name was cut")
	}
}

func TestPlansShowTheirStatements(t *testing.T) {
	if got := blocks("1. on blue\n| SELECT 1\n|  FROM t\nproof\n| SELECT $1"); len(got) != 2 || got[0] != "SELECT 1\n FROM t" || got[1] != "SELECT $1" {
		t.Errorf("%q", got)
	}
}

func TestClocksAreApartAsOurOwnStatementsShow(t *testing.T) {
	m := &match{offsets: map[string][]time.Duration{"blue": {-time.Second, 3, 2, 1, 5 * time.Millisecond}, "green": {1, 2}}}
	if a, b := m.apart("blue"); a != -1100*time.Millisecond || b != 105*time.Millisecond {
		t.Errorf("%s %s", a, b)
	}
	if a, b := m.apart("green"); a != -2*time.Second || b != 2*time.Second {
		t.Errorf("%s %s", a, b)
	}
}
