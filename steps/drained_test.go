package steps_test

import (
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// TestDrainedIsAPositionThatWasProven: in the window of the runbook that ships, as
// a block and in single steps, the freeze position counts as reached only when the
// statement behind its proof was begun, or its step is done.
func TestDrainedIsAPositionThatWasProven(t *testing.T) {
	in := catalogueInputs(t)
	const position = "freeze_lsn"
	at := func(n int) time.Time { return time.Date(2026, 3, 1, 3, 0, n, 0, time.UTC) }
	for _, stepwise := range []bool{false, true} {
		id := runbooks.StepID(map[bool]string{false: "5", true: "5.2"}[stepwise])
		s := steps.New(in.Book, stepwise)
		for i, it := range s.Walk {
			if it.Step.ID == id {
				s.Pos = i
			}
		}
		it, _ := s.Current()
		p, err := steps.Make(in, it)
		if err != nil {
			t.Fatal(err)
		}
		proof := 0
		for i, a := range p.Parts.Actions {
			if a.Proof != nil && len(a.Proof.Binds) > 0 && a.Proof.Binds[0].Var == position {
				proof = i + 1
			}
		}
		if proof == 0 {
			t.Fatal("no proof asks for the position")
		}
		x := steps.StepState{Phase: steps.Running, Text: p.Text}
		for n := 1; n <= len(p.Parts.Actions); n++ {
			x.Stmts = append(x.Stmts, steps.Stmt{N: n, Part: entries.PartMain, At: at(n), Ended: true, Outcome: engines.Done})
			s.Steps = map[runbooks.StepID]steps.StepState{id: x}
			want := time.Time{}
			if n > proof {
				want = at(proof + 1)
			}
			if got := s.Drained(position); !got.Equal(want) {
				t.Errorf("stepwise %v, action %d of %d begun, proof %d: drained %v, want %v", stepwise, n, len(p.Parts.Actions), proof, got, want)
			}
		}
		x.Stmts, x.Phase, x.Ended = x.Stmts[:proof], steps.Done, at(50)
		s.Steps[id] = x
		if got := s.Drained(position); !got.Equal(at(50)) {
			t.Errorf("stepwise %v: done, drained %v", stepwise, got)
		}
		x.Phase = steps.Undone
		s.Steps[id] = x
		if got := s.Drained(position); !got.IsZero() {
			t.Errorf("stepwise %v: taken back, drained %v", stepwise, got)
		}
		if got := s.Drained("another_lsn"); !got.IsZero() {
			t.Errorf("another position: %v", got)
		}
	}
}
