package session

import (
	"context"
	"slices"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// shut asks the proof that a command needs which takes traffic back.
func (s *Session) shut(ctx context.Context, c steps.Command) bool {
	switch c := c.(type) {
	case steps.Settle:
		return c.Next == steps.NextRollBack && s.provenShut(ctx, c.Step)
	case steps.TakeBack:
		return c.Digest != "" && s.openingShut(ctx)
	}
	return false
}

// provenShut reports whether writes are certainly not open on the other side: the
// statement that opens them was never begun, or its proof says that it did nothing.
func (s *Session) provenShut(ctx context.Context, id runbooks.StepID) bool {
	s.mu.Lock()
	x, vars := s.state.Step(id), s.state.Vars
	var p *steps.Plan
	var err error
	for _, it := range s.state.Walk {
		if it.Step.ID == id {
			p, err = s.planAs(it, x.Attempt, x.Vars)
		}
	}
	s.mu.Unlock()
	if p == nil || err != nil || p.Digest != x.Digest {
		return false
	}
	ctx, done, err := s.take(ctx)
	if err != nil {
		return false
	}
	defer done()
	for n, a := range p.Parts.Actions {
		if a.Starts != engines.OpensGreen || !slices.Contains(x.MayStand(), n+1) {
			continue
		}
		if a.Proof == nil {
			return false
		}
		args, _, err := bindsFrom(a.Proof.Binds, vars)
		if err != nil {
			return false
		}
		now := *a.Proof
		now.Every = 0 // one look: nothing is on its way any more
		is, err := s.ask(ctx, audit.Sealed{}, now, args, p.Limit)
		if err != nil || is == "" || is == now.Want {
			return false
		}
	}
	return true
}

// rollBack runs the abort plan that was confirmed with the block, after a crash
// inside it. s.mu is held.
func (s *Session) rollBack(evs []steps.Event, c steps.Settle, shut bool) error {
	it, _ := s.state.Current()
	x := s.state.Step(c.Step)
	p, err := s.plan(it)
	switch {
	case err != nil:
		return &engines.Error{Op: "roll back", Object: string(c.Step), Err: err, Next: "look at the servers and decide otherwise"}
	case p.Digest != x.Digest:
		return &steps.Refusal{Why: "the plan made now differs from the confirmed one", Next: "look at the servers and decide otherwise"}
	case len(p.Parts.Abort) == 0:
		return &steps.Refusal{Why: "the step has no abort plan", Next: "decide done, run again or stop"}
	case !shut:
		return &steps.Refusal{Why: "writes may be open on the other side; nothing is aborted any more", Next: "press v, then b for the way back"}
	}
	// The decision stands before the second intent: without it that would be a
	// blind retry. The step stays unclear until the abort plan has an outcome.
	intent := steps.Event{Meta: audit.Meta{By: evs[0].By, Step: string(c.Step), Attempt: int64(x.Attempt), Ref: audit.Ref(x.PlanSeq)},
		Body: entries.StepIntent{PlanSHA256: x.Digest, Approvals: []int64{}, Gates: []int64{}}}
	return s.abort(append(evs, intent), c.Step, *p, "rolled back by decision: "+c.Reason)
}

// takeBack runs the abort list of the step whose intent was decided last, and for a
// person those of the rest of the window behind it. s.mu is held.
func (s *Session) takeBack(evs []steps.Event, ev steps.Evidence, c steps.TakeBack) error {
	id := runbooks.StepID(evs[len(evs)-1].Step)
	err := s.abort(evs, id, *ev.Plans[id], steps.TakenBack+c.Reason)
	if err != nil || c.Digest == "" {
		return err
	}
	s.taking = make(chan struct{})
	s.wg.Add(1)
	go s.takeRest(ev, c.Reason, s.taking)
	return nil
}

// heldPlans makes the plans of a window of single steps again, each as it was
// confirmed; one that cannot be made is missing. s.mu is held.
func (s *Session) heldPlans() map[runbooks.StepID]*steps.Plan {
	held, _ := s.state.HeldNow() // Decide says why there are none
	out := map[runbooks.StepID]*steps.Plan{}
	for _, it := range s.state.Walk {
		if !slices.Contains(held, it.Step.ID) {
			continue
		}
		x := s.state.Step(it.Step.ID)
		if p, err := s.planAs(it, x.Attempt, x.Vars); err == nil {
			out[it.Step.ID] = p
		} else {
			s.debug("plan of a step to take back", "step", it.Step.ID, "err", err)
		}
	}
	return out
}

// planAs makes the plan of an item for one attempt. s.mu is held.
func (s *Session) planAs(it runbooks.Item, attempt int, vars map[string]string) (*steps.Plan, error) {
	p, err := steps.Make(s.inputs(s.state.WindowAttempt(it, attempt), vars), it)
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// abort writes the intent that ends evs and runs the abort list of its step for
// what was begun of it. s.mu is held.
func (s *Session) abort(evs []steps.Event, id runbooks.StepID, p steps.Plan, why string) error {
	s.crashAt(id, "abort:before-intent")
	lines := linesOf(evs)
	lines[len(lines)-1].Build = intentRefs(evs[len(evs)-1])
	sealed, err := s.log.Intent(lines...)
	if err != nil {
		s.fault(err)
		return err
	}
	s.adopt(evs, sealed.Entries())
	s.crashAt(id, "abort:after-intent")
	s.ended, s.undoing = make(chan struct{}), id
	ended := s.ended
	it, _ := s.state.Current()
	run := newExecution(s, it, p, sealed)
	for _, n := range s.state.Step(id).MayStand() {
		run.begun[n] = true
	}
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		defer close(ended)
		s.hands <- struct{}{}
		defer func() { <-s.hands }()
		run.abort(failure{engines.Unclear, 0, why})
	}()
	s.changed()
	return nil
}
