package steps_test

import (
	"testing"

	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// night is a sequence of what people, servers and crashes do, drawn from bytes.
type night struct {
	*world
	in []byte
}

func (n *night) draw(most int) int {
	if len(n.in) == 0 {
		return 0
	}
	b := n.in[0]
	n.in = n.in[1:]
	return int(b) % most
}

// honest is the evidence of an attentive operator, unless the bytes say otherwise.
func (n *night) evidence() steps.Evidence {
	e := n.shown()
	switch n.draw(16) {
	case 1:
		e.Operator = false
	case 2:
		e.Typed = "no"
	case 3:
		e.Seen = n.s.Bearing - 1
	case 4:
		e.SeenStep = "9.9"
	case 5:
		e.Attempt++
	case 6:
		e.Same["green"] = "another server answers"
	case 7:
		p := *e.Plan
		p.Digest = "moved"
		e.Plan = &p
	case 8:
		e.Verdicts = []checks.Verdict{verdict(checks.Pass), verdict(checks.Unknown)}
	case 9:
		e.Verdicts = []checks.Verdict{verdict(checks.Fail)}
	case 10:
		e.Verdicts = []checks.Verdict{verdict(checks.Pass)}
	}
	return e
}

func (n *night) command() steps.Command {
	id := n.current()
	if n.draw(12) == 11 {
		id = "2"
	}
	switch n.draw(12) {
	case 0:
		return steps.Arm{Step: id}
	case 1:
		return n.confirm()
	case 2:
		return steps.Confirm{Step: id, Digest: "stale"}
	case 3:
		return steps.Disarm{}
	case 4:
		return steps.Skip{Step: id, Reason: []string{"", "not needed"}[n.draw(2)]}
	case 5:
		return steps.Hold{On: n.draw(2) == 0, Reason: "coffee"}
	case 6:
		return steps.Settle{Step: id, Next: []string{"done", "run_again", "roll_back", "stop", "?"}[n.draw(5)], Reason: "looked"}
	case 7:
		return steps.BackOut{Reason: "no-go"}
	case 8:
		return steps.Interrupt{}
	case 9:
		return steps.End{Reason: "enough"}
	case 10:
		return steps.Note{Text: "n"}
	}
	return steps.Verify{Step: id}
}

// happen is what is nobody's command: answers, outcomes, a crash.
func (n *night) happen() {
	id := n.current()
	x := n.s.Step(id)
	switch n.draw(6) {
	case 0:
		n.add(ev("", entries.SessionResume{}))
	case 1:
		if x.Phase == steps.Running {
			seq := n.begin([]string{"main", "abort"}[n.draw(2)], int64(1+n.draw(2)))
			if n.draw(3) > 0 {
				n.end(seq, []string{"done", "refused", "unclear"}[n.draw(3)])
			}
		}
	case 2:
		n.add(ev("", entries.TargetBound{Role: "x"}))
	default:
		if x.Phase == steps.Running {
			n.settle([]string{"done", "refused", "unsent", "unclear"}[n.draw(4)], []string{"", steps.AbortedWhy + "late"}[n.draw(2)])
		}
	}
}

func seeds(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 3, 0, 0})
	f.Add([]byte("arm confirm settle hold back out end, and again"))
	f.Add([]byte{1, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 2, 0, 3, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 5, 3, 0, 1, 0, 7, 0})
}

// FuzzDecide: nothing starts but the plan that was shown, confirmed by its
// digest and its word, at a screen that shows everything, with all gates open.
func FuzzDecide(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		n := &night{newWorld(len(in)%2 == 1), in}
		for len(n.in) > 0 {
			if n.draw(3) == 0 {
				n.happen()
				continue
			}
			c, e, s := n.command(), n.evidence(), n.s
			evs, err := steps.Decide(s, c, e)
			if err != nil {
				continue
			}
			if intentIn(evs) {
				mayStart(t, s, c, e, evs)
			}
			n.add(evs...)
		}
	})
}

func mayStart(t *testing.T, s steps.State, c steps.Command, e steps.Evidence, evs []steps.Event) {
	t.Helper()
	it, ok := s.Current()
	x := s.Step(it.Step.ID)
	k, isConfirm := c.(steps.Confirm)
	_, doubt := s.Doubt()
	for name, holds := range map[string]bool{
		"a confirm":               isConfirm && ok,
		"an operator":             e.Operator,
		"of the armed step":       x.Phase == steps.Armed && k.Step == it.Step.ID && e.SeenStep == it.Step.ID,
		"of the plan shown":       k.Digest == x.Digest && x.Digest != "",
		"of the plan as it is":    e.Plan != nil && e.Plan.Digest == x.Digest && e.Plan.Text == x.Text,
		"with its word":           e.Plan != nil && e.Typed == e.Plan.Word,
		"with nothing newer":      e.Seen >= s.Bearing,
		"on the bound servers":    len(e.Same) == 0,
		"no hold":                 s.Holding == "",
		"no doubt":                !doubt,
		"a session that goes on":  s.Result == "" && s.Stopped == "",
		"a way back, or two keys": it.Step.Risk != runbooks.NoReturn,
		"confirm first":           evs[0].Body.Type() == "step.confirm",
		"intent last":             evs[len(evs)-1].Body.Type() == "step.intent",
		"gates between":           len(evs) == len(e.Verdicts)+2,
	} {
		if !holds {
			t.Errorf("an intent without: %s", name)
		}
	}
	for _, v := range e.Verdicts {
		if v.Status != checks.Pass {
			t.Errorf("an intent while a gate is %s", v.Status)
		}
	}
}

// FuzzReplay: the record alone gives the state that was live, at every line.
func FuzzReplay(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		stepwise := len(in)%2 == 1
		n := &night{newWorld(stepwise), in}
		for len(n.in) > 0 {
			if n.draw(3) == 0 {
				n.happen()
				continue
			}
			if evs, err := steps.Decide(n.s, n.command(), n.evidence()); err == nil {
				n.add(evs...)
			}
		}
		n.replays(t, stepwise)
	})
}
