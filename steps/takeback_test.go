package steps_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// wideWorld has a window of five steps: hold, catch up, slot, route, open.
func wideWorld(stepwise bool) *world {
	w := newWorld(stepwise)
	book := smallBook()
	first := book.Phases[1].Steps[0]
	step := func(id runbooks.StepID, kind, stage string) runbooks.Step {
		s := first
		s.ID, s.Kind, s.Stage, s.Risk = id, kind, stage, runbooks.Change
		return s
	}
	open := step("2.5", "open", "")
	open.Risk = runbooks.Traffic
	book.Back[1].After = open.ID
	book.Phases[1].Steps = []runbooks.Step{first, step("2.2", "catchup", ""), step("2.3", "reverse", "slot"), step("2.4", "route", ""), open}
	bound := w.s.Bound
	w.s = steps.New(book, stepwise)
	w.s.Bound, w.events, w.states = bound, nil, nil
	return w
}

func crash(w *world) { w.add(ev("", entries.SessionResume{})) }

// taking is the evidence of a take-back: the plans as they were confirmed.
func (w *world) taking(t *testing.T) steps.Evidence {
	t.Helper()
	held, _ := w.s.Held()
	return w.makes(t, held)
}

// makes plans steps again, each as it was confirmed.
func (w *world) makes(t *testing.T, held []runbooks.StepID) steps.Evidence {
	t.Helper()
	e := steps.Evidence{By: ann, Operator: true, Plans: map[runbooks.StepID]*steps.Plan{}}
	for _, it := range w.s.Walk {
		if x := w.s.Step(it.Step.ID); slices.Contains(held, it.Step.ID) {
			p, err := steps.Make(steps.Inputs{Book: w.s.Book, Planners: map[string]engines.Planner{"plain": plain{}}, Known: w.s.Bound, Vars: x.Vars, Run: "r1", Attempt: x.Attempt}, it)
			if err != nil {
				t.Fatal(err)
			}
			e.Plans[it.Step.ID] = &p
		}
	}
	return e
}

// TestTakeBackRefusals: each row is a state in which nobody may take the window
// back without a person.
func TestTakeBackRefusals(t *testing.T) {
	at := func(id runbooks.StepID) func(*testing.T, *world) { return func(t *testing.T, w *world) { w.to(t, id) } }
	for _, row := range []struct {
		name  string
		block bool
		given func(*testing.T, *world)
		ev    func(*steps.Evidence)
		by    string
		why   string
	}{
		{"before the window", false, at("1.2"), nil, "died", "in no window"},
		{"a window not begun", false, at("2.1"), nil, "died", "in no window"},
		{"a freeze that is only armed", false, func(t *testing.T, w *world) { w.to(t, "2.1").arm(t); crash(w) }, nil, "died", "no client is held"},
		{"a freeze of which nothing left", false, func(t *testing.T, w *world) { w.to(t, "2.1").start(t); crash(w) }, nil, "died", "no client is held"},
		{"a freeze that runs", false, func(t *testing.T, w *world) { w.to(t, "2.1").start(t).begin("main", 1) }, nil, "died", "is running"},
		{"a block", true, func(t *testing.T, w *world) { w.to(t, "2").start(t).begin("main", 1); crash(w) }, nil, "died", "in no window"},
		{"opening begun", false, func(t *testing.T, w *world) { w.to(t, "2.5").start(t).begin("main", 1); crash(w) }, nil, "died", "writes may be open"},
		{"opening begun, found not done", false, func(t *testing.T, w *world) {
			w.to(t, "2.5").start(t).begin("main", 1)
			w.settle("refused", "the pooler says no")
		}, nil, "died", "writes may be open"},
		{"opening begun, armed again", false, func(t *testing.T, w *world) {
			w.to(t, "2.5").start(t).begin("main", 1)
			w.settle("refused", "the pooler says no").arm(t)
		}, nil, "died", "writes may be open"},
		{"opened", false, at("3.1"), nil, "died", "in no window"},
		{"a step tried twice, the second not confirmed", false, func(t *testing.T, w *world) {
			w.to(t, "2.4").start(t).begin("main", 1)
			w.settle("refused", "no").arm(t)
			crash(w)
		}, nil, "died", "step 2.4 was begun before"},
		{"no operator", false, at("2.4"), func(e *steps.Evidence) { e.Operator = false }, "died", "operator token"},
		{"no reason", false, at("2.4"), nil, " ", "without a reason"},
		{"no plan of one", false, at("2.4"), func(e *steps.Evidence) { delete(e.Plans, "2.1") }, "died", "no plan of step 2.1"},
		{"a moved plan of one", false, at("2.4"), func(e *steps.Evidence) { p := *e.Plans["2.2"]; p.Digest = "moved"; e.Plans["2.2"] = &p }, "died", "plan of step 2.2 made now differs"},
		{"another server", false, func(t *testing.T, w *world) {
			w.to(t, "2.4")
			e := ev("", entries.TargetChanged{Field: "identity", Was: "a", Is: "b"})
			e.Target = "green"
			w.add(e)
		}, nil, "died", "target green changed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := wideWorld(!row.block)
			row.given(t, w)
			e := w.taking(t)
			if row.ev != nil {
				row.ev(&e)
			}
			evs, err := steps.Decide(w.s, steps.TakeBack{Reason: row.by}, e)
			var r *steps.Refusal
			if !errors.As(err, &r) || !strings.Contains(err.Error(), row.why) || len(evs) != 0 {
				t.Errorf("got %v and %d events, want a refusal with %q", err, len(evs), row.why)
			}
		})
	}
}

