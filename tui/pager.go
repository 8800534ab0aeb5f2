package tui

import (
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// pagerText is what the open pager shows: title, rows, what the foot says.
func (m Model) pagerText(w int) (string, []line, line) {
	esc := hint("esc", "close")
	switch m.mode {
	case paging:
		c := m.box.card
		rows := append(m.cardHead(w), nil)
		rows = append(rows, everything(c, 0, w)...)
		if over := againstLines(c, allAgainst, w); over != nil {
			rows = append(append(rows, nil), over...)
		}
		foot := append(line{}, hint("esc", "cancel, nothing has run")...)
		title := "READ ALL OF " + string(c.ID)
		if m.box.kind == kindTaking {
			title = "READ ALL THAT TAKES THE WINDOW BACK"
		}
		if m.box.seenEnd {
			return title, rows, append(foot, hint("enter", "on to the box")...)
		}
		return title, rows, append(foot, hint("pgdn end", "read on; then enter")...)
	case helping:
		return "KEYS", m.helpRows(w), esc
	case recalling:
		return "ALARMS", recallRows(m.shown, w), esc
	case recording:
		var rows []line
		for _, r := range m.shown.Record.Lines {
			rows = append(rows, recordLine(r, w))
		}
		rows = append(rows, nil, recordState(m.shown.Record), one(dim, m.shown.Record.Path))
		return "RECORD", rows, esc
	}
	return "STEP " + string(viewed(m.shown, m.look).ID), detailRows(m.shown, m.look, w), esc
}

func (m Model) pagerRoom(h int) int { return max(h-4, 1) }

// drawPager is a box that scrolls.
func (m Model) drawPager(bw, h int) ([]line, int, int) {
	title, rows, foot := m.pagerText(bw - 6)
	room := m.pagerRoom(h)
	from := min(m.box.scroll, max(len(rows)-room, 0))
	to := min(from+room, len(rows))
	body := append([]line{}, rows[from:to]...)
	if f := m.look.find; f.open && !f.typing && f.at >= from && f.at < to {
		body[f.at-from] = selected(append(line{{turq | bold, "►"}}, rows[f.at].fit(bw-7)...))
	}
	if m.look.find.open {
		foot = searchLine(m.look.find, max(bw-24, 20))
	}
	last := spread(foot, one(dim, "line "+strconv.Itoa(to)+" of "+strconv.Itoa(len(rows))), bw-6)
	body = append(body, one(faint, strings.Repeat("─", bw-6)), last)
	return drawDouble(title, turq, body, bw), 4, len(body)
}

func (m Model) pagerWidth() int { return max(boxWidth(m.w), min(m.w-4, 110)) }

// pages says whether the open box scrolls.
func (m Model) pages() bool {
	switch m.mode {
	case paging, detailing, recording, helping, recalling:
		return true
	}
	return false
}

// scrollBy moves the pager and notes whether its end has been on screen.
func (m *Model) scrollBy(n int) {
	if !m.pages() {
		return
	}
	_, rows, _ := m.pagerText(m.pagerWidth() - 6)
	room := m.pagerRoom(m.h - layoutOf(m.w, m.h).lit())
	m.box.scroll = min(max(m.box.scroll+n, 0), max(len(rows)-room, 0))
	m.markEnd()
}

func (m *Model) markEnd() {
	if m.mode != paging || layoutOf(m.w, m.h) == tiny {
		return
	}
	_, rows, _ := m.pagerText(m.pagerWidth() - 6)
	if m.box.scroll+m.pagerRoom(m.h-layoutOf(m.w, m.h).lit()) >= len(rows) {
		m.box.seenEnd = true
	}
}

func (m Model) helpRows(w int) []line {
	var rows []line
	for _, b := range keyTable() {
		why := whyOff(b, m.shown, m.look)
		l := line{{turq | bold, one(text, string(b.id)).fit(9).plain()}, {text, b.help}}
		if why != "" {
			l = line{{dim, one(text, "("+string(b.id)+")").fit(9).plain()}, {dim, b.help}, {amber, "  off: " + why}}
		}
		rows = append(rows, l)
	}
	rows = append(rows, nil, one(dim|bold, "STATUS"))
	rows = append(rows, statusLines(m.shown, w)...)
	rows = append(rows, line{{dim, "way back "}, {wayTok(m.shown.Way.State), wayState(m.shown.Way)}})
	rows = append(rows, nil, one(dim|bold, "SIGNS"))
	return append(rows, legend()...)
}

// legend explains every sign of a step, so that none needs to be guessed.
func legend() []line {
	var out []line
	for _, r := range legendRows() {
		out = append(out, line{{text, "  "}, stateGlyph(r, 0), {text, "  " + r.Title}})
	}
	return out
}

func recallRows(s session.Snapshot, w int) []line {
	if len(s.Alarms) == 0 {
		return []line{one(text, "None")}
	}
	var out []line
	for _, a := range s.Alarms {
		mark, t := "▲  CAUTION ", amber|bold
		if a.Level == session.WarningLevel {
			mark, t = "▲▲ WARNING ", red|bold
		}
		state := "open"
		switch {
		case a.Over:
			state = "over"
		case a.Acked:
			state = "acknowledged"
		}
		out = append(out, spread(line{{t, mark}, {text, a.Text}}, one(dim, utc(a.Since)+" "+state), w))
		for _, l := range words(a.Consequence, w-3) {
			out = append(out, one(dim, "   "+l))
		}
	}
	return out
}

// detailRows is everything that is known about the step in view.
func detailRows(s session.Snapshot, k look, w int) []line {
	c := viewed(s, k)
	var out []line
	for _, l := range words(c.Why, w) {
		out = append(out, one(dim, l))
	}
	out = append(out, nil, spread(one(dim|bold, "WORD FOR WORD"), one(dim, c.RunAs), w))
	out = append(out, everything(c, s.Now.Second(), w)...)
	if c.Block {
		out = append(out, nil, windowLine(c, w))
		out = append(out, windowWhy(c, w)...)
	}
	if len(c.UndoText) > 0 {
		out = append(out, nil, one(dim|bold, "UNDO, EACH BY ITS OWN CONFIRM"))
		ls, _ := grouped(c.UndoText, s.Now.Second(), w)
		out = append(out, ls...)
	}
	for _, part := range []struct {
		name string
		rows []session.CheckRow
	}{{"FOUND", c.Found}, {"BEFORE", c.Before}, {"AFTER", c.After}} {
		if len(part.rows) == 0 {
			continue
		}
		out = append(out, nil, one(dim|bold, part.name))
		for _, r := range sorted(part.rows) {
			a, b := checkColumns(part.rows, w)
			out = append(out, checkLine(r, a, b, w, part.name == "AFTER" && c.Phase != steps.Done))
		}
	}
	if over := againstLines(c, allAgainst, w); over != nil {
		out = append(append(out, nil), over...)
	}
	if len(c.Output) > 0 {
		out = append(out, nil, one(dim|bold, "OUTPUT"))
		for _, o := range c.Output {
			for i, l := range words(o.Text, w-12) {
				stamp := utc(o.At)
				if i > 0 {
					stamp = ""
				}
				out = append(out, line{{dim, one(dim, stamp).fit(11).plain()}, {text, l}})
			}
		}
	}
	if c.PlanText != "" {
		out = append(out, nil, one(dim|bold, "PLAN TEXT, THE BYTES OF DIGEST "+c.Digest))
		out = append(out, gutter(c.PlanText, w, faint)...)
	}
	return out
}
