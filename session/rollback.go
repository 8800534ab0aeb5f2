package session

import (
	"context"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// provenShut reports whether writes are certainly not open on the other side: the
// statement that opens them was never begun, or its proof says that it did nothing.
func (s *Session) provenShut(ctx context.Context, id runbooks.StepID) bool {
	s.mu.Lock()
	it, ok := s.state.Current()
	x, vars := s.state.Step(id), s.state.Vars
	var p *steps.Plan
	var err error
	if ok && it.Step.ID == id {
		p, err = s.plan(it)
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
		if a.Starts != engines.OpensGreen || !x.Begun(n+1) {
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
	evs = append(evs, intent)
	s.crashAt(c.Step, "abort:before-intent")
	sealed, err := s.log.Intent(linesOf(evs)...)
	if err != nil {
		s.fault(err)
		return err
	}
	s.adopt(evs, sealed.Entries())
	s.crashAt(c.Step, "abort:after-intent")
	s.ended = make(chan struct{})
	ended := s.ended
	run := newExecution(s, it, *p, sealed)
	for _, st := range x.Stmts {
		if st.Part == entries.PartMain {
			run.begun[st.N] = true
		}
	}
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		defer close(ended)
		s.hands <- struct{}{}
		defer func() { <-s.hands }()
		run.abort(failure{engines.Unclear, 0, "rolled back by decision: " + c.Reason})
	}()
	s.changed()
	return nil
}