// takesAll takes the window back step by step as a session does, and returns the
// steps in that order.
func (w *world) takesAll(t *testing.T) []runbooks.StepID {
	t.Helper()
	var out []runbooks.StepID
	for {
		if _, err := w.s.Held(); err != nil {
			return out
		}
		evs := w.decide(t, steps.TakeBack{Reason: "died"}, w.taking(t))
		last := evs[len(evs)-1]
		id := runbooks.StepID(last.Step)
		if w.current() != id || !w.s.Busy() || last.Body.Type() != "step.intent" || *last.Ref != w.s.Step(id).PlanSeq {
			t.Fatalf("step %s is taken back, the walk stands at %s, busy %v", id, w.current(), w.s.Busy())
		}
		out = append(out, id)
		if w.s.Step(id).Digest == "" || len(out) > 9 {
			t.Fatalf("taken back: %v", out)
		}
		if id == "2.1" {
			w.end(w.begin("abort", 1), "done")
		}
		w.settle("refused", steps.AbortedWhy+steps.TakenBack+"died")
	}
}

// TestTakeBack: everything that was begun goes, the latest first, what only cleans
// up last; then the walk stands before the window and may be walked again.
func TestTakeBack(t *testing.T) {
	for _, row := range []struct {
		name  string
		given func(*testing.T, *world)
		want  []runbooks.StepID
	}{
		{"in the freeze", func(t *testing.T, w *world) { w.to(t, "2.1").start(t).begin("main", 1); crash(w) }, []runbooks.StepID{"2.1"}},
		{"behind the freeze", func(t *testing.T, w *world) { w.to(t, "2.2") }, []runbooks.StepID{"2.1"}},
		{"a box open behind the freeze", func(t *testing.T, w *world) { w.to(t, "2.2").arm(t); crash(w) }, []runbooks.StepID{"2.1"}},
		{"in the slot", func(t *testing.T, w *world) { w.to(t, "2.3").start(t).begin("main", 1); crash(w) }, []runbooks.StepID{"2.1", "2.3", "2.2"}},
		{"behind the route", func(t *testing.T, w *world) { w.to(t, "2.5") }, []runbooks.StepID{"2.4", "2.1", "2.3", "2.2"}},
		{"on hold", func(t *testing.T, w *world) {
			w.to(t, "2.5").decide(t, steps.Hold{On: true, Reason: "look"}, w.shown())
		}, []runbooks.StepID{"2.4", "2.1", "2.3", "2.2"}},
		{"a freeze that failed half way", func(t *testing.T, w *world) {
			w.to(t, "2.1").start(t)
			w.end(w.begin("main", 1), "done")
			w.settle("refused", "a writer is left")
		}, []runbooks.StepID{"2.1"}},
		{"a freeze that needed two attempts", func(t *testing.T, w *world) {
			w.to(t, "2.1").start(t).begin("main", 1)
			w.settle("refused", "no").start(t)
			crash(w) // nothing of the second left, but the first may stand
		}, []runbooks.StepID{"2.1"}},
		{"a dead-man that died", func(t *testing.T, w *world) {
			w.to(t, "2.5").decide(t, steps.TakeBack{Reason: "died"}, w.taking(t))
			w.begin("abort", 1)
			crash(w)
		}, []runbooks.StepID{"2.4", "2.1", "2.3", "2.2"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := wideWorld(true)
			row.given(t, w)
			if got := w.takesAll(t); !slices.Equal(got, row.want) {
				t.Errorf("taken back %v, want %v", got, row.want)
			}
			if w.current() != "2.1" || w.s.Freeze.On || w.s.Writes != "blue" || w.s.Opened {
				t.Errorf("the walk stands at %s, freeze %+v, writes on %q", w.current(), w.s.Freeze, w.s.Writes)
			}
			w.s.Holding = ""
			if w.to(t, "3.1"); w.s.Writes != "green" || w.s.Freeze.On {
				t.Errorf("walked again: writes on %q", w.s.Writes)
			}
		})
	}
}

// TestAPersonTakesOneStepBack: a decision about one unclear step leaves the steps
// before it as they are.
func TestAPersonTakesOneStepBack(t *testing.T) {
	w := wideWorld(true).to(t, "2.4").start(t)
	w.begin("main", 1)
	crash(w)
	w.decide(t, steps.Settle{Step: "2.4", Next: steps.NextRollBack, Reason: "looked"}, w.shown())
	w.add(ev("2.4", entries.StepIntent{}))
	if w.settle("refused", steps.AbortedWhy+"rolled back"); w.current() != "2.4" || w.s.Step("2.1").Phase != steps.Done {
		t.Errorf("the walk stands at %s, step 2.1 is %s", w.current(), w.s.Step("2.1").Phase)
	}
}

// TestTheWindowSpeaksOfOneAttempt: what waits for the freeze's token waits for
// that of its last attempt, however often it was tried itself.
func TestTheWindowSpeaksOfOneAttempt(t *testing.T) {
	w := wideWorld(true).to(t, "2.1").start(t)
	w.settle("refused", "no").pass(t)
	for _, it := range w.s.Walk {
		want := map[runbooks.StepID]int{"2.1": 7, "2.2": 2, "2.5": 2}[it.Step.ID]
		if got := w.s.WindowAttempt(it, 7); want > 0 && got != want {
			t.Errorf("step %s speaks of attempt %d, want %d", it.Step.ID, got, want)
		}
	}
}
