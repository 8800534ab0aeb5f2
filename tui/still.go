package tui

import (
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/session"
)

// Still draws one snapshot on a screen of w by h cells, for a picture or a film
// of a record: h rows of text with colours, none of them longer than the screen.
// The last row, which tells the keys on a live screen, says note instead. It
// depends on its arguments alone.
func Still(th *Theme, s session.Snapshot, w, h int, note string) []string {
	m := New(Config{Me: session.Person{Name: "replay", Role: "viewer"}, Theme: th, Now: func() time.Time { return time.Time{} }})
	m.resize(w, h)
	m.snap = s
	m.put(s)
	content, _, _ := m.draw()
	rows := strings.Split(content, "\n")
	var b strings.Builder
	th.render(&b, line{{bold, " " + clean(note)}}.fit(w))
	rows[len(rows)-1] = b.String()
	return rows
}
