package compare

import (
	"context"
	"fmt"
	"time"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/engines"
)

// Named constants of giving way. A server that suffers is left alone: rows are
// verified later, and a log whose stream can wait is read later. What that leaves
// for the freeze is bounded.
const (
	calmAfter = 3       // looks at the load without complaint, after which following goes on
	mostOpen  = 250_000 // rows that wait to be verified: a second or two of a freeze
	mostKept  = 1 << 30 // bytes of a log that a server keeps for us because we do not read it
)

// A busy log is read in batches, for its server's sake, until a proof is near. Below
// a rate that few servers feel, each change is told at once.
const (
	batchEvery = time.Minute
	busyAbove  = 500 // transactions per second
	busyUntil  = 250
	rateOver   = 5 * time.Second // of what a rate is taken
)

// turn lets one at a time look; whoever waits for it may give up.
type turn chan struct{}

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("a look at the rows is under way: %w", context.Cause(ctx))
	}
}

func (t turn) leave() { <-t }

// enter is a turn to look. Sessions that somebody before gave up in the middle of a
// question are opened anew.
func (w *Follower) enter(ctx context.Context) error {
	if err := w.look.take(ctx); err != nil || !w.broken {
		return err
	}
	p, err := openPair(ctx, w.f.Options)
	if err != nil {
		w.look.leave()
		return err
	}
	w.tick.close()
	w.tick, w.broken = p, false
	return nil
}

// leave ends the turn of whoever looked with a context.
func (w *Follower) leave(ctx context.Context) {
	w.broken = w.broken || ctx.Err() != nil
	w.look.leave()
}

// yield is how following gives way to the servers' own work. w.mu guards it.
type yield struct {
	pace   tablediff.Pace
	why    string // empty: nothing is in the way
	calm   int    // looks without complaint since
	urgent int    // proofs at work: nobody waits then
	end    [2]uint64
	news   chan struct{} // closed and replaced when following goes on
	near   bool          // a proof may come at any moment
	rate   [2]rate
}

// rate is how busy a log is.
type rate struct {
	since time.Time
	n     int
	busy  bool
}

// count takes what one reading told.
func (r *rate) count(tx engines.Transaction, now time.Time) {
	if r.since.IsZero() {
		r.since = now
	}
	if tx.Before > 0 { // else it is word of a position
		r.n++
	}
	took := now.Sub(r.since)
	if took < rateOver || r.busy && tx.Before > 0 { // of a batch all is counted
		return
	}
	limit := busyAbove
	if r.busy {
		limit = busyUntil
	}
	r.busy = float64(r.n) > float64(limit)*took.Seconds()
	r.since, r.n = now, 0
}

// every is how long the next batch of a side is kept waiting; 0: none is, or its log
// knows no batches. w.mu is held.
func (w *Follower) every(side int) time.Duration {
	y := &w.yield
	if _, can := w.logs[side].(engines.Paced); can && y.rate[side].busy && w.read && !y.near && y.urgent == 0 {
		return batchEvery
	}
	return 0
}

// pace tells the logs how they are to be read from now on. w.mu is held.
func (w *Follower) pace() {
	for side, l := range w.logs {
		if p, can := l.(engines.Paced); can {
			p.Pace(w.every(side))
		}
	}
}

// Near says whether a proof may come at any moment: then changes are told at once,
// whatever that costs.
func (w *Follower) Near(is bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.yield.near != is {
		w.yield.near = is
		w.pace()
	}
}

// law looks at the load of both servers. Following never ends for it.
func (w *Follower) law(ctx context.Context) {
	if w.enter(ctx) != nil {
		return
	}
	b, g, err := both(w.tick, func(c engines.Comparer) (engines.Load, error) { return c.Load(ctx) })
	w.leave(ctx)
	w.mu.Lock()
	y := &w.yield
	order, why := y.pace.Next(w.r.o.Limits(), map[string]engines.Load{w.f.from(): b, w.f.to(): g}, err)
	begins := false
	switch {
	case order != tablediff.Go:
		begins = y.why == ""
		y.why, y.calm = why, 0
	case y.why != "":
		if y.calm++; y.calm >= calmAfter {
			y.why, y.calm = "", 0
			w.goOn()
		}
	}
	w.mu.Unlock()
	if begins && w.f.Say != nil {
		w.f.Say("following gives way: " + why)
	}
}

// goOn wakes whoever does not read. w.mu is held.
func (w *Follower) goOn() {
	close(w.yield.news)
	w.yield.news = make(chan struct{})
}

// hurried reports whether a proof is at work, which nobody keeps waiting.
func (w *Follower) hurried() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.yield.urgent > 0
}

// yields reports whether verifying waits for calmer servers.
func (w *Follower) yields() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.yield.why != "" && w.yield.urgent == 0 && w.ch.Open() < mostOpen
}

// urgently lets nobody wait until it is ended.
func (w *Follower) urgently() (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.yield.urgent++
	w.pace()
	w.goOn()
	return func() {
		w.mu.Lock()
		w.yield.urgent--
		w.pace()
		w.mu.Unlock()
	}
}

// wait leaves a side's stream alone as long as a server suffers.
func (w *Follower) wait(ctx context.Context, side int) error {
	p, can := w.logs[side].(engines.Patient)
	if !can {
		return nil
	}
	for {
		w.mu.Lock()
		news := w.yield.news
		reads := w.yield.why == "" || w.yield.urgent > 0 || !w.read || w.yield.end[side] > w.pos[side]+mostKept
		w.mu.Unlock()
		if reads {
			return nil
		}
		if err := p.Alive(); err != nil {
			return err
		}
		t := time.NewTimer(loadEvery)
		select {
		case <-news:
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
		t.Stop()
	}
}
