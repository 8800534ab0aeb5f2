package steps

import (
	"slices"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/runbooks"
)

// The ways in which an approval comes that is not the answer to a request.
const (
	WayAhead = "ahead" // over the whole runbook, before the session
	WayLate  = "late"  // over what ran under a waiver, after it
)

// meansAhead is what a person agrees to who approves ahead.
const meansAhead = "I have read this runbook and approve, for this change and inside this window, those of its steps that it lets be approved ahead."

// Ahead is what an approval of a whole runbook says, besides who gives it.
type Ahead struct {
	Digest, Runbook, Change string
	From, To                time.Time
}

// AheadText is the text that a person signs days before: it names the runbook by
// the hash of its file, the change and the window.
func AheadText(a Ahead, approver, name string, at time.Time) (string, error) {
	return audit.Statement{Kind: audit.RunbookApproval, Values: map[string]string{"runbook-sha256": a.Digest, "runbook": a.Runbook,
		"change": a.Change, "window-from": stamp(a.From), "window-to": stamp(a.To), "approver": approver, "name": name,
		"meaning": meansAhead, "at": stamp(at), "valid-until": stamp(a.To)}}.Text()
}

// GivenAhead is an approval of the whole runbook as the record has it.
type GivenAhead struct {
	Grant
	From, To time.Time
}

// ahead gives the approvals of the runbook that count for a step now: inside their
// window, by people whom the step takes and who operate nothing.
func (s State) ahead(st runbooks.Step, now time.Time) []Grant {
	p := Policy(st)
	if !p.Ahead {
		return nil
	}
	var out []Grant
	for _, g := range s.Ahead {
		switch {
		case now.Before(g.From), now.After(g.To), slices.Contains(s.Operators, g.By), slices.Contains(s.Keys, g.FP),
			len(p.From) > 0 && !slices.Contains(p.From, g.By):
		default:
			out = append(out, g.Grant)
		}
	}
	return out
}

// ApprovedAhead gives the persons whose approval of the runbook counts for a step.
func (s State) ApprovedAhead(st runbooks.Step, now time.Time) []string {
	var out []string
	for _, g := range s.ahead(st, now) {
		out = append(out, g.By)
	}
	return out
}

// decideAhead takes in an approval of the whole runbook. It counts from the
// beginning of its window, for the steps that the runbook lets be approved so.
func decideAhead(s State, c Approve, ev Evidence) ([]Event, error) {
	st, err := audit.ParseStatement(c.Statement)
	v := st.Values
	again := "let the text be made anew with turquoise plan --request"
	switch {
	case err != nil:
		return nil, refuse(again, "the text is no statement: %v", err)
	case st.Kind != audit.RunbookApproval:
		return nil, refuse(again, "the text is a %s, not an approval of a runbook", st.Kind)
	case ev.Signed.Broken != nil:
		return nil, refuse("sign the file as it was written, with -n "+audit.NamespaceApproval, "%v", ev.Signed.Broken)
	case v["runbook-sha256"] != s.Book.Digest:
		return nil, refuse("let the runbook be approved as it is now", "the approval is for another runbook (%.12s…)", v["runbook-sha256"])
	case v["change"] != dashed(s.Change):
		return nil, refuse("start with --change "+v["change"]+", or let this change be approved", "the approval is for change %s, this session is for %s", v["change"], dashed(s.Change))
	case !s.anyAhead():
		return nil, refuse("let a second person sign in the session", "no step of this runbook may be approved ahead")
	}
	g, err := windowOf(st)
	switch {
	case err != nil:
		return nil, refuse(again, "the text names no window: %v", err)
	case ev.Now.After(g.To):
		return nil, refuse(again, "the approval ran out at %s", stamp(g.To))
	}
	if err := s.mayApprove(st, Request{}, *ev.Signed); err != nil {
		return nil, err
	}
	for _, have := range s.Ahead {
		if have.By == ev.Signed.Who || have.FP == ev.Signed.Key.FP {
			return nil, refuse("", "%s has approved this runbook already", ev.Signed.Who)
		}
	}
	e := event(ev.Signed.Who, "", 0, entries.ApprovalGranted{InOperatorAgent: ev.Signed.InAgent, Key: ev.Signed.Key,
		Statement: c.Statement, Signature: c.Signature, Way: WayAhead})
	e.Ref, e.OK = audit.Ref(s.Loaded), audit.OK(true)
	return append(s.bindSigner(*ev.Signed), e), nil
}

func dashed(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// anyAhead reports whether the runbook has a step that may be approved ahead.
func (s State) anyAhead() bool {
	return slices.ContainsFunc(Policies(s.Book, s.Stepwise), func(p entries.StepPolicy) bool { return p.Ahead })
}

// windowOf reads when an approval of a runbook counts.
func windowOf(st audit.Statement) (g GivenAhead, err error) {
	if g.From, err = time.Parse(time.RFC3339, st.Values["window-from"]); err != nil {
		return g, err
	}
	if g.To, err = time.Parse(time.RFC3339, st.Values["window-to"]); err != nil {
		return g, err
	}
	until, err := time.Parse(time.RFC3339, st.Values["valid-until"])
	if err == nil && until.Before(g.To) {
		g.To = until
	}
	return g, err
}

// applyAhead keeps an approval of the runbook.
func (s State) applyAhead(e Event, b entries.ApprovalGranted) State {
	st, err := audit.ParseStatement(b.Statement)
	if err != nil {
		return s // no cockpit wrote that, and verify says so
	}
	g, err := windowOf(st)
	if err != nil {
		return s
	}
	g.Grant = Grant{Seq: e.Seq, By: e.By, FP: b.Key.FP}
	s.Ahead = append(s.Ahead[:len(s.Ahead):len(s.Ahead)], g)
	return s
}

// bindSigner names a person who signs for the first time.
func (s State) bindSigner(g Signed) []Event {
	if slices.Contains(s.People, g.Who) {
		return nil
	}
	return []Event{event(audit.System, "", 0, entries.IdentityBound{Person: g.Who, Name: g.Name, Role: "approver",
		How: "signature", KeyFP: g.Key.FP, KeyKind: g.Key.Kind})}
}
