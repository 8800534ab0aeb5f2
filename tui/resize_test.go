package tui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
)

func longPlan() session.Snapshot {
	return edited(ready(), func(c *session.Card) {
		c.Statements = []session.Statement{{N: 1, Target: "blue", Text: strings.Repeat("SELECT 1;\n", 16) + "SELECT 'the end';"}}
	})
}

// A6: a box that a smaller window can no longer show whole is not a box one may
// confirm from: it goes back to the pager, and what was typed is gone.
func TestA6AShrunkBoxGoesBackToThePager(t *testing.T) {
	r := newRig(t, longPlan(), 120, 44)
	r.openBox()
	if r.m.mode != confirming {
		t.Fatalf("mode %d, want the box: it holds the text", r.m.mode)
	}
	r.typed("blue")
	r.send(tea.WindowSizeMsg{Width: 80, Height: 24})
	if r.m.mode != paging {
		t.Fatalf("mode %d after the window shrank, want the pager", r.m.mode)
	}
	r.pass(deadFor)
	r.enter()
	if r.confirms() != 0 || r.m.mode != paging {
		t.Fatal("the end was not on screen, but enter went on")
	}
	r.key(tea.KeyPressMsg{Code: tea.KeyEnd})
	r.shows("SELECT 'the end';")
	r.enter()
	r.pass(deadFor + settleFor)
	r.enter()
	if r.confirms() != 0 {
		t.Fatal("what was typed before the window shrank confirmed")
	}
	r.typed("blue")
	r.pass(settleFor)
	r.send(tea.WindowSizeMsg{Width: 100, Height: 30}) // all of it was read: the box stays
	r.enter()
	if r.confirms() != 1 {
		t.Fatalf("%d confirms from the box that was read to its end", r.confirms())
	}
}

// A9: no key reaches a box that is too small to be seen; it is there again when
// the window is.
func TestA9ABoxInATinyWindowTakesNoKey(t *testing.T) {
	r := newRig(t, withRisk(ready(), runbooks.Read, "y"), 120, 40)
	r.openBox()
	r.send(tea.WindowSizeMsg{Width: 79, Height: 24})
	r.typed("y")
	if r.confirms() != 0 {
		t.Fatal("y counted in a window that cannot show the box")
	}
	r.shows("keys that act are off")
	r.send(tea.WindowSizeMsg{Width: 80, Height: 24})
	r.shows("RUN 3.2?")
	r.typed("y")
	if r.confirms() != 1 {
		t.Fatal("y did not count in the window that shows the box again")
	}
}

// The step that is looked at is found without a background: 16 colours and
// NO_COLOR have none.
func TestL1TheRowLookedAtHasAGlyph(t *testing.T) {
	for _, th := range []*Theme{NewTheme(Colours16, false, false), NewTheme(NoColour, false, false), NewTheme(TrueColour, false, false)} {
		r := newThemedRig(t, th, ready(), 120, 40)
		r.typed("j")
		r.shows("►○ 3.3 Drain to freeze")
		r.typed(".")
		r.showsNot("►○")
	}
}

// An expectation that nobody wrote takes no line.
func TestAnEmptyExpectationIsHidden(t *testing.T) {
	r := newRig(t, ready(), 120, 40)
	r.shows("EXPECT no writer left")
	r.snap(edited(r.m.snap, func(c *session.Card) { c.Expect = "" }))
	r.showsNot("EXPECT")
}
