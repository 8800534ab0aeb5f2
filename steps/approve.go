package steps

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/runbooks"
)

// What an approval can be for. It is a word of the signed text.
const (
	ActRun      = audit.ActRun
	ActOverride = "override"
)

// approvalFresh is how long a request stands: time to read a plan, and short
// enough that the checks which were read with it still say something.
const approvalFresh = 15 * time.Minute

// Request is a signature that was asked for.
type Request struct {
	Seq     int64
	Leaf    string // leaf hash of its line: the signed text names it
	Step    runbooks.StepID
	Attempt int
	Act     string // run, override <check>
	Check   entries.CheckResult
	Checked int64  // seq of the check that an override is for
	Digest  string // of the plan; "-" unless the act is run
	Plan    string // the plan text that is signed with the act run
	Need    int
	From    []string // who may sign; empty: everybody in the signers file but the operator
	At      time.Time
	Until   time.Time
	Grants  []Grant
	Denied  string // who said no, and why
	Waiver  int64  // seq of the waiver; 0: none
	Over    string // why it is worth nothing any more; empty while it stands
}

// Grant is one person's signature that was accepted.
type Grant struct {
	Seq int64
	By  string
	FP  string
}

// Override is a gate, or a check of a preflight, that the operator went against
// with a second person's signature. It counts for one attempt of one step.
type Override struct {
	Step    runbooks.StepID
	Attempt int
	Check   string
	Checked int64 // seq of the check.result that it names
	Found   bool  // a check of a preflight
	Blind   bool  // which could not look
	Is      string
	Reason  string
	Signed  []string // by whom
}

// Open reports whether the request can still be signed at a time.
func (r Request) Open(now time.Time) bool {
	return r.Over == "" && r.Denied == "" && !now.After(r.Until)
}

// Enough reports whether the request has what it asks for.
func (r Request) Enough() bool { return r.Waiver != 0 || len(r.Grants) >= r.Need }

// Name is the request as the signed text names it.
func (r Request) Name() string { return fmt.Sprintf("%d %s", r.Seq, r.Leaf) }

// Request returns the newest request for an act on a step, if there is one.
func (s State) Request(id runbooks.StepID, act string) (Request, bool) {
	for _, r := range slices.Backward(s.Requests) {
		if r.Step == id && r.Act == act {
			return r, true
		}
	}
	return Request{}, false
}

// Overridden reports whether a gate of the current attempt is overridden, and by
// which check.
func (s State) Overridden(id runbooks.StepID, attempt int, check string) (int64, bool) {
	for _, o := range s.Overrides {
		if o.Step == id && o.Attempt == attempt && o.Check == check {
			return o.Checked, true
		}
	}
	return 0, false
}

// The sentences that people agree to with their signatures.
const (
	meansRun      = "I have read the plan below and its checks and approve its execution now."
	meansOverride = "I have seen that this check does not pass and approve that the step runs all the same."
	meansWaiver   = "I run this step without the approval it needs and answer for it."
	meansDecision = "I have looked at the servers and decide what became of this step."
	meansConsent  = "I give the operation of this session to the person named here."
)

