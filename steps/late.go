package steps

import (
	"fmt"
	"slices"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/runbooks"
)

// The verdicts of a late approval. Both settle what is owed; the second stays
// among the exceptions of the report.
const (
	Approved    = "approved"
	NotApproved = "not approved"
)

const meansLate = "I have read what was run under this waiver and what came of it; this is my verdict."

// Waived is a step that ran without the approval it needs.
type Waived struct {
	Seq     int64  // of the waiver
	Leaf    string // of its line: the signed text names it
	Step    runbooks.StepID
	Digest  string // of the plan
	Intent  int64  // that used it; 0: none has
	Outcome string // "<seq> <leaf>" of what came of it; empty: it is not over
	At      time.Time
	Reason  string
}

// Late gives what ran under a waiver, is over, and is still owed an approval.
func (s State) Late() []Waived {
	var out []Waived
	for _, w := range s.Waivers {
		if w.Outcome != "" && slices.Contains(s.Owed, w.Seq) {
			out = append(out, w)
		}
	}
	return out
}

// LateText is the text that a second person signs over what ran under a waiver. It
// depends on the record alone, so that anybody can make it again.
func LateText(s State, w Waived, verdict, approver, name string) (string, error) {
	return audit.Statement{Kind: audit.LateApproval, Values: map[string]string{
		"origin": s.Origin, "session": s.session(), "waiver": fmt.Sprintf("%d %s", w.Seq, w.Leaf), "outcome": w.Outcome, "plan-sha256": w.Digest,
		"verdict": verdict, "approver": approver, "name": name, "meaning": meansLate, "at": stamp(w.At)}}.Text()
}

// decideLate takes in a second person's verdict on what ran under a waiver.
func decideLate(s State, c Approve, ev Evidence) ([]Event, error) {
	st, err := audit.ParseStatement(c.Statement)
	again := "sign the file that was written for this waiver"
	switch {
	case err != nil:
		return nil, refuse(again, "the text is no statement: %v", err)
	case st.Kind != audit.LateApproval:
		return nil, refuse(again, "the text is a %s, not a late approval", st.Kind)
	case ev.Signed.Broken != nil:
		return nil, refuse("sign the file as it was written, with -n "+audit.NamespaceApproval, "%v", ev.Signed.Broken)
	}
	v := st.Values
	late := s.Late()
	i := slices.IndexFunc(late, func(w Waived) bool { return fmt.Sprintf("%d %s", w.Seq, w.Leaf) == v["waiver"] })
	if i < 0 {
		return nil, refuse(again, "nothing is owed for the waiver %.20s… in this record", v["waiver"])
	}
	if text, err := LateText(s, late[i], v["verdict"], v["approver"], v["name"]); err != nil || text != c.Statement || v["verdict"] != Approved && v["verdict"] != NotApproved {
		return nil, refuse(again, "the signed text is not the one that was asked for")
	}
	if err := s.mayApprove(st, Request{}, *ev.Signed); err != nil {
		return nil, err
	}
	var b audit.Body = entries.ApprovalGranted{InOperatorAgent: ev.Signed.InAgent, Key: ev.Signed.Key, Statement: c.Statement, Signature: c.Signature, Way: WayLate}
	if v["verdict"] == NotApproved {
		b = entries.ApprovalDenied{Reason: "not approved after it ran", Statement: c.Statement, Signature: c.Signature}
	}
	e := event(ev.Signed.Who, late[i].Step, 0, b)
	e.Ref, e.OK = audit.Ref(late[i].Seq), audit.OK(v["verdict"] == Approved)
	return append(s.bindSigner(*ev.Signed), e), nil
}

// applyWaived keeps a waiver until somebody has judged what ran under it.
func (s State) applyWaived(e Event, b entries.ApprovalWaived) State {
	w := Waived{Seq: e.Seq, Leaf: e.Leaf, Step: runbooks.StepID(e.Step), Reason: b.Reason}
	for _, r := range s.Requests {
		if e.Ref != nil && r.Seq == *e.Ref {
			w.Digest = r.Digest
		}
	}
	s.Waivers = append(s.Waivers[:len(s.Waivers):len(s.Waivers)], w)
	return s
}

// waivedBy follows what ran under a waiver: its intent, and what came of that.
func (s State) waivedBy(e Event) State {
	for i, w := range s.Waivers {
		switch b := e.Body.(type) {
		case entries.StepIntent:
			if b.Waiver == nil || *b.Waiver != w.Seq {
				continue
			}
			w.Intent = e.Seq
		case entries.StepOutcome, entries.StepReconciled:
			if w.Intent == 0 || e.Ref == nil || *e.Ref != w.Intent {
				continue
			}
			w.Outcome, w.At = fmt.Sprintf("%d %s", e.Seq, e.Leaf), e.At
		default:
			return s
		}
		s.Waivers = slices.Clone(s.Waivers)
		s.Waivers[i] = w
	}
	return s
}

// settledLate takes a waiver from what is owed.
func (s State) settledLate(ref *int64) State {
	if ref != nil {
		s.Owed = slices.DeleteFunc(slices.Clone(s.Owed), func(seq int64) bool { return seq == *ref })
	}
	return s
}
