package steps

import (
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/runbooks"
)

// decideConfirm is the one way to an intent: the armed plan, its digest, its
// word, nothing newer than what was on the screen, the bound servers, and every
// gate open now.
func decideConfirm(s State, c Confirm, ev Evidence) ([]Event, error) {
	it, err := free(s)
	if err != nil {
		return nil, err
	}
	id := it.Step.ID
	x := s.Steps[id]
	if err := sameAsShown(s, c, ev, it, x); err != nil {
		return nil, err
	}
	confirm := event(ev.By, id, x.Attempt, entries.StepConfirm{
		PlanSHA256: c.Digest, Seen: ev.Seen, ShownMS: ev.ShownMS, Typed: ev.Typed,
		Screen: entries.Screen{H: int64(ev.H), W: int64(ev.W)}, WayBack: ev.Way,
	})
	confirm.Ref = audit.Ref(x.PlanSeq)
	out := []Event{confirm}
	grants, waiver, err := s.approved(it, ev)
	if err != nil {
		return nil, err
	}
	closed := false
	gates := append([]int64{}, s.passedOver(id, x.Attempt)...) // of overrides: the check that each of them names
	for _, v := range ev.Verdicts {
		if seq, over := s.Overridden(id, x.Attempt, string(v.Gate.Gauge)); over {
			gates = append(gates, seq)
			continue
		}
		out = append(out, gateEvent(id, x.Attempt, v, ev.Now))
		closed = closed || v.Status != checks.Pass
	}
	if closed {
		return append(out, disarmed(audit.System, id, x, "gate")), nil
	}
	intent := event(ev.By, id, x.Attempt, entries.StepIntent{
		PlanSHA256: c.Digest, Approvals: grants, Waiver: waiver, Gates: gates,
	})
	intent.Ref = audit.Ref(x.PlanSeq)
	return append(out, intent), nil
}

// sameAsShown refuses a confirm of anything but what the person had in front of
// him.
func sameAsShown(s State, c Confirm, ev Evidence, it runbooks.Item, x StepState) error {
	id := it.Step.ID
	switch {
	case c.Step != id || ev.SeenStep != id:
		return refuse("look at the current step", "step %s is not the current one, %s is", c.Step, id)
	case x.Phase != Armed:
		return refuse("press x to see the plan", "step %s is not armed", id)
	case ev.Attempt != 0 && ev.Attempt != x.Attempt:
		return refuse("press x again", "the screen showed attempt %d, this is %d", ev.Attempt, x.Attempt)
	case c.Digest != x.Digest:
		return refuse("press x to see the plan as it is now", "the plan shown is not the plan armed")
	case ev.Seen < s.Bearing:
		return refuse("look at the card again", "entry %d bears on this step and was not on the screen (newest shown: %d)", s.Bearing, ev.Seen)
	case ev.PlanErr != nil:
		return refuse("press x again", "%v", ev.PlanErr)
	case ev.Plan.Digest != x.Digest:
		return refuse("press x to see the plan as it is now", "plan changed, nothing has run")
	case ev.Typed != ev.Plan.Word:
		return refuse("type the word as shown", "what was typed is not the word of the plan")
	}
	for t, what := range ev.Same {
		return refuse("find out which server answers there", "target %s: %s", t, what)
	}
	return s.polled(it)
}

// gateEvent is the recorded answer of one gate.
func gateEvent(id runbooks.StepID, attempt int, v checks.Verdict, now time.Time) Event {
	b := entries.CheckResult{
		Check: string(v.Gate.Gauge), Kind: "gate", Want: string(v.Gate.Op) + " " + v.Gate.Want,
		Is: orDash(v.Is), Reason: v.Reason,
	}
	b.SampleAt, b.AgeUS = entries.Sampled(v.Basis.At, now)
	e := event(audit.System, id, attempt, b)
	switch v.Status {
	case checks.Pass:
		e.OK = audit.OK(true)
	case checks.Fail:
		e.OK = audit.OK(false)
	}
	return e
}
