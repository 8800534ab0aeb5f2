package session

import (
	"fmt"
	"slices"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/steps"
)

// alarmBoard holds what asks for a person. An alarm is raised once and stays,
// acknowledged or over, for recall.
type alarmBoard struct{ all []Alarm }

// quietFor is how long a cause must be gone before its alarm may come again:
// a gauge at its limit must not flood the screen.
const quietFor = 30 * time.Second

func (b *alarmBoard) raise(now time.Time, a Alarm) bool {
	for i := range b.all {
		if b.all[i].ID != a.ID {
			continue
		}
		if !b.all[i].Over {
			b.all[i].Text, b.all[i].Consequence = a.Text, a.Consequence
			return false
		}
		if now.Sub(b.all[i].Since) < quietFor {
			b.all[i].Over = false
			return false
		}
	}
	a.Since = now
	b.all = append(b.all, a)
	return true
}

func (b *alarmBoard) clear(id string) {
	for i := range b.all {
		if b.all[i].ID == id {
			b.all[i].Over = true
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

// watch raises and clears alarms from what is known now. s.mu is held.
func (s *Session) watch() {
	now := s.cfg.Now()
	set := func(on bool, a Alarm) {
		if !on {
			s.alarms.clear(a.ID)
			return
		}
		if !s.alarms.raise(now, a) || s.log.Fault() != nil || s.state.Result != "" {
			return
		}
		level := "caution"
		if a.Level == WarningLevel {
			level = "warning"
		}
		// A fault is shown by commit itself.
		_, _ = s.commit(steps.Event{Meta: audit.Meta{By: audit.System}, Body: entries.AlarmRaised{Alarm: a.ID, Level: level, Text: a.Text}})
	}
	for id := range s.known {
		err := s.sampler.lostWhy(id)
		text := ""
		if err != nil {
			text = fmt.Sprintf("%s DOES NOT ANSWER: %v", id, err)
		}
		set(err != nil, Alarm{ID: "lost:" + string(id), Level: WarningLevel, Text: text, Consequence: "its gates stay closed"})
	}
	for id, what := range s.sampler.changed(s.known) {
		if s.sampler.lostWhy(engineID(id)) == nil {
			set(true, Alarm{ID: "identity:" + id, Level: WarningLevel, Text: id + ": " + what, Consequence: "nothing runs against it"})
		}
	}
	f := s.state.Freeze
	el := now.Sub(f.Since)
	budget := s.budget()
	set(f.On && budget > 0 && el > budget*7/10, Alarm{ID: "freeze", Level: WarningLevel,
		Text: fmt.Sprintf("CLIENTS WAIT SINCE %s, BUDGET %s", el.Round(time.Second), budget), Consequence: "back out or finish"})
	_, doubt := s.state.Doubt()
	set(doubt, Alarm{ID: "doubt", Level: WarningLevel, Text: "THE OUTCOME OF THE STEP IS UNCLEAR", Consequence: "nothing runs before v or d has settled it"})
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
	for i := range s.alarms.all {
		if al := &s.alarms.all[i]; al.ID == a.Alarm && !al.Acked {
			al.Acked = true
			_, err := s.commit(steps.Event{Meta: audit.Meta{By: who.Name}, Body: entries.AlarmAcked{Alarm: al.ID, Level: "warning", Text: al.Text}})
			return err
		}
	}
	return nil
}
