package entries

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit"
)

type request struct {
	step    string
	attempt int64
	plan    int64 // seq of step.plan; -1 unless the act is run
}

// grant is an approval whose signature and scope check.
type grant struct {
	ahead    bool
	act      string
	step     string
	attempt  int64
	digest   string
	approver string
	key      string
	from     time.Time // of an approval ahead: when its window begins
	until    time.Time
	used     int64 // seq of what used it, -1 while nothing has
}

type waiver struct {
	step     string
	attempt  int64
	digest   string
	operator string
	intent   int64 // that used it, -1 while none has
	settled  bool
}

const scope = "%s was given for another session, request or runbook"

func (r *rules) approvals(e audit.Entry, b audit.Body) {
	switch b := b.(type) {
	case ApprovalRequested:
		r.leaves[e.Seq] = e.Leaf.String()
		r.requests[e.Seq] = request{step: e.Step, attempt: e.Attempt, plan: deref(e.Ref)}
	case ApprovalGranted:
		r.granted(e, b)
	case ApprovalDenied:
		r.late(e, b.Statement, b.Signature)
	case ApprovalWaived:
		r.waive(e, b)
	}
}

func (r *rules) granted(e audit.Entry, b ApprovalGranted) {
	kind := audit.Approval
	switch b.Way {
	case "ahead":
		kind = audit.RunbookApproval
	case "late":
		r.late(e, b.Statement, b.Signature)
		return
	}
	s, fs := r.o.CheckSigned(kind, b.Statement, b.Signature, e.By, e.Time)
	r.found = append(r.found, fs...)
	if tampered(fs) || !r.fourEyes(e.By, s.Key.FP, b.InOperatorAgent != nil && *b.InOperatorAgent) {
		return
	}
	if s.Key.FP != b.Key.FP {
		r.find(audit.Tampered, "E27-statement", "%s: the entry names the key %s, it was signed with %s", kind, b.Key.FP, s.Key.FP)
		return
	}
	v := s.Statement.Values
	until, err := time.Parse(time.RFC3339, v["valid-until"])
	if err != nil {
		r.find(audit.Tampered, "E27-statement", "%s: valid-until is no time", kind)
		return
	}
	g := &grant{ahead: kind == audit.RunbookApproval, act: v["act"], step: v["step"], digest: v["plan-sha256"],
		approver: e.By, key: s.Key.FP, until: until, used: -1, attempt: e.Attempt}
	if v["runbook-sha256"] != r.runbook || g.ahead && v["change"] != r.change || !g.ahead && !r.requested(e, s.Statement) {
		r.find(audit.Tampered, "E30-scope", scope, kind)
		return
	}
	if g.ahead && !g.window(v) {
		r.find(audit.Tampered, "E27-statement", "%s: its window is no time", kind)
		return
	}
	if req, ok := r.requests[deref(e.Ref)]; ok {
		g.attempt = req.attempt
	}
	r.grants[e.Seq] = g
}

// window reads when an approval ahead counts.
func (g *grant) window(v map[string]string) bool {
	from, err1 := time.Parse(time.RFC3339, v["window-from"])
	to, err2 := time.Parse(time.RFC3339, v["window-to"])
	g.from = from
	if to.Before(g.until) {
		g.until = to
	}
	return err1 == nil && err2 == nil
}

// tampered tells a text that is no approval from one whose signer is not known:
// the second is a finding, but no step that ran without an approval.
func tampered(fs []audit.Finding) bool {
	return slices.ContainsFunc(fs, func(f audit.Finding) bool { return f.Sev == audit.Tampered })
}

// requested says whether an approval answers the request it names, which must be
// the one the line refers to.
func (r *rules) requested(e audit.Entry, s audit.Statement) bool {
	ref := deref(e.Ref)
	v := s.Values
	if v["origin"] != r.origin || v["session"] != r.sid || v["request"] != r.line(ref) {
		return false
	}
	if s.Plan == "" {
		return true
	}
	sum := sha256.Sum256([]byte(s.Plan))
	return hex.EncodeToString(sum[:]) == v["plan-sha256"]
}

