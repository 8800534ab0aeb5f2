package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// maxBreaks ends the list of breaks in a record that is damaged everywhere.
const maxBreaks = 20

func segmentName(n int64) string { return fmt.Sprintf("%04d.jsonl", n) }

func segmentNames(dir string) ([]string, error) {
	all, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range all {
		if n := e.Name(); strings.HasSuffix(n, ".jsonl") && n[0] >= '0' && n[0] <= '9' {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names, nil
}

// walker reads a record from the first byte to the last. Verify, Resume and Load
// all go through it, so that what one of them believes the others believe too.
type walker struct {
	o        VerifyOptions
	dir      string
	findings []Finding

	// where we are
	file    string
	line    int
	seg     int64
	inSeg   int // good lines in this segment
	segTail *Torn

	// what stands so far
	entries []Entry
	tree    tree
	head    Head // of the last good seal
	origin  string
	sid     string
	seals   int
	sealed  int64 // entries under a seal, the seal line included

	key      *verifier // in force
	next     *verifier // announced by the line before
	mustSeal *Entry    // endorsed a key; key.next and seal must follow at once
	closedAt int64     // index of session.close, -1 if none
	endorsed bool
	stopped  bool // newer version: nothing after it can be judged

	broken    bool // a break in the structure: form, seq and chain only from here
	resync    bool // the next good line is believed about its place
	breaks    int
	lastBreak int64
	torn      *Torn // at the very end

	open     map[int64]Entry // intents not settled
	unclear  map[int64]bool
	judge    Judge
	mentions map[string]bool // evidence files
}

func newWalker(o VerifyOptions) *walker {
	if o.MaxSkew == 0 {
		o.MaxSkew = defaultSkew
	}
	w := &walker{o: o, closedAt: -1, open: map[int64]Entry{}, unclear: map[int64]bool{}, mentions: map[string]bool{}}
	if o.Judge != nil {
		w.judge = o.Judge()
	}
	return w
}

func (w *walker) find(sev Severity, code, format string, args ...any) {
	w.findings = append(w.findings, Finding{Sev: sev, Code: code, File: w.file, Line: w.line, Msg: fmt.Sprintf(format, args...)})
}

func (w *walker) findAt(e Entry, sev Severity, code, format string, args ...any) {
	w.find(sev, code, format, args...)
	w.findings[len(w.findings)-1].Seq = &e.Seq
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

func (w *walker) walk(dir string) {
	w.dir = dir
	names, err := segmentNames(dir)
	if err != nil {
		w.find(Unverified, "E03-read", "%v", err)
		return
	}
	if len(names) == 0 {
		w.find(Tampered, "E01-missing", "no log segments in %s", dir)
		return
	}
	for i, name := range names {
		want := segmentName(int64(i + 1))
		w.file, w.line = name, 0
		if name != want {
			w.find(Tampered, "E02-segment-gap", "expected %s, found %s: a segment file is missing or extra", want, name)
			return
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			w.find(Unverified, "E03-read", "%v", err)
			return
		}
		w.segment(int64(i+1), data)
		if w.stopped {
			return
		}
	}
	w.torn = w.segTail
	if w.inSeg == 0 && !w.broken && w.torn != nil {
		w.line = 1
		if w.seg > 1 {
			w.find(Tampered, "E18-resume", "segment %d does not begin with session.resume", w.seg)
		} else {
			w.find(Tampered, "E11-genesis", "the first entry is %q, not session.open: the beginning is missing", "")
		}
	}
	w.file, w.line = "", 0
}

func (w *walker) segment(n int64, data []byte) {
	w.seg, w.inSeg, w.line = n, 0, 0
	before := w.segTail
	w.segTail = nil
	for off := 0; off < len(data); {
		w.line++
		end, whole := bytes.IndexByte(data[off:], '\n'), true
		if end < 0 {
			end, whole = len(data)-off, false
		}
		raw := data[off : off+end]
		e, err := parseLine(raw, w.o.Types)
		var newer versionError
		if errors.As(err, &newer) {
			w.find(Unverified, "U63-version", "%v", newer)
			w.stopped = true
			return
		}
		if err == nil && !whole {
			err = fmt.Errorf("%w: no line feed at its end", errForm)
		}
		if err != nil {
			if w.isTorn(data[off:]) {
				w.segTail = tornAt(n, off, data)
				return
			}
			w.badLine(err)
		} else {
			w.goodLine(e, raw, before)
		}
		off += end + 1
	}
	if w.line == 0 && n == 1 {
		w.find(Tampered, "E11-genesis", "the first entry is %q, not session.open: the beginning is missing", "")
	} else if w.line == 0 {
		w.find(Tampered, "E18-resume", "segment %d does not begin with session.resume", n)
	}
}

func tornAt(seg int64, off int, data []byte) *Torn {
	sum := sha256.Sum256(data[off:])
	return &Torn{Bytes: int64(len(data) - off), Offset: int64(off), Segment: seg, SHA256: hex.EncodeToString(sum[:])}
}

// isTorn tells what a crash may leave from what somebody changed: behind a bad
// line no finished line of a durable type may stand, except as the very last,
// because nothing is written behind a line that was not acknowledged.
func (w *walker) isTorn(tail []byte) bool {
	if w.broken {
		return false
	}
	lines := bytes.Split(tail, []byte("\n"))
	finished := lines[:len(lines)-1] // the last piece has no line feed
	for i, line := range finished {
		var p struct {
			Type string `json:"type"`
		}
		if json.Unmarshal(line, &p) != nil || !w.durable(p.Type) {
			continue
		}
		veryLast := i == len(finished)-1 && len(lines[len(lines)-1]) == 0
		if !veryLast {
			return false
		}
	}
	return true
}

func (w *walker) durable(name string) bool {
	if w.o.Types == nil {
		return name == typeSeal || name == typeOpen || name == typeResume || name == typeClose
	}
	return w.o.Types[name].Durable
}

func (w *walker) badLine(err error) {
	if !w.more() {
		return
	}
	w.find(Tampered, "E10-form", "%s", err)
	w.broken, w.resync = true, true
}

// more counts a break and says whether it is still worth a line.
func (w *walker) more() bool {
	w.breaks++
	w.lastBreak = int64(len(w.entries))
	return w.breaks <= maxBreaks
}

// place checks seq and chain. It says whether the line stands where it belongs;
// from a break on, each line is measured against the one before it only.
func (w *walker) place(e Entry) bool {
	want, prev := int64(0), zeroPrev
	if n := len(w.entries); n > 0 {
		want, prev = w.entries[n-1].Seq+1, w.entries[n-1].Leaf.String()
	}
	if w.resync {
		w.resync = false
		return false
	}
	switch {
	case len(w.entries) == 0 && e.Type != typeOpen:
		if w.more() {
			w.findAt(e, Tampered, "E11-genesis", "the first entry is %q, not session.open: the beginning is missing", e.Type)
		}
	case e.Seq < want:
		if w.more() {
			w.findAt(e, Tampered, "E12-sequence", "sequence number %d where %d must stand: entries were inserted or repeated", e.Seq, want)
		}
	case e.Seq > want:
		if w.more() {
			w.findAt(e, Tampered, "E12-sequence", "sequence number %d where %d must stand: entries were %s", e.Seq, want, w.gone(want))
		}
	case e.Prev != prev:
		if w.more() {
			w.findAt(e, Tampered, "E13-chain", "this entry names %.12s… as its predecessor, the line before it hashes to %.12s…: the line before it was changed", e.Prev, prev)
		}
	default:
		return true
	}
	w.broken = true
	return false
}

// gone looks for the missing line further down, to say what was done with it.
func (w *walker) gone(seq int64) string {
	names, _ := segmentNames(w.dir)
	for _, name := range names {
		if name < w.file {
			continue
		}
		data, _ := os.ReadFile(filepath.Join(w.dir, name))
		for i, line := range bytes.Split(data, []byte("\n")) {
			if name == w.file && i < w.line {
				continue
			}
			if e, err := parseLine(line, nil); err == nil && e.Seq == seq {
				return "reordered"
			}
		}
	}
	return "removed"
}

func (w *walker) goodLine(e Entry, raw []byte, before *Torn) {
	ok := w.place(e)
	if !ok || w.broken {
		if w.broken && e.Type == typeSeal {
			w.brokenSeal(e)
		}
		w.inSeg++
		w.entries = append(w.entries, e)
		return
	}
	w.identity(e)
	w.stamps(e, raw)
	w.position(e, before)
	w.keys(e)
	w.entries = append(w.entries, e)
	w.tree.add(e.Leaf)
	w.inSeg++
	w.follow(e)
}

func (w *walker) identity(e Entry) {
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
func (w *walker) stamps(e Entry, raw []byte) {
	if ts := peekTS(raw); e.Time.Format(timeLayout) != ts {
		w.findAt(e, Tampered, "E16-time", "bad timestamp %q", ts)
		return
	}
	if len(w.entries) == 0 {
		if e.Mono < 0 {
			w.findAt(e, Tampered, "E17-monotonic", "monotonic clock runs backwards (%d after %d)", e.Mono, 0)
		}
		return
	}
	last := w.entries[len(w.entries)-1]
	if w.inSeg == 0 {
		if back := last.Time.Sub(e.Time); back > w.o.MaxSkew {
			w.findAt(e, Rule, "R30-clock", "segment begins %s before the last entry of the one before", back)
		}
		return
	}
	ran := time.Duration(e.Mono-last.Mono) * time.Microsecond
	if ran < 0 {
		w.findAt(e, Tampered, "E17-monotonic", "monotonic clock runs backwards (%d after %d)", e.Mono, last.Mono)
		return
	}
	if moved := e.Time.Sub(last.Time) - ran; moved.Abs() > w.o.MaxSkew+ran/1000 && e.Type != typeClockStep {
		w.findAt(e, Rule, "R30-clock", "wall clock moved %s against the monotonic clock and no clock.step entry says why", moved)
	}
}

func peekTS(raw []byte) string {
	var p struct {
		TS string `json:"ts"`
	}
	_ = json.Unmarshal(raw, &p) // the line has been parsed before
	return p.TS
}
