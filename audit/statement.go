package audit

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// StatementKind is the first line of a text that a person signs, without
// "turquoise" and "v1".
type StatementKind string

// The texts that people sign. Each has its own labels, in one order.
const (
	Endorsement StatementKind = "session key endorsement"
	// StandbyEndorsement is for the key of a process that takes a window back when
	// the cockpit dies.
	StandbyEndorsement StatementKind = "standby endorsement"
	HandoverConsent    StatementKind = "handover consent"
	Approval           StatementKind = "approval"
	RunbookApproval    StatementKind = "runbook approval"
	Waiver             StatementKind = "approval waiver"
	LateApproval       StatementKind = "late approval"
	Decision           StatementKind = "decision"
	Countersign        StatementKind = "countersignature"
	Erasure            StatementKind = "erasure"
)

// Namespace is the SSH signature namespace of texts of this kind, empty for an
// unknown kind.
func (k StatementKind) Namespace() string {
	switch k {
	case Endorsement, StandbyEndorsement, HandoverConsent:
		return NamespaceSession
	case Approval, RunbookApproval, Waiver, LateApproval, Decision:
		return NamespaceApproval
	case Countersign, Erasure:
		return NamespaceCountersign
	}
	return ""
}

// Labels are the labels of this kind in their order, nil for an unknown kind.
func (k StatementKind) Labels() []string {
	var s string
	switch k {
	case Endorsement, StandbyEndorsement:
		s = "origin session segment after key operator name at meaning"
	case HandoverConsent:
		s = "origin session after from to name at meaning"
	case Approval:
		s = "origin session request runbook-sha256 step act plan-sha256 approver name meaning at valid-until"
	case RunbookApproval:
		s = "runbook-sha256 runbook change window-from window-to approver name meaning at valid-until"
	case Waiver:
		s = "origin session request step plan-sha256 reason operator name meaning at"
	case LateApproval:
		s = "origin session waiver outcome plan-sha256 verdict approver name meaning at"
	case Decision:
		s = "origin session intent step verdict next evidence operator name meaning at"
	case Countersign:
		s = "origin session head last-segment-sha256 person name meaning at"
	case Erasure:
		s = "origin session evidence reason person name meaning at"
	}
	return strings.Fields(s)
}

// ActRun is the act of an approval that lets a step run; its text ends with the
// whole plan, so that the file that is signed is the file that is read.
const ActRun = "run"

// Statement is a text that a person signs, taken apart.
type Statement struct {
	Kind   StatementKind
	Values map[string]string // by label
	Plan   string            // of an approval with act run only
}

// Text gives the bytes to sign. An empty value becomes "-", a line break in a
// value " / "; a missing or unknown label is an error.
func (s Statement) Text() (string, error) {
	labels := s.Kind.Labels()
	if labels == nil {
		return "", fmt.Errorf("bug: no statement of kind %q", s.Kind)
	}
	if len(s.Values) != len(labels) {
		return "", fmt.Errorf("bug: %s with %d labels, must be %d", s.Kind, len(s.Values), len(labels))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "turquoise %s v1\n", s.Kind)
	for _, l := range labels {
		v, ok := s.Values[l]
		if !ok {
			return "", fmt.Errorf("bug: %s without %s", s.Kind, l)
		}
		fmt.Fprintf(&b, "%s: %s\n", l, signable(v))
	}
	if s.withPlan() {
		b.WriteString("\n" + s.Plan)
	}
	if _, err := ParseStatement(b.String()); err != nil {
		return "", err
	}
	return b.String(), nil
}

func (s Statement) withPlan() bool { return s.Kind == Approval && s.Values["act"] == ActRun }

// signable makes a value one line that a terminal shows as it is.
func signable(v string) string {
	v = strings.ReplaceAll(strings.ToValidUTF8(v, "\uFFFD"), "\r\n", " / ")
	v = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, v)
	if v = strings.TrimSpace(strings.ReplaceAll(v, "\n", " / ")); v == "" {
		return "-"
	}
	return v
}

var errStatementEnd = errors.New("not the end that its kind has")

// ParseStatement reads a signed text. It accepts exactly what Text writes: any
// missing, extra, repeated or moved line is an error, for taking the first of
// two lines would let the second be smuggled in.
func ParseStatement(text string) (Statement, error) {
	if !utf8.ValidString(text) || strings.ContainsAny(text, "\r\x00") {
		return Statement{}, errors.New("not plain text")
	}
	head, rest, _ := strings.Cut(text, "\n")
	name, ok1 := strings.CutPrefix(head, "turquoise ")
	name, ok2 := strings.CutSuffix(name, " v1")
	s := Statement{Kind: StatementKind(name), Values: map[string]string{}}
	labels := s.Kind.Labels()
	if !ok1 || !ok2 || labels == nil {
		return Statement{}, fmt.Errorf("first line %.60q names no statement of this format", head)
	}
	for _, l := range labels {
		line, more, whole := strings.Cut(rest, "\n")
		v, ok := strings.CutPrefix(line, l+": ")
		if !ok || !whole || v == "" || v != signable(v) {
			return Statement{}, fmt.Errorf("%q stands where one line %q must stand", cut(line), l+": …")
		}
		s.Values[l], rest = v, more
	}
	if !s.withPlan() {
		if rest != "" {
			return Statement{}, errStatementEnd
		}
		return s, nil
	}
	plan, ok := strings.CutPrefix(rest, "\n")
	if !ok || !strings.HasPrefix(plan, "turquoise plan v1\n") || !strings.HasSuffix(plan, "\n") {
		return Statement{}, errStatementEnd
	}
	s.Plan = plan
	return s, nil
}

// cut keeps what a forged text says from filling a report.
func cut(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