// fourEyes says whether an approver is somebody else: another person with
// another key.
func (r *rules) fourEyes(approver, key string, inAgent bool) bool {
	before := len(r.found)
	switch {
	case slices.Contains(r.opKeys, key) || inAgent:
		r.find(audit.Rule, "R33-four-eyes", "the approver's key is the operator's own key")
	case approver == r.operator:
		r.find(audit.Rule, "R33-four-eyes", "%s approved their own step", approver)
	}
	return len(r.found) == before
}

// approved counts the grants an intent names against what its step needs.
func (r *rules) approved(e audit.Entry, b StepIntent, p plan) {
	rule, known := r.policy[e.Step]
	need := p.need
	if known {
		need = max(need, rule.Need)
	}
	for _, want := range r.want.Steps {
		if want.Step == e.Step && want.Need > need {
			r.find(audit.Rule, "R42-policy", "the policy differs from the runbook's at step %s", e.Step)
			need = want.Need
		}
	}
	if need > 0 && len(b.Approvals) == 0 && b.Waiver == nil && r.ran[ran{e.Step, e.Attempt, b.PlanSHA256}] {
		r.intents[e.Seq].abort = true // its abort list was part of what was approved; it may send nothing else
		return
	}
	if b.Waiver != nil {
		r.usedWaiver(e, *b.Waiver, b.PlanSHA256, rule.BreakGlass)
		return
	}
	have, withheld := r.count(e, ActRun, b.Approvals, b.PlanSHA256, rule)
	switch {
	case have >= need:
	case have+withheld >= need:
		r.find(audit.Incomplete, "I57-withheld", "the approval of step %s is withheld", e.Step)
	case have == 0:
		r.find(audit.Rule, "R34-approval-missing", "step %s needs an approval and none stands before it", e.Step)
	default:
		r.find(audit.Rule, "R34-approval-missing", "step %s needs %d approvals, %d stand before it", e.Step, need, have)
	}
}

// ActRun is the act of an approval that lets a step run.
const ActRun = audit.ActRun

// acted checks the approvals of an override or a skip.
func (r *rules) acted(e audit.Entry, act string, approvals []int64, must bool) {
	have, withheld := r.count(e, act, approvals, "-", r.policy[e.Step])
	switch {
	case have > 0 || !must && len(approvals) == 0:
	case withheld > 0:
		r.find(audit.Incomplete, "I57-withheld", "the approval of step %s is withheld", e.Step)
	default:
		r.find(audit.Rule, "R34-approval-missing", "step %s needs an approval of act %s and none stands before it", e.Step, act)
	}
}

// count gives how many people's approvals stand behind an act.
func (r *rules) count(e audit.Entry, act string, approvals []int64, digest string, rule StepPolicy) (have, withheld int64) {
	seen := map[string]bool{}
	for _, seq := range approvals {
		if r.withheld[seq] {
			withheld++
			continue
		}
		g := r.grants[seq]
		if g == nil || !r.fits(e, seq, g, act, digest, rule) || seen[g.approver] || seen[g.key] {
			continue
		}
		seen[g.approver], seen[g.key] = true, true
		g.used = e.Seq
		have++
	}
	return have, withheld
}

