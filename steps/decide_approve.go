package steps

import (
	"slices"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/runbooks"
)

// Signed is what the session found out about a signature that was handed in:
// whether it fits the text, whose key it is and where that key lies. What it
// means for the cutover is decided here.
type Signed struct {
	Who     string // principal of the key in the signers file; empty if it has none
	Name    string // printed name
	Key     entries.Key
	Broken  error // the signature does not fit the text
	Refused error // the key may not sign for this person, here and now
	InAgent *bool // the key lies in the operator's own agent; nil: there is none
}

// decideApprove accepts a second person's signature. Each thing that can be
// wrong with one has its own sentence: the person who signed is not at this
// keyboard and must be told what to do next.
func decideApprove(s State, c Approve, ev Evidence) ([]Event, error) {
	if ev.Signed == nil {
		return nil, refuse("start with --signers", "no file says who may sign in this session")
	}
	switch c.Way {
	case WayAhead:
		return decideAhead(s, c, ev)
	case WayLate:
		return decideLate(s, c, ev)
	}
	st, r, err := s.scope(c.Statement, ev)
	if err != nil {
		return nil, err
	}
	if err := s.mayApprove(st, r, *ev.Signed); err != nil {
		return nil, err
	}
	if text, err := ApprovalText(s, r, st.Values["approver"], st.Values["name"]); err != nil || text != c.Statement {
		return nil, refuse("sign the file that was written for this request", "the signed text is not the one that was asked for")
	}
	out := s.bindSigner(*ev.Signed)
	e := event(ev.Signed.Who, r.Step, r.Attempt, entries.ApprovalGranted{InOperatorAgent: ev.Signed.InAgent, Key: ev.Signed.Key,
		Statement: c.Statement, Signature: c.Signature, Way: c.Way})
	e.Ref, e.OK = audit.Ref(r.Seq), audit.OK(true)
	return append(out, e), nil
}

// scope finds the request that a text is for, or says what else it is for.
func (s State) scope(text string, ev Evidence) (audit.Statement, Request, error) {
	st, err := audit.ParseStatement(text)
	v := st.Values
	again := "sign the file that was written for the request that stands now"
	switch {
	case err != nil:
		return st, Request{}, refuse("sign the file as it was written", "the text is no statement: %v", err)
	case st.Kind != audit.Approval:
		return st, Request{}, refuse(again, "the text is a %s, not an approval", st.Kind)
	case ev.Signed.Broken != nil:
		return st, Request{}, refuse("sign the file as it was written, with -n "+audit.NamespaceApproval, "%v", ev.Signed.Broken)
	case v["origin"] != s.Origin || v["session"] != s.session():
		return st, Request{}, refuse(again, "the approval is for session %s, this is %s", v["session"], s.session())
	case v["runbook-sha256"] != s.Book.Digest:
		return st, Request{}, refuse(again, "the approval is for another runbook (%.12s…)", v["runbook-sha256"])
	}
	i := slices.IndexFunc(s.Requests, func(r Request) bool { return r.Name() == v["request"] })
	if i < 0 {
		return st, Request{}, refuse(again, "no request %.20s… stands in this record", v["request"])
	}
	r := s.Requests[i]
	switch {
	case v["step"] != string(r.Step):
		return st, r, refuse(again, "the approval is for step %s, the request is for step %s", v["step"], r.Step)
	case v["act"] != r.Act:
		return st, r, refuse(again, "the approval is for the act %q, the request is for %q", v["act"], r.Act)
	case v["plan-sha256"] != r.Digest:
		return st, r, refuse(again, "the approval is for plan %.12s…, asked for is plan %.12s…", v["plan-sha256"], r.Digest)
	}
	return st, r, s.stands(r, ev.Now)
}

// stands says whether a request can still be answered.
func (s State) stands(r Request, now time.Time) error {
	again := "press x, then let the new request be signed"
	x := s.Steps[r.Step]
	switch {
	case r.Act == ActRun && r.Attempt != x.Attempt:
		return refuse("let the request of this attempt be signed", "the approval is for attempt %d of step %s, this is attempt %d", r.Attempt, r.Step, x.Attempt)
	case r.Over != "":
		return refuse(again, "the approval of step %s counts no more: %s", r.Step, r.Over)
	case r.Denied != "":
		return refuse(again, "step %s was denied by %s", r.Step, r.Denied)
	case now.After(r.Until):
		return refuse(again, "the request for step %s ran out at %s", r.Step, stamp(r.Until))
	}
	return nil
}

