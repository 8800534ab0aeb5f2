package session_test

import (
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// looking is a planner whose window ends with a look at what clients get, behind
// the statement that opens writes: routers plan it so.
type looking struct{ planner }

func (l looking) Plan(r engines.Request) (engines.Parts, error) {
	p, err := l.planner.Plan(r)
	if r.Kind == "open" {
		p.Actions = append(p.Actions, engines.Action{Target: r.On, Text: "look", Title: "look",
			Proof: &engines.Proof{Target: r.On, Text: "look", Want: "t"}})
	}
	return p, err
}

// A window whose last look was cut is done when the look, asked again, finds
// writes open: nothing may be aborted any more, and nobody has to guess.
func TestAWindowIsDoneWhoseLastLookWasCut(t *testing.T) {
	v := newServers()
	cfg := config(v, t.TempDir())
	e := v.engine()
	e.Planner = looking{}
	cfg.Engines["fake"] = e
	n := begin(t, v, cfg)
	n.run("1.1", steps.Done)
	cut := true
	v.on["look"] = func() (engines.Result, error) {
		if cut {
			return engines.Result{}, errLost
		}
		return row("t"), nil
	}
	n.run("2", steps.Unclear)
	if err := n.do(session.Intent{Command: steps.Verify{Step: "2"}}); err != nil {
		t.Fatal(err)
	}
	if x := n.s.State().Step("2"); x.Phase != steps.Unclear {
		t.Fatalf("nobody could look, and the step is %s", x.Phase)
	}
	cut = false
	if err := n.do(session.Intent{Command: steps.Verify{Step: "2"}}); err != nil {
		t.Fatal(err)
	}
	if x := n.s.State().Step("2"); x.Phase != steps.Done {
		t.Fatalf("the look finds writes open, and the step is %s (%s)", x.Phase, x.Why)
	}
	looks := 0
	for _, s := range v.texts() {
		if s == "open" {
			looks++
		}
	}
	if looks != 1 {
		t.Errorf("writes were opened %d times", looks)
	}
}

// seeding is a planner whose step leaves values behind for later steps.
type seeding struct{ planner }

func (p seeding) Plan(r engines.Request) (engines.Parts, error) {
	parts, err := p.planner.Plan(r)
	if r.Kind == "persist" {
		parts.Actions[0].Captures = []engines.Capture{{Var: "seed"}}
	}
	return parts, err
}

// An effect that is there is not all of a step whose answer later steps need: with
// the answer lost, it has to run again.
func TestAStepWhoseValuesAreLostIsNotDone(t *testing.T) {
	v := newServers()
	cfg := config(v, t.TempDir())
	e := v.engine()
	e.Planner = seeding{}
	cfg.Engines["fake"] = e
	first := &cfg.Book.Phases[0].Steps[0]
	first.Kind, first.Args = "persist", nil
	lose := true
	v.on["token r1.1"] = func() (engines.Result, error) {
		if lose {
			return engines.Result{}, errLost
		}
		return row("t"), nil
	}
	n := begin(t, v, cfg)
	n.run("1.1", steps.Unclear)
	if err := n.do(session.Intent{Command: steps.Verify{Step: "1.1"}}); err != nil {
		t.Fatal(err)
	}
	if x := n.s.State().Step("1.1"); x.Phase != steps.Failed {
		t.Fatalf("its values are lost, and the step is %s (%s)", x.Phase, x.Why)
	}
}
