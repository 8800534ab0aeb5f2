package tui

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/turquoise-db/turquoise/runbooks"
)

// search is what / looks for: in the open pager, in the audit pane, else in the
// runbook. n and N repeat it only while it is open; else n is a note.
type search struct {
	open, typing bool
	text         string
	hits, nth    int // nth counts from 1; 0 before the first hit
	at           int // row of the hit
}

// maxSearch is how much of a search the key line can show.
const maxSearch = 40

// onSearchKey takes a key that belongs to the search; ok is false for all others.
func (m *Model) onSearchKey(key string, k tea.KeyPressMsg) (ok bool) {
	f := &m.look.find
	switch {
	case key == "/" && !f.typing && m.searchable():
		*f = search{open: true, typing: true, at: -1}
	case !f.open:
		return false
	case key == "esc":
		*f = search{}
	case f.typing && key == "enter":
		f.typing = false
		m.seek(0)
	case f.typing:
		m.editText(&f.text, key, k, maxSearch)
	case key == "n":
		m.seek(1)
	case key == "N":
		m.seek(-1)
	default:
		return false
	}
	return true
}

// searchable says whether there is anything to search in: a pager, or no box.
func (m Model) searchable() bool { return m.mode == looking || m.pages() }

// searched are the rows that a search goes through, and where it stands.
func (m Model) searched() (rows []string, at int) {
	switch {
	case m.pages():
		_, ls, _ := m.pagerText(m.pagerWidth() - 6)
		for _, l := range ls {
			rows = append(rows, clean(l.plain()))
		}
		return rows, m.box.scroll
	case m.look.pane == paneAudit:
		for _, r := range m.shown.Record.Lines {
			rows = append(rows, clean(recordText(r)))
		}
		return rows, len(rows) - 1 - m.look.scroll
	}
	ids, titles, at := m.walked()
	for i, id := range ids {
		rows = append(rows, clean(string(id)+" "+titles[i]))
	}
	return rows, at
}

// seek goes to the next hit (1), the one before (-1), or the first from here on (0).
func (m *Model) seek(way int) {
	f := &m.look.find
	rows, at := m.searched()
	if f.at >= 0 {
		at = f.at
	}
	var hits []int
	for i, r := range rows {
		if f.text != "" && strings.Contains(strings.ToLower(r), strings.ToLower(f.text)) {
			hits = append(hits, i)
		}
	}
	f.hits, f.nth = len(hits), 0
	if len(hits) == 0 {
		f.at = -1
		return
	}
	f.nth = nextHit(hits, at, way)
	f.at = hits[f.nth]
	f.nth++
	m.show(f.at, len(rows))
}

// nextHit is the index in hits to go to from row at; it goes round at the ends.
func nextHit(hits []int, at, way int) int {
	if way < 0 {
		for i := len(hits) - 1; i >= 0; i-- {
			if hits[i] < at {
				return i
			}
		}
		return len(hits) - 1
	}
	for i, h := range hits {
		if h > at || way == 0 && h == at {
			return i
		}
	}
	return 0
}

// show brings a row of what was searched onto the screen.
func (m *Model) show(row, all int) {
	switch {
	case m.pages():
		room := m.pagerRoom(m.h - layoutOf(m.w, m.h).lit())
		m.scrollBy(row - room/3 - m.box.scroll)
	case m.look.pane == paneAudit:
		m.look.scroll = max(all-1-row-1, 0)
	default:
		ids, _, _ := m.walked()
		m.lookAt(ids[row])
	}
}

// walked are the steps of the runbook in their order, and which one is in view.
func (m Model) walked() (ids []runbooks.StepID, titles []string, at int) {
	for _, p := range m.shown.Phases {
		for _, r := range p.Steps {
			if r.ID == m.look.at || (m.look.at == "" && r.ID == m.shown.Current) {
				at = len(ids)
			}
			ids, titles = append(ids, r.ID), append(titles, r.Title)
		}
	}
	return ids, titles, at
}

// lookAt looks at a step; the current one is looked at by looking nowhere else.
func (m *Model) lookAt(id runbooks.StepID) {
	m.look.at, m.look.scroll = id, 0
	if id == m.shown.Current {
		m.look.at = ""
	}
}

// searchLine stands in place of the keys while a search is open.
func searchLine(f search, w int) line {
	l := line{{turq | bold, " /"}, {text | bold, f.text}}
	if f.typing {
		l = append(l, seg{turq, caret}, seg{text, "  "})
		return append(append(l, hint("enter", "find")...), hint("esc", "close")...).fit(w)
	}
	l = append(l, seg{text, "   "})
	switch {
	case f.hits == 0:
		l = append(l, seg{amber | bold, "not found"}, seg{text, "   "})
	default:
		l = append(l, seg{text, strconv.Itoa(f.nth) + " of " + strconv.Itoa(f.hits) + "   "})
		l = append(append(l, hint("n", "next")...), hint("N", "previous")...)
	}
	return append(l, hint("esc", "close")...).fit(w)
}
