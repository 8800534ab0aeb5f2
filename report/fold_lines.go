package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

// line takes what one entry says about the whole night; what it says about a
// step goes on to stepLine.
func (f *fold) line(l Line) {
	n := f.n
	switch b := l.Body.(type) {
	case entries.SessionOpen:
		n.Open, n.Operator, n.Started = b, l.By, l.Time
	case entries.SessionClose:
		n.Close, n.Ended = &b, l.Time
	case entries.IdentityBound:
		p := f.people[b.Person]
		if p == nil {
			p = &Person{Principal: b.Person}
			f.people[b.Person] = p
		}
		p.Name, p.Role, p.Key = b.Name, b.Role, firstOf(b.KeyFP, p.Key)
	case entries.RunbookLoaded:
		n.Runbook = b
	case entries.TargetBound:
		f.bound(l, b)
	case entries.TargetChanged:
		f.strange("target changed or lost", l, fmt.Sprintf("%s: %s was %s, is %s", l.Target, b.Field, b.Was, b.Is))
	case entries.TargetLost:
		f.strange("target changed or lost", l, l.Target+" did not answer")
	case entries.ParamSet:
		n.Params = append(n.Params, b)
	case entries.Deviation:
		f.strange("deviations", l, b.What+": "+b.Reason)
	case entries.SessionAbort:
		f.strange("deviations", l, "given up: "+b.Reason)
	case entries.LogFault:
		f.strange("faults of the log", l, fmt.Sprintf("%s, %s to %s: %s", b.Kind, b.From, b.To, b.Cause))
	case audit.ClockStep:
		f.strange("clock steps", l, fmt.Sprintf("wall clock moved by %s %s", time.Duration(b.WallDeltaUS)*time.Microsecond, b.Cause))
	case entries.RollbackBegin:
		f.strange("rollbacks", l, fmt.Sprintf("way back %s from step %s: %s", b.WayBack, b.FromStep, b.Reason))
	case entries.RollbackEnd:
		f.strange("rollbacks", l, fmt.Sprintf("ended: %s, writes on %s", b.Result, b.WritesOn))
	case entries.SessionHandover:
		f.strange("handed over", l, fmt.Sprintf("from %s to %s%s", b.From, b.To, tail(b.Reason)))
	case entries.GaugeSample:
		f.sample(l, b)
	default:
		f.stepLine(l)
	}
}

func (f *fold) bound(l Line, b entries.TargetBound) {
	for i, t := range f.n.Targets {
		if t.ID == l.Target {
			f.n.Targets[i].TargetBound = b
			f.strange("target changed or lost", l, l.Target+" was bound anew: the same server after a restart")
			return
		}
	}
	f.n.Targets = append(f.n.Targets, Target{ID: l.Target, TargetBound: b})
}

func (f *fold) sample(l Line, b entries.GaugeSample) {
	from, err := time.Parse(time.RFC3339Nano, b.From)
	if err != nil {
		from = l.Time
	}
	for _, s := range b.Series {
		t := f.tracks[s.Gauge]
		if t == nil {
			t = &Track{Name: s.Gauge, Unit: s.Unit}
			f.tracks[s.Gauge] = t
		}
		for i, v := range s.V {
			t.At = append(t.At, from.Add(time.Duration(int64(i)*b.EveryMS)*time.Millisecond))
			t.V = append(t.V, v)
		}
	}
}

// stepLine takes what belongs to a step and its attempts.
func (f *fold) stepLine(l Line) {
	switch b := l.Body.(type) {
	case entries.StepPlan:
		s := f.step(l)
		s.Title, s.Risk = b.Title, b.Risk
		a := &Attempt{N: l.Attempt, Step: l.Step, Plan: b.Plan, Digest: b.PlanSHA256, PlanSeq: l.Seq, Intent: -1}
		s.Attempts, f.plans[l.Seq], f.running = append(s.Attempts, a), a, a
	case entries.StepDisarmed:
		if a := f.planOf(l); a != nil {
			a.Disarmed = b.Reason
		}
	case entries.StepConfirm:
		if a := f.planOf(l); a != nil {
			a.Confirm, a.ConfirmSeq, a.By = &b, l.Seq, l.By
		}
	case entries.StepIntent:
		f.intent(l, b)
	case entries.StmtBegin:
		st := &Statement{Seq: l.Seq, At: l.Time, Target: l.Target, StmtBegin: b, EndOf: -1}
		f.stmts[l.Seq] = st
		if a := f.intentOf(l); a != nil {
			a.Statements = append(a.Statements, st)
		}
	case entries.StmtEnd:
		if l.Ref != nil && f.stmts[*l.Ref] != nil {
			f.stmts[*l.Ref].End, f.stmts[*l.Ref].EndOf = &b, l.Seq
		}
	case entries.StepOutcome:
		f.outcome(l, b)
	case entries.StepReconciled:
		f.reconciled(l, b)
	case entries.StepSkipped:
		s := f.step(l)
		s.Skipped, s.SkippedAt = b.Reason, l.Seq
		f.strange("skipped", l, b.Reason)
	case entries.StepInterrupt:
		f.strange("interrupted", l, "asked to "+strings.ReplaceAll(b.How, "_", " "))
	case entries.CheckResult:
		f.check(l, b)
	case entries.CheckOverride:
		f.strange("overridden", l, fmt.Sprintf("%s: wanted %s, is %s; %s", b.Check, b.Want, b.Is, b.Reason))
	default:
		f.approvalLine(l)
	}
}

