package cli

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// TestTheDeadManTakesSingleStepsBack: with an own confirmation for each step of
// the window, a cockpit that goes in one of them, or between two, leaves no client
// waiting: all steps that were done are taken back, and the walk stands before the
// first of them.
func TestTheDeadManTakesSingleStepsBack(t *testing.T) {
	n := newNight(t)
	n.cut.window = "stepwise"
	for _, tt := range []struct {
		at   string
		stop syscall.Signal
	}{
		{"5.1:main:after-send:1", syscall.SIGKILL}, // clients are held, and nobody wrote it down
		{"5.2:before-intent", syscall.SIGKILL},
		{"5.4:main:after-send:1", syscall.SIGKILL},
		{"5.5:main:after-end:2", syscall.SIGKILL},
		{"5.5:after-outcome", syscall.SIGKILL}, // the pooler points at green
		{"5.6:before-intent", syscall.SIGSTOP}, // it hangs: ended first
	} {
		cmd := n.stop(tt.at)
		from := time.Now()
		if err := cmd.Process.Signal(tt.stop); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Fatalf("%s: the cockpit ended well", tt.at)
		}
		n.flows(tt.at)
		t.Logf("%-24s %-8s clients flow again after %s", tt.at, tt.stop, time.Since(from).Round(time.Millisecond))
		n.ended(n.entries())
		st := n.tells("that the window was taken back", func(st steps.State) bool {
			it, _ := st.Current()
			return it.Step.ID == "5.1" && st.Step("5.1").Phase == steps.Undone
		})
		for _, id := range []string{"5.1", "5.2", "5.7", "5.3", "5.4", "5.5", "5.6"} {
			if p := st.Step(runbooks.StepID(id)).Phase; p != steps.Undone && p != steps.Pending {
				t.Errorf("%s: step %s is %s", tt.at, id, p)
			}
		}
		if st.Freeze.On || st.Writes != "blue" {
			t.Fatalf("%s: writes on %s, freeze %+v", tt.at, st.Writes, st.Freeze)
		}
		if err := n.ledger.Kept(t.Context(), n.pair.BlueDSN()); err != nil {
			t.Fatalf("%s: %v", tt.at, err)
		}
	}
	s := n.resumes()
	var said strings.Builder
	(&App{Err: &said}).compare(s)
	if got := strings.Count(said.String(), "step 5.1 was taken back: dead-man: the cockpit"); got != 6 {
		t.Errorf("a resume tells %d times of the dead-man's work, want 6:\n%s", got, said.String())
	}
	if err := n.walk(s, lab.WalkOptions{Until: "5.6"}); err != nil {
		t.Fatal(err)
	}
	n.compare(s)
	sound(t, s.Dir())
}

// TestTheDeadManLeavesAnOpenedStepAlone: once the statement of 5.6 may have left,
// only a person knows which side is right.
func TestTheDeadManLeavesAnOpenedStepAlone(t *testing.T) {
	n := newNight(t)
	n.cut.window = "stepwise"
	cmd := n.stop("5.6:main:after-begin:1")
	before := n.entries()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the cockpit ended well")
	}
	n.ended(before)
	if now := n.entries(); len(now) != len(before) {
		t.Fatalf("the record went on with %s after the cockpit's death", now[len(before)].Type)
	}
	if id, doubt := n.resumes().State().Doubt(); !doubt || id != "5.6" {
		t.Fatalf("step %q in doubt: %v", id, doubt)
	}
}
