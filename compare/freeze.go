package compare

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// Proof is what was proven at a freeze.
type Proof struct {
	Rows   int64         // rows that the first comparison read on blue
	Added  int64         // rows that came since Since, on both sides alike
	Gone   int64         // rows that went
	Since  time.Time     // zero: not all tables' rows could be counted
	Tables int           // tables that are proven equal
	Keys   int           // keys that were still to be verified in the freeze
	Wholes []string      // tables that were compared as a whole in the freeze
	Fences time.Duration // until both logs had been read up to the freeze
	Took   time.Duration // all of it
}

var (
	errMoved = errors.New("its columns are not those that were compared")
	errNew   = errors.New("the table is new since the comparison")
)

// At proves that every row is equal at the position of a fence token: blue's log
// was read up to the token, green's up to its acknowledgement, which is written
// after everything before the token was applied. Nobody writes meanwhile: that
// is the freeze's part. An error that is ErrDiffers names rows; any other says
// that nothing is proven.
func (w *Follower) At(ctx context.Context, token string) (Proof, error) {
	began := w.f.Now()
	defer w.urgently()()
	p := Proof{}
	p.Rows, p.Tables = w.Compared()
	if err := w.fences(ctx, token); err != nil {
		return p, err
	}
	if err := w.ends(ctx); err != nil {
		return p, err
	}
	p.Fences = w.f.Now().Sub(began)
	if err := w.unmoved(ctx); err != nil {
		return p, err
	}
	if err := w.enter(ctx); err != nil {
		return p, err
	}
	err := w.replaced(ctx)
	w.leave(ctx)
	if err != nil {
		return p, err
	}
	w.mu.Lock()
	w.ch.Distrust()
	_, _, unlike, _ := w.ch.Tally()
	for _, n := range unlike {
		w.ch.Whole(n, "not as many rows came and went on one side as on the other")
	}
	p.Keys = w.ch.Open()
	p.Wholes = slices.Sorted(maps.Keys(w.ch.Wholes()))
	w.mu.Unlock()
	// Rows of a table that was compared as a whole may become keys, there may be more keys
	// than one look takes, and a commit may not be shown yet. What differs is looked at twice.
	for twice := false; ; {
		if err := w.verify(ctx, true, allWholes); err != nil {
			return p, err
		}
		w.mu.Lock()
		open, unlooked := w.ch.Open()+len(w.ch.Wholes()), w.ch.Unlooked()
		w.mu.Unlock()
		if open == 0 || unlooked == 0 && twice {
			break
		}
		twice = unlooked == 0
		if err := pause(ctx, time.Millisecond); err != nil {
			return p, err
		}
	}
	p.Took = w.f.Now().Sub(began)
	w.mu.Lock()
	var all bool
	if p.Added, p.Gone, _, all = w.ch.Tally(); all {
		p.Since = w.counted
	}
	w.mu.Unlock()
	return p, w.judge()
}

func (w *Follower) judge() error {
	w.mu.Lock()
	open, failing, wholes, lost := w.ch.Open(), w.ch.Failing(1, 5), w.ch.Wholes(), w.lost
	count, foreign := w.ch.Foreign()
	w.mu.Unlock()
	switch {
	case lost != nil:
		return lost
	case open > 0:
		return fmt.Errorf("%w: %d rows: %s", ErrDiffers, open, w.named(failing))
	}
	for n, why := range wholes {
		return fmt.Errorf("%w: %s: %s, and it is not the same as a whole", ErrDiffers, n, why)
	}
	// A foreign write that left both sides alike is no difference, but green was
	// open to someone: that is for a person to judge, and is said.
	if count > 0 && w.f.Say != nil {
		w.f.Say(fmt.Sprintf("it was written on %s and not through replication: %d times: %s", w.f.to(), count, w.named(foreign[:min(len(foreign), 5)])))
	}
	return nil
}

// fences waits until both logs have come to the token.
func (w *Follower) fences(ctx context.Context, token string) error {
	for {
		w.mu.Lock()
		done, lost, news := w.ch.SawFence(token) && w.ch.SawAck(token), w.lost, w.news
		w.mu.Unlock()
		switch {
		case lost != nil:
			return lost
		case done:
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return w.late(token)
		}
	}
}

// asideLimit bounds questions that only make an error clearer.
const asideLimit = time.Second

// late says how far the logs were read and where the servers were: a log that is
// read late, and a token that nobody wrote, have other cures.
func (w *Follower) late(token string) error {
	ctx, cancel := context.WithTimeout(w.run, asideLimit)
	defer cancel()
	b, g := "an unknown place", "an unknown place"
	if w.enter(ctx) == nil { // else a verification is at work, and may be what is slow
		x, y, err := both(w.tick, func(c engines.Comparer) (string, error) { return c.Position(ctx) })
		w.leave(ctx)
		if err == nil {
			b, g = x, y
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Errorf("%w: the logs were not read up to the freeze in time: %s's to %s of %s, %s's to %s of %s; the token was seen: %t, its acknowledgement: %t", errLost,
		w.f.from(), w.logs[0].Text(w.pos[0]), b, w.f.to(), w.logs[1].Text(w.pos[1]), g, w.ch.SawFence(token), w.ch.SawAck(token))
}

// ends waits until each log that can be is read up to where its server stands:
// whoever passes the freeze may have written behind the token.
func (w *Follower) ends(ctx context.Context) error {
	for i := range w.logs {
		if _, can := w.logs[i].(engines.Exact); !can {
			continue
		}
		if err := w.enter(ctx); err != nil {
			return err
		}
		at, err := []engines.Comparer{w.tick.blue, w.tick.green}[i].Position(ctx)
		w.leave(ctx)
		if err != nil {
			return err
		}
		end, err := w.logs[i].Parse(at)
		if err != nil {
			return err
		}
		for read := false; !read; {
			w.mu.Lock()
			lost := w.lost
			read = w.pos[i] >= end
			w.mu.Unlock()
			if lost != nil {
				return lost
			}
			if !read {
				if err := pause(ctx, time.Millisecond); err != nil {
					return fmt.Errorf("%w: the log was not read up to %s in time: %w", errLost, at, err)
				}
			}
		}
	}
	return nil
}

// unmoved refuses tables whose columns changed, and tables that are new.
func (w *Follower) unmoved(ctx context.Context) error {
	if err := w.enter(ctx); err != nil {
		return err
	}
	b, g, err := both(w.tick, func(c engines.Comparer) (map[string]string, error) { return c.Fingerprint(ctx) })
	w.leave(ctx)
	if err != nil {
		return err
	}
	for i, now := range []map[string]string{b, g} {
		for n, is := range now {
			was, ok := w.prints[i][n]
			if !matches(w.f.Tables, n) || slices.Contains(w.f.Except, n) {
				continue
			}
			if !ok {
				return &engines.Error{Op: "verify", Object: n, Err: errors.Join(errLost, errNew), Next: "compare everything again before the next window"}
			}
			if is != was {
				return &engines.Error{Op: "verify", Object: n, Err: errors.Join(errLost, errMoved), Next: "compare everything again before the next window"}
			}
		}
		for n := range w.prints[i] {
			if _, ok := now[n]; !ok && matches(w.f.Tables, n) && !slices.Contains(w.f.Except, n) {
				return &engines.Error{Op: "verify", Object: n, Err: errors.Join(errLost, errMoved), Next: "compare everything again before the next window"}
			}
		}
	}
	return nil
}
