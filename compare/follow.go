package compare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/engines"
)

// Follow is what a comparison needs that goes on until the freeze.
type Follow struct {
	Options
	BlueLog, GreenLog func(ctx context.Context, tables []engines.TableDigest, from string) (engines.Tracker, error)
	Say               func(text string)              // what a person should see; may be nil
	Name              func(engines.RowChange) string // of a row, in errors and in what is said; nil: table and key as they are
	Begun             func(*Follower)                // told before anything is read, so that it can be watched; may be nil
	Keep              string                         // file that keeps what is verified, to go on after a crash; empty: nothing is kept
}

// Named constants of following.
const (
	tickEvery   = 500 * time.Millisecond // a change is verified within this of being applied
	looksFailed = 4                      // looks after which a difference that does not move is named: two seconds
	loadTicks   = 2                      // ticks between two looks at the load
	wholeEvery  = 20                     // ticks between two looks at tables that must be compared as a whole
	mostAsked   = 1000                   // eight minutes of ticks
	mostBehind  = 3 * time.Second        // a log that is read later than this makes the freeze wait for it
)

// ErrDiffers is what the comparison found: the sides are not equal.
var ErrDiffers = errors.New("blue and green are not equal")

// errLost is tracking that cannot vouch for anything any more.
var errLost = errors.New("the changes since the comparison are not known")

// Follower keeps two sides verified: every row once, and every row that was
// written since again.
type Follower struct {
	f      Follow
	r      *runner
	tick   pair
	logs   [2]engines.Tracker
	run    context.Context
	stop   context.CancelFunc
	wg     sync.WaitGroup
	tables map[string]*table
	names  []string
	prints [2]map[string]string

	told   uint64 // newest turn when the last look began, for servers that cannot say what they show
	look   turn   // one verification at a time
	broken bool   // sessions of looks are gone; whoever has the turn may ask

	mu         sync.Mutex
	ch         *tablediff.Changes
	pos        [2]uint64
	lost       error
	read       bool   // every row was compared once
	verified   string // position of blue up to which everything was verified
	verifiedAt time.Time
	asked      [2][]asked    // where the servers were, and when, as far as their logs have not been read
	news       chan struct{} // closed and replaced with every transaction that carries a token
	alarm      map[string]bool
	yield      yield
	stored     stored
	counted    time.Time // since when rows that come and go are counted
}

// NewFollower begins to follow both logs and compares everything once. Slots and
// publications stand already. Where an earlier follower left what it knew, and the
// logs still tell everything since, only what changed meanwhile is verified. It
// returns when all that differed at first has been verified, or is proven to
// differ, and both logs have been read up to then. Close ends it.
func NewFollower(ctx context.Context, f Follow) (*Follower, tablediff.Report, error) {
	o := f.Options
	r, err := newRunner(ctx, &o)
	if err != nil {
		return nil, tablediff.Report{}, err
	}
	w := &Follower{f: f, r: r, tables: map[string]*table{}, news: make(chan struct{}), alarm: map[string]bool{}, look: make(turn, 1), yield: yield{news: make(chan struct{})}}
	w.f.Options = o
	r.hurried = w.hurried
	if f.Begun != nil {
		f.Begun(w)
	}
	err = w.begin(ctx)
	if err == nil && !w.read {
		err = w.baseline(ctx)
	}
	if err == nil {
		err = w.caughtUp(ctx)
	}
	if err == nil {
		w.mu.Lock()
		w.read = true
		w.mu.Unlock()
		err = w.keep()
	}
	if err != nil {
		w.Close()
		return nil, r.report, err
	}
	w.wg.Go(w.ticks)
	w.wg.Go(w.keeper)
	return w, r.report, nil
}

// begin opens the logs before anything is read: what changes while the tables
// are being read is verified afterwards, so nothing falls in between.
func (w *Follower) begin(ctx context.Context) error {
	var err error
	if w.tick, err = openPair(ctx, w.f.Options); err != nil {
		return err
	}
	// Before the tables are looked at: a column that comes in between is another shape.
	if w.prints[0], w.prints[1], err = both(w.tick, func(c engines.Comparer) (map[string]string, error) { return c.Fingerprint(ctx) }); err != nil {
		return err
	}
	if err := w.r.plan(ctx); err != nil {
		return err
	}
	for _, n := range w.r.report.Notes {
		if n.Blind || n.Differs {
			return &engines.Error{Op: "compare", Object: n.Object, Err: errors.New(n.Why), Next: "make both sides alike, or name it in the parameter compare_except: it is then on record as not compared"}
		}
	}
	var ds []engines.TableDigest
	w.mu.Lock()
	for _, t := range w.r.tables {
		ds = append(ds, t.TableDigest)
		w.tables[t.Label()] = t
		w.names = append(w.names, t.Label())
	}
	w.ch = tablediff.NewChanges(ds)
	w.mu.Unlock()
	if w.stored.seen, err = w.lie(ctx); err != nil {
		return err
	}
	if err := w.open(ctx, ds); err != nil {
		return err
	}
	if err := w.countRows(ctx); err != nil {
		return err
	}
	// Following outlives the step that began it.
	w.run, w.stop = context.WithCancel(context.WithoutCancel(ctx))
	for i := range w.logs {
		w.pos[i] = w.logs[i].Start()
		w.wg.Go(func() { w.feed(w.run, i) })
	}
	return nil
}

