package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Judge holds the rules of the procedure, which the format does not know.
// Line sees every entry in order with its decoded body and the number of entries
// that lie under a seal so far; place and seq of what it finds are filled in.
type Judge interface {
	Line(e Entry, b Body, sealed int64) []Finding
}

// VerifyOptions say what to check against. What is not given is not checked, and
// the report names it.
type VerifyOptions struct {
	Types   Types
	Judge   func() Judge // nil: the format only
	Origin  string       // empty: believed from the record
	Quorum  int          // anchors that must vouch for the record
	Signers string       // allowed_signers file; asks for endorsed sessions
	MaxSkew time.Duration
	Tool    string
}

// Verify checks the record in dir. It never panics and never writes.
func Verify(dir string, o VerifyOptions) Report {
	w := newWalker(o)
	w.walk(dir)
	w.end()
	r := Report{
		Head: reportHead(w.head), Entries: int64(len(w.entries)), Sealed: w.sealed, Covered: 0,
		Closed: w.closed(), Findings: w.findings, Tool: o.Tool, Note: w.rest(),
		NotChecked: w.notChecked(), NotCovered: w.notCovered(),
	}
	r.judge()
	w.levels(&r)
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	return r
}

// closed is true only if the close lies under a seal.
func (w *walker) closed() bool {
	return w.closedAt >= 0 && !w.broken && w.sealed > w.entries[w.closedAt].Seq && w.torn == nil
}

// end looks at how the record stops.
func (w *walker) end() {
	if w.stopped || len(w.entries) == 0 {
		return
	}
	if n := int64(len(w.entries)) - w.sealed; n > 0 && !w.broken {
		w.find(Incomplete, "I54-unsealed", "the last %d entries are not under a seal", n)
	}
	if w.torn != nil {
		w.find(Incomplete, "I51-torn", "the log ends in %d torn bytes at offset %d and no session.resume explains them", w.torn.Bytes, w.torn.Offset)
	}
	if !w.broken {
		for _, e := range w.inDoubt() {
			if w.unclear[e.Seq] {
				w.findAt(e, Incomplete, "I52-in-doubt", "step %s is unclear and nobody decided", e.Step)
			} else {
				w.findAt(e, Incomplete, "I52-in-doubt", "step %s has an intent and no outcome", e.Step)
			}
		}
	}
	if w.closedAt < 0 && !w.broken {
		w.find(Incomplete, "I53-not-closed", "no session.close: the session was never closed, or its end was cut off")
	}
	if w.endorsed && w.closedAt >= 0 {
		w.find(Incomplete, "I55-file-signature", "no signature over the closed file")
	}
	if w.o.Signers != "" && !w.endorsed {
		w.find(Unverified, "E21-operator-key", "no operator endorsed the session key: nobody in allowed_signers vouches for this log")
	} else if w.o.Signers != "" {
		w.find(Unverified, "E21-operator-key", "the endorsement is there, but this verifier does not check endorsements")
	}
	if w.o.Quorum > 0 {
		w.find(Unverified, "U60-no-anchor", "no witness, timestamp or WORM copy vouches for this log: whoever holds the operator's key could have rewritten all of it")
	}
}

func (w *walker) rest() string {
	switch n := int64(len(w.entries)); {
	case w.breaks == 0 || n == 0 || w.lastBreak >= n:
		return ""
	case w.breaks > maxBreaks:
		return fmt.Sprintf("%d breaks in all; the first %d are listed", w.breaks, maxBreaks)
	default:
		return fmt.Sprintf("the rest, entries %d to %d, is unbroken", w.entries[w.lastBreak].Seq, w.entries[n-1].Seq)
	}
}

func (w *walker) notChecked() []string {
	n := []string{
		"anchors: no witness, timestamp, copy or ticket head was compared; a whole forged record would look the same",
		"server logs: whether the servers received what stands here",
	}
	if w.endorsed {
		n = append(n, "endorsements and approvals: their signatures were not checked")
	} else {
		n = append(n, "people: no operator key endorsed this session, so the seals bind the lines to each other, not to a person")
	}
	if w.o.Origin == "" {
		n = append(n, "origin: taken from the record itself")
	}
	return n
}

// notCovered lists evidence that no line names: what a crash between the file
// and its line leaves.
func (w *walker) notCovered() []string {
	files, err := os.ReadDir(filepath.Join(w.dir, "evidence"))
	if err != nil {
		return []string{}
	}
	list := []string{}
	for _, f := range files {
		if !w.mentions[f.Name()] {
			list = append(list, "evidence/"+f.Name())
		}
	}
	return list
}

func (w *walker) levels(r *Report) {
	tampered := slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Sev == Tampered })
	l0 := Level{Name: "L0 intact", Met: !tampered && r.Entries > 0 && !w.stopped}
	l0.Text = "not met"
	if l0.Met {
		l0.Text = fmt.Sprintf("%d entries in one unbroken chain; none changed, removed or added inside", r.Entries)
	}
	why := "no operator key endorsed the session"
	if w.endorsed {
		why = "the endorsement was not checked"
	}
	r.Levels = []Level{
		l0,
		{Name: "L1 sealed", Text: fmt.Sprintf("not met: %d seals by session keys; %s", w.seals, why)},
		{Name: "L2 countersigned", Text: "not met: no countersignature was checked"},
		{Name: "L3 seen by others", Text: "not met: no anchor was compared"},
		{Name: "L4 archived", Text: "not met: no WORM copy, no timestamp"},
	}
	switch {
	case !l0.Met:
		r.Level = "no level"
	case w.endorsed:
		r.Level = "level L0 of 4: the endorsement was not checked"
	default:
		r.Level = "level L0 of 4, unendorsed: " + strings.TrimSpace(fmt.Sprintf("%d of %d entries under seals of session keys that no person signed for", w.sealed, r.Entries))
	}
}
