package steps_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

const ann = "ann"

// plain plans one statement for every kind, with the clocks of a window.
type plain struct{}

func (plain) Supports(string, string) bool { return true }
func (plain) GaugeNames() []string         { return nil }
func (plain) Plan(r engines.Request) (engines.Parts, error) {
	a := engines.Action{Target: r.On, Text: fmt.Sprintf("%s %s run %s.%d", r.Kind, r.Stage, r.Run, r.Attempt)}
	p := engines.Parts{UndoNone: "nothing to undo"}
	switch r.Kind {
	case "freeze":
		a.Starts = engines.FreezeBegins
		p.Abort = []engines.Action{{Target: r.On, Text: "thaw", Undoes: 1, Starts: engines.WritesOpen}}
	case "reverse":
		p.Abort = []engines.Action{{Target: r.On, Title: "clean up: drop the slot", Text: "drop the slot", Undoes: 1}}
	case "route":
		p.Abort = []engines.Action{{Target: r.On, Text: "turn back", Undoes: 1}}
	case "open":
		a.Starts = engines.OpensGreen
	}
	p.Actions = []engines.Action{a}
	return p, nil
}

// smallBook is a cutover in six steps: read, change, a window, the point of no
// return; with a way back before the window and one after it.
func smallBook() *runbooks.Runbook {
	step := func(id runbooks.StepID, kind string, risk runbooks.Risk) runbooks.Step {
		return runbooks.Step{ID: id, Title: "step " + string(id), Kind: kind, On: "green", From: "blue", To: "green", Risk: risk, UndoNone: "test"}
	}
	last := step("3.1", "close", runbooks.NoReturn)
	last.Signers, last.Phrase = 2, "no way back"
	back := step("A1.1", "guard", runbooks.Change)
	back.Stage = "off"
	home := step("B1.1", "freeze", runbooks.Traffic)
	home.From, home.To = "green", "blue"
	home2 := step("B1.2", "open", runbooks.Traffic)
	home2.From, home2.To = "green", "blue"
	return &runbooks.Runbook{
		Name: "small", Digest: "d", Targets: []runbooks.Target{{ID: "blue", Engine: "plain", Colour: "blue"}, {ID: "green", Engine: "plain", Colour: "green"}},
		Phases: []runbooks.Phase{
			{Number: 1, Name: "ready", Steps: []runbooks.Step{step("1.1", "probe", runbooks.Read), step("1.2", "lock", runbooks.Change)}},
			{Number: 2, Name: "window", Block: true, Budget: 20 * time.Second, Risk: runbooks.Traffic,
				Steps: []runbooks.Step{step("2.1", "freeze", runbooks.Traffic), step("2.2", "open", runbooks.Traffic)}},
			{Number: 3, Name: "close", Steps: []runbooks.Step{last}},
		},
		Back: []runbooks.WayBack{
			{Name: "abandon", After: "1.2", Until: "2.1", Phases: []runbooks.Phase{{Number: 1, Name: "down", Steps: []runbooks.Step{back}}}},
			{Name: "home", After: "2.2", Until: "3.1", Phases: []runbooks.Phase{{Number: 1, Name: "home", Block: true, Risk: runbooks.Traffic, Steps: []runbooks.Step{home, home2}}}},
		},
	}
}

// world folds events as a session does, without a record and without servers.
type world struct {
	s      steps.State
	events []steps.Event
	states []steps.State // after each event
	now    time.Time
}

func newWorld(stepwise bool) *world {
	w := &world{s: steps.New(smallBook(), stepwise), now: time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)}
	w.add(ev("", entries.SessionOpen{}))
	for _, id := range []string{"blue", "green"} {
		e := ev("", entries.TargetBound{Role: id, Engine: "plain", SystemID: id})
		e.Target = id
		w.add(e)
	}
	return w
}

func ev(step runbooks.StepID, b audit.Body) steps.Event {
	return steps.Event{Meta: audit.Meta{By: ann, Step: string(step)}, Body: b}
}

func (w *world) add(evs ...steps.Event) {
	for _, e := range evs {
		e.Seq, e.At = w.s.Newest+1, w.now
		e.Leaf = fmt.Sprintf("%064x", e.Seq)
		w.now = w.now.Add(time.Second)
		w.s = steps.Apply(w.s, e)
		w.events, w.states = append(w.events, e), append(w.states, w.s)
	}
}

// plan makes the current plan as the session does.
func (w *world) plan() (*steps.Plan, error) {
	it, ok := w.s.Current()
	if !ok {
		return nil, errors.New("no step")
	}
	return w.planAs(w.s.Planned(it.Step.ID))
}

