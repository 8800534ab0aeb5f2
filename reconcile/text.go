package reconcile

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// JSON writes the result for programs.
func (r Result) JSON(w io.Writer) error {
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	if r.Notes == nil {
		r.Notes = []string{}
	}
	if r.Clocks == nil {
		r.Clocks = []Clock{}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// Text writes the result for people. The logs are not ours: nothing of them may
// steer a terminal.
func (r Result) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d statements found in server logs; %d untagged writes by %s, %s to %s\n", r.Found, r.Recorded, r.OffRecord,
		strings.Join(r.Logins, ", "), r.From.Format("2006-01-02 15:04Z"), r.To.Format("15:04Z"))
	for _, c := range r.Clocks {
		fmt.Fprintf(&b, "clock of %s: %+.1f ms against the record (median of %d)\n", c.Target, float64(c.OffsetUS)/1000, c.Of)
	}
	for _, f := range r.Findings {
		place := f.Where
		if f.Seq > 0 {
			place = strings.TrimSpace(fmt.Sprintf("%s seq %d", place, f.Seq))
		}
		fmt.Fprintf(&b, "%-13s %s: %s\n", strings.ReplaceAll(f.Code, "_", " "), place, f.Text)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	switch r.Exit {
	case ExitMatched:
		b.WriteString("All that was recorded was seen, and these logins did nothing else.\n")
	case ExitContradiction:
		b.WriteString("Log and record cannot both be true.\n")
	case ExitOffRecord:
		b.WriteString("Something was done off the record.\n")
	case ExitPartly:
		b.WriteString("Nothing contradicts the record, but the logs do not show all of it.\n")
	}
	b.WriteString("A server logs what its settings say: statements of other logins, changes to files and what a superuser does with logging off leave no trace here.\n")
	_, err := io.WriteString(w, strings.Map(func(c rune) rune {
		if c != '\n' && (unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c)) {
			return '\uFFFD'
		}
		return c
	}, b.String()))
	return err
}
