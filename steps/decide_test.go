package steps_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// TestRefusals: each row is a state and a command that must not be carried out,
// and what the person is told.
func TestRefusals(t *testing.T) {
	armed := func(t *testing.T, w *world) { w.arm(t) }
	running := func(t *testing.T, w *world) { w.start(t) }
	unclear := func(t *testing.T, w *world) { w.start(t).settle("unclear", "answer lost") }
	frozen := func(t *testing.T, w *world) {
		w.to(t, "2").start(t)
		w.end(w.begin("main", 1), "done")
		w.settle("refused", "green says no")
	}
	for _, row := range []struct {
		name  string
		given func(*testing.T, *world)
		do    func(*world) steps.Command
		ev    func(*steps.Evidence)
		why   string
	}{
		{"moved plan", armed, conf, func(e *steps.Evidence) { p := *e.Plan; p.Digest = "moved"; e.Plan = &p }, "plan changed"},
		{"stale digest", armed, func(w *world) steps.Command { return steps.Confirm{Step: w.current(), Digest: "old"} }, nil, "not the plan armed"},
		{"something newer", armed, conf, func(e *steps.Evidence) { e.Seen = 1 }, "was not on the screen"},
		{"other attempt", armed, conf, func(e *steps.Evidence) { e.Attempt = 7 }, "attempt 7"},
		{"other step on the screen", armed, conf, func(e *steps.Evidence) { e.SeenStep = "3.1" }, "not the current one"},
		{"wrong word", armed, conf, func(e *steps.Evidence) { e.Typed = "yes" }, "not the word"},
		{"another server", armed, conf, func(e *steps.Evidence) { e.Same["green"] = "another server answers" }, "target green"},
		{"no operator", armed, conf, func(e *steps.Evidence) { e.Operator = false }, "operator token"},
		{"not armed", nil, conf, nil, "not armed"},
		{"gate closed at arm", nil, arm, func(e *steps.Evidence) { e.Verdicts = []checks.Verdict{verdict(checks.Fail)} }, "is fail"},
		{"gate unknown at arm", nil, arm, func(e *steps.Evidence) { e.Verdicts = []checks.Verdict{verdict(checks.Unknown)} }, "is unknown"},
		{"no plan", nil, arm, func(e *steps.Evidence) { e.PlanErr = errors.New("not captured yet") }, "not captured yet"},
		{"not the current step", nil, func(*world) steps.Command { return steps.Arm{Step: "1.2"} }, nil, "not the current one"},
		{"arm while it runs", running, arm, nil, "is running"},
		{"arm while unclear", unclear, arm, nil, "is unclear"},
		{"skip while unclear", unclear, skip, nil, "is unclear"},
		{"back out while unclear", func(t *testing.T, w *world) { w.to(t, "1.2"); unclear(t, w) }, backOut, nil, "is unclear"},
		{"end while unclear", unclear, end, nil, "is unclear"},
		{"end while it runs", running, end, nil, "is running"},
		{"back out while it runs", running, backOut, nil, "is running"},
		{"interrupt nothing", nil, func(*world) steps.Command { return steps.Interrupt{} }, nil, "no step is running"},
		{"end while frozen", frozen, end, nil, "clients are waiting"},
		{"skip of TRAFFIC", func(t *testing.T, w *world) { w.to(t, "2") }, skip, nil, "TRAFFIC and cannot be skipped"},
		{"skip of NO RETURN", func(t *testing.T, w *world) { w.to(t, "3.1") }, skip, nil, "NO RETURN and cannot be skipped"},
		{"NO RETURN alone", func(t *testing.T, w *world) { w.to(t, "3.1").arm(t) }, conf, nil, "approval of a second person"},
		{"second signer on a lower risk", func(t *testing.T, w *world) { w.s.Walk[0].Step.Signers = 2; w.arm(t) }, conf, nil, "approval of a second person"},
		{"NO RETURN that names no signers", func(t *testing.T, w *world) {
			w.to(t, "3.1")
			w.s.Walk[w.s.Pos].Step.Signers = 0
			w.arm(t)
		}, conf, nil, "approval of a second person"},
		{"skip without a reason", nil, func(w *world) steps.Command { return steps.Skip{Step: w.current()} }, nil, "without a reason"},
		{"hold without a reason", nil, func(*world) steps.Command { return steps.Hold{On: true} }, nil, "without a reason"},
		{"back out without a reason", func(t *testing.T, w *world) { w.to(t, "2") }, func(*world) steps.Command { return steps.BackOut{} }, nil, "without a reason"},
		{"end in the middle without a reason", nil, func(*world) steps.Command { return steps.End{} }, nil, "before the last step"},
		{"confirm on hold", func(t *testing.T, w *world) {
			w.arm(t).decide(t, steps.Hold{On: true, Reason: "lunch"}, w.shown())
		}, conf, nil, "held: lunch"},
		{"settle what is clear", nil, func(w *world) steps.Command { return steps.Settle{Step: w.current(), Next: "done", Reason: "r"} }, nil, "not unclear"},
		{"settle by an unknown word", unclear, func(w *world) steps.Command { return steps.Settle{Step: w.current(), Next: "perhaps", Reason: "r"} }, nil, "unknown decision"},
		{"target changed", func(_ *testing.T, w *world) {
			e := ev("", entries.TargetChanged{Field: "identity", Was: "a", Is: "b"})
			e.Target = "green"
			w.add(e)
		}, arm, nil, "target green changed"},
		{"closed session", func(t *testing.T, w *world) { w.decide(t, steps.End{Reason: "no"}, w.shown()) }, arm, nil, "session is closed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(false)
			if row.given != nil {
				row.given(t, w)
			}
			e := w.shown()
			if row.ev != nil {
				row.ev(&e)
			}
			evs, err := steps.Decide(w.s, row.do(w), e)
			var r *steps.Refusal
			if !errors.As(err, &r) || !strings.Contains(err.Error(), row.why) || len(evs) != 0 {
				t.Errorf("got %v and %d events, want a refusal with %q", err, len(evs), row.why)
			}
		})
	}
}