func (w *world) planAs(attempt int, vars map[string]string) (*steps.Plan, error) {
	it, _ := w.s.Current()
	in := steps.Inputs{Book: w.s.Book, Planners: map[string]engines.Planner{"plain": plain{}}, Known: w.s.Bound, Vars: vars, Run: "r1", Attempt: attempt}
	p, err := steps.Make(in, it)
	return &p, err
}

// shown is the evidence of a person who looked at the newest screen.
func (w *world) shown() steps.Evidence {
	it, _ := w.s.Current()
	x := w.s.Step(it.Step.ID)
	e := steps.Evidence{By: ann, Operator: true, Seen: w.s.Newest, SeenStep: it.Step.ID, Attempt: x.Attempt, Same: map[string]string{}, Now: w.now}
	e.Plan, e.PlanErr = w.plan()
	if e.PlanErr == nil {
		e.Typed = e.Plan.Word
	}
	return e
}

// again is the evidence of a person who asks for a new plan.
func (w *world) again() steps.Evidence {
	e := w.shown()
	e.Plan, e.PlanErr = w.planAs(w.s.Anew(w.current()))
	return e
}

func (w *world) current() runbooks.StepID {
	it, _ := w.s.Current()
	return it.Step.ID
}

func (w *world) confirm() steps.Confirm {
	id := w.current()
	return steps.Confirm{Step: id, Digest: w.s.Step(id).Digest}
}

func (w *world) decide(t *testing.T, c steps.Command, e steps.Evidence) []steps.Event {
	t.Helper()
	evs, err := steps.Decide(w.s, c, e)
	if err != nil {
		t.Fatalf("%T: %v", c, err)
	}
	w.add(evs...)
	return evs
}

func (w *world) arm(t *testing.T) *world {
	t.Helper()
	w.decide(t, steps.Arm{Step: w.current()}, w.shown())
	return w
}

// start arms and confirms the current step.
func (w *world) start(t *testing.T) *world {
	t.Helper()
	w.arm(t).decide(t, w.confirm(), w.shown())
	return w
}

// begin and end write what the executor writes about a statement.
func (w *world) begin(part string, n int64) int64 {
	w.add(ev(w.current(), entries.StmtBegin{I: n, Part: part, Text: "x"}))
	return w.s.Newest
}

func (w *world) end(seq int64, outcome string) {
	e := ev(w.current(), entries.StmtEnd{Outcome: outcome})
	e.Ref = audit.Ref(seq)
	w.add(e)
}

func (w *world) settle(outcome, why string) *world {
	e := ev(w.current(), entries.StepOutcome{Outcome: outcome, Why: why})
	e.OK = entries.Ok(outcome)
	w.add(e)
	return w
}

// pass runs the current step to a good end, statement by statement.
func (w *world) pass(t *testing.T) *world {
	t.Helper()
	p, err := w.plan()
	if err != nil {
		t.Fatal(err)
	}
	w.start(t)
	for i := range p.Parts.Actions {
		w.end(w.begin("main", int64(i+1)), "done")
	}
	return w.settle("done", "")
}

// to passes steps until id is the current one.
func (w *world) to(t *testing.T, id runbooks.StepID) *world {
	t.Helper()
	for w.current() != id {
		if w.current() == "" {
			t.Fatalf("the walk ended before step %s", id)
		}
		w.pass(t)
	}
	return w
}

func intentIn(evs []steps.Event) bool {
	for _, e := range evs {
		if e.Body.Type() == "step.intent" {
			return true
		}
	}
	return false
}

func verdict(st checks.Status) checks.Verdict {
	return checks.Verdict{Gate: runbooks.Gate{Gauge: "blue/lag_seconds", Op: runbooks.Less, Want: "2s"}, Status: st, Is: "1s"}
}

// replays folds what the record would hold, and compares each prefix with what
// was live. A live state that a later event wrote into shows here as well.
func (w *world) replays(t *testing.T, stepwise bool) {
	t.Helper()
	s := steps.New(smallBook(), stepwise)
	for i, e := range w.events {
		raw, err := json.Marshal(e.Body)
		if err != nil {
			t.Fatal(err)
		}
		b, err := entries.Types().Decode(audit.Entry{Type: e.Body.Type(), Body: raw})
		if err != nil {
			t.Fatalf("%s does not come back from the record: %v", e.Body.Type(), err)
		}
		e.Body = b
		s = steps.Apply(s, e)
		if !reflect.DeepEqual(s, w.states[i]) {
			t.Fatalf("replay up to %d (%s) gives\n%+v\nlive it was\n%+v", i, b.Type(), s, w.states[i])
		}
	}
}
