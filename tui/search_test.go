package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// / finds a step of the runbook, n and N go round the hits, esc closes; the
// current step does not move.
func TestSearchFindsASteps(t *testing.T) {
	r := newRig(t, ready(), 120, 40)
	r.pass(deadFor)
	r.typed("/DR")
	r.shows("/DR█", "enter find")
	r.enter()
	r.shows("1 of 2", "you look at 3.3")
	r.typed("n")
	r.shows("2 of 2", "you look at 4.3")
	r.typed("n")
	r.shows("1 of 2", "you look at 3.3")
	r.typed("N")
	r.shows("you look at 4.3")
	if len(r.sess.got) != 0 || r.m.mode != looking {
		t.Fatalf("the search sent %v, mode %d", r.sess.got, r.m.mode)
	}
	r.esc()
	r.showsNot("2 of 2")
	r.typed(".")
	r.typed("/nowhere")
	r.enter()
	r.shows("not found")
	r.esc()
	r.typed("n")
	if r.m.mode != reasoning {
		t.Fatal("n is the note again once the search is closed")
	}
}

// A1: what is typed into a search acts on nothing, whatever its letters are.
func TestA1LettersOfASearchAreNoKeys(t *testing.T) {
	r := newRig(t, ready(), 120, 40)
	r.pass(deadFor)
	r.typed("/xvhnasbdq?zpy")
	if len(r.sess.got) != 0 || r.m.mode != looking || r.quit {
		t.Fatalf("sent %v, mode %d, quit %v", r.sess.got, r.m.mode, r.quit)
	}
	r.shows("/xvhnasbdq?zpy█")
}

func manyLines(n int) session.Snapshot {
	s := ready()
	s.Record.Lines = nil
	for i := range n {
		s.Record.Lines = append(s.Record.Lines, session.RecordLine{Seq: i, At: night.Add(time.Duration(i) * time.Second), By: "ada", Text: fmt.Sprintf("entry number %d", i), Hash: "aa11bb"})
	}
	s.Record.Count = n
	return s
}

// The record is searched in its pane and in its pager; the hit is on the screen.
func TestSearchGoesThroughTheRecord(t *testing.T) {
	r := newRig(t, manyLines(300), 120, 40)
	r.pass(deadFor)
	r.typed("4/number 17")
	r.enter()
	r.shows("►", "of 11")
	r.typed("n")
	r.shows("entry number 17")
	r.esc()
	r.typed("L")
	r.pass(deadFor)
	r.typed("/number 250")
	r.enter()
	r.shows("entry number 250", "1 of 1")
	r.esc()
	if r.m.mode != recording {
		t.Fatal("esc closed the pager together with the search")
	}
	r.esc()
	if r.m.mode != looking {
		t.Fatal("the second esc did not close the pager")
	}
}

// A6: a search may not stand in for reading to the end.
func TestSearchInThePagerDoesNotReadForThePerson(t *testing.T) {
	s := edited(ready(), func(c *session.Card) {
		c.Statements = []session.Statement{{N: 1, Target: "blue", Text: "SELECT 'here';\n" + strings.Repeat("SELECT 1;\n", 299) + "SELECT 'the end';"}}
	})
	r := newRig(t, s, 80, 24)
	r.openBox()
	r.typed("/here")
	r.enter()
	r.esc()
	r.enter()
	if r.m.mode != paging {
		t.Fatal("enter went on although the end was never on screen")
	}
}

// The panes scroll by themselves: text on the card, applications, audit.
func TestPanesScroll(t *testing.T) {
	s := edited(manyLines(50), func(c *session.Card) {
		c.Statements = nil
		for i := range 300 {
			c.Statements = append(c.Statements, session.Statement{N: i + 1, Target: "blue", Title: "part", Text: fmt.Sprintf("SELECT %d;", i)})
		}
	})
	s.Clients[0].Rows = nil
	for i := range 1000 {
		s.Clients[0].Rows = append(s.Clients[0].Rows, session.ClientRow{App: fmt.Sprintf("app-%03d", i), Count: 1000 - i})
	}
	r := newRig(t, s, 120, 40)
	r.pass(deadFor)
	r.shows("SELECT 1;", "app-000", " others", "entry number 49")
	pgdn := tea.KeyPressMsg{Code: tea.KeyPgDown}
	for range 4 {
		r.key(pgdn)
	}
	r.shows("SELECT 20;", "more lines")
	r.showsNot("SELECT 1;")
	r.key(tea.KeyPressMsg{Code: tea.KeyHome})
	r.shows("SELECT 1;")
	r.typed("3")
	r.key(pgdn)
	r.shows("app-010", " others")
	r.showsNot("app-000")
	r.typed("4")
	r.key(tea.KeyPressMsg{Code: tea.KeyHome})
	r.shows("entry number 0")
	for _, k := range []rune{tea.KeyEnd, tea.KeyPgDown, tea.KeyPgDown} {
		r.key(tea.KeyPressMsg{Code: k})
	}
	r.shows("entry number 49")
	if r.m.look.at != "" || len(r.sess.got) != 0 {
		t.Fatalf("scrolling looked at %q, sent %v", r.m.look.at, r.sess.got)
	}
	r.typed("n") // no search is open
	if r.m.mode != reasoning {
		t.Fatal("n is no note")
	}
	r.pass(deadFor)
	r.typed("seen")
	r.enter()
	if n, ok := r.last().Command.(steps.Note); !ok || n.Text != "seen" {
		t.Fatalf("sent %#v", r.last().Command)
	}
}
