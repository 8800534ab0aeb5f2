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
}

const defaultLimit = 10 * time.Second

// Run starts a runner for anchors. Close ends it.
func Run(ctx context.Context, o RunnerOptions, all ...Anchor) *Runner {
	ctx, stop := context.WithCancel(ctx)
	r := &Runner{dir: o.Dir, sid: o.Sid, limit: o.Limit, got: o.Got, failed: o.Failed, now: o.Now, stop: stop}
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
		select {
		case l.wake <- struct{}{}:
		default: // it has been told already
		}
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
		h := l.next
		l.next, l.busy = nil, h != nil
		l.mu.Unlock()
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
		for (l.next != nil || l.busy) && ctx.Err() == nil {
			l.idle.Wait()
		}
		l.mu.Unlock()
	}
	return ctx.Err() == nil
}

// Close gives up what is still on its way and waits for the goroutines.
func (r *Runner) Close() {
	r.stop()
	r.wg.Wait()
}
