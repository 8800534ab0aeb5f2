package tui

import (
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/session"
)

// shared is a release on a shared database between two versions.
func shared() session.Snapshot {
	s := halves()
	s.Halves = nil
	s.Sides = [2]session.Side{{Target: "db", Name: "turquoise", Colour: "turquoise", Badge: "WRITES", Reached: true}, {Target: "db", Name: "green", Colour: "green", Badge: "standby", Reached: true}}
	s.Release = &session.Release{State: "S3", Shape: engines.ShapeBoth, Age: time.Second, Versions: [3]session.Version{
		{Colour: "blue", Login: "shut", Health: "down"}, {Colour: "turquoise", Serves: true, Sessions: 37, Active: 4, Login: "open", Health: "up"},
		{Colour: "green", Sessions: -1, Login: "open"}}, Rows: session.ShapeRows{Left: 81412, Mismatch: 3, Detail: 7, Age: 12 * time.Second}}
	return s
}

// TestAReleaseHasItsOwnTiles: one database has no lag and no other side, so a tile
// about them would be a standing alarm about nothing.
func TestAReleaseHasItsOwnTiles(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {100, 32}, {120, 40}, {170, 46}} {
		r := newRig(t, shared(), size[0], size[1])
		got := r.frame()
		for _, want := range []string{"S3", "rows to fill", "37", count(81412)} {
			if !strings.Contains(got, want) {
				t.Errorf("%v: no %q in\n%s", size, want, got)
			}
		}
		for _, never := range []string{"LAG", "SEQ", "STALE", "not compared"} {
			if strings.Contains(got, never) {
				t.Errorf("%v: %q in\n%s", size, never, got)
			}
		}
		if size[0] >= 100 && !strings.Contains(got, "shut out") {
			t.Errorf("%v: nobody says that blue is shut out:\n%s", size, got)
		}
	}
	s := shared()
	s.Release.State, s.Release.Stale, s.Release.Rows = "CONFLICT", true, session.ShapeRows{Why: "the table has not both shapes"}
	if got := newRig(t, s, 120, 40).frame(); !strings.Contains(got, "facts contradict") || !strings.Contains(got, "STALE") || !strings.Contains(got, "not counted") || strings.Contains(got, count(81412)) {
		t.Errorf("a release that nobody can place:\n%s", got)
	}
}
