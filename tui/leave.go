package tui

import (
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

func (m Model) leaveParts(w int) (string, tok, []line, []line, []line) {
	c := m.shown.Cards[m.shown.Current]
	say := "Leaving only closes this screen; the session stays."
	switch {
	case walkOver(m.shown):
		say = "Every step has ended. Ending the session closes and signs its record; until then it can be resumed."
	case running(c) && m.shown.Freeze.State == "frozen":
		say = string(c.ID) + " is running, the freeze is on. " + say
	case running(c):
		say = string(c.ID) + " is running. " + say
	case m.shown.Freeze.State == "frozen":
		say = "The freeze is on. " + say
	}
	var middle []line
	for _, l := range words(say, w) {
		middle = append(middle, one(text, l))
	}
	end := line{{turq | bold, "e"}, {text, " end the session for good, with a reason…"}}
	if running(c) {
		end = one(dim, "(e end the session: off while a step runs)")
	}
	tail := []line{nil, {{turq | bold, "esc"}, {dim, " stay "}, {turq, caret}}, {{turq | bold, "l"}, {text, " leave, session goes on"}}, end}
	return "LEAVE?", turq, nil, middle, tail
}

// leaveAsks says whether q has something to ask.
func leaveAsks(s session.Snapshot) bool {
	c := s.Cards[s.Current]
	return !s.Finished && (walkOver(s) || running(c) || s.Freeze.State == "frozen" || s.Holding != "" || c.Phase == steps.Unclear)
}
