package session

import (
	"fmt"
	"slices"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// clockSettles is how long after the freeze, or after its end, a count of
// sessions may still be from before it.
const clockSettles = 2 * time.Second

// wayBackSoon is how little room the way back may have before somebody is told.
const wayBackSoon = 10 // minutes

// watch raises and clears alarms from what is known now. s.mu is held.
func (s *Session) watch() {
	now := s.cfg.Now()
	s.watchTargets(now)
	s.watchFreeze(now)
	s.watchWayBack(now)
	s.watchChecks(now)
	s.watchRelease(now)
	_, doubt := s.state.Doubt()
	s.alarm(now, doubt, Alarm{ID: "doubt", Level: WarningLevel, Text: "THE OUTCOME OF THE STEP IS UNCLEAR", Consequence: "nothing runs before v or d has settled it"})
}

// watchDisk tells once, at the beginning of a segment, what is doubtful about the
// place where it is written.
func (s *Session) watchDisk() {
	if s.cfg.Disk == nil {
		return
	}
	found, err := s.cfg.Disk(s.cfg.Dir)
	if err != nil {
		found = append(found, audit.DiskConcern{ID: "unknown", Text: err.Error(), Consequence: "nobody can say whether the record is on a local disk with room"})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range found {
		s.alarm(s.cfg.Now(), true, Alarm{ID: "disk:" + c.ID, Level: WarningLevel, Text: c.Text, Consequence: c.Consequence})
	}
}

// alarm raises an alarm while its cause is there, and writes a new one into the
// record; it says whether it is new.
func (s *Session) alarm(now time.Time, on bool, a Alarm) bool {
	if !on {
		s.alarms.clear(now, a.ID)
		return false
	}
	if !s.alarms.raise(now, a) || s.log.Fault() != nil || s.state.Result != "" {
		return false
	}
	level := "caution"
	if a.Level == WarningLevel {
		level = "warning"
	}
	// A fault is shown by commit itself.
	_, _ = s.commit(steps.Event{Meta: audit.Meta{By: audit.System}, Body: entries.AlarmRaised{Alarm: a.ID, Level: level, Text: a.Text}})
	return true
}

// watchTargets tells of servers that are silent, and of others in their place. A
// silent server is a warning only while clients wait.
func (s *Session) watchTargets(now time.Time) {
	level := CautionLevel
	if s.state.Freeze.On {
		level = WarningLevel
	}
	for id := range s.known {
		err := s.sampler.lostWhy(id)
		text := ""
		if err != nil {
			text = fmt.Sprintf("%s DOES NOT ANSWER: %v", id, err)
		}
		if s.alarm(now, err != nil, Alarm{ID: "lost:" + string(id), Level: level, Text: text, Consequence: "its gates stay closed"}) {
			m := audit.Meta{By: audit.System, Target: string(id), OK: audit.OK(false)}
			if at, ok := s.state.BoundAt[id]; ok {
				m.Ref = audit.Ref(at)
			}
			_, _ = s.commit(steps.Event{Meta: m, Body: entries.TargetLost{Error: *maskedError(err)}}) // a fault is shown by commit itself
		}
	}
	for id, what := range s.sampler.changed(s.known) {
		if s.sampler.lostWhy(engineID(id)) == nil {
			s.alarm(now, true, Alarm{ID: "identity:" + id, Level: WarningLevel, Text: id + ": " + what, Consequence: "nothing runs against it"})
		}
	}
}

// watchFreeze tells of clients that wait long, and of writers on a closed side.
func (s *Session) watchFreeze(now time.Time) {
	f := s.state.Freeze
	el, budget := now.Sub(f.Since), s.budget()
	clients := "CLIENTS WAIT"
	if slices.ContainsFunc(s.state.Book.Targets, func(t runbooks.Target) bool { return s.names(t.ID).Refuses }) {
		clients = "CLIENTS ARE TURNED AWAY"
	}
	s.alarm(now, f.On && budget > 0 && el > budget*7/10, Alarm{ID: "freeze", Level: WarningLevel,
		Text: fmt.Sprintf("%s SINCE %s, BUDGET %s", clients, el.Round(time.Second), budget), Consequence: "back out or finish"})
	since := f.Since
	if !f.On {
		since = f.Ended
	}
	for _, id := range []engines.TargetID{"blue", "green"} {
		g, ok := s.sampler.gauge(engines.Gauge(id, "app_sessions_count"), now)
		closed := s.state.Result == "" && (f.On || s.state.Opened && id != s.state.Writes)
		seen := ok && !g.Stale && g.Value > 0 && g.At.After(since.Add(clockSettles))
		s.alarm(now, closed && seen, Alarm{ID: "writer:" + string(id), Level: WarningLevel,
			Text: fmt.Sprintf("%.0f APPLICATION SESSIONS ON %s, WHICH IS CLOSED", g.Value, id), Consequence: "what they write is lost"})
	}
}

// watchWayBack tells when the way back is gone, or soon will be.
func (s *Session) watchWayBack(now time.Time) {
	w := s.wayBack()
	s.alarm(now, w.State == "LOSES DATA", Alarm{ID: "way-back", Level: WarningLevel, Text: "THE WAY BACK LOSES " + w.Loses, Consequence: "going back would need an export"})
	g, ok := s.sampler.gauge(engines.Gauge(s.state.Writes, s.names(s.state.Writes).Room), now)
	s.alarm(now, s.state.Opened && ok && !g.Stale && g.Value < wayBackSoon, Alarm{ID: "way-back-soon", Level: CautionLevel,
		Text: fmt.Sprintf("WHAT THE WAY BACK NEEDS IS KEPT FOR %.0f MIN", g.Value), Consequence: "then the way back is gone"})
}

// watchChecks tells of checks of the next step that had passed and do not any
// more. All of them are one alarm: one dead connection closes many gates.
func (s *Session) watchChecks(now time.Time) {
	it, ok := s.state.Current()
	if !ok {
		s.alarms.clear(now, "checks")
		return
	}
	x := s.state.Step(it.Step.ID)
	gates := it.Gates()
	bad, silent := 0, 0
	for _, v := range s.verdicts(gates) {
		switch v.Status {
		case checks.Fail:
			bad++
		case checks.Unknown:
			bad++
			silent++
		}
	}
	waits := x.Phase == steps.Pending || x.Phase == steps.Armed
	if s.alarms.passed == nil {
		s.alarms.passed = map[string]bool{}
	}
	if waits && bad == 0 && len(gates) > 0 {
		s.alarms.passed[string(it.Step.ID)] = true
	}
	text := fmt.Sprintf("%d OF %d CHECKS OF %s DO NOT PASS ANY MORE", bad, len(gates), it.Step.ID)
	if silent > 0 {
		text = fmt.Sprintf("%d OF %d CHECKS OF %s ARE UNKNOWN: NOBODY ANSWERS", silent, len(gates), it.Step.ID)
	}
	s.alarm(now, waits && bad > 0 && s.alarms.passed[string(it.Step.ID)], Alarm{ID: "checks", Level: CautionLevel, Text: text, Consequence: "the step does not run"})
}