func conf(w *world) steps.Command  { return w.confirm() }
func arm(w *world) steps.Command   { return steps.Arm{Step: w.current()} }
func skip(w *world) steps.Command  { return steps.Skip{Step: w.current(), Reason: "not needed"} }
func backOut(*world) steps.Command { return steps.BackOut{Reason: "no-go"} }
func end(*world) steps.Command     { return steps.End{Reason: "enough"} }

// TestAGateThatClosesTakesTheBoxAway: between arm and confirm a gate moved.
func TestAGateThatClosesTakesTheBoxAway(t *testing.T) {
	for _, st := range []checks.Status{checks.Fail, checks.Unknown} {
		w := newWorld(false).arm(t)
		e := w.shown()
		e.Verdicts = []checks.Verdict{verdict(checks.Pass), verdict(st)}
		evs := w.decide(t, w.confirm(), e)
		if intentIn(evs) || evs[len(evs)-1].Body.Type() != "step.disarmed" {
			t.Errorf("%s: got %v", st, evs)
		}
		if p := w.s.Step("1.1").Phase; p != steps.Pending {
			t.Errorf("%s: the step is %s", st, p)
		}
	}
}

// TestTheWayBackFitsThePlace: before writes are open the walk goes back by
// taking down, after that by moving the writes home.
func TestTheWayBackFitsThePlace(t *testing.T) {
	for _, row := range []struct {
		at, way string
		next    runbooks.StepID
	}{{"2", "abandon", "A1.1"}, {"3.1", "home", "B1"}} {
		w := newWorld(false).to(t, runbooks.StepID(row.at))
		w.decide(t, steps.BackOut{Reason: "no-go"}, w.shown())
		if w.s.Back != row.way || w.current() != row.next {
			t.Errorf("at %s: back by %q, next is %s", row.at, w.s.Back, w.current())
		}
		w.to(t, "")
		w.decide(t, steps.End{}, w.shown())
		if w.s.Result != "rolled_back" || w.s.Writes != "blue" {
			t.Errorf("at %s: ended %s, writes on %s", row.at, w.s.Result, w.s.Writes)
		}
	}
	w := newWorld(false)
	if _, err := steps.Decide(w.s, steps.BackOut{Reason: "r"}, w.shown()); err == nil {
		t.Error("a way back although nothing was done")
	}
}

