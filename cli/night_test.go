package cli

import (
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// night is a cutover against real servers with traffic on them.
type night struct {
	t      *testing.T
	bench  lab.Bench
	pair   *lab.PairLab // the bench of PostgreSQL; nil on others
	ledger *lab.Ledger
	app    *App
	cut    cutover
	get    env
	breaks int64 // transactions and logins that may fail
	parted int64 // connections that the way back to an older server may end: each client's, once
}

// nightClients of the workload.
const nightClients = 16

// nightTPS of all of them together: enough that each action meets transactions in
// flight, and little enough that nights can share two cores.
const nightTPS = 80

func newNight(t *testing.T) *night { t.Helper(); return newNightOn(t, courses()[0]) }

func newNightOn(t *testing.T, c course) *night {
	t.Helper()
	bench := labtest.Bench(t, c.engine, lab.BenchOptions{Flavor: c.flavor})
	l, err := lab.StartLedger(t.Context(), bench.AppDSN(), nightClients, lab.LedgerOptions{TPS: nightTPS})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Stop() }) // a second stop does nothing
	n := &night{t: t, bench: bench, ledger: l, app: &App{Out: io.Discard, Err: testWriter{t}}, get: labEnv(bench),
		cut: cutover{book: c.book, params: append(bench.Params(), brief()...), operator: "script", window: "block", dir: t.TempDir(), every: 250 * time.Millisecond}}
	n.pair, _ = bench.(*lab.PairLab)
	if c.cuts {
		n.breaks, n.parted = math.MaxInt64, math.MaxInt64
	}
	return n
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimRight(string(b), "\n"))
	return len(b), nil
}

// open starts the session with scripted confirmations.
func (n *night) open(change func(*session.Config)) *session.Session {
	n.t.Helper()
	s, err := n.app.open(n.t.Context(), n.cut, n.get, func(c *session.Config) {
		c.LabOnly, c.Scripted = true, true
		if change != nil {
			change(c)
		}
	})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = s.Close() })
	return s
}

func (n *night) walk(s *session.Session, o lab.WalkOptions) error {
	n.t.Helper()
	o.Say = n.t.Logf
	_, err := lab.Walk(n.t.Context(), s, o)
	return err
}

// flows waits until the clients commit again.
func (n *night) flows(what string) {
	n.t.Helper()
	if err := settled(n.t.Context(), n.ledger); err != nil {
		n.t.Fatalf("%s: %v", what, err)
	}
	if m := n.ledger.Meter(); m.Failed+m.Refused > n.breaks || m.Reconnected > n.parted {
		n.t.Fatalf("%s: %d transactions of clients failed, %d logins were refused, %d connections were ended: %s", what, m.Failed, m.Refused, m.Reconnected, m.LastError)
	}
}

// compare stops the clients and demands that nothing was lost or doubled, and
// that no client met anything but what the way back to an older server costs.
func (n *night) compare(s *session.Session) lab.Report {
	n.t.Helper()
	serves, before := engines.TargetID("blue"), engines.TargetID("green")
	if s.State().Writes == "green" {
		serves, before = before, serves
	}
	rep := n.reckon(serves, before)
	if rep.Failed+rep.Refused > n.breaks || rep.Reconnected > n.parted {
		n.t.Fatalf("clients met errors: %+v", rep)
	}
	return rep
}

// reckon stops the clients and demands that nothing was lost or doubled.
func (n *night) reckon(serves, before engines.TargetID) lab.Report {
	n.t.Helper()
	n.flows("before the comparison")
	if err := n.ledger.Stop(); err != nil {
		n.t.Fatal(err)
	}
	rep, err := n.ledger.Check(n.t.Context(), n.bench.LedgerDSN(serves), n.bench.LedgerDSN(before))
	if err != nil {
		n.t.Fatal(err)
	}
	if rep.Lost+rep.Duplicated+rep.Stranded+rep.Unexpected+rep.Drift != 0 {
		n.t.Fatalf("after the walk: %+v", rep)
	}
	n.t.Logf("ledger: %s", rep)
	return rep
}

