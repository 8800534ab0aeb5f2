package session

import (
	"context"
	"sync"

	"github.com/turquoise-db/turquoise/steps"
)

// Handle is one person's door to the session. It knows who the person is; a
// screen cannot name another.
type Handle struct {
	s   *Session
	mu  sync.Mutex
	who Person
}

// Handle returns a door for a person.
func (s *Session) Handle(p Person) *Handle { return &Handle{s: s, who: p} }

// Do sends what the person asks. It returns when that is recorded or refused.
func (h *Handle) Do(ctx context.Context, in Intent) error {
	h.mu.Lock()
	who := h.who
	h.mu.Unlock()
	if c, ok := in.Command.(steps.TakeBack); ok && c.Digest == "" {
		return &steps.Refusal{Why: "nothing that was shown is confirmed", Next: "press b"} // only the dead-man sees no screen
	}
	err := h.s.do(ctx, who, in)
	if c, ok := in.Command.(steps.Handover); ok && err == nil {
		// The keyboard is another person's now: the record says from whom it came.
		h.mu.Lock()
		h.who.Name = c.To
		h.mu.Unlock()
	}
	return err
}

// Subscribe returns a channel of snapshots and a function that ends it. The
// channel holds the newest one only: a slow screen misses frames, never blocks.
func (h *Handle) Subscribe() (<-chan Snapshot, func()) {
	s := h.s
	ch := make(chan Snapshot, 1)
	s.mu.Lock()
	s.subs[ch] = struct{}{}
	ch <- s.snapshot()
	s.mu.Unlock()
	return ch, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, ok := s.subs[ch]; ok {
			delete(s.subs, ch)
			close(ch)
		}
	}
}

// publish never blocks, whatever a terminal does. s.mu is held.
func (s *Session) publish() {
	if len(s.subs) == 0 {
		return
	}
	s.shown, s.dirty = s.cfg.Now(), false
	snap := s.snapshot()
	for c := range s.subs {
		select {
		case <-c: // the frame that nobody took
		default:
		}
		c <- snap
	}
}
