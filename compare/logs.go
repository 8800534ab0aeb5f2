package compare

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// asked is where a server was at a time.
type asked struct {
	at  time.Time
	pos uint64
}

// feed takes one side's log until it ends.
func (w *Follower) feed(ctx context.Context, side int) {
	for {
		err := w.wait(ctx, side)
		var tx engines.Transaction
		if err == nil {
			tx, err = w.logs[side].Next(ctx)
		}
		w.mu.Lock()
		if err != nil {
			if ctx.Err() == nil {
				w.lost = errors.Join(errLost, err)
				w.wake()
			}
			w.mu.Unlock()
			return
		}
		w.pos[side] = max(w.pos[side], tx.Position)
		r := &w.yield.rate[side]
		if was := r.busy; w.read {
			if r.count(tx, w.f.Now()); r.busy != was {
				w.pace()
			}
		}
		if side == 0 {
			w.ch.Blue(tx)
		} else {
			w.ch.Green(tx)
		}
		if len(tx.Tokens) > 0 {
			w.wake()
		}
		for len(w.asked[side]) > 0 && w.asked[side][0].pos <= w.pos[side] {
			w.asked[side] = w.asked[side][1:]
		}
		w.mu.Unlock()
	}
}

// ask notes where the servers are, so that it is seen when a log is not read up to
// there.
func (w *Follower) ask(ctx context.Context) error {
	if err := w.enter(ctx); err != nil {
		return err
	}
	at, err := w.here(ctx)
	w.leave(ctx)
	if err != nil {
		return err
	}
	now := w.f.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, pos := range at {
		w.yield.end[i] = pos
		if pos > w.pos[i] && len(w.asked[i]) < mostAsked {
			w.asked[i] = append(w.asked[i], asked{now, pos})
		}
	}
	return nil
}

// here is where both servers are.
func (w *Follower) here(ctx context.Context) (at [2]uint64, err error) {
	b, g, err := both(w.tick, func(c engines.Comparer) (string, error) { return c.Position(ctx) })
	if err != nil {
		return at, err
	}
	for i, text := range []string{b, g} {
		if at[i], err = w.logs[i].Parse(text); err != nil {
			return at, err
		}
	}
	return at, nil
}

// behind is for how long a log has not been read up to where its server was. w.mu
// is held.
func (w *Follower) behind(now time.Time) time.Duration {
	out := time.Duration(0)
	for _, a := range w.asked {
		if len(a) > 0 {
			out = max(out, now.Sub(a[0].at))
		}
	}
	return out
}

const (
	// enoughRows are enough to know what is wrong.
	enoughRows = 5
	// latest is how often the logs are asked for more rows that differ once one does.
	latest = 40
)

// caughtUp waits until both logs have been read up to where the servers are now,
// and all that they told is verified.
func (w *Follower) caughtUp(ctx context.Context) error {
	want, err := w.here(ctx)
	if err != nil {
		return err
	}
	turn, told, left := uint64(0), false, 0
	for late := 0; ; {
		if err := w.ask(ctx); err != nil {
			return err
		}
		if err := w.verify(ctx, false, soon); err != nil {
			return err
		}
		w.mu.Lock()
		if !told && w.pos[0] >= want[0] && w.pos[1] >= want[1] {
			turn, told = w.ch.Turn(), true
		}
		wholes := w.ch.Wholes()
		if told && len(wholes) < left {
			turn = w.ch.Turn() // rows of a table that was compared as a whole became keys
		}
		left = len(wholes)
		open, failing, lost := w.ch.OpenBefore(turn), w.ch.Failing(looksFailed, enoughRows), w.lost
		for n := range w.ch.Unfollowed() {
			delete(wholes, n) // compared again in the freeze, whatever is found now
		}
		restless := w.ch.Restless(looksFailed)
		for _, n := range restless {
			delete(wholes, n) // and so are these, if nobody finds them at rest before
		}
		w.mu.Unlock()
		switch {
		case lost != nil:
			return lost
		case len(failing) == enoughRows, len(failing) > 0 && (told && open <= len(failing) || late == latest):
			return w.differs(failing)
		case len(failing) > 0: // the others soon fail as well, or are found equal
			late++
		case told && open == 0 && len(wholes) == 0:
			if len(restless) > 0 && w.f.Say != nil {
				w.f.Say("written during every look, and compared as a whole in the freeze: " + strings.Join(restless, ", "))
			}
			return nil
		}
		if err := pause(ctx, tickEvery/5); err != nil {
			return err
		}
	}
}

// countRows begins to count rows that come and go, from where both are now: what blue
// commits from here on is in both logs.
func (w *Follower) countRows(ctx context.Context) error {
	from, err := w.here(ctx)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ch.CountFrom(from[0], from[1])
	w.counted = w.f.Now()
	return nil
}
