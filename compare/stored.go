package compare

import (
	"context"
	"maps"

	"github.com/turquoise-db/turquoise/engines"
)

// stored is what the servers say of where rows lie, which tells what their logs do
// not: tables that were rewritten, partitions that came or went. w.mu guards it.
type stored struct {
	seen [2]map[string]string // at the last time the table was compared as a whole
	now  [2]map[string]string // at the last look
}

// lie asks both sides where rows lie; nil from a side whose log tells everything.
func (w *Follower) lie(ctx context.Context) ([2]map[string]string, error) {
	b, g, err := both(w.tick, func(c engines.Comparer) (map[string]string, error) {
		if s, can := c.(engines.Storer); can {
			return s.Stored(ctx)
		}
		return nil, nil
	})
	return [2]map[string]string{b, g}, err
}

// replaced makes tables that came to lie otherwise be compared as a whole. It is the
// caller's turn to look.
func (w *Follower) replaced(ctx context.Context) error {
	now, err := w.lie(ctx)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.stored.now
	w.stored.now = now
	for i := range now {
		for n, is := range now[i] {
			if w.tables[n] != nil && is != w.stored.seen[i][n] && (before[i] == nil || is != before[i][n]) {
				w.ch.Whole(n, "it was rewritten, or its partitions changed")
			}
		}
	}
	return nil
}

// settled takes what was seen of a table before it was compared as a whole. w.mu is
// held.
func (w *Follower) settled(table string) {
	for i, m := range w.stored.now {
		if m != nil {
			w.stored.seen[i][table] = m[table]
		}
	}
}

// lies is what a later life has to know. w.mu is held.
func (s *stored) lies() [2]map[string]string {
	return [2]map[string]string{maps.Clone(s.seen[0]), maps.Clone(s.seen[1])}
}
