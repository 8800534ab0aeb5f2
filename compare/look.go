package compare

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/engines"
)

// mostDue is how many keys of a table one look takes; tests take fewer.
var mostDue = 20 * batch

// group is how many keys are summed together: few enough that a row which is on
// its way makes little work.
const group = 128

// How often a table is compared as a whole: not at all, at once, or not before so many
// times what its last look took have passed.
const (
	noWholes   = -1
	allWholes  = 0
	soon       = 4   // while a step waits for it: a fifth of a session
	nowAndThen = 100 // while following: one in a hundred
)

// verify looks at every key that is due, and at tables that have to be compared
// as a whole, as often as said. all does not wait for green to have applied anything.
func (w *Follower) verify(ctx context.Context, all bool, wholes int) error {
	if err := w.enter(ctx); err != nil {
		return err
	}
	defer w.leave(ctx)
	if !all {
		if err := w.progress(ctx); err != nil {
			return err
		}
	}
	w.heard()
	shown, err := w.shown(ctx)
	if err != nil {
		return err
	}
	for _, n := range w.names {
		w.mu.Lock()
		due := w.ch.Due(n, mostDue, all)
		w.mu.Unlock()
		due = shown(due)
		together(due)
		for at := 0; at < len(due); at += batch {
			if !all && w.hurried() {
				return nil
			}
			if err := w.keys(ctx, w.tables[n], due[at:min(at+batch, len(due))]); err != nil {
				return err
			}
		}
	}
	w.note()
	if wholes == noWholes {
		return nil
	}
	return w.verifyWholes(ctx, all, wholes)
}

// together puts many keys in about the order of their values: rows that lie side by side
// are read from the same pages, in half the time. Those that were written last stay where
// they are, and so do those that differ.
func together(due []tablediff.Dirty) {
	fresh := slices.IndexFunc(due, func(d tablediff.Dirty) bool { return d.Failed > 0 })
	if fresh < 0 {
		fresh = len(due)
	}
	if fresh <= batch {
		return
	}
	slices.SortFunc(due[:fresh-batch], func(a, b tablediff.Dirty) int {
		for j := range min(len(a.Key), len(b.Key)) {
			if c := cmp.Or(len(a.Key[j])-len(b.Key[j]), strings.Compare(a.Key[j], b.Key[j])); c != 0 {
				return c
			}
		}
		return 0
	})
}

func (w *Follower) verifyWholes(ctx context.Context, all bool, wholes int) error {
	if err := w.replaced(ctx); err != nil {
		return err
	}
	w.mu.Lock()
	list := w.ch.Wholes()
	w.mu.Unlock()
	for n := range list {
		t, began := w.tables[n], w.f.Now()
		if wholes != allWholes && !w.chance(t, wholes, began) {
			continue
		}
		turn, shown, err := w.shows(ctx, n)
		for ; err == nil && all && !shown; turn, shown, err = w.shows(ctx, n) {
			if err := pause(ctx, time.Millisecond); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
		if !shown {
			continue
		}
		if cut, err := w.whole(ctx, t, turn, all); cut || err != nil {
			return err
		}
		t.looked = w.f.Now()
		t.took = t.looked.Sub(began)
	}
	return nil
}

// chance reports whether the whole of a table is due for a look that may count.
func (w *Follower) chance(t *table, wholes int, now time.Time) bool {
	apart := max(time.Duration(wholes)*t.took, tickEvery)
	again := max(min(apart, soon*t.took), tickEvery)
	if now.Before(t.looked.Add(apart)) || now.Before(t.tried.Add(again)) {
		return false
	}
	t.tried = now
	return w.rests(t, now)
}

// note is when it was last heard that tables were written that have to be compared as
// a whole.
func (w *Follower) note() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := range w.ch.Wholes() {
		if t, at := w.tables[n], w.ch.Written(n); at != t.turn {
			t.turn, t.wrote = at, w.f.Now()
		}
	}
}

// rests reports whether a look at the whole of a table has a chance: nobody wrote it
// for as long as the last look took, plus the time by which its log may be late. One
// that is written all the time would be read in vain.
func (w *Follower) rests(t *table, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.took == 0 || now.Sub(t.wrote) >= t.took+max(w.every(0), w.every(1)) {
		return true
	}
	w.ch.Moved(t.Label())
	return false
}