func TestEveryPlaceOfTheBlockCanBeAborted(t *testing.T) {
	t.Parallel() // else its nights would run beside each other alone
	for _, c := range courses() {
		t.Run(c.name, func(t *testing.T) {
			c.dear(t, "mariadb")
			t.Parallel()
			abortEverywhere(t, c)
		})
	}
}

func abortEverywhere(t *testing.T, c course) {
	n := newNightOn(t, c)
	fail := 0
	s := n.open(func(cfg *session.Config) { cfg.Fail = func(a int) bool { return a == fail } })
	if err := n.walk(s, lab.WalkOptions{Until: c.out}); err != nil {
		t.Fatal(err)
	}
	places := len(s.Snapshot().Cards[c.window].Statements)
	if places < 10 {
		t.Fatalf("the block has %d actions", places)
	}
	for fail = 1; fail < places-c.looks; fail++ { // then writes are opened: nothing is aborted behind that
		if err := n.walk(s, lab.WalkOptions{Until: c.window}); err == nil {
			t.Fatalf("proof %d was made to fail, the block went through", fail)
		}
		if x := s.State().Step(c.window); x.Phase != steps.Undone {
			t.Fatalf("proof %d failed: step is %s (%s), want undone", fail, x.Phase, x.Why)
		}
		if w := s.State().Writes; w != "blue" || s.State().Freeze.On {
			t.Fatalf("proof %d failed: writes on %q, freeze %+v", fail, w, s.State().Freeze)
		}
		n.flows(fmt.Sprintf("after the abort at action %d", fail))
		t.Logf("abort at action %d: longest gap so far %s", fail, n.ledger.Meter().LongestGap)
	}
	fail = 0
	if err := n.walk(s, lab.WalkOptions{Until: c.window}); err != nil {
		t.Fatal(err)
	}
	n.compare(s)
}

func TestTheWayThereAndBackLosesNothing(t *testing.T) {
	t.Parallel() // else its nights would run beside each other alone
	for _, c := range courses() {
		t.Run(c.name, func(t *testing.T) {
			c.dear(t, "mysql")
			t.Parallel()
			n := newNightOn(t, c)
			n.parted = max(n.parted, nightClients)
			thereAndBack(t, n, c)
		})
	}
}

func thereAndBack(t *testing.T, n *night, c course) {
	s := n.open(nil)
	if err := n.walk(s, lab.WalkOptions{BackFrom: c.back}); err != nil {
		t.Fatal(err)
	}
	if w := s.State().Writes; w != "blue" {
		t.Fatalf("writes on %q after the way back", w)
	}
	if rep := n.compare(s); rep.WorstClient > 2 {
		t.Errorf("%d transactions of one client failed in two windows; each may cut one", rep.WorstClient)
	}
	h := s.Handle(session.Person{Name: "script", Role: "operator"})
	if err := h.Do(t.Context(), endIntent("done")); err != nil {
		t.Fatal(err)
	}
	if got := s.State().Result; got != "rolled_back" {
		t.Fatalf("result %q", got)
	}
	// The record predicts the next window of this runbook.
	if rs, err := session.RehearsedIn(n.cut.dir, s.State().Book, false); err != nil || len(rs) != 1 || rs[0].Took <= 0 {
		t.Errorf("windows rehearsed: %+v, %v", rs, err)
	}
}

// sound wants a record that nobody changed and in which no rule was broken.
func sound(t *testing.T, dir string) {
	t.Helper()
	for _, f := range entries.Verify(dir, audit.VerifyOptions{}).Findings {
		if f.Sev == audit.Tampered || f.Sev == audit.Rule {
			t.Errorf("the record: %v", f)
		}
	}
}