func (f *fold) planOf(l Line) *Attempt {
	if l.Ref == nil {
		return nil
	}
	return f.plans[*l.Ref]
}

func (f *fold) intentOf(l Line) *Attempt {
	if l.Ref == nil {
		return nil
	}
	return f.intents[*l.Ref]
}

func (f *fold) intent(l Line, b entries.StepIntent) {
	a := f.planOf(l)
	if a == nil {
		return
	}
	a.Intent, a.Began, a.Approvals = l.Seq, l.Time, b.Approvals
	f.intents[l.Seq], f.running = a, a
	if s := f.steps[l.Step]; s != nil && a.N > 1 && len(s.Attempts) > 1 {
		f.strange("retried", l, fmt.Sprintf("attempt %d", a.N))
	}
}

func (f *fold) outcome(l Line, b entries.StepOutcome) {
	a := f.intentOf(l)
	if a == nil {
		return
	}
	a.Outcome, a.Why, a.Ended, a.Took = b.Outcome, b.Why, l.Time, time.Duration(b.TookUS)*time.Microsecond
	if b.Outcome != entries.Done {
		f.strange("failed", l, strings.TrimSuffix(b.Outcome+": "+b.Why, ": "))
	}
}

func (f *fold) reconciled(l Line, b entries.StepReconciled) {
	if a := f.intentOf(l); a != nil {
		a.Settled = fmt.Sprintf("by %s: %s, next %s", b.How, strings.ReplaceAll(b.Verdict, "_", " "), strings.ReplaceAll(b.Next, "_", " "))
		a.Ended = l.Time
	}
	if b.How == "decision" {
		f.strange("settled by a person", l, strings.ReplaceAll(b.Verdict, "_", " ")+", next "+strings.ReplaceAll(b.Next, "_", " "))
	}
}

func (f *fold) check(l Line, b entries.CheckResult) {
	if b.Check == entries.CheckOutage {
		f.n.Outage = b.Is
	}
	c := Check{Seq: l.Seq, Target: l.Target, OK: l.OK, CheckResult: b}
	f.checks[l.Seq] = c
	if a := f.running; a != nil && a.Step == l.Step && a.N == l.Attempt {
		a.Checks = append(a.Checks, c)
	}
}

func (f *fold) approvalLine(l Line) {
	switch b := l.Body.(type) {
	case entries.ApprovalRequested:
		f.approvals[l.Seq] = len(f.n.Approvals)
		f.n.Approvals = append(f.n.Approvals, Approval{Seq: l.Seq, Step: l.Step, ApprovalRequested: b})
	case entries.ApprovalGranted:
		if b.Way == wayAhead {
			f.ahead(l, b)
			return
		}
		f.answer(l, Grant{Seq: l.Seq, By: l.By, Way: b.Way, Key: b.Key, At: l.Time})
	case entries.ApprovalDenied:
		f.answer(l, Grant{Seq: l.Seq, By: l.By, Denied: b.Reason, At: l.Time})
		f.strange("denied approvals", l, l.By+": "+b.Reason)
	case entries.ApprovalWaived:
		f.strange("waived approvals", l, b.Reason)
		if a := f.request(l); a != nil {
			a.Waived, a.WaivedAt = b.Reason, l.Seq
			f.approvals[l.Seq] = f.approvals[*l.Ref] // a verdict afterwards answers the waiver
		}
	}
}

// The ways of approvals that answer no request.
const (
	wayAhead = "ahead"
	wayLate  = "late"
)

// ahead is an approval of the whole runbook, given before the session.
func (f *fold) ahead(l Line, b entries.ApprovalGranted) {
	s, err := audit.ParseStatement(b.Statement)
	if err != nil {
		return // verify says so
	}
	f.n.Approvals = append(f.n.Approvals, Approval{Seq: l.Seq, Step: "all", Granted: []Grant{{Seq: l.Seq, By: l.By, Way: b.Way, Key: b.Key, At: l.Time}},
		ApprovalRequested: entries.ApprovalRequested{Act: "ahead of the session, the whole runbook", Need: 1, PlanSHA256: s.Values["runbook-sha256"],
			ValidUntil: s.Values["window-to"]}})
}

func (f *fold) request(l Line) *Approval {
	if l.Ref == nil {
		return nil
	}
	if i, ok := f.approvals[*l.Ref]; ok {
		return &f.n.Approvals[i]
	}
	return nil
}

func (f *fold) answer(l Line, g Grant) {
	if a := f.request(l); a != nil {
		a.Granted = append(a.Granted, g)
	}
}
