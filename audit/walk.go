package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

const (
	// maxBreaks ends the list of breaks in a record that is damaged everywhere.
	maxBreaks = 20
	// maxFindings keeps the report of a forged record readable, and small.
	maxFindings = 500
)

// walker reads a record from the first byte to the last and holds one line at a
// time. Verify, Resume and Load all go through it, so that what one of them
// believes the others believe too.
type walker struct {
	o        VerifyOptions
	dir      fs.FS
	findings []Finding
	worst    map[Severity]int // all findings, also those left out

	// where we are
	file    string
	line    int
	seg     int64
	inSeg   int // good lines in this segment
	segTail *Torn
	broken  bool // a break in the structure: form, seq and chain only from here
	resync  bool // the next good line is believed about its place
	breaks  int
	restAt  int64 // seq of the first line behind the last break

	// what stands so far
	keep     bool // entries are wanted, not only checked
	entries  []Entry
	count    int64
	last     Entry // zero before the first
	purpose  Entry // the last line that is neither key.next nor seal
	tree     tree
	head     Head // of the last good seal
	origin   string
	sid      string
	seals    int
	sealed   int64 // entries under a seal, the seal line included
	closedAt int64 // seq of session.close, -1 if none
	stopped  bool  // newer version: nothing after it can be judged
	torn     *Torn // at the very end
	withheld int64 // newest segment with a withheld line; 0: none

	keys     keyState
	people   peopleState
	open     map[int64]Entry // intents not settled
	unclear  map[int64]bool
	judge    Judge
	mentions map[string]bool // evidence files
	named    map[string]bool // those of them that must be here
	cast     string          // hash of the film that the closing line names
	outside  outside         // what anchors said
	skipped  []string        // what could not be compared, and why
}

func newWalker(dir fs.FS, o VerifyOptions) *walker {
	if o.MaxSkew == 0 {
		o.MaxSkew = defaultSkew
	}
	w := &walker{o: o, dir: dir, closedAt: -1, worst: map[Severity]int{}, open: map[int64]Entry{},
		unclear: map[int64]bool{}, mentions: map[string]bool{}, named: map[string]bool{}, outside: newOutside(o.Vouches)}
	if o.Judge != nil {
		w.judge = o.Judge()
	}
	return w
}

func (w *walker) find(sev Severity, code, format string, args ...any) {
	w.add(Finding{Sev: sev, Code: code, File: w.file, Line: w.line, Msg: fmt.Sprintf(format, args...)})
}

func (w *walker) findAt(e Entry, sev Severity, code, format string, args ...any) {
	w.add(Finding{Sev: sev, Code: code, File: w.file, Line: w.line, Seq: &e.Seq, Msg: fmt.Sprintf(format, args...)})
}

// findIn is about a file beside the record.
func (w *walker) findIn(file string, sev Severity, code, format string, args ...any) {
	w.add(Finding{Sev: sev, Code: code, File: file, Msg: fmt.Sprintf(format, args...)})
}

func (w *walker) add(f Finding) {
	w.worst[f.Sev]++
	if len(w.findings) < maxFindings {
		w.findings = append(w.findings, f)
	}
}

// firstBreak is the first finding that forbids going on with the record. An open
// or unsealed end is what Resume is for.
func (w *walker) firstBreak() *Finding {
	for i := range w.findings {
		if s := w.findings[i].Sev; s == Tampered || s == Unverified {
			return &w.findings[i]
		}
	}
	return nil
}

const noBeginning = "the first entry is %q, not session.open: the beginning is missing"

func (w *walker) walk() {
	names, err := segmentNames(w.dir)
	if err != nil {
		w.find(Unverified, "E03-read", "%v", err)
		return
	}
	if len(names) == 0 {
		w.find(Tampered, "E01-missing", "no log segments in %s", w.o.name())
		return
	}
	for i, name := range names {
		want := segmentName(int64(i + 1))
		w.file, w.line = name, 0
		if name != want {
			w.find(Tampered, "E02-segment-gap", "expected %s, found %s: a segment file is missing or extra", want, name)
			return
		}
		if err := w.segment(int64(i + 1)); err != nil {
			w.find(Unverified, "E03-read", "%v", err)
			w.stopped = true
		}
		if w.stopped {
			return
		}
	}
	w.torn = w.segTail
	if w.inSeg == 0 && !w.broken && w.torn != nil {
		w.line = 1
		w.headless()
	}
	w.file, w.line = "", 0
}

// headless is a segment without a first line.
func (w *walker) headless() {
	if w.seg > 1 {
		w.find(Tampered, "E18-resume", "segment %d does not begin with session.resume", w.seg)
	} else {
		w.find(Tampered, "E11-genesis", noBeginning, "")
	}
}

func (w *walker) segment(n int64) error {
	f, err := w.dir.Open(w.file)
	if err != nil {
		return err
	}
	defer f.Close()
	w.seg, w.inSeg, w.line = n, 0, 0
	before := w.segTail
	w.segTail = nil
	r := newLineReader(f)
	for off := int64(0); ; {
		raw, size, whole, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		w.line++
		if done, err := w.one(raw, whole, off, before); err != nil || done {
			return err
		}
		off += size
	}
	if w.line == 0 {
		w.headless()
	}
	return nil
}

