package compare

import (
	"context"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/engines"
)

// streamed is a log that knows no batches, paced is one that does.
type (
	streamed struct{ engines.Tracker }
	paced    struct {
		engines.Tracker
		every *time.Duration
	}
)

func (p paced) Pace(every time.Duration) { *p.every = every }

// TestOnlyALogThatKnowsBatchesIsReadLate: a busy log that cannot be read in batches is
// read all the time, and being late with it is a doubt.
func TestOnlyALogThatKnowsBatchesIsReadLate(t *testing.T) {
	var told time.Duration
	w := &Follower{logs: [2]engines.Tracker{streamed{}, paced{every: &told}}, read: true}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for side := range w.logs {
		r := &w.yield.rate[side]
		for i := range 6000 {
			r.count(engines.Transaction{Before: 1}, now.Add(time.Duration(i)*time.Millisecond))
		}
		if !r.busy {
			t.Fatalf("1,000 transactions per second are not busy")
		}
	}
	w.pace()
	if w.every(0) != 0 || w.every(1) != batchEvery || told != batchEvery {
		t.Errorf("without batches %s, with them %s, told %s", w.every(0), w.every(1), told)
	}
	w.yield.near = true
	if w.pace(); w.every(1) != 0 || told != 0 {
		t.Errorf("a proof is near: %s, told %s", w.every(1), told)
	}
}

// TestABusyLogIsCountedByWholeBatches: the first transaction of a batch comes long
// after the last one, and says nothing of how busy the log is.
func TestABusyLogIsCountedByWholeBatches(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := rate{since: at, busy: true}
	at = at.Add(batchEvery)
	for range 800 * int(batchEvery/time.Second) {
		r.count(engines.Transaction{Before: 1}, at)
	}
	if r.count(engines.Transaction{Position: 9}, at); !r.busy {
		t.Error("800 transactions per second in a batch are taken for few")
	}
	if r.count(engines.Transaction{Position: 9}, at.Add(batchEvery)); r.busy {
		t.Error("a batch of nothing is taken for much")
	}
}

// TestATableThatIsBeingWrittenIsNotReadInVain: a look at the whole of it counts only
// if nobody writes it meanwhile.
func TestATableThatIsBeingWrittenIsNotReadInVain(t *testing.T) {
	d := engines.TableDigest{Schema: "public", Name: "log", Tracked: true}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	tb := &table{TableDigest: d}
	w := &Follower{f: Follow{Options: Options{Now: func() time.Time { return at }}}, ch: tablediff.NewChanges([]engines.TableDigest{d}), tables: map[string]*table{d.Label(): tb}}
	write := func() {
		w.ch.Blue(engines.Transaction{Before: 1, Position: 2, Rows: []engines.RowChange{{Table: d.Label()}}})
		w.note()
	}
	write()
	if !w.rests(tb, at) {
		t.Fatal("nobody knows yet how long a look takes")
	}
	tb.took = 2 * time.Second
	for range looksFailed {
		at = at.Add(time.Second)
		write()
		if w.rests(tb, at) {
			t.Fatal("it was written a moment ago")
		}
	}
	if r := w.ch.Restless(looksFailed); len(r) != 1 {
		t.Errorf("a step would wait for it for ever: %v", r)
	}
	at = at.Add(tb.took)
	if w.note(); !w.rests(tb, at) {
		t.Error("it rests, and is not read")
	}
}

// storedSide says where the rows of its tables lie.
type storedSide struct {
	engines.Comparer
	lies map[string]string
}

func (s storedSide) Stored(context.Context) (map[string]string, error) { return s.lies, nil }

// TestARewrittenTableIsNewsOnce: one that was rewritten and is compared as a whole is
// not rewritten again with every look.
func TestARewrittenTableIsNewsOnce(t *testing.T) {
	d := engines.TableDigest{Schema: "public", Name: "t", Key: []string{"id"}, Tracked: true}
	w := &Follower{ch: tablediff.NewChanges([]engines.TableDigest{d}), tables: map[string]*table{d.Label(): {TableDigest: d}},
		tick: pair{storedSide{lies: map[string]string{d.Label(): "1"}}, storedSide{lies: map[string]string{d.Label(): "2"}}}}
	w.stored.seen = [2]map[string]string{{d.Label(): "1"}, {d.Label(): "1"}}
	look := func() uint64 {
		w.ch.Blue(engines.Transaction{Before: 1, Position: 2}) // something else goes on
		if err := w.replaced(t.Context()); err != nil {
			t.Fatal(err)
		}
		return w.ch.Written(d.Label())
	}
	first := look()
	if w.ch.Wholes()[d.Label()] == "" || first == 0 {
		t.Fatal("it was rewritten on green, and is not compared as a whole")
	}
	if look() != first {
		t.Error("it never rests")
	}
	w.tick.green = storedSide{lies: map[string]string{d.Label(): "3"}}
	if look() == first {
		t.Error("it was rewritten once more")
	}
}

// seenSide shows every transaction but one.
type seenSide struct {
	engines.Comparer
	but uint64
}

func (s seenSide) Unseen(context.Context) (func(id uint64) bool, error) {
	return func(id uint64) bool { return id == s.but }, nil
}

// TestAFirstComparisonForgetsWhatIsShown: the logs tell hours of transactions while
// nobody looks at a row.
func TestAFirstComparisonForgetsWhatIsShown(t *testing.T) {
	d := engines.TableDigest{Schema: "public", Name: "t", Key: []string{"id"}, Tracked: true}
	w := &Follower{ch: tablediff.NewChanges([]engines.TableDigest{d}), look: make(turn, 1), tick: pair{seenSide{but: 7}, seenSide{}}}
	for id := range uint64(10) {
		w.ch.Blue(engines.Transaction{ID: id, Position: id, Rows: []engines.RowChange{{Table: d.Label(), Key: engines.Key{"1"}}}})
	}
	over, ended := make(chan struct{}), make(chan struct{})
	go func() { defer close(ended); w.forget(t.Context(), over, time.Millisecond) }()
	held := func() []uint64 {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.ch.Hidden(d.Label())[0]
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(10 * time.Second); len(held()) != 1; <-tick.C {
		if time.Now().After(limit) {
			t.Fatalf("held: %v", held())
		}
	}
	close(over)
	<-ended
	if h := held(); h[0] != 7 {
		t.Errorf("one is not shown yet, and %d is held", h)
	}
}
