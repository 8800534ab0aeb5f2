package tui

import (
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/runbooks"
)

// A3: a program that stood still (a stopped process, a machine without a moment
// to spare) takes none of the keys that were pressed meanwhile.
func TestA3KeysOfAStallNeverConfirm(t *testing.T) {
	r := newRig(t, withRisk(ready(), runbooks.Read, "y"), 120, 40)
	r.openBox()
	r.pass(2 * time.Second)
	r.stall(noNewsAfter + time.Millisecond)
	r.typed("y")
	if r.confirms() != 0 {
		t.Fatal("a key that waited while the program stood still confirmed")
	}
	r.snap(armed(r.m.snap))
	r.pass(deadFor)
	r.typed("y")
	if r.confirms() != 1 {
		t.Fatal("y did not count after the program went on")
	}
}

// A3: the dead time begins when the box is drawn, not when it was decided.
func TestA3TheDeadTimeBeginsWithTheDrawnBox(t *testing.T) {
	r := newRig(t, withRisk(ready(), runbooks.Read, "y"), 120, 40)
	r.x()
	tm, _ := r.m.Update(snapMsg(armed(r.m.snap))) // and nothing is drawn
	r.m = tm.(Model)
	if r.m.mode != confirming {
		t.Fatalf("mode %d, want the box", r.m.mode)
	}
	r.pass(time.Second)
	tm, cmd := r.m.Update(keyOf('y'))
	r.m = tm.(Model)
	if cmd != nil || r.m.mode != confirming {
		t.Fatal("y confirmed a box that was never drawn")
	}
	r.frame()
	r.pass(deadFor - time.Millisecond)
	r.typed("y")
	if r.confirms() != 0 {
		t.Fatal("y counted before the box had been on screen long enough")
	}
	r.pass(time.Millisecond)
	r.typed("y")
	if r.confirms() != 1 {
		t.Fatal("y did not count")
	}
}