// mayApprove says whether this person, with this key, is a second person.
func (s State) mayApprove(st audit.Statement, r Request, g Signed) error {
	other := "let another person sign, with a key of the own"
	who := st.Values["approver"]
	switch {
	case slices.Contains(s.Keys, g.Key.FP):
		return refuse(other, "the approver's key %s is the operator's own key", g.Key.FP)
	case g.InAgent != nil && *g.InAgent:
		return refuse(other, "key %s is in the operator's own agent: who holds it cannot be told", g.Key.FP)
	case slices.Contains(s.Operators, who) || slices.Contains(s.Operators, g.Who):
		return refuse(other, "%s operates this session and cannot approve in it", who)
	case who == s.Author:
		return refuse(other, "%s is the author of this runbook", who)
	case g.Refused != nil:
		return refuse("see the signers file that the session was started with", "%v", g.Refused)
	case g.Who != who:
		return refuse("sign the file that was written for the own name", "the text names %s, the key belongs to %s", who, g.Who)
	case len(r.From) > 0 && !slices.Contains(r.From, who):
		return refuse(other, "%s is not among those who may approve step %s", who, r.Step)
	}
	for _, have := range append(s.ahead(s.stepOf(r.Step), r.At), r.Grants...) {
		if have.By == who || have.FP == g.Key.FP {
			return refuse(other, "%s has approved step %s already", who, r.Step)
		}
	}
	return nil
}

// decideDeny takes a second person's no. It needs no signature: a no stops, and
// who says it in whose name is on record.
func decideDeny(s State, c Deny, ev Evidence) ([]Event, error) {
	r, ok := s.openRequest(c.Step)
	switch {
	case !ok:
		return nil, refuse("", "nothing of step %s waits for an approval", c.Step)
	case strings.TrimSpace(c.Reason) == "":
		return nil, refuse("type a reason", "denied without a reason")
	}
	e := event(ev.By, r.Step, r.Attempt, entries.ApprovalDenied{Reason: c.Reason})
	e.Ref, e.OK = audit.Ref(r.Seq), audit.OK(false)
	return []Event{e}, nil
}

// openRequest is the newest request of a step that still stands.
func (s State) openRequest(id runbooks.StepID) (Request, bool) {
	for _, r := range slices.Backward(s.Requests) {
		if r.Step == id && r.Over == "" && r.Denied == "" {
			return r, true
		}
	}
	return Request{}, false
}

// decideWaive goes on without the approval, where the runbook's policy lets it:
// at three in the morning nobody else may be awake. It is signed and owed.
func decideWaive(s State, c Waive, ev Evidence) ([]Event, error) {
	it, err := free(s)
	if err != nil {
		return nil, err
	}
	r, ok := s.Request(c.Step, ActRun)
	switch {
	case c.Step != it.Step.ID || s.Steps[c.Step].Phase != Armed || !ok:
		return nil, refuse("press x first", "nothing of step %s waits for an approval", c.Step)
	case !it.Step.BreakGlass:
		return nil, refuse("let a second person sign", "the runbook does not permit step %s without its approval", c.Step)
	case strings.TrimSpace(c.Reason) == "":
		return nil, refuse("type a reason", "waived without a reason")
	case r.Enough():
		return nil, refuse("confirm the step", "step %s has the approval it needs", c.Step)
	case c.Signature == "":
		return nil, refuse("start with --key", "a waiver is signed, and this session has no key of its operator")
	}
	if err := s.stands(r, ev.Now); err != nil {
		return nil, err
	}
	e := event(ev.By, c.Step, r.Attempt, entries.ApprovalWaived{Reason: c.Reason, Statement: c.Statement, Signature: c.Signature})
	e.Ref = audit.Ref(r.Seq)
	return []Event{e}, nil
}

