package tui

import (
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// A6 in ASCII: the statement is on the screen with every character. A sign that we have a stand-in for is no exception.
func TestA6ASCIIShowsEveryCharacterOfAStatement(t *testing.T) {
	sql := "UPDATE café SET größe = '日本'\n WHERE a = '…→✓?'"
	s := edited(ready(), func(c *session.Card) {
		c.Statements = []session.Statement{{N: 1, Target: "blue", Verb: "sql", Text: sql}}
		c.Word = "größe"
	})
	r := newThemedRig(t, NewTheme(TrueColour, false, true), s, 170, 46)
	for i := range 2 {
		if i == 1 {
			r.openBox()
		}
		for _, c := range r.frame() {
			if c >= 0x80 {
				t.Fatalf("%q in an ASCII frame", c)
			}
		}
		r.shows("UPDATE caf<U+00E9> SET gr<U+00F6><U+00DF>e = '<U+65E5><U+672C>'", "WHERE a = '<U+2026><U+2192><U+2713>?'")
	}
	r.shows("Type gr<U+00F6><U+00DF>e to run:")
	for _, c := range "größe" {
		r.key(tea.KeyPressMsg{Code: c, Text: string(c)})
	}
	r.shows("matches")
	r.pass(settleFor)
	r.enter()
	if c, ok := r.last().Command.(steps.Confirm); !ok || r.last().Typed != "größe" || c.Digest != s.Cards["3.2"].Digest {
		t.Fatalf("sent %#v", r.last())
	}
}

// Text from servers and books is written out too, and the snapshot that others
// look at is not touched; what is copied is the plan itself.
func TestASCIIWritesOutWithoutTouchingTheSnapshot(t *testing.T) {
	s := ready()
	s.Change = "Änderung"
	s.Clients[0].Rows = []session.ClientRow{{App: "bücher", Count: 3}}
	s.Sides[0].Version = "PG ≤ 15 → 17"
	s.Alarms = []session.Alarm{{ID: "probe:ä", Since: night, Text: "KAPUTT: ü"}}
	r := newThemedRig(t, NewTheme(TrueColour, false, true), s, 170, 46)
	r.shows("<U+00C4>nderung", "b<U+00FC>cher", "KAPUTT: <U+00FC>", "PG <= 15 -> 17")
	r.showsNot("?nderung")
	if s.Clients[0].Rows[0].App != "bücher" || r.m.snap.Change != "Änderung" || s.Cards["3.2"].Title != "Freeze writes on blue" {
		t.Error("the snapshot was written to")
	}
	r.pass(deadFor)
	r.typed("a")
	if a, ok := r.last().Command.(steps.Ack); !ok || a.Alarm != "probe:ä" {
		t.Errorf("a sent %#v", r.last().Command)
	}
	kept := ""
	r.m.copyTo = func(txt string) (string, error) { kept = txt; return "copy.sql", nil }
	r.typed("y")
	if kept != s.Cards["3.2"].PlanText {
		t.Errorf("copied %q", kept)
	}
}
