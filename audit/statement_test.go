package audit_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
)

var statementKinds = []audit.StatementKind{audit.Endorsement, audit.HandoverConsent, audit.Approval, audit.RunbookApproval,
	audit.Waiver, audit.LateApproval, audit.Decision, audit.Countersign, audit.Erasure}

func statement(kind audit.StatementKind, values map[string]string) audit.Statement {
	s := audit.Statement{Kind: kind, Values: map[string]string{}}
	for _, l := range kind.Labels() {
		s.Values[l] = "value of " + l
	}
	maps.Copy(s.Values, values)
	return s
}

// TestAStatementIsReadOnlyAsItWasWritten changes one line of each kind of text in
// every way that a second meaning could be smuggled in.
func TestAStatementIsReadOnlyAsItWasWritten(t *testing.T) {
	for _, kind := range statementKinds {
		s := statement(kind, nil)
		if kind == audit.Approval {
			s.Values["act"], s.Plan = audit.ActRun, planText
		}
		text := must[string](t)(s.Text())
		back := must[audit.Statement](t)(audit.ParseStatement(text))
		if back.Kind != kind || !maps.Equal(back.Values, s.Values) || back.Plan != s.Plan {
			t.Errorf("%s: read back as %v", kind, back)
		}
		if kind.Namespace() == "" {
			t.Errorf("%s has no namespace", kind)
		}
		lines := strings.SplitAfter(text, "\n")
		for i := range len(kind.Labels()) + 1 {
			for what, l := range map[string][]string{
				"missing":  append(append([]string{}, lines[:i]...), lines[i+1:]...),
				"repeated": append(append([]string{}, lines[:i+1]...), lines[i:]...),
				"extra":    append(append(append([]string{}, lines[:i]...), "x: y\n"), lines[i:]...),
				"emptied":  append(append(append([]string{}, lines[:i]...), strings.SplitAfter(lines[i], ":")[0]+"\n"), lines[i+1:]...),
				"returned": append(append(append([]string{}, lines[:i]...), strings.TrimSuffix(lines[i], "\n")+"\r\n"), lines[i+1:]...),
			} {
				if _, err := audit.ParseStatement(strings.Join(l, "")); err == nil {
					t.Errorf("%s: line %d %s is accepted", kind, i, what)
				}
			}
		}
		for _, end := range []string{"", text + "\n", text + "x: y\n", strings.TrimSuffix(text, "\n"), "\n" + text} {
			if kind != audit.Approval || !strings.HasPrefix(end, text) { // what follows the plan is covered by its digest
				if _, err := audit.ParseStatement(end); err == nil {
					t.Errorf("%s: %q is accepted", kind, end)
				}
			}
		}
	}
}

func TestAValueOfAStatementStaysOnItsLine(t *testing.T) {
	s := statement(audit.Waiver, map[string]string{"reason": "it burns\nat: never\x1b[2J \u202e", "step": ""})
	back := must[audit.Statement](t)(audit.ParseStatement(must[string](t)(s.Text())))
	if got := back.Values["reason"]; got != "it burns / at: never [2J" || back.Values["step"] != "-" {
		t.Errorf("reason %q step %q", got, back.Values["step"])
	}
	delete(s.Values, "at")
	if _, err := s.Text(); err == nil {
		t.Error("a text without its time was written")
	}
}
