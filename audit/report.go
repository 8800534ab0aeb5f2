package audit

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Severity of a finding, in the words of the verdict it leads to.
type Severity string

// The severities, worst first.
const (
	Tampered   Severity = "TAMPERED"
	Rule       Severity = "RULE"
	Incomplete Severity = "INCOMPLETE"
	Unverified Severity = "UNVERIFIED"
)

// Finding is one thing that is wrong with a record, and where.
type Finding struct {
	Sev  Severity `json:"sev"`
	Code string   `json:"code"`
	File string   `json:"file,omitempty"`
	Line int      `json:"line,omitempty"`
	Seq  *int64   `json:"seq,omitempty"`
	Msg  string   `json:"msg"`
}

func (f Finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-10s %s", f.Sev, f.Code)
	if f.File != "" {
		b.WriteString(" " + f.File)
		if f.Line > 0 {
			fmt.Fprintf(&b, ":%d", f.Line)
		}
	}
	if f.Seq != nil {
		fmt.Fprintf(&b, " seq %d", *f.Seq)
	}
	return b.String() + ": " + f.Msg
}

// Level is a row of the assurance ladder.
type Level struct {
	Name string `json:"name"`
	Met  bool   `json:"met"`
	Text string `json:"text"`
}

// Report is what verify says. The zero Report says nothing good.
type Report struct {
	Verdict    string     `json:"verdict"`
	Exit       int        `json:"exit"`
	Level      string     `json:"level"`
	Levels     []Level    `json:"levels"`
	Head       ReportHead `json:"head"`
	Entries    int64      `json:"entries"`
	Sealed     int64      `json:"sealed"`
	Covered    int64      `json:"covered"`
	Closed     bool       `json:"closed"`
	Findings   []Finding  `json:"findings"`
	NotChecked []string   `json:"not_checked"`
	NotCovered []string   `json:"not_covered"`
	Note       string     `json:"note,omitempty"`
	Copies     string     `json:"evidence_copies,omitempty"` // how much of the evidence lies elsewhere too
	Also       string     `json:"also,omitempty"`            // levels that hold above one that does not
	Tool       string     `json:"tool"`
	// SignersSHA256 is the hash of the allowed_signers file that was believed.
	SignersSHA256 string `json:"signers_sha256,omitempty"`
}

// ReportHead is the last sealed head as text.
type ReportHead struct {
	Origin string `json:"origin"`
	Size   int64  `json:"size"`
	Root   string `json:"root"`
}

func reportHead(h Head) ReportHead {
	return ReportHead{Origin: h.Origin, Size: h.Size, Root: base64.StdEncoding.EncodeToString(h.Root[:])}
}

// verdicts in the order in which the worst wins.
var verdicts = []struct {
	sev  Severity
	word string
	exit int
}{
	{Tampered, "TAMPERED", 1},
	{Rule, "RULE BROKEN", 3},
	{Incomplete, "INCOMPLETE", 2},
	{Unverified, "UNVERIFIED", 4},
}

// judge takes the number of findings of each severity, also of those left out.
func (r *Report) judge(found map[Severity]int) {
	for _, v := range verdicts {
		if found[v.sev] > 0 {
			r.Verdict, r.Exit = v.word, v.exit
			return
		}
	}
	r.Verdict, r.Exit = "VERIFIED", 0
}

// JSON writes the report for programs.
func (r Report) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// Text writes the report for people. Everything in it may come from a forged
// file, so nothing reaches the terminal that could steer it.
func (r Report) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s\n", r.Verdict, r.Level)
	for _, l := range r.Levels {
		fmt.Fprintf(&b, "%-18s %s\n", l.Name, l.Text)
	}
	if r.Also != "" {
		fmt.Fprintf(&b, "%s\n", r.Also)
	}
	fmt.Fprintf(&b, "head               %s %d %s\n", r.Head.Origin, r.Head.Size, r.Head.Root)
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s\n", strings.ReplaceAll(f.String(), "\n", " "))
	}
	if r.Note != "" {
		fmt.Fprintf(&b, "%s\n", r.Note)
	}
	if r.Copies != "" {
		fmt.Fprintf(&b, "evidence           %s\n", r.Copies)
	}
	if r.SignersSHA256 != "" {
		fmt.Fprintf(&b, "signers            sha256 %s\n", r.SignersSHA256)
	}
	for _, s := range r.NotCovered {
		fmt.Fprintf(&b, "not covered: %s\n", s)
	}
	for _, s := range r.NotChecked {
		fmt.Fprintf(&b, "not checked: %s\n", s)
	}
	_, err := io.WriteString(w, plain(b.String()))
	return err
}

func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return '\uFFFD'
		}
		return r
	}, s)
}
