package tui

import (
	"testing"

	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
)

// A way back that is closed is offered by no key, and nothing is said of until when.
func TestK8AClosedWayBackIsNotOffered(t *testing.T) {
	s := ready()
	s.Way = session.WayBack{State: "CLOSED", Now: "restore or export only", Loses: "commits since the switch"}
	for _, sz := range sizes {
		r := newRig(t, s, sz[0], sz[1])
		r.shows("CLOSED", "restore or export only", "loses commits since the switch")
		r.showsNot("until the end", "s skip…  b back out…")
		r.pass(deadFor)
		r.typed("b")
		if r.m.mode != looking || len(r.sess.got) != 0 {
			t.Fatal("b went on")
		}
		r.shows("b is off: the way back is closed")
	}
	r := newRig(t, edited(withRisk(s, runbooks.NoReturn, "drop it"), func(c *session.Card) { c.Undo = "none needed: the slot is gone" }), 120, 40)
	r.openBox()
	r.shows("There is no undo. The slot is gone")
	r.showsNot("none needed")
}
