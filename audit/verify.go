package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// Judge holds the rules of the procedure, which the format does not know.
type Judge interface {
	// Line sees every entry in order with its decoded body and the number of
	// entries that lie under a seal so far; a withheld line comes as Withheld.
	// The place of what it finds is filled in, Seq only where it is not set.
	Line(e Entry, b Body, sealed int64) []Finding
	// End sees the texts that were signed after the close.
	End(after []AfterText) []Finding
}

// VerifyOptions say what to check against. What is not given is not checked, and
// the report names it.
type VerifyOptions struct {
	Types    Types
	Judge    func() Judge // nil: the format only
	Origin   string       // empty: believed from the record
	Quorum   int          // outsiders that must vouch for the record; 0: none is asked for
	Signers  *AllowedSigners
	Vouches  []Vouch  // what outsiders said
	Skipped  []string // what an outsider said and nobody could check, for the report
	MaxSkew  time.Duration
	Redacted bool      // lines may be withheld
	Now      time.Time // for dates of retention; zero: none lies in the future
	Tool     string
	Name     string // of the record, for messages; empty: its folder

	trusting bool // the reader is the session itself: whose key it is was asked when it began
}

func (o VerifyOptions) name() string {
	if o.Name == "" {
		return "this folder"
	}
	return o.Name
}

// Verify checks the record in dir. It never panics and never writes.
func Verify(dir string, o VerifyOptions) Report {
	if o.Name == "" {
		o.Name = dir
	}
	return VerifyFS(os.DirFS(dir), o)
}

// VerifyFS is Verify for a record that lies elsewhere than in a folder.
func VerifyFS(dir fs.FS, o VerifyOptions) Report {
	w := newWalker(dir, o)
	w.walk()
	w.end()
	r := Report{
		Head: reportHead(w.head), Entries: w.count, Sealed: w.sealed, Covered: w.outside.covered(max(o.Quorum, 1)),
		Closed: w.closed(), Findings: w.findings, Tool: o.Tool, Note: w.rest(),
		NotChecked: w.notChecked(), NotCovered: w.notCovered(), Copies: w.copied(),
	}
	if o.Signers != nil {
		r.SignersSHA256 = o.Signers.SHA256
	}
	if n := w.total() - len(w.findings); n > 0 {
		r.Note = strings.TrimPrefix(r.Note+fmt.Sprintf("; %d more findings are left out", n), "; ")
	}
	r.judge(w.worst)
	w.levels(&r)
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	return r
}

func (w *walker) total() int {
	n := 0
	for _, c := range w.worst {
		n += c
	}
	return n
}

// closed is true only if the close lies under a seal.
func (w *walker) closed() bool {
	return w.closedAt >= 0 && !w.broken && w.sealed > w.closedAt && w.torn == nil
}

// end looks at how the record stops, and at what lies beside it.
func (w *walker) end() {
	defer w.compare()
	if w.stopped || w.count == 0 {
		return
	}
	if n := w.count - w.sealed; n > 0 && !w.broken {
		w.find(Incomplete, "I54-unsealed", "the last %d entries are not under a seal", n)
	}
	if w.torn != nil {
		w.find(Incomplete, "I51-torn", "the log ends in %d torn bytes at offset %d and no session.resume explains them", w.torn.Bytes, w.torn.Offset)
	}
	if w.broken {
		return
	}
	for _, e := range w.inDoubt() {
		if w.unclear[e.Seq] {
			w.findAt(e, Incomplete, "I52-in-doubt", "step %s is unclear and nobody decided", e.Step)
		} else {
			w.findAt(e, Incomplete, "I52-in-doubt", "step %s has an intent and no outcome", e.Step)
		}
	}
	if w.closedAt < 0 {
		w.find(Incomplete, "I53-not-closed", "no session.close: the session was never closed, or its end was cut off")
	}
	if w.o.trusting {
		return
	}
	w.film()
	if w.closedAt >= 0 {
		w.closedFile()
		w.readAfter()
		w.countersigned()
	}
	if w.judge != nil {
		for _, f := range w.judge.End(w.people.after) {
			w.add(f)
		}
	}
	w.bareSegments()
	if w.o.Signers != nil && w.people.given == 0 {
		w.find(Unverified, "E21-operator-key", "no operator endorsed the session key: nobody in allowed_signers vouches for this log")
	}
}

