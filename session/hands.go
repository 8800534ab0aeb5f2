package session

import (
	"context"

	"github.com/turquoise-db/turquoise/steps"
)

// The session has one pair of hands: a connection is used by one goroutine at a
// time, and what is known after a statement (Classify) is true only until the
// next one. The running step holds them from its first action to its outcome;
// whoever asks a proof or opens a connection ahead holds them for that time.

// take waits for the hands. The context it gives ends with the session too.
func (s *Session) take(ctx context.Context) (context.Context, func(), error) {
	select {
	case s.hands <- struct{}{}:
	case <-ctx.Done():
		return ctx, nil, ctx.Err()
	case <-s.ctx.Done():
		return ctx, nil, ErrClosed
	}
	c, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.ctx, cancel)
	return c, func() {
		stop()
		cancel()
		<-s.hands
	}, nil
}

// free reports whether nobody has the hands now; then the caller has.
func (s *Session) free() bool {
	select {
	case s.hands <- struct{}{}:
		return true
	default:
		return false
	}
}

// going refuses what comes when the session is being left or has ended.
func (s *Session) going() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone()
}

// gone is going for those who hold s.mu.
func (s *Session) gone() error {
	switch {
	case s.closed:
		return ErrClosed
	case s.leaving != "": // the step that runs may end; no other starts
		return &steps.Refusal{Why: "the session is being left: " + s.leaving, Next: "turquoise resume " + s.cfg.Sid}
	}
	return nil
}
