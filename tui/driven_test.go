package tui

import (
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// What a night at the keyboard showed: each test is a frame that misled.

// A step that cannot be skipped offers no s, on the card, in the key line and in
// the line mode; the help says why.
func TestNoSkipIsOfferedWhereNoneIsTaken(t *testing.T) {
	for _, risk := range []runbooks.Risk{runbooks.Traffic, runbooks.NoReturn} {
		r := newRig(t, withRisk(ready(), risk, "blue"), 120, 40)
		r.showsNot("s skip…")
		r.pass(deadFor)
		r.typed("s")
		if r.m.mode != looking {
			t.Errorf("%s: the box of a skip opened", risk)
		}
		r.shows("s is off: a " + risk.String() + " step is not skipped")
	}
	preflight := edited(withRisk(ready(), runbooks.Read, "y"), func(c *session.Card) { c.NoSkip = true })
	newRig(t, preflight, 120, 40).showsNot("s skip…")
	newRig(t, withRisk(ready(), runbooks.Change, "3.2"), 120, 40).shows("s skip…")
}

// A note in the box stands beside what is asked, not in its place.
func TestANoteDoesNotHideWhatIsAsked(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		r := newRig(t, withRisk(ready(), runbooks.NoReturn, "give up the way back to blue"), size[0], size[1])
		r.openBox()
		r.reads()
		r.m.box.note = "signed"
		r.m.version++
		r.shows("signed", "Type give up the way back to blue to run", "esc")
	}
}

// Gates of before the step move while it runs: that is no failure and not red.
func TestGatesThatMoveWhileABlockRunsAreNoFailure(t *testing.T) {
	s := edited(windowBlock(), func(c *session.Card) {
		c.Phase = steps.Running
		c.Before[0].Status = checks.Fail
	})
	for _, size := range sizes {
		r := newRig(t, s, size[0], size[1])
		r.showsNot("do not pass", "does not pass", "✗")
	}
	r := newRig(t, edited(s, func(c *session.Card) { c.Phase = steps.Pending }), 120, 40)
	r.shows("✗")
}

// The end tells each thing once, and that a link was taken away, not that it is
// still to come.
func TestTheEndTellsEachThingOnce(t *testing.T) {
	s := over()
	s.Outage.Compared = false
	gone := session.Gauge{ID: "blue/lag_seconds", Unit: engines.Seconds, Never: true, Stale: true, Err: "no such slot or subscription"}
	s.Gauges = map[engines.GaugeID]session.Gauge{gone.ID: gone}
	s.Link = session.Link{Forward: true, State: "none"}
	s.Way = session.WayBack{State: "CLOSED", Now: "restore only, since 7.1", Loses: "commits since the switch"}
	r := newRig(t, s, 120, 40)
	if n := strings.Count(r.frame(), "unknown to the client"); n != 1 {
		t.Errorf("told %d times what the clients do not know\n%s", n, r.frame())
	}
	r.shows("no link any more", "restore only, since 7.1")
	r.showsNot("not there yet")
}

// The tile of the way back says what is left after the step that closes it, also
// where the first line has no room for it.
func TestTheWayBackTileSaysWhatComesAfter(t *testing.T) {
	s := ready()
	s.Way = session.WayBack{State: "CLOSES HERE", Name: "back", Now: "Move the writes back to blue", Loses: "nothing", Until: "7.1", After: "7.1 restore only"}
	for _, size := range [][2]int{{100, 32}, {120, 40}, {170, 46}} {
		newRig(t, s, size[0], size[1]).shows("CLOSES HERE", "Move the writes back to blue", "until 7.1, then restore only")
	}
}

// b is offered where it leads somewhere, and a window in which clients are held
// comes before everything else.
func TestBackOutIsOfferedWhereItLeadsSomewhere(t *testing.T) {
	for why, change := range map[string]func(*session.Snapshot){
		"nothing was changed yet":      func(s *session.Snapshot) { s.Way = session.WayBack{State: "OPEN", Now: "nothing was changed yet"} },
		"the way back is being walked": func(s *session.Snapshot) { s.Way = session.WayBack{State: "OPEN", Name: "home", Walks: true} },
	} {
		s := withRisk(ready(), runbooks.Change, "3.2")
		change(&s)
		r := newRig(t, s, 120, 40)
		r.showsNot("skip…  b back out…")
		r.pass(deadFor)
		r.typed("b")
		r.shows("b is off: " + why)
		s = clientsHeld(1)
		change(&s)
		r = newRig(t, s, 120, 40)
		r.pass(deadFor)
		r.typed("b")
		r.shows("TAKE 2 STEPS BACK?")
	}
}
