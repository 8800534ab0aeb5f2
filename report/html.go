package report

import (
	_ "embed" // the page
	"html/template"
	"io"
	"strings"
	"time"
)

//go:embed report.html.tmpl
var htmlText string

// CannotShow is what no check of a record can find. It is printed in every
// report, so that nobody reads more into a good verdict than it says.
var CannotShow = []string{
	"a whole record made anew with the operator's own key, if no anchor and no head in the ticket stands against it",
	"entries cut off after the last anchor; only the servers' logs show them",
	"that what the cockpit wrote down is what it saw: a signature says who said it, not that it is true",
	"work done beside the cockpit: turquoise reconcile looks for it in the servers' logs",
	"people who act in collusion, an approver who does not read, a key that was lent",
	"whose finger pressed a key on a shared terminal",
	"a clock that was wrong from the beginning, if no server, witness or timestamp gives another time",
	"what was photographed from a screen, or shown by a film of it",
	"a lock on copies in an account that the operators control, or that is closed",
}

// HTML writes the report as one page that needs nothing else: no script, no
// fonts, no network.
func (n *Night) HTML(w io.Writer) error {
	controls, err := n.Controls()
	if err != nil {
		return err
	}
	t, err := template.New("report").Funcs(template.FuncMap{
		"stamp": stamp, "clock": clock, "span": span, "dash": dash, "join": strings.Join,
		"lines": func(s string) []string { return strings.Split(strings.TrimSuffix(s, "\n"), "\n") },
		"first": func(n int, cs []Check) []Check { return cs[:min(n, len(cs))] },
		"rest":  func(n int, cs []Check) int { return max(len(cs)-n, 0) },
		"late":  late, "lower": strings.ToLower,
	}).Parse(htmlText)
	if err != nil {
		return err
	}
	return t.Execute(w, struct {
		*Night
		Page       Page
		Controls   []Control
		Charts     []Chart
		CannotShow []string
		Glossary   []term
	}{n, n.FirstPage(), controls, n.Charts(), CannotShow, glossary})
}

// late says how far a step was from its plan; small differences are none.
func late(planned, took time.Duration) string {
	const small = 30 * time.Second
	if planned == 0 || took < planned+small {
		return ""
	}
	return "late " + span(took-planned)
}

type term struct{ Word, Means string }

var glossary = []term{
	{"blue, green", "the server that had the writes at the beginning, and the one that gets them"},
	{"block", "actions confirmed once and run back to back, with a proof after each and an abort plan confirmed with them"},
	{"freeze", "the time in which no client may write, from the server's answer to the first holding statement to the answer that opens writes"},
	{"gate", "a condition on a reading that must hold before or after a step"},
	{"intent", "the entry, on disk and sealed, that says what will be sent; nothing is sent without it"},
	{"leaf", "SHA-256 over a zero byte and the bytes of an entry's line (RFC 6962)"},
	{"plan", "the exact text of a step: what was shown, hashed, confirmed and sent"},
	{"proof", "a question to the server whose answer says whether an action has its effect"},
	{"seal", "a signature over the tree head of all entries before it, by a key used once"},
	{"unclear", "an action was sent and no answer is recorded; only a proof or a signed decision ends it"},
	{"way back", "the steps that would bring the writes back, and what that would lose"},
}
