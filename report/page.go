package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/runbooks"
)

// Page is the first page: what an auditor must see without turning it.
type Page struct {
	Title         string   `json:"title"`
	Sid           string   `json:"sid"`
	Mode          string   `json:"mode"`
	Verdict       string   `json:"verdict"`
	Level         string   `json:"level"`
	Levels        []string `json:"levels"`
	VerifiedBy    string   `json:"verified_by"`
	SignersFile   string   `json:"signers_file"` // which list of people was believed
	HeadText      string   `json:"head_text"`
	Ticket        string   `json:"ticket"`
	TicketTitle   string   `json:"ticket_title"`
	Purpose       string   `json:"purpose"`
	PlannedWindow string   `json:"planned_window"`
	ActualWindow  string   `json:"actual_window"`
	PlannedTime   string   `json:"planned_time"`
	ActualTime    string   `json:"actual_time"`
	Operator      string   `json:"operator"`
	Author        string   `json:"author"`
	Source        string   `json:"source"`
	Result        string   `json:"result"`
	WritesOn      string   `json:"writes_on"`
	FreezeFor     string   `json:"freeze"`
	FreezeUntil   string   `json:"freeze_until"`
	Outage        string   `json:"outage"`
	FourEyes      string   `json:"four_eyes"`
	Steps         int      `json:"steps"`
	Runs          int      `json:"runs"`
	Statements    int      `json:"statements"`
	Checks        int      `json:"checks"`
}

// FirstPage says it in sentences, from the record alone.
func (n *Night) FirstPage() Page {
	p := Page{Sid: n.Sid, Mode: n.Open.Mode, Title: firstOf(n.Runbook.Title, firstOf(n.Runbook.Name, n.Sid)), Purpose: n.Runbook.Name, Operator: n.Operator, Author: dash(n.Runbook.Author), Source: source(n.Runbook),
		Ticket: dash(n.Open.Change.Ticket), TicketTitle: n.Open.Change.Title,
		Verdict: n.Verified.Verdict, Level: n.Verified.Level, VerifiedBy: n.Verified.Tool,
		HeadText: fmt.Sprintf("%s %d %s", n.Verified.Head.Origin, n.Verified.Head.Size, n.Verified.Head.Root),
		WritesOn: dash(n.Writes), Result: "open: the session has not ended", Outage: n.Outage}
	p.SignersFile = "no list of signers was given"
	if sum := n.Verified.SignersSHA256; sum != "" {
		p.SignersFile = "the list of signers with sha256 " + sum
	}
	for _, l := range n.Verified.Levels {
		p.Levels = append(p.Levels, l.Name+": "+l.Text)
	}
	p.windows(n)
	if n.Close != nil {
		p.Result, p.WritesOn = strings.ReplaceAll(n.Close.Result, "_", " "), dash(n.Close.WritesOn)
	}
	p.FreezeFor = "none"
	switch {
	case n.Freeze.On:
		p.FreezeFor, p.FreezeUntil = "still on", "since "+clock(n.Freeze.Since)+", when the record ends"
	case len(n.Freezes) > 0:
		var long, until []string
		for _, z := range n.Freezes {
			long, until = append(long, span(z.Elapsed)), append(until, clock(z.Ended))
		}
		p.FreezeFor, p.FreezeUntil = strings.Join(long, " + "), "until "+strings.Join(until, " and ")
	}
	if p.Outage == "" {
		p.Outage = "not recorded"
	}
	p.count(n)
	p.FourEyes = n.fourEyes()
	return p
}

func (p *Page) windows(n *Night) {
	p.PlannedWindow = "not stated"
	if c := n.Open.Change; c.WindowFrom != "" || c.WindowTo != "" {
		p.PlannedWindow = planned(c.WindowFrom) + " to " + planned(c.WindowTo)
	}
	p.ActualWindow = stamp(n.Started) + " to open"
	if !n.Ended.IsZero() {
		p.ActualWindow = stamp(n.Started) + " to " + stamp(n.Ended)
	}
	var planned, took time.Duration
	for _, s := range n.Steps {
		ran := false
		for _, a := range s.Attempts {
			took += a.Took
			ran = ran || a.Ran()
		}
		if ran {
			planned += s.Planned
		}
	}
	p.PlannedTime, p.ActualTime = span(planned), span(took)
	if planned == 0 {
		p.PlannedTime = "not known: the runbook is not in the bundle"
	}
}

