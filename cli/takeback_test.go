package cli

import (
	"testing"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// TestAWindowOfSingleStepsIsTakenBackAtEachStep: behind every step of the window,
// there and on the way back, one confirmation brings the clients back to the side
// that they came from, without an error and without a loss; the way back of the
// runbook is offered only then. Afterwards the window can be walked to its end.
func TestAWindowOfSingleStepsIsTakenBackAtEachStep(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	n.parted = 4 * nightClients // each of the four tries of the way back to an older server may end each connection once
	n.cut.window = "stepwise"
	s := n.open(nil)
	h := s.Handle(session.Person{Name: "script", Role: "operator"})
	back := func(id, first runbooks.StepID, writes string) {
		t.Helper()
		if err := n.walk(s, lab.WalkOptions{Until: id}); err != nil {
			t.Fatal(err)
		}
		if snap := s.Snapshot(); snap.Way.State != "OPEN" || snap.Way.Name != "the window" || snap.Way.Loses != "nothing" {
			t.Fatalf("behind %s the way back is %+v", id, snap.Way)
		}
		err := h.Do(t.Context(), session.Intent{Command: steps.BackOut{Reason: "too early"}})
		if st := s.State(); err == nil || !st.Freeze.On {
			t.Fatalf("behind %s: %v, freeze %+v", id, err, st.Freeze)
		}
		taken, err := lab.TakeBack(t.Context(), s, h)
		if err != nil {
			t.Fatal(err)
		}
		st := s.State()
		it, _ := st.Current()
		if it.Step.ID != first || st.Freeze.On || string(st.Writes) != writes {
			t.Fatalf("behind %s: the walk stands at %s, freeze %+v, writes on %s", id, it.Step.ID, st.Freeze, st.Writes)
		}
		n.flows("taken back behind " + string(id))
		t.Logf("behind %s: %d steps taken back, clients waited %s, longest gap so far %s", id, len(taken), st.Freeze.Elapsed, n.ledger.Meter().LongestGap)
	}
	for _, id := range []runbooks.StepID{"5.1", "5.2", "5.7", "5.3", "5.4", "5.5"} {
		back(id, "5.1", "blue")
	}
	if w := s.Snapshot().Way; w.Name != "abandon" {
		t.Errorf("before the window the way back is %+v", w)
	}
	if err := n.walk(s, lab.WalkOptions{BackFrom: "6.2", Until: "B1.6"}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []runbooks.StepID{"B2.1", "B2.4", "B2.5"} {
		back(id, "B2.1", "green")
	}
	if err := n.walk(s, lab.WalkOptions{}); err != nil {
		t.Fatal(err)
	}
	n.compare(s)
	sound(t, s.Dir())
}