// fits says whether a grant is for this act. It reports why not.
func (r *rules) fits(e audit.Entry, seq int64, g *grant, act, digest string, rule StepPolicy) bool {
	before := len(r.found)
	switch {
	case slices.Contains(r.opKeys, g.key), g.approver == r.operator:
		r.find(audit.Rule, "R33-four-eyes", "%s approved a step of their own, before they took the session over", g.approver)
	case g.ahead && rule.Risk == "NO RETURN":
		r.find(audit.Rule, "R35-approval-other", "the approval at seq %d is for the runbook, and step %s has no way back: it is never approved ahead", seq, e.Step)
	case g.ahead && act != ActRun:
		r.find(audit.Rule, "R35-approval-other", "the approval at seq %d is for the runbook, done was %s", seq, act)
	case g.ahead && e.Time.Before(g.from):
		r.find(audit.Rule, "R36-approval-expired", "the approval at seq %d counts from %s, step began at %s", seq, g.from.UTC().Format(time.RFC3339), e.Time.UTC().Format(time.RFC3339))
	case g.ahead && !rule.Ahead:
		r.find(audit.Rule, "R35-approval-other", "the approval at seq %d is for the runbook, the policy of step %s takes none ahead", seq, e.Step)
	case g.ahead:
	case g.act != act:
		r.find(audit.Rule, "R35-approval-other", "the approval at seq %d is for act %s, done was %s", seq, g.act, act)
	case g.step != e.Step || g.digest != digest:
		r.find(audit.Rule, "R35-approval-other", "the approval at seq %d is for step %s plan %.12s…, executed was step %s plan %.12s…", seq, g.step, g.digest, e.Step, digest)
	case act == ActRun && g.attempt != e.Attempt:
		r.find(audit.Rule, "R35-approval-other", "the approval at seq %d is for attempt %d of step %s, executed was attempt %d", seq, g.attempt, g.step, e.Attempt)
	case g.used >= 0:
		r.find(audit.Rule, "R35-approval-other", "the approval at seq %d was already used at seq %d", seq, g.used)
	}
	if len(r.found) > before {
		return false
	}
	if e.Time.After(g.until) {
		r.find(audit.Rule, "R36-approval-expired", "approval ran out at %s, step began at %s", g.until.UTC().Format(time.RFC3339), e.Time.UTC().Format(time.RFC3339))
		return false
	}
	if slices.Contains(rule.Not, "author") && g.approver == r.author {
		r.find(audit.Rule, "R33-four-eyes", "%s is the author of this runbook", g.approver)
		return false
	}
	return len(rule.From) == 0 || slices.Contains(rule.From, g.approver)
}

func (r *rules) waive(e audit.Entry, b ApprovalWaived) {
	r.leaves[e.Seq] = e.Leaf.String()
	s, fs := r.o.CheckSigned(audit.Waiver, b.Statement, b.Signature, e.By, e.Time)
	r.found = append(r.found, fs...)
	if tampered(fs) {
		return
	}
	v := s.Statement.Values
	if v["origin"] != r.origin || v["session"] != r.sid || v["request"] != r.line(deref(e.Ref)) || v["step"] != e.Step {
		r.find(audit.Tampered, "E30-scope", scope, audit.Waiver)
		return
	}
	r.waived[e.Seq] = &waiver{step: e.Step, attempt: r.requests[deref(e.Ref)].attempt, digest: v["plan-sha256"], operator: e.By, intent: -1}
}

func (r *rules) usedWaiver(e audit.Entry, seq int64, digest string, permitted bool) {
	w := r.waived[seq]
	switch {
	case r.withheld[seq]:
		r.find(audit.Incomplete, "I57-withheld", "the approval of step %s is withheld", e.Step)
	case w == nil || w.step != e.Step:
		r.find(audit.Rule, "R34-approval-missing", "step %s needs an approval and none stands before it", e.Step)
	case w.digest != digest || w.attempt != e.Attempt:
		r.find(audit.Rule, "R35-approval-other", "the waiver at seq %d is for attempt %d plan %.12s…, executed was attempt %d plan %.12s…", seq, w.attempt, w.digest, e.Attempt, digest)
	case w.intent >= 0:
		r.find(audit.Rule, "R35-approval-other", "the waiver at seq %d was already used at seq %d", seq, w.intent)
	case !permitted:
		r.find(audit.Rule, "R34-approval-missing", "policy does not permit a waiver for step %s", e.Step)
	}
	if w != nil && w.intent < 0 {
		w.intent = e.Seq
	}
}