// progress asks green how far it is if its own log has not said so: a commit of
// blue that left no trace on green is seen by this alone.
func (w *Follower) progress(ctx context.Context) error {
	w.mu.Lock()
	newest := w.ch.Newest()
	behind := w.ch.Stuck()
	w.mu.Unlock()
	if !behind {
		return nil
	}
	if p, can := w.tick.green.(engines.Progress); can {
		return w.reached(ctx, p, newest)
	}
	ok, linked, err := w.tick.green.Applied(ctx, w.tick.blue, w.logs[0].Text(newest))
	if err != nil {
		return err
	}
	if ok || !linked {
		w.mu.Lock()
		w.ch.Applied(newest)
		w.mu.Unlock()
	}
	return nil
}

// reached asks how far green is, not whether it is at one place: under load it is
// never at the newest.
func (w *Follower) reached(ctx context.Context, p engines.Progress, newest uint64) error {
	at, linked, err := p.Progress(ctx, w.tick.blue)
	if err != nil {
		return err
	}
	pos := newest
	if linked {
		if pos, err = w.logs[0].Parse(at); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ch.Applied(min(pos, newest))
	return nil
}

// keys looks at rows by their keys. Where a side sums them, only the rows of groups
// whose sums differ are named.
func (w *Follower) keys(ctx context.Context, t *table, due []tablediff.Dirty) error {
	keys := make([]engines.Key, len(due))
	for i, d := range due {
		keys[i] = d.Key
	}
	open := due
	if t.Strength != engines.Cryptographic {
		b, g, err := both(w.tick, func(c engines.Comparer) ([]engines.Sum, error) {
			if s, can := c.(engines.KeySummer); can {
				return s.SumsByKey(ctx, t.TableDigest, keys, group)
			}
			return nil, nil
		})
		if err != nil {
			return err
		}
		if b != nil && g != nil {
			open = nil
			w.mu.Lock()
			for i := range b {
				some := due[i*group : min((i+1)*group, len(due))]
				if b[i] != g[i] {
					open = append(open, some...)
					continue
				}
				for _, d := range some {
					w.ch.Looked(t.Label(), d, true)
				}
			}
			w.mu.Unlock()
		}
	}
	return w.rows(ctx, t, open)
}

// rows looks at rows one by one.
func (w *Follower) rows(ctx context.Context, t *table, due []tablediff.Dirty) error {
	if len(due) == 0 {
		return nil
	}
	keys := make([]engines.Key, len(due))
	for i, d := range due {
		keys[i] = d.Key
	}
	b, g, err := both(w.tick, func(c engines.Comparer) ([]engines.RowHash, error) { return c.ByKey(ctx, t.TableDigest, keys) })
	if err != nil {
		return err
	}
	blue, green := index(b), index(g)
	equal := make([]bool, len(due))
	for i, d := range due {
		id := tablediff.ID(d.Key)
		equal[i] = blue[id].Count == green[id].Count && blue[id].Hash == green[id].Hash
	}
	var at [2]uint64
	if w.readsLate() && slices.Contains(equal, false) {
		if at, err = w.here(ctx); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, d := range due {
		if !equal[i] && at != [2]uint64{} {
			w.ch.Doubted(t.Label(), d, at)
			continue
		}
		w.ch.Looked(t.Label(), d, equal[i])
	}
	return nil
}

// readsLate reports whether a log is read late, so that a row may have been written long
// before that is heard of.
func (w *Follower) readsLate() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.every(0) > 0 || w.every(1) > 0
}

// heard settles what was seen of rows before their logs had been read up to then.
func (w *Follower) heard() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ch.Heard(w.pos, looksFailed)
}

// whole compares one table again, part by part. Rows that differ become dirty
// keys; a table without a key must be equal as a whole. A proof does not wait for one
// that is under way. Up to the turn, both servers show what was told.
func (w *Follower) whole(ctx context.Context, t *table, turn uint64, all bool) (cut bool, err error) {
	clean := true
	var suspects []tablediff.Suspect
	for i := range t.parts {
		if !all && w.hurried() {
			return true, nil
		}
		f, err := w.r.part(ctx, w.tick, job{t, i})
		if err != nil {
			return false, err
		}
		clean = clean && !f.Unnamed && (len(f.Suspects) == 0 || len(t.Key) > 0)
		suspects = append(suspects, f.Suspects...)
	}
	var at [2]uint64
	if len(suspects) > 0 {
		if at, err = w.here(ctx); err != nil {
			return false, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.behind(w.f.Now()) > tickEvery && !clean {
		return false, nil // what differs may be in a log that we have not read
	}
	if w.ch.LookedWhole(t.Label(), turn, clean) {
		w.settled(t.Label())
		for _, s := range suspects {
			w.ch.Mark(t.Label(), s.Key, at[0])
		}
	}
	return false, nil
}
