package session

import (
	"slices"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/steps"
)

// alarmBoard holds what asks for a person. An alarm is raised once and stays,
// acknowledged or over, for recall.
type alarmBoard struct {
	all    []Alarm
	gone   map[string]time.Time // when the cause of an alarm was last seen to be gone
	passed map[string]bool      // steps whose checks have all passed before
}

// quietFor is how long a cause must be gone before its alarm may come again:
// a gauge at its limit must not flood the screen.
const quietFor = 30 * time.Second

// raise reports whether a new alarm came up. One whose cause was gone for less
// than quietFor is the old one, still acknowledged if it was.
func (b *alarmBoard) raise(now time.Time, a Alarm) bool {
	for i := len(b.all) - 1; i >= 0; i-- {
		if b.all[i].ID != a.ID {
			continue
		}
		old := &b.all[i]
		if old.Over && now.Sub(b.gone[a.ID]) >= quietFor {
			break
		}
		old.Over, old.Text, old.Consequence = false, a.Text, a.Consequence
		return false
	}
	a.Since = now
	b.all = append(b.all, a)
	return true
}

func (b *alarmBoard) clear(now time.Time, id string) {
	for i := range b.all {
		if b.all[i].ID == id && !b.all[i].Over {
			b.all[i].Over = true
			if b.gone == nil {
				b.gone = map[string]time.Time{}
			}
			b.gone[id] = now
		}
	}
}

func (b *alarmBoard) list() []Alarm {
	out := slices.Clone(b.all)
	slices.SortStableFunc(out, func(x, y Alarm) int {
		switch {
		case x.Over != y.Over:
			return map[bool]int{true: 1, false: -1}[x.Over]
		case x.Level != y.Level:
			return int(y.Level) - int(x.Level)
		}
		return x.Since.Compare(y.Since)
	})
	return out
}

func (s *Session) budget() time.Duration {
	if it, ok := s.state.Current(); ok && it.Budget > 0 {
		return it.Budget
	}
	for _, it := range s.state.Walk {
		if it.Budget > 0 {
			return it.Budget
		}
	}
	return 0
}

// ack acknowledges an alarm. s.mu is held.
func (s *Session) ack(who Person, a steps.Ack) error {
	if !s.holdsToken(who) {
		return &steps.Refusal{Why: who.Name + " does not hold the operator token", Next: "ask the operator"}
	}
	for i := range s.alarms.all {
		if al := &s.alarms.all[i]; al.ID == a.Alarm && !al.Acked {
			al.Acked = true
			_, err := s.commit(steps.Event{Meta: audit.Meta{By: who.Name}, Body: entries.AlarmAcked{Alarm: al.ID, Level: "warning", Text: al.Text}})
			return err
		}
	}
	return nil
}
