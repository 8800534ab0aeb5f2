package report

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

// Summary is one entry in a line: for the table of all entries and the CSV. A
// type without a sentence of its own shows its body, cut.
func (l Line) Summary() string {
	if l.Withheld != "" {
		return "withheld: " + l.Withheld
	}
	switch b := l.Body.(type) {
	case entries.SessionOpen:
		return fmt.Sprintf("%s session opened, change %s", b.Mode, dash(b.Change.Ticket))
	case entries.SessionResume:
		return "resumed after " + b.After + tail(b.Reason)
	case entries.SessionClose:
		return fmt.Sprintf("closed: %s, writes on %s", b.Result, dash(b.WritesOn))
	case entries.SessionAbort:
		return "given up" + tail(b.Reason)
	case entries.RunbookLoaded:
		return fmt.Sprintf("%s, sha256 %.12s", b.Name, b.SHA256)
	case entries.ParamSet:
		if b.Value == nil {
			return b.Name + " (secret)"
		}
		return b.Name + " = " + *b.Value
	case entries.TargetBound:
		text := fmt.Sprintf("%s is %s %s at %s:%d/%s, id %s, as %s", b.Role, b.Engine, b.Version, b.Host, b.Port, b.Database, b.SystemID, b.Login)
		if a := b.AWS; a != nil {
			text += fmt.Sprintf(", AWS account %s in %s, called by %s (user id %s)", a.Account, a.Region, a.CallerARN, a.UserID)
		}
		return text
	case entries.CheckResult:
		return strings.TrimSpace(fmt.Sprintf("%s %s %s: wanted %s, is %s", b.Level, b.Kind, b.Check, b.Want, b.Is))
	case entries.VarCaptured:
		return b.Name + " captured"
	case entries.Note:
		return b.Text
	case audit.Seal:
		return "all entries before this one sealed"
	case audit.KeyNext:
		return "next sealing key announced"
	}
	return l.stepSummary()
}

func (l Line) stepSummary() string {
	switch b := l.Body.(type) {
	case entries.StepPlan:
		return fmt.Sprintf("%s %s, plan %.12s", b.Risk, b.Title, b.PlanSHA256)
	case entries.StepConfirm:
		return fmt.Sprintf("confirmed by typing %q, plan %.12s", b.Typed, b.PlanSHA256)
	case entries.StepIntent:
		return fmt.Sprintf("about to send plan %.12s", b.PlanSHA256)
	case entries.StmtBegin:
		return fmt.Sprintf("%s %d %s: %s", b.Part, b.I, b.Verb, oneLine(b.Text))
	case entries.StmtEnd:
		return (&Statement{End: &b}).Answer() + " in " + (&Statement{End: &b}).Took()
	case entries.StepOutcome:
		return b.Outcome + tail(b.Why)
	case entries.StepReconciled:
		return fmt.Sprintf("settled by %s: %s, next %s", b.How, b.Verdict, b.Next)
	case entries.StepSkipped:
		return "skipped" + tail(b.Reason)
	case entries.ApprovalRequested:
		return fmt.Sprintf("%d approval to %s asked for, until %s", b.Need, b.Act, b.ValidUntil)
	case entries.ApprovalGranted:
		return fmt.Sprintf("signed with %s, way %s", b.Key.FP, b.Way)
	case entries.Deviation:
		return b.What + tail(b.Reason)
	}
	if s, ok := l.said(); ok {
		return s.What
	}
	raw, err := json.Marshal(l.Body)
	if err != nil || string(raw) == "{}" {
		return ""
	}
	return oneLine(string(raw))
}

func tail(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// oneLine keeps a statement recognisable in a table; the step shows it whole.
func oneLine(s string) string {
	const most = 160
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return string(r)
}
