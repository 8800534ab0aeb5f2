package session

import (
	"testing"

	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// TestAProofIsNear: a busy log is read all the time from when the window is next until
// its proof was given, whichever way the window is walked.
func TestAProofIsNear(t *testing.T) {
	raw, _ := runbooks.Builtin("postgres-logical")
	book, findings := runbooks.Parse("postgres-logical", raw)
	if book == nil {
		t.Fatal(findings)
	}
	for _, stepwise := range []bool{false, true} {
		near := map[runbooks.StepID]bool{}
		st := steps.New(book, stepwise)
		for st.Pos = range st.Walk {
			near[st.Walk[st.Pos].Step.ID] = proofNear(st)
		}
		if st.Pos = len(st.Walk); proofNear(st) {
			t.Error("near behind the end")
		}
		want := map[runbooks.StepID]bool{"3.5": false, "4.5": false, "5": true, "6.1": false}
		if stepwise {
			want = map[runbooks.StepID]bool{"4.5": false, "5.1": true, "5.7": true, "5.3": false, "6.1": false}
		}
		for id, is := range want {
			if got, ok := near[id]; !ok || got != is {
				t.Errorf("stepwise %t, %s is next: near %t (there: %t), want %t", stepwise, id, got, ok, is)
			}
		}
	}
}
