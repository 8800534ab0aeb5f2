package tui

import (
	"strconv"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
)

// relying is a step that relies on n overridden checks.
func relying(n int, s session.Snapshot) session.Snapshot {
	return edited(s, func(c *session.Card) {
		for i := range n {
			c.Against = append(c.Against, session.Against{Step: "1.1", Check: "PG" + strconv.Itoa(31+i) + " backup on blue", Is: "31 h", Reason: "a copy is on tape", Signed: []string{"bo"}})
		}
	})
}

// Whoever confirms a step that moves traffic or has no return sees what was
// overridden on the way to it: in the box at every size, with a count where there
// is no room for all, and all of them in the text that is read before the box.
func TestTheConfirmBoxNamesWhatWasOverridden(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {100, 32}, {120, 40}, {170, 46}} {
		for _, risk := range []runbooks.Risk{runbooks.Traffic, runbooks.NoReturn} {
			r := newRig(t, relying(1, withRisk(ready(), risk, "blue")), size[0], size[1])
			r.openBox()
			r.reads()
			r.shows("OVERRIDDEN", "PG31 backup on blue: 31 h", "signed by bo", "Type blue", "esc")
		}
	}
	r := newRig(t, relying(9, ready()), 80, 24)
	r.openBox()
	r.shows("READ ALL OF 3.2")
	seen := r.frame()
	for range 20 {
		r.typed(" ")
		seen += r.frame()
	}
	for i := range 9 {
		if !strings.Contains(seen, "PG"+strconv.Itoa(31+i)+" backup on blue: 31 h") {
			t.Errorf("the pager does not show check %d", i)
		}
	}
	if !strings.Contains(seen, "because: a copy is on tape") {
		t.Error("the pager does not say why")
	}
	r.reads()
	r.shows("OVERRIDDEN", "9 checks did not pass", "… 6 more", "Type blue", "esc")
	newRig(t, ready(), 120, 40).showsNot("OVERRIDDEN")
}

// The second person, who was not there when it was overridden, sees it beside the
// text that is signed, with the reason.
func TestTheApproveBoxNamesWhatWasOverridden(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		r := newRig(t, relying(1, noReturn(2)), size[0], size[1])
		r.openBox()
		r.reads()
		r.key(tea.KeyPressMsg{Code: tea.KeyTab})
		r.shows("APPROVE 3.2?", "OVERRIDDEN", "PG31 backup on blue: 31 h", "because: a copy is on tape", "signed by bo")
	}
}

// reads goes from the pager, if it is open, to the box.
func (r *rig) reads() {
	r.t.Helper()
	for range 40 {
		if r.m.mode != paging {
			return
		}
		r.typed(" ")
		r.enter()
	}
	r.pass(deadFor)
}

// L8: the line mode says it too, before it asks for the word.
func TestPlainNamesWhatWasOverridden(t *testing.T) {
	s := relying(1, ready())
	_, said, _ := runPlain(t, s, menuNumber(t, s, "run"), "", menuNumber(t, armed(s), "leave"), "l")
	if !strings.Contains(said, "PG31 backup on blue: 31 h") || !strings.Contains(said, "because: a copy is on tape") {
		t.Errorf("said:\n%s", said)
	}
}