// TestTheFreezeClock: it begins and ends with answers, and the abort list ends
// it on the old side.
func TestTheFreezeClock(t *testing.T) {
	w := newWorld(false).to(t, "2").start(t)
	a := w.begin("main", 1)
	if w.s.Freeze.On {
		t.Error("frozen before the answer")
	}
	w.end(a, "done")
	since := w.s.Freeze.Since
	if !w.s.Freeze.On || w.s.Writes != "" {
		t.Errorf("after the answer: %+v, writes on %q", w.s.Freeze, w.s.Writes)
	}
	w.end(w.begin("abort", 1), "done")
	if w.s.Freeze.On || w.s.Writes != "blue" || w.s.Opened || w.s.Freeze.Elapsed != w.s.Freeze.Ended.Sub(since) || w.s.Freeze.Elapsed <= 0 {
		t.Errorf("after the abort: %+v, writes on %q, opened %v", w.s.Freeze, w.s.Writes, w.s.Opened)
	}
	w.settle("refused", steps.AbortedWhy+"green says no")
	if p := w.s.Step("2").Phase; p != steps.Undone || w.current() != "2" {
		t.Errorf("aborted block is %s, current %s", p, w.current())
	}
	w.pass(t)
	if w.s.Freeze.On || w.s.Writes != "green" || !w.s.Opened {
		t.Errorf("after the switch: %+v, writes on %q, opened %v", w.s.Freeze, w.s.Writes, w.s.Opened)
	}
}

// TestResumeMakesDoubt: what ran when the process ended is unclear, an open box
// is closed, and both by nobody's command.
func TestResumeMakesDoubt(t *testing.T) {
	w := newWorld(false).start(t)
	w.begin("main", 1)
	w.add(ev("", entries.SessionResume{}))
	if id, doubt := w.s.Doubt(); !doubt || id != "1.1" {
		t.Errorf("running step after resume: %s", w.s.Step("1.1").Phase)
	}
	w.decide(t, steps.Settle{Step: "1.1", Next: steps.NextRunAgain, Reason: "looked"}, w.shown())
	if p := w.s.Step("1.1").Phase; p != steps.Failed {
		t.Errorf("settled: %s", p)
	}
	w.arm(t)
	if n := w.s.Step("1.1").Attempt; n != 2 {
		t.Errorf("attempt %d", n)
	}
	w.add(ev("", entries.SessionResume{}))
	if p := w.s.Step("1.1").Phase; p != steps.Pending {
		t.Errorf("armed step after resume: %s", p)
	}
}

// TestArmedAgain: a step that is armed already is planned anew, and the newest
// plan is the one that can be confirmed. What was signed for the plan before it
// is worth nothing any more.
func TestArmedAgain(t *testing.T) {
	for _, id := range []runbooks.StepID{"1.1", "2"} {
		w := newWorld(false).to(t, id)
		w.s.Walk[w.s.Pos].Step.Signers = 2
		w.arm(t)
		first := w.s.Step(id)
		evs := w.decide(t, steps.Arm{Step: id}, w.again())
		x := w.s.Step(id)
		if x.Attempt != first.Attempt+1 || evs[0].Body.Type() != "step.disarmed" || *evs[0].Ref != first.PlanSeq {
			t.Fatalf("step %s: armed again it is attempt %d after %d, with %+v", id, x.Attempt, first.Attempt, evs)
		}
		r, _ := w.s.Request(id, steps.ActRun)
		if r.Digest != x.Digest || r.Over != "" || w.s.Requests[len(w.s.Requests)-2].Over == "" {
			t.Errorf("step %s: requests %+v, want the newer alone to stand", id, w.s.Requests)
		}
		w.s.Walk[w.s.Pos].Step.Signers = 1
		if !intentIn(w.decide(t, w.confirm(), w.shown())) {
			t.Errorf("step %s: the newest plan was confirmed and no intent followed", id)
		}
	}
}
