package compare

import (
	"context"

	"github.com/turquoise-db/turquoise/engines"
)

// shown reports of the newest transactions of blue and green that wrote a row, and of
// the turn in which they were told, whether both servers show what they wrote.
type shown func(tx [2]uint64, turn uint64) bool

// shown asks what the servers show. A log tells a commit before sessions see it: where
// it waits for a synchronous standby that is long, and a row that is read meanwhile is
// as it was. A server that cannot say is given until the next look; at a freeze nothing
// is being committed any more.
func (w *Follower) shown(ctx context.Context, all bool) (shown, error) {
	var unseen [2]func(uint64) bool
	for i, c := range []engines.Comparer{w.tick.blue, w.tick.green} {
		if s, can := c.(engines.Seer); can {
			var err error
			if unseen[i], err = s.Unseen(ctx); err != nil {
				return nil, err
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.told
	w.told = w.ch.Turn()
	return func(tx [2]uint64, turn uint64) bool {
		for i, f := range unseen {
			if f == nil && !all && turn > before || f != nil && tx[i] > 0 && f(tx[i]) {
				return false
			}
		}
		return true
	}, nil
}
