package tui

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

type cached struct {
	seq, version uint64
	w, h         int
	content      string
	x, y         int
	// A box takes keys only from some time after it was first drawn: boxOf is the
	// opening time of the newest drawn box, boxAt when that was.
	boxOf, boxAt time.Time
}

// View draws the screen, or returns the frame it drew last for the same state.
func (m Model) View() tea.View {
	v := tea.NewView("")
	v.AltScreen, v.ReportFocus = true, true
	if m.w == 0 || m.h == 0 {
		return v
	}
	if m.mode != looking && !m.look.tooTiny && m.cache.boxOf != m.box.opened {
		m.cache.boxOf, m.cache.boxAt = m.box.opened, m.now()
	}
	v.WindowTitle = "turquoise " + m.snap.Mode.String() + " " + clean(string(m.snap.Current))
	c := m.cache
	if c.content == "" || c.seq != m.snap.Seq || c.version != m.version || c.w != m.w || c.h != m.h {
		c.content, c.x, c.y = m.draw()
		c.seq, c.version, c.w, c.h = m.snap.Seq, m.version, m.w, m.h
	}
	v.Content = c.content
	v.Cursor = tea.NewCursor(c.x, c.y)
	return v
}

func (m Model) draw() (content string, x, y int) {
	ls := frame(m.th, m.shown, m.look, m.w, m.h)
	lay := layoutOf(m.w, m.h)
	x, y = m.focusAt(lay)
	if m.mode != looking && lay != tiny {
		over, cx, cy := m.drawBox(m.w, m.h-lay.lit())
		ls = overlay(m.th, ls, over, lay.lit(), m.w)
		bx := (m.w - over[0].width()) / 2
		by := lay.lit() + max((m.h-lay.lit()-len(over))/2, 0)
		x, y = bx+cx, by+cy
	}
	var b strings.Builder
	b.Grow(m.w * m.h * 3)
	for i, l := range ls {
		if i > 0 {
			b.WriteByte('\n')
		}
		m.th.render(&b, l)
	}
	return b.String(), min(max(x, 0), m.w-1), min(max(y, 0), m.h-1)
}

// focusAt is where the real cursor stands outside of boxes, for screen readers.
func (m Model) focusAt(lay layout) (int, int) {
	switch {
	case lay == tiny:
		return 0, 0
	case lay == compact:
		return 2, 4
	case m.look.zoom:
		return 2, 3
	case m.look.pane == paneAudit:
		return 2, m.h - auditH - 1
	case m.look.pane == paneGauges && lay == strips:
		return 2, 3
	case lay == strips && m.look.pane == paneRunbook:
		return 2, 3 + instrumentsH
	case lay == strips:
		return bookW + 2, 3 + instrumentsH
	case m.look.pane == paneRunbook:
		return 2, 3
	}
	return 33, 3
}
