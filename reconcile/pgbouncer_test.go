package reconcile

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/report"
)

// poolerLog is what PgBouncer 1.26.1 wrote while these commands were given.
const poolerLog = `2026-11-21 02:00:37.767 UTC [7587] LOG process up: PgBouncer 1.26.1, libevent 2.1.13-stable (epoll), adns: c-ares 1.34.8, tls: OpenSSL 3.6.5 29 Sep 2026
2026-11-21 02:00:38.931 UTC [7587] LOG C-0x55f14e0346d0: pgbouncer/pgbouncer@127.0.0.1:55496 login attempt: db=pgbouncer user=pgbouncer tls=no replication=no
2026-11-21 02:00:38.932 UTC [7587] LOG PAUSE 'app' command issued
2026-11-21 02:00:39.025 UTC [7587] LOG RESUME 'app' command issued
2026-11-21 02:00:39.026 UTC [7587] LOG C-0x55f14e0346d0: pgbouncer/pgbouncer@127.0.0.1:55506 closing because: client close request (age=0s)
2026-11-21 02:00:39.114 UTC [7587] LOG RELOAD command issued
2026-11-21 02:00:39.200 UTC [7587] ERROR client not found
2026-11-21 02:00:39.300 UTC [7587] WARNING C-0x55f14e0346d0: pgbouncer/pgbouncer@127.0.0.1:55606 pooler error: client not found
2026-11-21 02:01:40.000 UTC [7587] LOG stats: 0 xacts/s
`

// routed is a night in which these commands went to the router, one a tenth of a
// second after the other from 02:00:38.9 on.
func routed(outcome string, commands ...string) *report.Night {
	at := time.Date(2026, 11, 21, 2, 0, 38, 900e6, time.UTC)
	n := &report.Night{Sid: "s", Started: at, Targets: []report.Target{{ID: "router", TargetBound: entries.TargetBound{Role: "router"}}}}
	n.Entries = []report.Line{{Entry: audit.Entry{Time: at}, Body: entries.TargetBound{}}, {Entry: audit.Entry{Time: at.Add(30 * time.Second)}}}
	a := &report.Attempt{}
	for i, c := range commands {
		verb := "sql"
		if strings.HasPrefix(c, "file ") {
			verb = "exec"
		}
		a.Statements = append(a.Statements, &report.Statement{StmtBegin: entries.StmtBegin{Verb: verb, Text: c}, Seq: int64(10 + i), Target: "router", At: at.Add(time.Duration(i) * 100 * time.Millisecond),
			End: &entries.StmtEnd{Outcome: outcome, TookUS: 1000}})
	}
	n.Steps = []*report.Step{{ID: "5", Attempts: []*report.Attempt{a}}}
	return n
}

// TestThePoolersLog: what was recorded stands in it once each, what stands in it
// beside that is off the record, and what it never shows is named.
func TestThePoolersLog(t *testing.T) {
	for name, c := range map[string]struct {
		n     *report.Night
		log   string
		found int
		exit  int
		say   string
	}{
		"all of it":      {routed("done", "PAUSE \"app\"\n-- sent once SHOW POOLS has no server login for app", `RESUME "app"`, "RELOAD"), poolerLog, 3, ExitMatched, ""},
		"beside it":      {routed("done", `PAUSE "app"`, "RELOAD"), poolerLog, 2, ExitOffRecord, "RESUME 'app', not in the record; by whom"},
		"no such line":   {routed("done", `PAUSE "app"`, `RESUME "app"`, "RELOAD", "RELOAD"), poolerLog, 3, ExitContradiction, "RELOAD on router: recorded as done"},
		"another's":      {routed("done", `PAUSE "orders"`, `RESUME "app"`, "RELOAD"), poolerLog, 2, ExitContradiction, "PAUSE 'orders' on router"},
		"too late":       {routed("done", `PAUSE "app"`, `RESUME "app"`, "RELOAD"), strings.ReplaceAll(poolerLog, "02:00:39.114", "02:00:59.114"), 2, ExitContradiction, "RELOAD on router"},
		"nobody knows":   {routed("unclear", `PAUSE "app"`, `RESUME "app"`, "RELOAD", "KILL app"), poolerLog, 3, ExitMatched, ""},
		"a signal":       {routed("done", `PAUSE "app"`, `RESUME "app"`, "RELOAD"), poolerLog + "2026-11-21 02:00:50.000 UTC [1] LOG got SIGHUP, re-reading config\n", 3, ExitOffRecord, "SIGHUP, not in the record"},
		"leaves nothing": {routed("done", `PAUSE "app"`, `RESUME "app"`, "RELOAD", "SHOW POOLS", "file /etc/pgbouncer.ini"), poolerLog, 3, ExitMatched, "could show: 1 SHOW, SET and their like on the console of PgBouncer"},
		"another zone":   {routed("done", `PAUSE "app"`), strings.ReplaceAll(poolerLog, "UTC", "CET"), 0, ExitContradiction, "9 lines are in no known form"},
	} {
		l, err := ReadPgBouncer(strings.NewReader(c.log), "pgbouncer.log")
		if err != nil {
			t.Fatal(err)
		}
		r := Compare(c.n, []*Log{l}, Options{})
		if r.Found != c.found || r.Exit != c.exit || !strings.Contains(fmt.Sprint(r.Findings, r.Notes), c.say) {
			t.Errorf("%s: %d found, exit %d, %+v %q; want %d, %d and %q", name, r.Found, r.Exit, r.Findings, r.Notes, c.found, c.exit, c.say)
		}
	}
	if r := Compare(routed("done", `PAUSE "app"`), nil, Options{}); !strings.Contains(fmt.Sprint(r.Notes), "could show: 1 commands on the console of PgBouncer, of which no log was given") {
		t.Errorf("without a log of the router: %q", r.Notes)
	}
}
