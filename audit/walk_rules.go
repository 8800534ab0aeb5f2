package audit

import (
	"encoding/json"
	"errors"
	"slices"
)

// keyLine is what the format needs from the bodies that put a key in force.
type keyLine struct {
	Endorsement string `json:"endorsement"`
	Origin      string `json:"origin"`
	Torn        *Torn  `json:"torn"`
	VKey        string `json:"vkey"`
}

func peekKeyLine(e Entry) keyLine {
	var k keyLine
	_ = json.Unmarshal(e.Body, &k) // strictly decoded before; absent keys stay empty
	return k
}

// position checks what may stand where: the openings of segments, the torn end
// before a resume, and the two lines after the close.
func (w *walker) position(e Entry, before *Torn) {
	if w.closedAt >= 0 {
		after := int64(len(w.entries)) - w.closedAt
		if !(after == 1 && e.Type == typeKeyNext || after == 2 && e.Type == typeSeal) {
			w.findAt(e, Rule, "R31-after-close", "%s after session.close (seq %d)", e.Type, w.entries[w.closedAt].Seq)
		}
	}
	if e.Type == typeOpen && len(w.entries) > 0 {
		w.findAt(e, Tampered, "E11-genesis", "second session.open")
	}
	if w.inSeg == 0 && w.seg > 1 {
		w.resumed(e, before)
	}
	if e.Type == typeClose && w.closedAt < 0 {
		w.closedAt = int64(len(w.entries))
	}
}

func (w *walker) resumed(e Entry, before *Torn) {
	if e.Type != typeResume {
		if before != nil {
			w.findAt(e, Tampered, "E18-resume", "segment %d ends in %d torn bytes and segment %d does not begin with session.resume", w.seg-1, before.Bytes, w.seg)
		} else {
			w.findAt(e, Tampered, "E18-resume", "segment %d does not begin with session.resume", w.seg)
		}
		return
	}
	said := peekKeyLine(e).Torn
	switch {
	case said == nil && before == nil:
	case said == nil:
		w.findAt(e, Tampered, "E19-torn-tail", "session.resume describes the torn tail as %s, the file has %s", "none", before)
	case before == nil:
		w.findAt(e, Tampered, "E19-torn-tail", "session.resume describes the torn tail as %s, the file has %s", said, "none")
	case *said != *before:
		w.findAt(e, Tampered, "E19-torn-tail", "session.resume describes the torn tail as %s, the file has %s", said, before)
	}
}

// keys moves the key in force and checks seals.
func (w *walker) keys(e Entry) {
	w.endorsedNext(e)
	announced := w.next
	w.next = nil
	switch e.Type {
	case typeOpen, typeResume, typeHandover:
		w.keyLine(e)
	case typeKeyNext:
		w.keyNext(e)
	case typeSeal:
		w.seal(e, announced)
	}
	if announced != nil && e.Type != typeSeal && e.Type != typeResume {
		w.findAt(e, Tampered, "E26-ratchet", "a next key is announced before this entry and no seal follows it")
	}
}

// endorsedNext checks that a line which puts a key in force is sealed at once.
// Only a crash excuses: then the segment ends there.
func (w *walker) endorsedNext(e Entry) {
	m := w.mustSeal
	if m == nil {
		return
	}
	behind := e.Seq - m.Seq
	if behind == 1 && e.Type == typeKeyNext {
		return
	}
	w.mustSeal = nil
	if behind == 2 && e.Type == typeSeal || w.inSeg == 0 {
		return
	}
	w.findAt(*m, Tampered, "E35-stripped", "%s at seq %d is not followed by key.next and seal: seals were stripped", m.Type, m.Seq)
}

func (w *walker) keyLine(e Entry) {
	k := peekKeyLine(e)
	if e.Type == typeHandover && k.VKey == "" {
		return
	}
	w.mustSeal = &e
	v, err := parseVKey(k.VKey)
	if err != nil {
		w.key = nil
		w.findAt(e, Tampered, "E20-endorsement", "bad session key: %v", err)
		return
	}
	w.key = v
	if k.Endorsement != "" {
		w.endorsed = true
	}
	if e.Type == typeOpen {
		w.origin = k.Origin
		if w.o.Origin != "" && k.Origin != w.o.Origin {
			w.findAt(e, Tampered, "E23-endorsement-scope", "endorsement is for %s %q, here it is %q: it was made for another log or another point in it", "origin", k.Origin, w.o.Origin)
		}
	}
	if v.name != w.origin {
		w.findAt(e, Tampered, "E20-endorsement", "bad session key: it is named %q", v.name)
	}
}

func (w *walker) keyNext(e Entry) {
	var body KeyNext
	_ = json.Unmarshal(e.Body, &body)
	v, err := parseVKey(body.VKey)
	switch {
	case err != nil:
		w.findAt(e, Tampered, "E20-endorsement", "bad session key: %v", err)
	case v.name != w.origin:
		w.findAt(e, Tampered, "E20-endorsement", "bad session key: it is named %q", v.name)
	case w.key != nil && slices.Equal(v.pub, w.key.pub):
		w.findAt(e, Tampered, "E26-ratchet", "the next key repeats the key in force")
	default:
		w.next = v
	}
}