// follow keeps the open intents, looks up evidence and asks the judge.
func (w *walker) follow(e Entry, body Body) {
	if h, ok := body.(Withheld); ok {
		w.findAt(e, Incomplete, "I56-redacted", "entry withheld (%s); its hash stands in chain and tree", h.Why)
	}
	if body == nil {
		return
	}
	row := w.o.Types[e.Type]
	if row.Intent {
		in := e
		in.Body = nil
		w.open[e.Seq] = in
	}
	if row.Settles != nil && e.Ref != nil {
		if row.Settles(e) {
			delete(w.open, *e.Ref)
		} else if _, ok := w.open[*e.Ref]; ok {
			w.unclear[*e.Ref] = true
		}
	}
	if ev, ok := body.(Evident); ok {
		for _, f := range ev.EvidenceFiles() {
			w.evidence(e, f)
		}
	}
	if ev, ok := body.(Named); ok {
		for _, name := range ev.EvidenceNames() {
			w.mentions[name] = true
		}
	}
	if c, ok := body.(Filmed); ok {
		w.cast = c.Film()
	}
	if w.judge == nil {
		return
	}
	for _, f := range w.judge.Line(e, body, w.sealed) {
		f.File, f.Line = w.file, w.line
		if f.Seq == nil {
			f.Seq = &e.Seq
		}
		w.add(f)
	}
}

// film holds the film of the screen against the hash in the closing line. It need
// not be there: it may show data, and no check depends on it.
func (w *walker) film() {
	sum, err := fileSHA256(w.dir, CastFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if w.cast != "" {
			w.skipped = append(w.skipped, CastFile+": the closing line names a film of the screen that is not here; no check depends on it")
		}
	case err != nil:
		w.find(Unverified, "E03-read", "%v", err)
	case w.cast != "" && sum != w.cast:
		w.find(Tampered, "E32-evidence", "%s is not the film that the closing line names", CastFile)
	}
}

func (w *walker) evidence(e Entry, ev Evidence) {
	w.mentions[ev.SHA256], w.named[ev.SHA256] = true, true
	switch err := checkEvidence(w.dir, ev); {
	case errors.Is(err, errEvidenceGone):
		w.findAt(e, Incomplete, "I50-evidence", "evidence %.12s… is not in the bundle (withheld or erased); its hash stands", ev.SHA256)
	case errors.Is(err, errEvidenceOther):
		w.findAt(e, Tampered, "E32-evidence", "evidence file %.12s… has other content", ev.SHA256)
	case err != nil:
		w.findAt(e, Unverified, "E03-read", "%v", err)
	}
}

// copied says how much of the evidence lies elsewhere too. Nothing where nobody
// looked.
func (w *walker) copied() string {
	copies := w.outside.copies
	if len(copies) == 0 {
		return ""
	}
	n, locked, until, where := 0, 0, time.Time{}, map[string]bool{}
	for name := range w.named {
		c, ok := copies[name]
		if !ok {
			continue
		}
		n++
		where[c.Name] = true
		if c.Until.After(w.o.Now) {
			if locked++; until.IsZero() || c.Until.Before(until) {
				until = c.Until
			}
		}
	}
	text := fmt.Sprintf("%d of %d evidence files lie in %s too, with the same bytes", n, len(w.named), strings.Join(slices.Sorted(maps.Keys(where)), " and "))
	if locked > 0 {
		return text + fmt.Sprintf("; %d of them locked, until %s at least", locked, until.UTC().Format(time.DateOnly))
	}
	return text + "; none is locked: they can be erased there"
}

func (w *walker) inDoubt() []Entry {
	var es []Entry
	for _, e := range w.open {
		es = append(es, e)
	}
	slices.SortFunc(es, func(a, b Entry) int { return int(a.Seq - b.Seq) })
	return es
}

func (w *walker) rest() string {
	switch {
	case w.breaks == 0 || w.restAt < 0 || w.count == 0 || w.last.Seq < w.restAt:
		return ""
	case w.breaks > maxBreaks:
		return fmt.Sprintf("%d breaks in all; the first %d are listed", w.breaks, maxBreaks)
	}
	return fmt.Sprintf("the rest, entries %d to %d, is unbroken", w.restAt, w.last.Seq)
}

func (w *walker) notChecked() []string {
	n := append(append([]string{}, w.o.Skipped...), w.skipped...)
	if len(w.o.Vouches) == 0 {
		n = append(n, "anchors: no witness, timestamp, copy or ticket head was compared; a whole forged record would look the same")
	}
	n = append(n, "server logs: whether the servers received what stands here, and nothing else")
	switch {
	case w.people.given == 0:
		n = append(n, "people: no operator key endorsed this session, so the seals bind the lines to each other, not to a person")
	case w.o.Signers == nil:
		n = append(n, "people: whose keys these are; no allowed_signers file was given")
	}
	if w.o.Origin == "" {
		n = append(n, "origin: taken from the record itself")
	}
	return n
}

// notCovered lists evidence that no line names: what a crash between the file
// and its line leaves.
func (w *walker) notCovered() []string {
	list := []string{}
	if _, err := fs.Stat(w.dir, CastFile); err == nil && w.cast == "" {
		list = append(list, CastFile)
	}
	files, err := fs.ReadDir(w.dir, "evidence")
	if err != nil {
		return list // there is none
	}
	for _, f := range files {
		if !w.mentions[f.Name()] {
			list = append(list, "evidence/"+f.Name())
		}
	}
	return list
}
