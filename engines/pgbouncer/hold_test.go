package pgbouncer

import (
	"context"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/enginetest"
	"github.com/turquoise-db/turquoise/lab"
)

// repoint lets the pooler reach its server at another address.
func (r *rig) repoint(port int, addr string) {
	r.t.Helper()
	ini, err := os.ReadFile(r.l.Pooler.IniPath)
	if err != nil {
		r.t.Fatal(err)
	}
	_, to, err := net.SplitHostPort(addr)
	if err != nil {
		r.t.Fatal(err)
	}
	text := strings.Replace(string(ini), "port="+strconv.Itoa(port), "port="+to, 1)
	if text == string(ini) {
		r.t.Fatalf("the pooler's file names no port %d", port)
	}
	if err := os.WriteFile(r.l.Pooler.IniPath, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.exec.query(r.t.Context(), "RELOAD"); err != nil {
		r.t.Fatal(err)
	}
}

// sum asks the console for a column of numbers.
func (r *rig) sum(show, column string) (sum float64) {
	r.t.Helper()
	res, err := r.exec.query(r.t.Context(), show)
	if err != nil {
		r.t.Fatal(err)
	}
	t := table{res.Columns, res.Rows}
	for _, row := range t.rows {
		n, err := t.number(row, column)
		if err != nil {
			r.t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// pause is the action that holds the clients.
func (r *rig) pause() engines.Action {
	r.t.Helper()
	for _, a := range r.plan("freeze", "blue", "green").Actions {
		if strings.HasPrefix(a.Text, "PAUSE") {
			return a
		}
	}
	r.t.Fatal("the freeze has no PAUSE")
	return engines.Action{}
}

// traffic is a workload through the pooler.
func (r *rig) traffic(clients, tps int) *lab.Ledger {
	r.t.Helper()
	l, err := lab.StartLedger(r.t.Context(), r.l.AppDSN(), clients, lab.LedgerOptions{TPS: tps})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = l.Stop() }) // a second stop does nothing
	return l
}

// commits waits until the clients have had so many more commits.
func (r *rig) commits(l *lab.Ledger, more int64) {
	r.t.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for want := l.Meter().Acked + more; l.Meter().Acked < want; {
		select {
		case <-tick.C:
		case <-limit.C:
			r.t.Fatalf("no %d more commits: %s", more, l.Meter().LastError)
		}
	}
}

// TestNoPauseWhileTheServerIsLoggedInTo: PAUSE closes a server login that is
// under way, and the pooler takes that for a failed one: for server_login_retry
// after RESUME it begins no other and refuses queries. So it is not sent.
func TestNoPauseWhileTheServerIsLoggedInTo(t *testing.T) {
	r := newRig(t)
	r.run(r.plan("capture", "blue", "green").Actions)
	w := enginetest.NewWire(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(r.l.Blue.Port)))
	r.repoint(r.l.Blue.Port, w.Addr)
	w.Hold("")
	asked := make(chan error, 1)
	go func() {
		_, err := r.client()
		asked <- err
	}()
	logins := func() float64 { return r.sum("SHOW POOLS", "sv_login") }
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for logins() == 0 {
		select {
		case <-tick.C:
		case err := <-asked:
			t.Fatalf("the client was not kept waiting: %v", err)
		}
	}
	pause := r.pause()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := r.hold.Do(ctx, engines.Statement{Verb: pause.Verb, Text: pause.Text, Limit: pause.Limit})
	if out := r.hold.Classify(err); err == nil || out != engines.Unsent && out != engines.Refused {
		t.Fatalf("a PAUSE while the pooler logs in to the server: %v (%s)", err, out)
	}
	if logins() == 0 || r.sum("SHOW DATABASES", "paused") != 0 {
		t.Fatal("the login was cut, or the database is paused")
	}
	w.Up()
	if err := <-asked; err != nil {
		t.Fatalf("the client whose login was waited for: %v", err)
	}
	if _, err := r.hold.Do(t.Context(), engines.Statement{Verb: pause.Verb, Text: pause.Text, Limit: pause.Limit}); err != nil {
		t.Fatalf("the PAUSE behind the login: %v", err)
	}
}

// TestHoldsThatFollowEachOtherFailNobody: the pool is cold after each RESUME, and
// warms up under the clients that waited.
func TestHoldsThatFollowEachOtherFailNobody(t *testing.T) {
	r := newRig(t)
	r.run(r.plan("capture", "blue", "green").Actions)
	freeze := r.plan("freeze", "blue", "green")
	l := r.traffic(8, 400)
	r.commits(l, 200)
	for range 20 {
		r.run(freeze.Actions)
		r.run(freeze.Abort)
		r.commits(l, 40)
	}
	if err := l.Stop(); err != nil {
		t.Fatal(err)
	}
	m := l.Meter()
	t.Logf("%+v", m)
	if m.Failed+m.Refused+m.Unknown != 0 {
		t.Errorf("holds that follow each other: %d failed, %d refused: %s", m.Failed, m.Refused, m.LastError)
	}
}