// one judges a line. It is done with the segment when the line begins a torn
// tail or comes from a newer format.
func (w *walker) one(raw []byte, whole bool, off int64, before *Torn) (done bool, err error) {
	e, body, bad := w.parse(raw)
	var newer versionError
	if errors.As(bad, &newer) {
		w.find(Unverified, "U63-version", "%v", newer)
		w.stopped = true
		return true, nil
	}
	if bad == nil && !whole {
		bad = fmt.Errorf("%w: no line feed at its end", errForm)
	}
	if bad == nil {
		w.goodLine(e, body, raw, before)
		return false, nil
	}
	if !w.broken {
		if w.segTail, err = w.tail(w.seg, off); err != nil || w.segTail != nil {
			return true, err
		}
	}
	if w.more() {
		code := "E10-form"
		if errors.Is(bad, errStub) {
			code = "E34-redaction"
		}
		w.find(Tampered, code, "%s", bad)
	}
	w.broken, w.resync, w.keys.force = true, true, nil
	return false, nil
}

func (w *walker) parse(raw []byte) (Entry, Body, error) {
	if w.o.Redacted && isStub(raw) {
		return parseStub(raw)
	}
	return parseLine(raw, w.o.Types)
}

// more counts a break and says whether it is still worth a line.
func (w *walker) more() bool {
	w.breaks++
	w.restAt = -1
	return w.breaks <= maxBreaks
}

// place checks seq and chain. It says whether the line stands where it belongs;
// from a break on, each line is measured against the one before it only.
func (w *walker) place(e Entry) bool {
	want, prev := int64(0), zeroPrev
	if w.count > 0 {
		want, prev = w.last.Seq+1, w.last.Leaf.String()
	}
	if w.resync {
		w.resync = false
		return false
	}
	code, msg := "", ""
	switch {
	case w.count == 0 && e.Type != typeOpen:
		code, msg = "E11-genesis", fmt.Sprintf(noBeginning, e.Type)
	case e.Seq < want:
		code, msg = "E12-sequence", fmt.Sprintf("sequence number %d where %d must stand: entries were inserted or repeated", e.Seq, want)
	case e.Seq > want:
		how := "removed"
		if w.breaks < maxBreaks {
			how = w.gone(want)
		}
		code, msg = "E12-sequence", fmt.Sprintf("sequence number %d where %d must stand: entries were %s", e.Seq, want, how)
	case e.Prev != prev && e.Type != typeRedacted:
		code, msg = "E13-chain", fmt.Sprintf("this entry names %.12s… as its predecessor, the line before it hashes to %.12s…: the line before it was changed", e.Prev, prev)
	default:
		return true
	}
	if w.more() {
		w.findAt(e, Tampered, code, "%s", msg)
	}
	w.broken = true
	if code != "E13-chain" {
		w.keys.force = nil // who knows which keys the missing lines announced
	}
	return false
}

func (w *walker) goodLine(e Entry, body Body, raw []byte, before *Torn) {
	if ok := w.place(e); !ok || w.broken {
		w.brokenKeys(e, body)
		w.take(e)
		return
	}
	w.identity(e)
	w.stamps(e)
	w.position(e, body, before)
	w.keyLine(e, body)
	w.who(e, body)
	w.take(e)
	w.tree.add(e.Leaf)
	w.outside.line(e, raw, &w.tree)
	w.follow(e, body)
}

func (w *walker) take(e Entry) {
	if w.restAt < 0 {
		w.restAt = e.Seq
	}
	if w.keep {
		w.entries = append(w.entries, e)
	}
	w.inSeg++
	w.count++
	if e.Type == typeRedacted { // it holds no time of its own
		e.Time, e.Mono, w.withheld = w.last.Time, w.last.Mono, w.seg
	}
	e.Body = nil
	w.last = e
	if e.Type != typeKeyNext && e.Type != typeSeal {
		w.purpose = e
	}
}

func (w *walker) identity(e Entry) {
	if e.Type == typeRedacted {
		return // a stub holds nothing but its place
	}
	if w.sid == "" {
		w.sid = e.Sid
	}
	if e.Sid != w.sid {
		w.findAt(e, Tampered, "E14-session", "entry of session %s inside session %s", e.Sid, w.sid)
	}
	if e.Seg != w.seg {
		w.findAt(e, Tampered, "E15-segment", "entry says segment %d, file is segment %d", e.Seg, w.seg)
	}
}

// stamps checks the two clocks of a line against those of the line before.
func (w *walker) stamps(e Entry) {
	if e.Type == typeRedacted {
		return
	}
	if e.Time.Format(timeLayout) != e.ts {
		w.findAt(e, Tampered, "E16-time", "bad timestamp %q", e.ts)
		return
	}
	if w.count == 0 {
		if e.Mono < 0 {
			w.findAt(e, Tampered, "E17-monotonic", "monotonic clock runs backwards (%d after %d)", e.Mono, 0)
		}
		return
	}
	if w.inSeg == 0 {
		if back := w.last.Time.Sub(e.Time); back > w.o.MaxSkew {
			w.findAt(e, Rule, "R30-clock", "segment begins %s before the last entry of the one before", back)
		}
		return
	}
	ran := time.Duration(e.Mono-w.last.Mono) * time.Microsecond
	if ran < 0 {
		w.findAt(e, Tampered, "E17-monotonic", "monotonic clock runs backwards (%d after %d)", e.Mono, w.last.Mono)
		return
	}
	if moved := e.Time.Sub(w.last.Time) - ran; moved.Abs() > w.o.MaxSkew+ran/1000 && e.Type != typeClockStep {
		w.findAt(e, Rule, "R30-clock", "wall clock moved %s against the monotonic clock and no clock.step entry says why", moved)
	}
}