// late settles what a waiver left owed, by a verdict inside the record.
func (r *rules) late(e audit.Entry, text, signature string) {
	if text == "" && signature == "" {
		return // a refusal before the step: nothing was signed and nothing is owed
	}
	s, fs := r.o.CheckSigned(audit.LateApproval, text, signature, e.By, e.Time)
	r.found = append(r.found, fs...)
	if !tampered(fs) {
		r.settle(s, deref(e.Ref))
	}
}

// lateText does the same for a verdict that was signed after the close.
func (r *rules) lateText(t audit.AfterText) {
	r.settle(t.Signed, seqOf(t.Statement.Values["waiver"]))
}

func (r *rules) settle(s audit.Signed, seq int64) {
	v := s.Statement.Values
	w := r.waived[seq]
	outcome := seqOf(v["outcome"])
	if w == nil || v["origin"] != r.origin || v["session"] != r.sid || v["waiver"] != r.line(seq) ||
		v["outcome"] != r.line(outcome) || w.intent < 0 || r.came[outcome] != w.intent || v["plan-sha256"] != w.digest || !slices.Contains([]string{"approved", "not approved"}, v["verdict"]) {
		r.find(audit.Tampered, "E30-scope", scope, audit.LateApproval)
		return
	}
	if r.fourEyes(v["approver"], s.Key.FP, false) {
		w.settled = true
	}
}

func (r *rules) owed() {
	var seqs []int64
	for seq, w := range r.waived {
		if !w.settled {
			seqs = append(seqs, seq)
		}
	}
	slices.Sort(seqs)
	for _, seq := range seqs {
		r.find(audit.Incomplete, "I58-owed", "approval waived at seq %d and no late approval exists", seq)
		r.found[len(r.found)-1].Seq = &seq
	}
}

// policySet keeps what each step needs, and compares it with the runbook.
func (r *rules) policySet(b PolicySet) {
	r.policy = map[string]StepPolicy{}
	for _, s := range b.Steps {
		r.policy[s.Step] = s
	}
	if r.want.Steps != nil {
		r.comparePolicy()
	}
}

// comparePolicy leaves out steps that the policy does not name: they may be of
// another way through the window. Whether one of them ran is asked at its intent.
func (r *rules) comparePolicy() {
	for _, want := range r.want.Steps {
		if is, ok := r.policy[want.Step]; ok && !samePolicy(is, want) {
			r.find(audit.Rule, "R42-policy", "the policy differs from the runbook's at step %s", want.Step)
		}
	}
}

func samePolicy(a, b StepPolicy) bool {
	return a.Ahead == b.Ahead && a.BreakGlass == b.BreakGlass && a.FreshS == b.FreshS && a.Need == b.Need && a.Risk == b.Risk &&
		a.Anchor == b.Anchor && slices.Equal(a.From, b.From) && slices.Equal(a.Not, b.Not)
}

// planPolicy compares what a plan says it needs with the policy.
func (r *rules) planPolicy(e audit.Entry, b StepPlan) {
	p, ok := r.policy[e.Step]
	if !ok {
		return
	}
	n := b.Needs
	asks := StepPolicy{Ahead: n.Ahead, Anchor: n.Anchor, BreakGlass: n.BreakGlass, FreshS: n.FreshS, From: n.From, Need: n.Need, Not: n.Not, Risk: b.Risk, Step: e.Step}
	if !samePolicy(asks, p) {
		r.find(audit.Rule, "R42-policy", "step %s: the plan asks for %s, the policy says %s", e.Step, asks, p)
	}
}

func (p StepPolicy) String() string {
	var b strings.Builder
	b.WriteString(p.Risk)
	for _, s := range []struct {
		on   bool
		text string
	}{{p.Ahead, ", ahead"}, {p.BreakGlass, ", break-glass"}, {p.Anchor != "", ", anchor " + p.Anchor}} {
		if s.on {
			b.WriteString(s.text)
		}
	}
	return b.String() + fmtNeed(p)
}

func fmtNeed(p StepPolicy) string {
	return fmt.Sprintf(", %d approvals from %v not %v, fresh %d s", p.Need, []string(p.From), []string(p.Not), p.FreshS)
}
