package entries

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	"github.com/turquoise-db/turquoise/audit"
)

// Verify checks the record in dir against the format, this table of types and
// the rules of the procedure.
func Verify(dir string, o audit.VerifyOptions) audit.Report {
	o.Types, o.Judge = Types(), NewRules
	return audit.Verify(dir, o)
}

// NewRules gives a fresh judge for one pass over a record.
func NewRules() audit.Judge {
	return &rules{
		plans: map[int64]plan{}, intents: map[int64]*intent{}, stmts: map[int64]bool{},
		checks: map[int64]check{}, over: map[int64]bool{}, grants: map[int64]bool{},
		waived: map[int64]bool{}, changed: map[string]int64{}, doubt: map[string]int64{},
	}
}

type plan struct {
	digest string
	need   int64
	stmts  []planned
}

type intent struct {
	plan int64
	end  bool
}

type check struct {
	name string
	is   string
	pass bool
}

// rules holds what the procedure needs to remember from line to line. All of it
// is keyed by seq, because answers name the line they answer.
type rules struct {
	runbook string
	plans   map[int64]plan
	intents map[int64]*intent
	stmts   map[int64]bool // stmt.begin seq: ended
	checks  map[int64]check
	over    map[int64]bool // check.result seq: overridden
	grants  map[int64]bool
	waived  map[int64]bool
	changed map[string]int64
	doubt   map[string]int64 // step: attempt that is open or unclear
	found   []audit.Finding
}

func (r *rules) find(sev audit.Severity, code, format string, args ...any) {
	r.found = append(r.found, audit.Finding{Sev: sev, Code: code, Msg: fmt.Sprintf(format, args...)})
}

// Line gives what is wrong with e, seen from the lines before it.
func (r *rules) Line(e audit.Entry, b audit.Body, sealed int64) []audit.Finding {
	r.found = nil
	switch b := b.(type) {
	case RunbookLoaded:
		if r.runbook != "" && r.runbook != b.SHA256 {
			r.find(audit.Rule, "R32-runbook", "runbook changed inside the session (%.12s… → %.12s…)", r.runbook, b.SHA256)
		}
		r.runbook = b.SHA256
	case TargetChanged:
		r.changed[e.Target] = e.Seq
	case CheckResult:
		r.checks[e.Seq] = check{name: b.Check, is: b.Is, pass: e.OK != nil && *e.OK}
	case CheckOverride:
		if e.Ref != nil {
			r.over[*e.Ref] = true
		}
	case ApprovalGranted:
		r.grants[e.Seq] = true
	case ApprovalWaived:
		r.waived[e.Seq] = true
	case StepPlan:
		r.plan(e, b)
	case StepIntent:
		r.intent(e, b)
	case StmtBegin:
		r.begin(e, b, sealed)
	case StmtEnd:
		r.stmtEnd(e)
	case StepOutcome:
		r.outcome(e)
	case StepReconciled:
		delete(r.doubt, e.Step)
	}
	r.reason(b)
	return r.found
}

// reason checks the acts that only a reason can justify.
func (r *rules) reason(b audit.Body) {
	missing := false
	switch b := b.(type) {
	case CheckOverride:
		missing = b.Reason == ""
	case StepSkipped:
		missing = b.Reason == ""
	case SessionAbort:
		missing = b.Reason == ""
	case SessionHandover:
		missing = b.Reason == ""
	case ApprovalWaived:
		missing = b.Reason == ""
	case ApprovalDenied:
		missing = b.Reason == ""
	case RollbackBegin:
		missing = b.Reason == ""
	case Deviation:
		missing = b.Reason == ""
	}
	if missing {
		r.find(audit.Rule, "R41-no-reason", "%s without a reason", b.Type())
	}
}

func (r *rules) plan(e audit.Entry, b StepPlan) {
	sum := sha256.Sum256([]byte(b.Plan))
	if hex.EncodeToString(sum[:]) != b.PlanSHA256 {
		r.find(audit.Tampered, "E31-plan", "plan text does not hash to plan_sha256")
	}
	r.plans[e.Seq] = plan{digest: b.PlanSHA256, need: b.Needs.Need, stmts: statements(b.Plan)}
}

