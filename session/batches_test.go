package session_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

var errBusy = fmt.Errorf("lock not available: %w", errRefused)

// table is a fake table that a job fills, and the engine in front of it.
type table struct {
	*servers
	mu    sync.Mutex
	left  int      // rows
	sizes []string // of the batches that were sent
	busy  int      // batches that get no lock
	lost  bool     // the answer of the next batch is lost, whatever it says
	each  func(n int)
	waits []time.Duration // lock waits of the statements
}

type tableDoor struct {
	door
	t *table
}

func (d tableDoor) LockRefused(err error) bool {
	return err != nil && strings.Contains(err.Error(), "lock not available")
}
func (d tableDoor) Holders(context.Context, string) ([]string, error) {
	return []string{"process 7 of app"}, nil
}

func (d tableDoor) Do(ctx context.Context, s engines.Statement) (engines.Result, error) {
	switch s.Text {
	case "fill":
		return d.t.fill(s)
	case "left":
		d.t.mu.Lock()
		defer d.t.mu.Unlock()
		return row(strconv.Itoa(d.t.left)), nil
	}
	return d.door.Do(ctx, s)
}

func (t *table) fill(s engines.Statement) (engines.Result, error) {
	t.mu.Lock()
	n := len(t.sizes)
	t.sizes, t.waits = append(t.sizes, s.Args[0]), append(t.waits, s.LockWait)
	t.mu.Unlock()
	if t.each != nil {
		t.each(n)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lost {
		t.lost = false
		return engines.Result{}, fmt.Errorf("lock not available: %w", errLost)
	}
	if t.busy > 0 {
		t.busy--
		return engines.Result{}, errBusy
	}
	size, err := strconv.Atoi(s.Args[0])
	if err != nil || t.left == 0 {
		return engines.Result{}, err
	}
	done := min(size, t.left)
	t.left -= done
	key, all, rows := fmt.Sprint(1000-t.left), fmt.Sprint(1000-t.left), fmt.Sprint(done)
	return engines.Result{Rows: [][]*string{{&key, &all, &rows}}, Took: time.Millisecond}, nil
}

func (t *table) sent() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.sizes)
}

// jobPlanner plans a job of batches, and a statement that may not be needed.
type jobPlanner struct{ planner }

func (jobPlanner) Plan(r engines.Request) (engines.Parts, error) {
	a := engines.Action{Target: r.On, Text: "fill", Title: "fill", Binds: []engines.Bind{{Var: engines.BatchVar, Why: "rows"}},
		Proof:  &engines.Proof{Target: r.On, Title: "rows left", Text: "left", Want: "0"},
		Lock:   &engines.Lock{Wait: 200 * time.Millisecond, Attempts: 3, Pause: time.Millisecond, Object: "t"},
		Repeat: &engines.Repeat{Most: 100, Ratio: 0, Slow: time.Minute}}
	maybe := engines.Action{Target: r.On, Text: "DROP broken", Title: "drop", Only: &engines.Proof{Target: r.On, Title: "it is broken", Text: "is it broken", Want: "t"}}
	return engines.Parts{Actions: []engines.Action{maybe, a}, UndoNone: "test"}, nil
}

func newTable(t *testing.T) (*table, *night) {
	t.Helper()
	tb := &table{servers: newServers(), left: 1000}
	tb.on["is it broken"] = func() (engines.Result, error) { return row("f"), nil }
	dir := t.TempDir()
	cfg := config(tb.servers, dir)
	cfg.Engines = map[string]engines.Engine{"fake": {Name: "fake", Planner: jobPlanner{},
		Open: func(o engines.OpenRequest) (engines.Conn, error) {
			return tableDoor{door{tb.servers, o.Target}, tb}, nil
		},
		OpenReader: func(o engines.OpenRequest) (engines.Reader, error) { return door{tb.servers, o.Target}, nil }}}
	cfg.Book = &runbooks.Runbook{Name: "small", Title: "small", Source: cfg.Book.Source, Digest: cfg.Book.Digest, Targets: cfg.Book.Targets,
		Phases: []runbooks.Phase{{Number: 1, Name: "fill", Steps: []runbooks.Step{{ID: "1.1", Title: "fill", Kind: "backfill", On: "green", From: "blue", To: "green",
			Risk: runbooks.Change, UndoNone: "test", Before: []runbooks.Gate{{Gauge: "green/lag_seconds", Op: runbooks.Less, Want: "2s"}}}}}}}
	cfg.Every = 300 * time.Millisecond
	return tb, begin(t, tb.servers, cfg)
}

