package entries

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/turquoise-db/turquoise/audit"
)

type plan struct {
	step   string
	digest string
	need   int64
	risk   string
	stmts  []planned
}

type intent struct {
	plan  int64
	leaf  string
	end   bool
	abort bool // may send its abort list only
}

func (r *rules) plan(e audit.Entry, b StepPlan) {
	sum := sha256.Sum256([]byte(b.Plan))
	if hex.EncodeToString(sum[:]) != b.PlanSHA256 {
		r.find(audit.Tampered, "E31-plan", "plan text does not hash to plan_sha256")
	}
	r.plans[e.Seq] = plan{step: e.Step, digest: b.PlanSHA256, need: b.Needs.Need, risk: b.Risk, stmts: statements(b.Plan)}
	r.planPolicy(e, b)
}

func (r *rules) intent(e audit.Entry, b StepIntent) {
	in := &intent{plan: deref(e.Ref), leaf: e.Leaf.String()}
	r.intents[e.Seq] = in
	r.leaves[e.Seq] = in.leaf
	if n, ok := r.doubt[e.Step]; ok {
		r.find(audit.Rule, "R44-blind-retry", "attempt %d of step %s began while attempt %d was unclear", e.Attempt, e.Step, n)
	}
	r.doubt[e.Step] = e.Attempt
	p, ok := r.plans[in.plan]
	switch {
	case r.withheld[in.plan]:
		r.find(audit.Incomplete, "I57-withheld", "the plan of step %s is withheld", e.Step)
	case !ok || p.digest != b.PlanSHA256:
		r.find(audit.Rule, "R39-off-plan", "the intent is for plan %.12s…, which is not the plan of seq %d", b.PlanSHA256, in.plan)
	case p.step != e.Step:
		r.find(audit.Rule, "R39-off-plan", "the intent is for step %s, its plan for step %s", e.Step, p.step)
	}
	r.approved(e, b, p)
	r.ran[ran{e.Step, e.Attempt, b.PlanSHA256}] = true
	for _, seq := range b.Gates {
		c, known := r.checks[seq]
		if (!known || !c.pass) && !r.over[seq] && !r.withheld[seq] {
			r.find(audit.Rule, "R43-gate", "step began while gate %s was %s (seq %d) and no override stands before it", c.name, c.is, seq)
		}
	}
}

func (r *rules) begin(e audit.Entry, b StmtBegin, sealed int64) {
	r.stmts[e.Seq] = false
	if seq, ok := r.changed[e.Target]; ok {
		r.find(audit.Rule, "R47-target", "statement sent to %s after its identity changed (seq %d)", e.Target, seq)
	}
	ref := deref(e.Ref)
	in := r.intents[ref]
	if r.withheld[ref] {
		return
	}
	if in == nil {
		r.find(audit.Rule, "R37-no-intent", "command sent without a step.intent before it")
		return
	}
	if in.abort && b.Part != PartAbort && b.Part != PartProof {
		r.find(audit.Rule, "R34-approval-missing", "step %s ran again under an intent that names no approval and may only take back", e.Step)
	}
	if b.Part == PartMain && r.policy[e.Step].Anchor == "before" && r.taken <= ref && !r.rehearse {
		r.find(audit.Rule, "R49-anchor", "step %s was to wait until somebody outside has taken its intent, and no receipt stands before its first command", e.Step)
	}
	if ref >= sealed {
		r.find(audit.Rule, "R38-not-sealed", "command sent before its intent was sealed")
	}
	if want := fmt.Sprintf("/* tq s=%s n=%d i=%d h=%.32s */", e.Sid, ref, b.I, in.leaf); b.Tag != want {
		r.find(audit.Rule, "R39-off-plan", "the command carries the tag %.120q, that of its intent is %q", b.Tag, want)
	}
	if !r.withheld[in.plan] && !holds(r.plans[in.plan].stmts, b, e.Target) {
		r.find(audit.Rule, "R39-off-plan", "the command sent is not in the plan of seq %d", in.plan)
	}
}

func (r *rules) stmtEnd(e audit.Entry) {
	ref := deref(e.Ref)
	ended, ok := r.stmts[ref]
	switch {
	case r.withheld[ref]:
	case !ok:
		r.find(audit.Rule, "R37-no-intent", "answer without a command")
	case ended:
		r.find(audit.Rule, "R40-two-outcomes", "second outcome for seq %d", ref)
	default:
		r.stmts[ref] = true
	}
}

func (r *rules) outcome(e audit.Entry) {
	ref := deref(e.Ref)
	r.leaves[e.Seq], r.came[e.Seq] = e.Leaf.String(), ref
	if e.OK != nil {
		delete(r.doubt, e.Step)
	}
	in := r.intents[ref]
	switch {
	case r.withheld[ref]:
		return
	case in == nil:
		r.find(audit.Rule, "R37-no-intent", "outcome without intent")
		return
	case in.end:
		r.find(audit.Rule, "R40-two-outcomes", "second outcome for seq %d", ref)
	}
	in.end = true
}

// reconciled takes the doubt from a step. A decision is a person's word: in a
// session whose operator has a key it must be signed.
func (r *rules) reconciled(e audit.Entry, b StepReconciled) {
	delete(r.doubt, e.Step)
	r.leaves[e.Seq], r.came[e.Seq] = e.Leaf.String(), deref(e.Ref)
	if b.How == ByPlan && b.Next != "roll_back" {
		r.find(audit.Rule, "R34-approval-missing", "step %s went on with %q, and nobody decided that", e.Step, b.Next)
	}
	if b.How != "decision" || b.Signature == "" && !r.endorsed {
		return
	}
	if b.Signature == "" {
		r.find(audit.Rule, "R34-approval-missing", "the decision about step %s is not signed", e.Step)
		return
	}
	s, fs := r.o.CheckSigned(audit.Decision, b.Statement, b.Signature, e.By, e.Time)
	r.found = append(r.found, fs...)
	if tampered(fs) {
		return
	}
	v := s.Statement.Values
	if v["origin"] != r.origin || v["session"] != r.sid || v["intent"] != r.line(deref(e.Ref)) || v["step"] != e.Step ||
		v["verdict"] != b.Verdict || v["next"] != b.Next {
		r.find(audit.Tampered, "E30-scope", "%s was given for another session, request or runbook", audit.Decision)
	}
}

func (r *rules) override(e audit.Entry, b CheckOverride) {
	if e.Ref != nil {
		r.over[*e.Ref] = true
		if r.checks[*e.Ref].fast {
			r.find(audit.Rule, "R43-gate", "check %s was overridden, which nobody may (seq %d)", b.Check, *e.Ref)
		}
	}
	r.acted(e, "override "+b.Check, b.Approvals, r.endorsed)
}

func (r *rules) skipped(e audit.Entry, b StepSkipped) {
	risk := r.policy[e.Step].Risk
	r.acted(e, "skip", b.Approvals, r.endorsed && (risk == "TRAFFIC" || risk == "NO RETURN"))
}
