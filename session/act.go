package session

import (
	"context"
	"errors"

	"golang.org/x/crypto/ssh"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// do carries out what a person asks. It returns when the intent is on record or
// refused, not when the step has ended.
func (s *Session) do(ctx context.Context, who Person, in Intent) error {
	err := s.act(ctx, who, in)
	if _, ok := in.Command.(steps.Handover); ok && err == nil {
		s.guardAnew()
	}
	return err
}

func (s *Session) act(ctx context.Context, who Person, in Intent) error {
	if err := s.going(); err != nil {
		return err
	}
	if v, ok := in.Command.(steps.Verify); ok {
		return s.verify(ctx, who, v)
	}
	if _, ok := in.Command.(steps.End); ok {
		s.takeNotes()
		s.settleAnchors()
	}
	if _, ok := in.Command.(steps.Arm); ok {
		if err := s.anchorMissing(); err != nil {
			return s.denyAlone(who, in, err)
		}
		if err := s.prewarm(ctx); err != nil {
			return err
		}
	}
	if err := s.mayDrive(ctx, in.Command); err != nil {
		return s.denyAlone(who, in, err)
	}
	signed, next, err := s.signatures(&in)
	if err != nil {
		return s.denyAlone(who, in, err)
	}
	shut := s.shut(ctx, in.Command)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.gone(); err != nil {
		return err
	}
	if a, ok := in.Command.(steps.Ack); ok {
		return s.ack(who, a)
	}
	if err := s.signOwn(&in); err != nil {
		return s.deny(who, in, err)
	}
	ev := s.evidence(who, in)
	ev.Signed, ev.Shut = signed, shut
	evs, err := steps.Decide(s.state, in.Command, ev)
	if errors.Is(err, steps.ErrNothing) {
		return nil
	}
	if err != nil {
		return s.deny(who, in, err)
	}
	s.denied = ""
	return s.carryOut(in, evs, ev, next, shut)
}

// carryOut does what was decided. s.mu is held.
func (s *Session) carryOut(in Intent, evs []steps.Event, ev steps.Evidence, next ssh.Signer, shut bool) error {
	switch c := in.Command.(type) {
	case steps.Confirm:
		return s.confirm(evs, ev)
	case steps.Settle:
		if c.Next == steps.NextRollBack {
			return s.rollBack(evs, c, shut)
		}
	case steps.TakeBack:
		return s.takeBack(evs, ev, c)
	case steps.Interrupt:
		if _, err := s.commit(evs...); err != nil {
			return err
		}
		if s.cancel != nil {
			s.cancel()
		}
		return nil
	case steps.Throttle:
		if err := s.pace(c.Limits); err != nil {
			return err
		}
	case steps.End:
		return s.end(evs)
	case steps.Handover:
		return s.handOver(evs, next)
	}
	if _, err := s.commit(evs...); err != nil {
		return err
	}
	if len(ev.Rows) > 0 { // not before the record says so
		s.revealed = ev.Rows
		s.changed()
	}
	s.writeRequests(evs)
	s.remember(evs, in)
	return s.granted(evs)
}

// evidence is what the session knows at this moment. s.mu is held.
func (s *Session) evidence(who Person, in Intent) steps.Evidence {
	ev := steps.Evidence{
		By: who.Name, Operator: s.holdsToken(who), Typed: in.Typed,
		Seen: int64(in.Seen.Entry), SeenStep: in.Seen.Step, Attempt: in.Seen.Attempt,
		ShownMS: in.ShownMS, W: in.Width, H: in.Height, Way: s.wayBack().State,
		Now: s.cfg.Now(), ByVoice: in.ByVoice,
	}
	if _, ok := in.Command.(steps.Reveal); ok {
		ev.Rows = s.namedRows()
	}
	it, ok := s.state.Current()
	if !ok {
		return ev
	}
	switch in.Command.(type) {
	case steps.TakeBack:
		ev.Plans = s.heldPlans()
	case steps.Arm, steps.Confirm, steps.OverrideGate:
		attempt, vars := s.state.Planned(it.Step.ID)
		if _, arms := in.Command.(steps.Arm); arms {
			attempt, vars = s.state.Anew(it.Step.ID)
		}
		p, err := s.planAs(it, attempt, vars)
		ev.Plan, ev.PlanErr = p, err
		if p != nil {
			ev.Verdicts = s.verdicts(p.Needs)
		}
	}
	switch in.Command.(type) {
	case steps.Confirm, steps.TakeBack:
		ev.Same = s.sampler.changed(s.known)
	}
	return ev
}

// verdicts evaluates gates on the newest samples.
func (s *Session) verdicts(gates []runbooks.Gate) []checks.Verdict {
	out := make([]checks.Verdict, 0, len(gates))
	now := s.cfg.Now()
	for _, g := range gates {
		out = append(out, s.sampler.eval(g, now))
	}
	return out
}

// deny records a refusal and returns it. s.mu is held.
func (s *Session) deny(who Person, in Intent, why error) error {
	s.denied = why.Error()
	ev := steps.Event{Meta: audit.Meta{By: who.Name, OK: audit.OK(false)}, Body: denied(in.Command, why)}
	if _, err := s.commit(ev); err != nil {
		return errors.Join(why, err)
	}
	return why
}

// confirm writes the intent and starts the step. s.mu is held.
func (s *Session) confirm(evs []steps.Event, ev steps.Evidence) error {
	last := evs[len(evs)-1]
	if last.Body.Type() != "step.intent" {
		if _, err := s.commit(evs...); err != nil {
			return err
		}
		s.denied = "not run: a gate closed since the card was drawn"
		s.publish()
		return &steps.Refusal{Why: "a gate closed since the card was drawn", Next: "press v to look again"}
	}
	s.crashAt(runbooks.StepID(last.Step), "before-intent")
	lines := linesOf(evs)
	lines[len(lines)-1].Build = intentRefs(last)
	sealed, err := s.log.Intent(lines...)
	if err != nil {
		s.fault(err)
		return err
	}
	s.adopt(evs, sealed.Entries())
	s.crashAt(runbooks.StepID(last.Step), "after-intent")
	it, _ := s.state.Current()
	s.out = nil
	s.launch(it, *ev.Plan, sealed)
	s.changed()
	return nil
}

// launch runs a confirmed plan in its own goroutine, on the session's context:
// no screen can take it along when it goes. s.mu is held.
func (s *Session) launch(it runbooks.Item, p steps.Plan, sealed audit.Sealed) {
	ctx, cancel := context.WithCancel(s.ctx)
	s.cancel, s.ended = cancel, make(chan struct{})
	ended := s.ended
	x := newExecution(s, it, p, sealed) // reads the state, so under the lock
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		defer close(ended)
		defer cancel()
		s.hands <- struct{}{}
		defer func() { <-s.hands }()
		x.run(ctx)
	}()
}