var errNoKey = errors.New("no key is in force")

func (w *walker) seal(e Entry, announced *verifier) {
	if len(w.entries) == 0 || w.entries[len(w.entries)-1].Type != typeKeyNext || w.inSeg == 0 {
		w.findAt(e, Tampered, "E26-ratchet", "no next key directly before this seal")
		return
	}
	// The last seal is covered by no later one. Its time and its makers are bound
	// to the line before it, which it covers: both are written in one batch.
	if k := w.entries[len(w.entries)-1]; !sameStamp(e, k) {
		w.findAt(e, Tampered, "E24-seal", "seal differs from its key.next in time or origin")
	}
	s, ok := w.signed(e)
	if !ok {
		return
	}
	w.key = announced
	want := Head{Origin: w.origin, Size: e.Seq, Root: w.tree.root()}
	if s.head != want {
		w.findAt(e, Tampered, "E25-seal-root", "seal signs %s size %d root %s, the log here is %s size %d root %s",
			s.head.Origin, s.head.Size, s.head.Root.Short(), want.Origin, want.Size, want.Root.Short())
		return
	}
	w.head, w.sealed = s.head, e.Seq+1
	w.seals++
}

func sameStamp(a, b Entry) bool {
	return a.Time.Equal(b.Time) && a.Mono == b.Mono && a.By == System && b.By == System && a.From == b.From &&
		a.Step == "" && a.Attempt == 0 && a.Ref == nil && a.Target == "" && a.OK == nil
}

// signed checks form and signature of a seal against the key in force.
func (w *walker) signed(e Entry) (signedHead, bool) {
	var body Seal
	_ = json.Unmarshal(e.Body, &body)
	s, err := parseNote(body.Note)
	if err != nil {
		w.findAt(e, Tampered, "E24-seal", "%v", err)
		return s, false
	}
	if n := len(s.signatures); n != 1 {
		w.findAt(e, Tampered, "E24-seal", "seal carries %d signatures, must be one", n)
		return s, false
	}
	err = errNoKey
	if w.key != nil {
		err = s.check(w.key)
	}
	if err != nil {
		w.findAt(e, Tampered, "E24-seal", "seal is not signed by the session key in force: %v", err)
		return s, false
	}
	return s, true
}

// brokenSeal is a seal behind a break: roots mean nothing there any more.
func (w *walker) brokenSeal(e Entry) {
	var body Seal
	_ = json.Unmarshal(e.Body, &body)
	if s, err := parseNote(body.Note); err != nil {
		w.findAt(e, Tampered, "E24-seal", "%v", err)
	} else if len(s.signatures) != 1 {
		w.findAt(e, Tampered, "E24-seal", "seal carries %d signatures, must be one", len(s.signatures))
	}
}

// follow keeps the open intents, looks up evidence and asks the judge.
func (w *walker) follow(e Entry) {
	if w.o.Types == nil {
		return
	}
	row := w.o.Types[e.Type]
	if row.Intent {
		w.open[e.Seq] = e
	}
	if row.Settles != nil && e.Ref != nil {
		if row.Settles(e) {
			delete(w.open, *e.Ref)
		} else if _, ok := w.open[*e.Ref]; ok {
			w.unclear[*e.Ref] = true
		}
	}
	body, err := w.o.Types.Decode(e)
	if err != nil {
		return // parseLine has decoded it already
	}
	if ev, ok := body.(Evident); ok {
		for _, f := range ev.EvidenceFiles() {
			w.evidence(e, f)
		}
	}
	if w.judge != nil {
		for _, f := range w.judge.Line(e, body, w.sealed) {
			w.findAt(e, f.Sev, f.Code, "%s", f.Msg)
		}
	}
}

func (w *walker) evidence(e Entry, ev Evidence) {
	w.mentions[ev.SHA256] = true
	switch _, err := ReadEvidence(w.dir, ev); {
	case errors.Is(err, errEvidenceGone):
		w.findAt(e, Incomplete, "I50-evidence", "evidence %.12s… is not in the bundle (withheld or erased); its hash stands", ev.SHA256)
	case errors.Is(err, errEvidenceOther):
		w.findAt(e, Tampered, "E32-evidence", "evidence file %.12s… has other content", ev.SHA256)
	case err != nil:
		w.findAt(e, Unverified, "E03-read", "%v", err)
	}
}

func (w *walker) inDoubt() []Entry {
	var es []Entry
	for _, e := range w.entries {
		if _, ok := w.open[e.Seq]; ok {
			es = append(es, e)
		}
	}
	return es
}

// suspended says whether the last thing written on purpose was the suspension.
func (w *walker) suspended() bool {
	for _, e := range slices.Backward(w.entries) {
		if e.Type != typeKeyNext && e.Type != typeSeal {
			return e.Type == typeSuspend
		}
	}
	return false
}