func (w *Follower) shut() {
	w.mu.Lock()
	logs := w.logs
	w.mu.Unlock()
	for _, l := range logs {
		if l != nil {
			_ = l.Close() // a stream that was only read
		}
	}
}

// wake tells those that wait for a token. w.mu is held.
func (w *Follower) wake() {
	close(w.news)
	w.news = make(chan struct{})
}

// baseline reads every row once.
func (w *Follower) baseline(ctx context.Context) error {
	over := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { w.forget(ctx, over, keepEvery) })
	err := w.r.read(ctx)
	close(over)
	wg.Wait()
	if cerr := w.r.o.Journal.Close(err == nil); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	at, err := w.here(ctx)
	if err != nil {
		return err
	}
	w.mu.Lock()
	for _, t := range w.r.tables {
		if t.report.Unnamed > 0 {
			w.mu.Unlock()
			return fmt.Errorf("%w: %s differs in more rows than can be named", ErrDiffers, t.Label())
		}
		if len(t.Key) == 0 && len(t.suspects) > 0 {
			w.ch.Whole(t.Label(), "it was changing while it was read")
		}
		for _, s := range t.suspects {
			if len(s.Key) > 0 {
				w.ch.Mark(t.Label(), s.Key, at[0])
			}
		}
	}
	w.mu.Unlock()
	return nil
}

func (w *Follower) differs(rows []engines.RowChange) error {
	return fmt.Errorf("%w: %s", ErrDiffers, w.named(rows))
}

// ticks verifies what changed, again and again.
func (w *Follower) ticks() {
	ctx := w.run
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	for n := 1; ; n++ {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		var err error
		if n%loadTicks == 0 {
			w.law(ctx)
		}
		if !w.yields() {
			wholes := noWholes
			if n%wholeEvery == 0 {
				wholes = nowAndThen
			}
			err = w.verify(ctx, false, wholes)
		}
		if err == nil {
			err = w.ask(ctx)
		}
		w.mu.Lock()
		if err != nil && ctx.Err() == nil && w.lost == nil {
			w.lost = errors.Join(errLost, err)
		}
		failing, lost := w.ch.Failing(looksFailed, 5), w.lost
		count, foreign := w.ch.Foreign()
		w.mu.Unlock()
		if lost != nil {
			w.once("tracking is lost: " + lost.Error())
			return
		}
		if len(failing) > 0 {
			w.once("differs: " + w.named(failing))
		}
		if count > 0 {
			w.once("written on " + w.f.to() + " and not through replication: " + w.named(foreign[:min(len(foreign), 5)]))
		}
	}
}

// once says a thing once.
func (w *Follower) once(text string) {
	w.mu.Lock()
	told := w.alarm[text]
	w.alarm[text] = true
	w.mu.Unlock()
	if !told && w.f.Say != nil {
		w.f.Say(text)
	}
}

// PlainRow names a row by its table and its key as they are: a value of the data.
func PlainRow(r engines.RowChange) string { return r.Table + " (" + strings.Join(r.Key, ", ") + ")" }

func (w *Follower) named(rs []engines.RowChange) string {
	name := w.f.Name
	if name == nil {
		name = PlainRow
	}
	out := make([]string, len(rs))
	for i, r := range rs {
		if out[i] = r.Table; len(r.Key) > 0 {
			out[i] = name(r)
		}
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), "; ")
}

// Close ends following. Slots and publications stay.
func (w *Follower) Close() {
	if w.stop != nil {
		w.stop()
	}
	w.wg.Wait()
	if w.read && w.logs[1] != nil {
		if err := w.keep(); err != nil {
			w.once(err.Error())
		}
	}
	w.shut()
	if w.tick.blue != nil {
		w.tick.close()
	}
	w.r.close()
}