func (r *rules) intent(e audit.Entry, b StepIntent) {
	in := &intent{plan: -1}
	r.intents[e.Seq] = in
	if n, ok := r.doubt[e.Step]; ok {
		r.find(audit.Rule, "R44-blind-retry", "attempt %d of step %s began while attempt %d was unclear", e.Attempt, e.Step, n)
	}
	r.doubt[e.Step] = e.Attempt
	if e.Ref != nil {
		in.plan = *e.Ref
	}
	p, ok := r.plans[in.plan]
	if !ok || p.digest != b.PlanSHA256 {
		r.find(audit.Rule, "R39-off-plan", "the intent is for plan %.12s…, which is not the plan of seq %d", b.PlanSHA256, in.plan)
	}
	r.approved(e, b, p)
	for _, seq := range b.Gates {
		c, known := r.checks[seq]
		if (!known || !c.pass) && !r.over[seq] {
			r.find(audit.Rule, "R43-gate", "step began while gate %s was %s (seq %d) and no override stands before it", c.name, c.is, seq)
		}
	}
}

// approved counts the grants an intent names. Who signed them, and what, is
// another check.
func (r *rules) approved(e audit.Entry, b StepIntent, p plan) {
	var have int64
	for i, seq := range b.Approvals {
		if r.grants[seq] && !slices.Contains(b.Approvals[:i], seq) {
			have++
		}
	}
	if have >= p.need || b.Waiver != nil && r.waived[*b.Waiver] {
		return
	}
	if have == 0 {
		r.find(audit.Rule, "R34-approval-missing", "step %s needs an approval and none stands before it", e.Step)
		return
	}
	r.find(audit.Rule, "R34-approval-missing", "step %s needs %d approvals, %d stand before it", e.Step, p.need, have)
}

func (r *rules) begin(e audit.Entry, b StmtBegin, sealed int64) {
	r.stmts[e.Seq] = false
	if seq, ok := r.changed[e.Target]; ok {
		r.find(audit.Rule, "R47-target", "statement sent to %s after its identity changed (seq %d)", e.Target, seq)
	}
	in := r.intents[deref(e.Ref)]
	if e.Ref == nil || in == nil {
		r.find(audit.Rule, "R37-no-intent", "command sent without a step.intent before it")
		return
	}
	if *e.Ref >= sealed {
		r.find(audit.Rule, "R38-not-sealed", "command sent before its intent was sealed")
	}
	if !holds(r.plans[in.plan].stmts, b, e.Target) {
		r.find(audit.Rule, "R39-off-plan", "the command sent is not in the plan of seq %d", in.plan)
	}
}

func (r *rules) stmtEnd(e audit.Entry) {
	ended, ok := r.stmts[deref(e.Ref)]
	switch {
	case e.Ref == nil || !ok:
		r.find(audit.Rule, "R37-no-intent", "answer without a command")
	case ended:
		r.find(audit.Rule, "R40-two-outcomes", "second outcome for seq %d", *e.Ref)
	default:
		r.stmts[*e.Ref] = true
	}
}

func (r *rules) outcome(e audit.Entry) {
	in := r.intents[deref(e.Ref)]
	switch {
	case e.Ref == nil || in == nil:
		r.find(audit.Rule, "R37-no-intent", "outcome without intent")
		return
	case in.end:
		r.find(audit.Rule, "R40-two-outcomes", "second outcome for seq %d", *e.Ref)
	}
	in.end = true
	if e.OK != nil {
		delete(r.doubt, e.Step)
	}
}

func deref(p *int64) int64 {
	if p == nil {
		return -1
	}
	return *p
}

func label(part string, i int64) string {
	if part == PartMain {
		part = "action"
	}
	return part + ": " + strconv.FormatInt(i, 10)
}