func (p *Page) count(n *Night) {
	for _, s := range n.Steps {
		for _, a := range s.Attempts {
			p.Statements += len(a.Statements)
			p.Checks += len(a.Checks)
			if a.Ran() {
				p.Runs++
			}
		}
	}
	p.Steps = len(n.Steps)
}

// fourEyes says whether author, approvers and operator are different people.
func (n *Night) fourEyes() string {
	var by, late []string
	for _, a := range n.Approvals {
		for _, g := range a.Granted {
			switch {
			case g.Denied != "":
			case g.Way == wayLate:
				late = append(late, g.By)
			default:
				by = append(by, g.By)
			}
		}
	}
	switch {
	case len(by) == 0 && len(late) > 0:
		return "waived, and approved afterwards by " + strings.Join(unique(late), ", ")
	case len(by) == 0 && len(n.Approvals) == 0:
		return "no step that ran asked for a second person"
	case len(by) == 0:
		return "asked for, and nobody signed"
	}
	for _, b := range by {
		if b == n.Operator {
			return "NOT KEPT: " + b + " approved an own step"
		}
		if b == n.Runbook.Author {
			return "NOT KEPT: " + b + " wrote the runbook and approved a step of it"
		}
	}
	return "kept: approved by " + strings.Join(unique(by), ", ") + ", operated by " + n.Operator
}

func unique(in []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, s := range in {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// span writes a duration as people read it, milliseconds below a minute.
func span(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	d = d.Round(time.Second)
	if h := d / time.Hour; h > 0 {
		return fmt.Sprintf("%d:%02d:%02d h", h, d/time.Minute%60, d/time.Second%60)
	}
	return fmt.Sprintf("%d:%02d min", d/time.Minute, d/time.Second%60)
}

// Took is how long the server took for the answer.
func (s *Statement) Took() string {
	if s.End == nil {
		return ""
	}
	return span(time.Duration(s.End.TookUS) * time.Microsecond)
}

// Answer is the server's answer in a line, without any row value.
func (s *Statement) Answer() string {
	if s.End == nil {
		return "no answer recorded"
	}
	parts := []string{s.End.Outcome}
	if s.End.Command != "" {
		parts = append(parts, s.End.Command)
	}
	if s.End.Rows != nil {
		word := "rows"
		if *s.End.Rows == 1 {
			word = "row"
		}
		parts = append(parts, fmt.Sprintf("%d %s", *s.End.Rows, word))
	}
	if e := s.End.Error; e != nil {
		parts = append(parts, errorText(*e))
	}
	return strings.Join(append(parts, s.End.Notices...), ", ")
}

func errorText(e entries.Error) string {
	s := strings.TrimSpace(e.Class + " " + e.Code + " " + e.Message)
	if e.Masked {
		s += " (masked)"
	}
	return s
}

// planned is an end of the window as the first line has it, in the form of the
// other times where it is one.
func planned(s string) string {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return stamp(t)
	}
	return dash(s)
}

// source says where the bytes of the runbook came from. Its hash is in the record
// whatever this says.
func source(b entries.RunbookLoaded) string {
	src, ships := runbooks.Builtin(b.Name)
	switch {
	case b.Git == nil && ships && runbooks.Digest(src) == b.SHA256:
		return "the one that ships with this version of turquoise"
	case b.Git == nil:
		return "no commit of the file is on record"
	case b.Git.Dirty:
		return fmt.Sprintf("CHANGED since commit %.12s of %s", b.Git.Commit, b.Git.Author)
	}
	return fmt.Sprintf("as in commit %.12s of %s", b.Git.Commit, b.Git.Author)
}
