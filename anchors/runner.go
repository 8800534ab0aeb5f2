package anchors

import (
	"context"
	"sync"
	"time"

	"github.com/turquoise-db/turquoise/audit"
)

// Runner takes the heads of one session to all its anchors, beside the session.
type Runner struct {
	dir, sid string
	limit    time.Duration
	got      func(Receipt)
	failed   func(a Anchor, since time.Time, err error)
	spared   func(a Anchor, line int)
	now      func() time.Time
	lanes    []*lane
	wg       sync.WaitGroup
	stop     context.CancelFunc
}

// lane is one anchor with the newest head that waits for it.
type lane struct {
	anchor Anchor
	mu     sync.Mutex
	next   *audit.Head
	spare  []audit.EmergencyLine // not taken yet, in order
	fresh  bool                  // some of them were not tried yet
	busy   bool
	wake   chan struct{}
	idle   *sync.Cond
}

// RunnerOptions are the explicit dependencies of a runner. Got and Failed are
// called from its goroutines, one call at a time for each anchor; they may wait.
type RunnerOptions struct {
	Dir, Sid string
	Limit    time.Duration // of one attempt; 0: ten seconds
	Now      func() time.Time
	Got      func(Receipt)
	Failed   func(a Anchor, since time.Time, err error)
	Spared   func(a Anchor, line int) // it keeps the emergency lines up to this one
}

const defaultLimit = 10 * time.Second

// Run starts a runner for anchors. Close ends it.
func Run(ctx context.Context, o RunnerOptions, all ...Anchor) *Runner {
	ctx, stop := context.WithCancel(ctx)
	r := &Runner{dir: o.Dir, sid: o.Sid, limit: o.Limit, got: o.Got, failed: o.Failed, spared: o.Spared, now: o.Now, stop: stop}
	if r.limit == 0 {
		r.limit = defaultLimit
	}
	for _, a := range all {
		l := &lane{anchor: a, wake: make(chan struct{}, 1)}
		l.idle = sync.NewCond(&l.mu)
		r.lanes = append(r.lanes, l)
		r.wg.Go(func() { r.work(ctx, l) })
	}
	return r
}

// Head hands a new head to all anchors. It never waits for any of them.
func (r *Runner) Head(h audit.Head) {
	for _, l := range r.lanes {
		l.mu.Lock()
		l.next = &h
		l.mu.Unlock()
		l.rouse()
	}
}

// Emergency hands a line of the emergency file to the anchors that keep such. It
// never waits for any of them.
func (r *Runner) Emergency(line audit.EmergencyLine) {
	for _, l := range r.lanes {
		if _, ok := l.anchor.(Keeper); !ok {
			continue
		}
		l.mu.Lock()
		l.spare, l.fresh = append(l.spare, line), true
		l.mu.Unlock()
		l.rouse()
	}
}

func (l *lane) rouse() {
	select {
	case l.wake <- struct{}{}:
	default: // it has been told already
	}
}

func (r *Runner) work(ctx context.Context, l *lane) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		}
		l.mu.Lock()
		h, spare := l.next, l.spare
		l.next, l.spare, l.fresh, l.busy = nil, nil, false, h != nil || len(spare) > 0
		l.mu.Unlock()
		if len(spare) > 0 { // before any head: nothing else holds them
			r.spare(ctx, l, spare)
		}
		if h != nil {
			r.take(ctx, l.anchor, *h)
		}
		l.mu.Lock()
		l.busy = false
		l.idle.Broadcast()
		l.mu.Unlock()
	}
}

func (r *Runner) take(ctx context.Context, a Anchor, h audit.Head) {
	since := r.now()
	ctx, cancel := context.WithTimeout(ctx, r.limit)
	defer cancel()
	got, err := a.Take(ctx, Point{Dir: r.dir, Sid: r.sid, Head: h})
	if err != nil {
		r.failed(a, since, err)
		return
	}
	if got.Kind != "" {
		r.got(got)
	}
}

// spare takes emergency lines in runs of one file. What was not taken is tried once
// more with the next line, or when the runner is closed.
func (r *Runner) spare(ctx context.Context, l *lane, lines []audit.EmergencyLine) {
	keeper := l.anchor.(Keeper) // only such lanes have lines
	for len(lines) > 0 {
		e := Emergency{Sid: r.sid, Origin: lines[0].Origin, File: lines[0].File, First: lines[0].Line}
		n := 0
		for n < len(lines) && lines[n].File == e.File {
			e.Lines = append(e.Lines, lines[n].Raw...)
			n++
		}
		since := r.now()
		c, cancel := context.WithTimeout(ctx, r.limit)
		err := keeper.Keep(c, e)
		cancel()
		if err != nil {
			l.mu.Lock()
			l.spare = append(lines, l.spare...)
			l.mu.Unlock()
			r.failed(l.anchor, since, err)
			return
		}
		r.spared(l.anchor, lines[n-1].Line)
		lines = lines[n:]
	}
}

// Settle waits until every anchor has answered for the newest head or ctx ends.
// It reports whether all have.
func (r *Runner) Settle(ctx context.Context) bool {
	defer context.AfterFunc(ctx, func() {
		for _, l := range r.lanes {
			l.mu.Lock()
			l.idle.Broadcast()
			l.mu.Unlock()
		}
	})()
	for _, l := range r.lanes {
		l.mu.Lock()
		for (l.next != nil || l.fresh || l.busy) && ctx.Err() == nil {
			l.idle.Wait()
		}
		l.mu.Unlock()
	}
	return ctx.Err() == nil
}

// Close gives up what is still on its way and waits for the goroutines. Emergency
// lines are tried once more before that, within the limit of one attempt.
func (r *Runner) Close() {
	again := false
	for _, l := range r.lanes {
		l.mu.Lock()
		l.fresh = len(l.spare) > 0
		again = again || l.fresh
		l.mu.Unlock()
		l.rouse()
	}
	if again {
		ctx, cancel := context.WithTimeout(context.Background(), r.limit)
		r.Settle(ctx)
		cancel()
	}
	r.stop()
	r.wg.Wait()
}