// TestAJobOfBatches sends until nothing is left, again where it got no lock, and
// leaves a record that holds.
func TestAJobOfBatches(t *testing.T) {
	tb, n := newTable(t)
	tb.busy = 2
	n.run("1.1", steps.Done)
	if got := tb.sent(); len(got) != 13 || got[0] != "100" { // two without a lock, ten, one that finds nothing
		t.Errorf("%d batches: %v", len(got), got)
	}
	if slices.Contains(tb.texts(), "DROP broken") {
		t.Error("what was not needed was sent")
	}
	if tb.waits[0] != 200*time.Millisecond {
		t.Errorf("a batch waits %s for its lock", tb.waits[0])
	}
	rec, err := audit.Load(n.s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	begun, note := 0, ""
	for _, e := range rec.Entries {
		b, err := entries.Types().Decode(e)
		if err != nil {
			t.Fatal(err)
		}
		switch b := b.(type) {
		case entries.StmtBegin:
			begun++
		case entries.StmtEnd:
			note = strings.Join(b.Notices, "; ")
		}
	}
	if begun != 1 || !strings.Contains(note, "10 batches of 100 to 100 rows: 1000 rows filled, 1000 in all, up to key 1000") {
		t.Errorf("%d beginnings for one stretch, answer %q", begun, note)
	}
	if err := n.do(session.Intent{Command: steps.End{Reason: "test"}}); err != nil {
		t.Fatal(err)
	}
	if err := n.s.Close(); err != nil {
		t.Fatal(err)
	}
	if r := entries.Verify(n.s.Dir(), audit.VerifyOptions{}); len(r.Findings) != 0 {
		t.Errorf("the record: %v", r.Findings)
	}
}

func TestAJobThatGetsNoLockGivesUp(t *testing.T) {
	tb, n := newTable(t)
	tb.busy = 3
	x := n.run("1.1", steps.Failed)
	if got := tb.sent(); len(got) != 3 || !strings.Contains(x.Why, "lock not available") {
		t.Errorf("%d batches, why %q", len(got), x.Why)
	}
}

// TestAJobStandsStill while the walk is held and while a gate before it is
// closed, and takes the size of batch that the operator gives it.
func TestAJobStandsStill(t *testing.T) {
	tb, n := newTable(t)
	var errs []error
	tb.each = func(i int) {
		switch i {
		case 2:
			errs = append(errs, n.do(session.Intent{Command: steps.Hold{On: true, Reason: "the phones ring"}}),
				n.do(session.Intent{Command: steps.Pace{Step: "1.1", Rows: 50}}))
		case 4:
			tb.servers.mu.Lock()
			tb.gauge = 10
			tb.servers.mu.Unlock()
			n.until(func(s session.Snapshot) bool { return s.Gauges["green/lag_seconds"].Value == 10 })
		}
	}
	if err := n.confirm(); err != nil {
		t.Fatal(err)
	}
	said := func(what string) func(session.Snapshot) bool {
		return func(s session.Snapshot) bool {
			return slices.ContainsFunc(s.Cards["1.1"].Output, func(l session.OutputLine) bool { return strings.Contains(l.Text, what) })
		}
	}
	n.until(said("no batch is sent: held: the phones ring"))
	if got := len(tb.sent()); got != 3 {
		t.Errorf("%d batches before the hold", got)
	}
	if err := n.do(session.Intent{Command: steps.Hold{On: false, Reason: "quiet"}}); err != nil {
		t.Fatal(err)
	}
	n.until(said("no batch is sent: gate green/lag_seconds < 2s is 10 s"))
	tb.servers.mu.Lock()
	tb.gauge = 0
	tb.servers.mu.Unlock()
	n.over("1.1", steps.Done)
	if got := tb.sent(); got[2] != "100" || got[3] != "50" {
		t.Errorf("sizes: %v", got)
	}
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
}

// TestAnInterruptedJobGoesOn where it stopped.
func TestAnInterruptedJobGoesOn(t *testing.T) {
	tb, n := newTable(t)
	tb.each = func(i int) {
		if i == 3 {
			if err := n.do(session.Intent{Command: steps.Interrupt{}}); err != nil {
				t.Error(err)
			}
		}
	}
	if err := n.confirm(); err != nil {
		t.Fatal(err)
	}
	x := n.over("1.1", steps.Failed)
	if !strings.Contains(x.Why, "between two batches") || len(tb.sent()) != 4 {
		t.Errorf("why %q after %d batches", x.Why, len(tb.sent()))
	}
	n.run("1.1", steps.Done)
	if got := len(tb.sent()); got != 11 {
		t.Errorf("%d batches in all", got)
	}
}

// TestALostBatchIsNeverSentAgain, whatever its error says of locks: the proof
// finds rows left, and a person confirms anew.
func TestALostBatchIsNeverSentAgain(t *testing.T) {
	tb, n := newTable(t)
	tb.lost = true
	n.run("1.1", steps.Unclear)
	if got := tb.sent(); len(got) != 1 {
		t.Fatalf("%d batches", len(got))
	}
	if err := n.do(session.Intent{Command: steps.Verify{Step: "1.1"}}); err != nil {
		t.Fatal(err)
	}
	n.over("1.1", steps.Failed)
	n.run("1.1", steps.Done)
}
