package compare

import (
	"context"
	"slices"
	"time"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/engines"
)

// A log tells a commit before sessions see it: where it waits for a synchronous standby
// that is long, and a row that is read meanwhile is as it was.

// unseen asks both servers which transactions they do not show yet; nil from one that
// cannot say.
func (w *Follower) unseen(ctx context.Context) ([2]func(id uint64) bool, error) {
	b, g, err := both(w.tick, func(c engines.Comparer) (func(uint64) bool, error) {
		if s, can := c.(engines.Seer); can {
			return s.Unseen(ctx)
		}
		return nil, nil
	})
	return [2]func(uint64) bool{b, g}, err
}

// shown leaves only keys whose newest change both servers show. Where a server cannot
// say, what was told since the last look is left out until the next.
func (w *Follower) shown(ctx context.Context) (func([]tablediff.Dirty) []tablediff.Dirty, error) {
	unseen, err := w.unseen(ctx)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.told
	w.told = w.ch.Turn()
	for i, f := range unseen {
		if f != nil {
			w.ch.Shown(i, f)
		}
	}
	return func(due []tablediff.Dirty) []tablediff.Dirty {
		return slices.DeleteFunc(due, func(d tablediff.Dirty) bool {
			for i, f := range unseen {
				if f == nil && d.Turn > before || f != nil && d.TX[i] > 0 && f(d.TX[i]) {
					return true
				}
			}
			return false
		})
	}, nil
}

// forget lets go of transactions that the servers show, while nobody looks at rows yet:
// a first comparison may take hours, and the logs tell all of them meanwhile.
func (w *Follower) forget(ctx context.Context, over <-chan struct{}, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-over:
			return
		}
		err := w.enter(ctx)
		if err == nil {
			_, err = w.shown(ctx)
			w.leave(ctx)
		}
		if err != nil {
			return // whoever asks the servers next says so
		}
	}
}

// shows reports whether both servers show everything that was told of a table up to
// the turn that it gives.
func (w *Follower) shows(ctx context.Context, table string) (turn uint64, ok bool, err error) {
	w.mu.Lock()
	turn = w.ch.Turn()
	told := w.ch.Hidden(table)
	w.mu.Unlock()
	unseen, err := w.unseen(ctx)
	if err != nil {
		return turn, false, err
	}
	for i, f := range unseen {
		if f != nil && slices.ContainsFunc(told[i], f) {
			return turn, false, nil
		}
	}
	return turn, true, nil
}
