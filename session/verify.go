package session

import (
	"context"
	"fmt"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// verify looks again. On an unclear step it asks the world, by the proofs of the
// confirmed plan, what became of the statements that were begun.
func (s *Session) verify(ctx context.Context, who Person, v steps.Verify) error {
	s.mu.Lock()
	id, doubt := s.state.Doubt()
	if !doubt || v.Step != id {
		s.denied = ""
		s.changed()
		s.mu.Unlock()
		return nil
	}
	if who.Role != "operator" {
		s.mu.Unlock()
		return &steps.Refusal{Why: who.Name + " does not hold the operator token", Next: "ask the operator"}
	}
	it, _ := s.state.Current()
	x := s.state.Step(id)
	p, err := s.plan(it)
	vars := s.state.Vars
	s.mu.Unlock()
	if err == nil && p.Digest != x.Digest {
		err = fmt.Errorf("the plan made now differs from the confirmed one")
	}
	if err != nil {
		return &engines.Error{Op: "prove step", Object: string(id), Err: err, Next: "look at the servers and decide with d"}
	}
	found := s.askWorld(ctx, *p, x, vars)
	return s.reconcile(who, id, x, *p, found)
}

// finding is what the world says of one begun statement.
type finding struct {
	n     int
	ended bool // the record has its answer: done
	asked bool
	holds bool
	is    string
	err   error
	proof engines.Proof
}

// there reports whether the statement's effect is known to be there.
func (f finding) there() bool { return f.asked && f.holds || !f.asked && f.ended }

// open reports whether nobody can say.
func (f finding) open() bool { return f.err != nil || !f.asked && !f.ended }

func (s *Session) askWorld(ctx context.Context, p steps.Plan, x steps.StepState, vars map[string]string) []finding {
	var out []finding
	for _, st := range x.Stmts {
		if st.Part != entries.PartMain || st.N > len(p.Parts.Actions) {
			continue
		}
		f := finding{n: st.N, ended: st.Ended && st.Outcome == engines.Done}
		if pr := p.Parts.Actions[st.N-1].Proof; pr != nil {
			f.proof = *pr
			args, _, err := bindsFrom(pr.Binds, vars)
			if err == nil {
				f.is, err = s.ask(ctx, audit.Sealed{}, *pr, args, p.Limit)
			}
			f.asked, f.err, f.holds = true, err, err == nil && f.is == pr.Want
		}
		out = append(out, f)
	}
	return out
}

// reconcile writes what the proofs said and, where they decide, the verdict.
func (s *Session) reconcile(who Person, id runbooks.StepID, x steps.StepState, p steps.Plan, found []finding) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var evs []steps.Event
	for _, f := range found {
		if !f.asked {
			continue
		}
		e := steps.Event{Meta: audit.Meta{By: audit.System, Step: string(id), Attempt: int64(x.Attempt), Target: string(f.proof.Target)},
			Body: entries.CheckResult{Check: title(f.proof), Kind: "proof", Want: f.proof.Want, Is: answer(f.is, f.err)}}
		if f.err == nil {
			e.OK = audit.OK(f.holds)
		}
		evs = append(evs, e)
		s.say(s.cfg.Now(), !f.holds, fmt.Sprintf("action %d: the world says %s, want %s", f.n, answer(f.is, f.err), f.proof.Want))
	}
	verdict, next, why := judge(p, found)
	if verdict != "" {
		e := steps.Event{Meta: audit.Meta{By: who.Name, Step: string(id), Attempt: int64(x.Attempt), Ref: audit.Ref(x.IntentSeq)},
			Body: entries.StepReconciled{How: "proof", Verdict: verdict, Next: next}}
		e.OK = audit.OK(verdict == "done")
		evs = append(evs, e)
	}
	s.say(s.cfg.Now(), verdict != "done", why)
	if len(evs) == 0 {
		s.changed()
		return nil
	}
	_, err := s.commit(evs...)
	return err
}

// judge says what the findings prove about the step, if they prove anything.
func judge(p steps.Plan, found []finding) (verdict, next, why string) {
	if len(found) == 0 {
		return "not_done", steps.NextRunAgain, "nothing was sent: the step may be confirmed again"
	}
	there, open := 0, 0
	openedBegun := false
	for _, f := range found {
		switch {
		case f.open():
			open++
		case f.there():
			there++
		}
		openedBegun = openedBegun || p.Parts.Actions[f.n-1].Starts == engines.OpensGreen
	}
	last := found[len(found)-1]
	switch {
	case open > 0:
		return "", "", "a proof could not be asked or there is none: decide with d"
	case len(found) == len(p.Parts.Actions) && there == len(found):
		return "done", steps.NextDone, "every effect is there: done"
	case p.Block && openedBegun && last.there():
		return "done", steps.NextDone, "writes are open on the other side: done"
	case p.Block:
		return "", "", "the block stopped inside: decide with d, roll back runs the abort plan that was confirmed"
	}
	return "not_done", steps.NextRunAgain, "not all of it is there: a fresh plan may be confirmed"
}

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
	intent := steps.Event{Meta: audit.Meta{By: evs[0].By, Step: string(c.Step), Attempt: int64(x.Attempt), Ref: audit.Ref(x.PlanSeq)},
		Body: entries.StepIntent{PlanSHA256: x.Digest, Approvals: []int64{}, Gates: []int64{}}}
	sealed, err := s.log.Intent(audit.Line{Meta: intent.Meta, Body: intent.Body})
	if err != nil {
		s.fault(err)
		return err
	}
	s.adopt([]steps.Event{intent}, sealed.Entries())
	s.ended = make(chan struct{})
	ended := s.ended
	run := newExecution(s, it, *p, sealed)
	for _, st := range x.Stmts {
		if st.Part == entries.PartMain {
			run.begun[st.N] = true
		}
	}
	reconciled := evs
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		defer close(ended)
		run.reconciles = reconciled
		run.abort(failure{engines.Unclear, 0, "rolled back by decision: " + c.Reason})
	}()
	s.changed()
	return nil
}
