package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

func (m Model) pollParts(w int) (string, tok, []line, []line, []line) {
	c := m.shown.Cards[m.shown.Current]
	head := []line{{{text, c.Title + ". "}, {dim, c.Why}}, nil}
	names := 0
	for _, d := range c.Desks {
		names = max(names, width(clean(d.Name)))
	}
	var middle []line
	for i, d := range c.Desks {
		mark := seg{text, "  "}
		if i == m.box.who%len(c.Desks) {
			mark = seg{turq | bold, "▸ "}
		}
		l := line{mark, {text | bold, one(text, d.Name).fit(names + 2).plain()}}
		switch {
		case !d.Answered:
			l = append(l, seg{dim, "waiting …"})
		case d.Go:
			l = append(l, seg{fillTurq, " GO "}, seg{dim, "    " + utc(d.At) + "  " + d.By + voice(d)})
		default:
			l = append(l, seg{fillRed, " NO GO "}, seg{dim, " " + utc(d.At) + "  " + d.By + voice(d) + "  "}, seg{text, d.Comment})
		}
		middle = append(middle, l)
	}
	tail := []line{nil, one(dim, "One NO GO, or one missing answer, keeps the hold."), {{amber, m.box.note}},
		append(append(append(hint("↑↓", "desk"), hint("g", "go, own desk")...), hint("m", "go, by voice")...), hint("n", "no go…")...),
		{{turq | bold, "esc"}, {dim, " close, the hold stays "}, {turq, caret}}}
	return "GO / NO-GO  " + string(c.ID), turq, head, middle, tail
}

func voice(d session.Desk) string {
	if d.ByVoice {
		return " wrote it down"
	}
	return ""
}

func (m Model) onPollKey(key string) (tea.Model, tea.Cmd) {
	c := m.snap.Cards[m.snap.Current]
	n := len(c.Desks)
	if n == 0 {
		m.closeBox("the poll is over")
		return m, nil
	}
	desk := c.Desks[m.box.who%n].Name
	switch key {
	case "up", "k":
		m.box.who = (m.box.who + n - 1) % n
	case "down", "j", "tab":
		m.box.who = (m.box.who + 1) % n
	case "g", "m":
		return m, m.doIntent(session.Intent{Command: steps.Answer{Step: c.ID, Desk: desk, Go: true}, ByVoice: key == "m"})
	case "n":
		m.openReason("no go")
		m.box.next = desk
	}
	return m, nil
}

// pollLeft names the first desk that keeps the step, or nothing.
func pollLeft(c session.Card) string {
	for _, d := range c.Desks {
		switch {
		case !d.Answered:
			return strings.TrimSpace(d.Name) + " has not answered"
		case !d.Go:
			return strings.TrimSpace(d.Name) + " says no go"
		}
	}
	return ""
}
