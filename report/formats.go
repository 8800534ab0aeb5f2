package report

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// CSV writes one row per entry. A cell that a spreadsheet would run as a formula
// is made text.
func (n *Night) CSV(w io.Writer) error {
	c := csv.NewWriter(w)
	rows := [][]string{{"seq", "ts", "type", "by", "from", "step", "attempt", "ref", "target", "ok", "summary", "leaf"}}
	for _, l := range n.Entries {
		rows = append(rows, []string{num(l.Seq), l.Time.UTC().Format("2006-01-02T15:04:05.000000Z"), l.Type, cell(l.By), cell(l.From), cell(l.Step),
			some(l.Attempt), pointer(l.Ref), cell(l.Target), pointer(l.OK), cell(l.Summary()), l.Leaf.String()})
	}
	return c.WriteAll(rows)
}

func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

func some(v int64) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprint(v)
}

func pointer[T any](v *T) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(*v)
}

// Document is the report as one JSON value. The order of its keys is fixed.
type Document struct {
	Head       string         `json:"head"`
	Session    string         `json:"session"`
	Page       Page           `json:"page"`
	People     []Person       `json:"people"`
	Targets    []Target       `json:"targets"`
	Data       DataProof      `json:"data"`
	After      []Late         `json:"signed_after_close"`
	Exceptions []Exceptions   `json:"exceptions"`
	Steps      []documentStep `json:"steps"`
	Controls   []Control      `json:"controls"`
	CannotShow []string       `json:"cannot_show"`
}

type documentStep struct {
	ID         string            `json:"id"`
	Title      string            `json:"title"`
	Risk       string            `json:"risk"`
	PlannedMS  int64             `json:"planned_ms"`
	Skipped    string            `json:"skipped,omitempty"`
	Attempts   []documentAttempt `json:"attempts"`
	Exceptions int               `json:"exceptions"`
}

type documentAttempt struct {
	N          int64    `json:"n"`
	PlanSHA256 string   `json:"plan_sha256"`
	By         string   `json:"by"`
	Intent     int64    `json:"intent"`
	Approvals  []int64  `json:"approvals"`
	Statements []int64  `json:"statements"`
	Checks     []int64  `json:"checks"`
	Outcome    string   `json:"outcome"`
	Why        string   `json:"why,omitempty"`
	TookUS     int64    `json:"took_us"`
	Failed     []string `json:"failed_checks"`
}

// JSON writes page 1 and the steps as one document.
func (n *Night) JSON(w io.Writer) error {
	controls, err := n.Controls()
	if err != nil {
		return err
	}
	page := n.FirstPage()
	d := Document{Head: page.HeadText, Session: n.Sid, Page: page, People: n.People, Targets: n.Targets,
		Data: n.Data, After: append([]Late{}, n.After...), Exceptions: n.Exceptions, Controls: controls, CannotShow: CannotShow}
	for _, s := range n.Steps {
		d.Steps = append(d.Steps, n.documentStep(s))
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(d)
}

func (n *Night) documentStep(s *Step) documentStep {
	out := documentStep{ID: s.ID, Title: s.Title, Risk: s.Risk, PlannedMS: s.Planned.Milliseconds(), Skipped: s.Skipped, Attempts: []documentAttempt{}}
	for _, x := range n.Exceptions {
		for _, i := range x.Items {
			if i.Step == s.ID {
				out.Exceptions++
			}
		}
	}
	for _, a := range s.Attempts {
		da := documentAttempt{N: a.N, PlanSHA256: a.Digest, By: a.By, Intent: a.Intent, Approvals: append([]int64{}, a.Approvals...),
			Statements: []int64{}, Checks: []int64{}, Outcome: a.Outcome, Why: a.Why, TookUS: a.Took.Microseconds(), Failed: []string{}}
		for _, st := range a.Statements {
			da.Statements = append(da.Statements, st.Seq)
		}
		for _, c := range a.Checks {
			da.Checks = append(da.Checks, c.Seq)
			if c.OK == nil || !*c.OK {
				da.Failed = append(da.Failed, c.CheckResult.Check)
			}
		}
		out.Attempts = append(out.Attempts, da)
	}
	return out
}