// decideOverride goes against a gate that is not open, or a check that the
// preflight of this step failed on. The first time it asks for a second person's
// signature, with it the override is written.
func decideOverride(s State, c OverrideGate, ev Evidence) ([]Event, error) {
	it, err := free(s)
	if err != nil {
		return nil, err
	}
	x := s.Steps[it.Step.ID]
	v, known := gateOf(ev.Verdicts, c.Check)
	f, found := s.foundAs(it.Step.ID, c.Check)
	switch {
	case c.Step != it.Step.ID:
		return nil, refuse("press . for the current step", "step %s is not the current one", c.Step)
	case x.Phase != Pending && x.Phase != Failed && x.Phase != Undone:
		return nil, refuse("close its box first", "step %s is %s", c.Step, x.Phase)
	case strings.TrimSpace(c.Reason) == "":
		return nil, refuse("type a reason", "override without a reason")
	case found:
		if err := mayPassOver(f); err != nil {
			return nil, err
		}
	case !known:
		return nil, refuse("choose a check of this step that does not pass", "step %s has no gate %q, and no check of that name failed", c.Step, c.Check)
	case v.Status == checks.Pass:
		return nil, refuse("press x", "gate %s passes: there is nothing to override", c.Check)
	}
	attempt := x.Attempt + 1
	if _, done := s.Overridden(c.Step, attempt, c.Check); done {
		return nil, ErrNothing
	}
	r, ok := s.Request(c.Step, ActOverride+" "+c.Check)
	if !ok || r.Attempt != attempt || !r.Open(ev.Now) {
		if found {
			return askFound(it, attempt, f, ev), nil
		}
		return []Event{gateEvent(it.Step.ID, attempt, v, ev.Now), request(it, attempt, ActOverride+" "+c.Check, "-", 1, ev.Now)}, nil
	}
	if !r.Enough() {
		return nil, refuse("let a second person sign", "the override of %s waits for a second person's signature", c.Check)
	}
	e := event(ev.By, c.Step, attempt, entries.CheckOverride{Check: c.Check, Want: r.Check.Want, Is: r.Check.Is, Reason: c.Reason, Approvals: seqsOf(r.Grants)})
	e.Ref, e.Target = audit.Ref(r.Checked), string(f.Target)
	return []Event{e}, nil
}

func gateOf(vs []checks.Verdict, name string) (checks.Verdict, bool) {
	for _, v := range vs {
		if string(v.Gate.Gauge) == name {
			return v, true
		}
	}
	return checks.Verdict{}, false
}

func seqsOf(gs []Grant) []int64 {
	out := make([]int64, 0, len(gs))
	for _, g := range gs {
		out = append(out, g.Seq)
	}
	return out
}

// approved says what of a request lets the armed step run, or why it may not.
func (s State) approved(it runbooks.Item, ev Evidence) (grants []int64, waiver *int64, err error) {
	n := need(it.Step)
	if n == 0 {
		return []int64{}, nil, nil
	}
	id, x := it.Step.ID, s.Steps[it.Step.ID]
	ahead := s.ahead(it.Step, ev.Now)
	if len(ahead) >= n {
		return seqsOf(ahead), nil, nil
	}
	r, ok := s.Request(id, ActRun)
	if !ok || r.Attempt != x.Attempt {
		return nil, nil, refuse("press x again", "step %s needs %d approval of a second person and none was asked for", id, n)
	}
	if err := s.stands(r, ev.Now); err != nil {
		return nil, nil, err
	}
	if r.Waiver != 0 {
		return []int64{}, &r.Waiver, nil
	}
	all := append(ahead, s.notOperating(r.Grants)...)
	if len(all) < n {
		return nil, nil, refuse("let a second person sign", "step %s needs %d approval of a second person, %d stand", id, n, len(all))
	}
	return seqsOf(all), nil, nil
}

// notOperating leaves out who has taken the session over since he signed.
func (s State) notOperating(gs []Grant) []Grant {
	return slices.DeleteFunc(slices.Clone(gs), func(g Grant) bool { return slices.Contains(s.Operators, g.By) || slices.Contains(s.Keys, g.FP) })
}

// stepOf is a step of the walk, or of the block that holds it.
func (s State) stepOf(id runbooks.StepID) runbooks.Step {
	if i := s.place(id); i >= 0 {
		return s.Walk[i].Step
	}
	return runbooks.Step{}
}

// ExpireApprovals ends requests that ran out. A step that waited for one is
// disarmed: its checks were read too long ago.
func ExpireApprovals(s State, now time.Time) []Event {
	var out []Event
	for _, r := range s.Requests {
		if r.Over != "" || r.Denied != "" || !now.After(r.Until) {
			continue
		}
		e := event(audit.System, r.Step, r.Attempt, entries.ApprovalExpired{})
		e.Ref, e.OK = audit.Ref(r.Seq), audit.OK(false)
		out = append(out, e)
		if x := s.Steps[r.Step]; r.Act == ActRun && x.Phase == Armed && x.Attempt == r.Attempt {
			d := event(audit.System, r.Step, r.Attempt, entries.StepDisarmed{Reason: "approval expired"})
			d.Ref = audit.Ref(x.PlanSeq)
			out = append(out, d)
		}
	}
	return out
}
