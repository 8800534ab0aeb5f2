package session

import (
	"context"

	"github.com/turquoise-db/turquoise/compare"
	"github.com/turquoise-db/turquoise/engines"
)

// openCompare opens the door of comparing actions. It lives until the session
// ends: what changes between two steps is followed by it.
func (s *Session) openCompare(ctx context.Context, on engines.TargetID) (engines.Conn, error) {
	target, _ := s.cfg.Book.Target(on)
	return compare.OpenDoor(ctx, on, compare.Sides{
		Blue: "blue", Green: "green", Engine: s.cfg.Engines[target.Engine], Now: s.cfg.Now,
		Request: func(ctx context.Context, t engines.TargetID) engines.OpenRequest {
			r := s.request(ctx, t, "compare")
			r.Ctx = ctx
			return r
		},
		Say: func(bad bool, text string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.say(s.cfg.Now(), bad, text)
			s.changed()
		},
	})
}
