package tui

import "testing"

// A router that cannot make clients wait must not say that they do.
func TestARouterThatRefusesDoesNotSayThatClientsWait(t *testing.T) {
	for refuses, want := range map[bool]string{true: "REFUSES", false: "PAUSED"} {
		s := ready()
		s.Router.Target, s.Router.Stale, s.Router.Paused, s.Router.Refuses = "router", false, true, refuses
		r := newRig(t, s, 170, 46)
		r.shows(want)
		if refuses {
			r.showsNot("PAUSED")
		}
	}
}