// stamp is a time as signed texts write it.
func stamp(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

// ApprovalText is the text a person signs to approve a request: the same bytes
// on the screen, in the file beside the record and in the record. It depends on
// the record alone, so that anybody can make it again.
func ApprovalText(s State, r Request, approver, name string) (string, error) {
	meaning := meansRun
	if r.Act != ActRun {
		meaning = meansOverride
	}
	return audit.Statement{Kind: audit.Approval, Plan: r.Plan, Values: map[string]string{
		"origin": s.Origin, "session": s.session(), "request": r.Name(), "runbook-sha256": s.Book.Digest,
		"step": string(r.Step), "act": r.Act, "plan-sha256": r.Digest, "approver": approver, "name": name,
		"meaning": meaning, "at": stamp(r.At), "valid-until": stamp(r.Until)}}.Text()
}

// WaiverText is the text an operator signs to go on without an approval.
func WaiverText(s State, r Request, reason, name string, at time.Time) (string, error) {
	return audit.Statement{Kind: audit.Waiver, Values: map[string]string{
		"origin": s.Origin, "session": s.session(), "request": r.Name(), "step": string(r.Step),
		"plan-sha256": r.Digest, "reason": reason, "operator": s.Operator, "name": name,
		"meaning": meansWaiver, "at": stamp(at)}}.Text()
}

// DecisionText is the text an operator signs to decide an unclear step.
func DecisionText(s State, c Settle, name string, at time.Time) (string, error) {
	x := s.Steps[c.Step]
	return audit.Statement{Kind: audit.Decision, Values: map[string]string{
		"origin": s.Origin, "session": s.session(), "intent": fmt.Sprintf("%d %s", x.IntentSeq, x.Intent),
		"step": string(c.Step), "verdict": verdictOf(c.Next), "next": c.Next, "evidence": "-",
		"operator": s.Operator, "name": name, "meaning": meansDecision, "at": stamp(at)}}.Text()
}

// ConsentText is the text an operator signs to hand the session over. after is
// the seq of the line that carries it and the hash of the line before.
func ConsentText(s State, after, to, name string, at time.Time) (string, error) {
	return audit.Statement{Kind: audit.HandoverConsent, Values: map[string]string{
		"origin": s.Origin, "session": s.session(), "after": after, "from": s.Operator, "to": to,
		"name": name, "meaning": meansConsent, "at": stamp(at)}}.Text()
}

// session is the id of the session: the last part of its origin.
func (s State) session() string { return s.Origin[strings.LastIndexByte(s.Origin, '/')+1:] }

// Policy is what a step asks of people: for policy.set, for the plan's line and
// for the request, from one place.
func Policy(st runbooks.Step) entries.Needs {
	n := entries.Needs{Anchor: runbooks.Async, BreakGlass: st.BreakGlass, Need: int64(need(st)), From: []string{}, Not: []string{}}
	if st.Anchor == runbooks.Before {
		n.Anchor = runbooks.Before
	}
	if n.Need > 0 {
		n.From, n.Ahead = append(n.From, st.Approvers...), st.Ahead && st.Risk != runbooks.NoReturn
		n.FreshS, n.Not = int64(approvalFresh/time.Second), []string{"operator", "author"}
	}
	return n
}

// request asks for signatures for the act on a step. The session points it at
// the line before it in its batch.
func request(it runbooks.Item, attempt int, act, digest string, needed int, now time.Time) Event {
	return event(audit.System, it.Step.ID, attempt, entries.ApprovalRequested{Act: act, From: Policy(it.Step).From,
		Need: int64(needed), PlanSHA256: digest, ValidUntil: stamp(now.Add(approvalFresh))})
}

// applyPeople reads what people signed, asked and refused.
func applyPeople(s State, e Event) State {
	switch b := e.Body.(type) {
	case entries.IdentityBound:
		s.People = append(s.People[:len(s.People):len(s.People)], b.Person)
	case entries.CheckResult:
		s.checked, s.checkedAt = b, e.Seq
		s = s.applyFound(e, b)
	case entries.ApprovalRequested:
		s = applyRequest(s, e, b)
	case entries.ApprovalGranted:
		s.Bearing = e.Seq
		switch b.Way {
		case WayAhead:
			return s.applyAhead(e, b)
		case WayLate:
			return s.settledLate(e.Ref)
		}
		s = s.withRequest(e.Ref, func(r *Request) {
			r.Grants = append(r.Grants[:len(r.Grants):len(r.Grants)], Grant{Seq: e.Seq, By: e.By, FP: b.Key.FP})
		})
	case entries.ApprovalDenied:
		s.Bearing = e.Seq
		if b.Statement != "" {
			return s.settledLate(e.Ref)
		}
		s = s.withRequest(e.Ref, func(r *Request) { r.Denied = e.By + ": " + b.Reason })
	case entries.ApprovalExpired:
		s = s.withRequest(e.Ref, func(r *Request) { r.Over = "it ran out at " + stamp(r.Until) })
	case entries.ApprovalWaived:
		s.Bearing = e.Seq
		s.Owed = append(s.Owed[:len(s.Owed):len(s.Owed)], e.Seq)
		s = s.applyWaived(e, b).withRequest(e.Ref, func(r *Request) { r.Waiver = e.Seq })
	case entries.CheckOverride:
		s = applyOverride(s, e, b)
	case entries.PollAnswer:
		s = applyAnswer(s, e, b)
	}
	return s
}

func applyRequest(s State, e Event, b entries.ApprovalRequested) State {
	until, err := time.Parse(time.RFC3339, b.ValidUntil)
	if err != nil {
		until = e.At // a request that never stood
	}
	r := Request{Seq: e.Seq, Leaf: e.Leaf, Step: runbooks.StepID(e.Step), Attempt: int(e.Attempt), Act: b.Act,
		Digest: b.PlanSHA256, Need: int(b.Need), From: b.From, At: e.At, Until: until}
	if b.Act == ActRun {
		r.Plan = s.Steps[r.Step].Text
	} else if f, ok := s.foundAt(e.Ref); ok {
		r.Check, r.Checked = f.Check, f.Seq
	} else {
		r.Check, r.Checked = s.checked, s.checkedAt
	}
	s.Requests = append(s.Requests[:len(s.Requests):len(s.Requests)], r)
	return s
}

func applyOverride(s State, e Event, b entries.CheckOverride) State {
	if e.Ref == nil {
		return s
	}
	s.Bearing = e.Seq
	f, found := s.foundAt(e.Ref)
	s.Overrides = append(s.Overrides[:len(s.Overrides):len(s.Overrides)],
		Override{Step: runbooks.StepID(e.Step), Attempt: int(e.Attempt), Check: b.Check, Checked: *e.Ref, Found: found, Blind: f.Blind,
			Is: b.Is, Reason: b.Reason, Signed: s.signers(b.Approvals)})
	return s.used(b.Approvals, e.Seq)
}

// signers are the persons behind grants.
func (s State) signers(grants []int64) []string {
	var out []string
	for _, r := range s.Requests {
		for _, g := range r.Grants {
			if slices.Contains(grants, g.Seq) {
				out = append(out, g.By)
			}
		}
	}
	return out
}

// Against lists the overrides that the current step stands on: its own, and for a
// step that moves traffic or has no return all those that the steps before it ran
// against.
func (s State) Against() []Override {
	it, ok := s.Current()
	if !ok {
		return nil
	}
	var out []Override
	for _, o := range s.Overrides {
		x, own := s.Steps[o.Step], o.Step == it.Step.ID
		counts := !own && it.Step.Risk >= runbooks.Traffic && x.Phase == Done && o.Attempt == x.Attempt
		next := x.Attempt
		if x.Phase == Pending || x.Phase == Failed || x.Phase == Undone {
			next++
		}
		if counts || own && o.Attempt == next {
			out = append(out, o)
		}
	}
	return out
}

// used marks the requests whose grants were used by the line seq.
func (s State) used(grants []int64, seq int64) State {
	if len(grants) == 0 {
		return s
	}
	s.Requests = slices.Clone(s.Requests)
	for i := range s.Requests {
		for _, g := range s.Requests[i].Grants {
			if slices.Contains(grants, g.Seq) && s.Requests[i].Over == "" {
				s.Requests[i].Over = fmt.Sprintf("it was used already at entry %d", seq)
			}
		}
	}
	return s
}

// withRequest changes the request that a line answers, in a copy.
func (s State) withRequest(ref *int64, change func(*Request)) State {
	if ref == nil {
		return s
	}
	for i, r := range s.Requests {
		if r.Seq == *ref {
			change(&r)
			s.Requests = slices.Clone(s.Requests)
			s.Requests[i] = r
			break
		}
	}
	return s
}

// forgo ends the requests to run a step whose box was closed: the next box has
// another plan line.
func (s State) forgo(id runbooks.StepID, why string) State {
	for _, r := range s.Requests {
		if r.Step == id && r.Act == ActRun && r.Over == "" {
			s = s.withRequest(&r.Seq, func(r *Request) { r.Over = why })
		}
	}
	return s
}

// operates notes a person and a key that operated this session: neither can
// approve in it.
func (s State) operates(who string, key *entries.Key) State {
	s.Operator = who
	if !slices.Contains(s.Operators, who) {
		s.Operators = append(s.Operators[:len(s.Operators):len(s.Operators)], who)
	}
	if key != nil && !slices.Contains(s.Keys, key.FP) {
		s.Keys = append(s.Keys[:len(s.Keys):len(s.Keys)], key.FP)
	}
	return s
}
