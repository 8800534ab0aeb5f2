package audit

import (
	"encoding/json"
	"errors"
	"slices"
)

// keyState is which key may sign the next seal.
type keyState struct {
	force    *verifier // nil: none is known
	next     *verifier // announced by the line before
	mustSeal *Entry    // put a key in force; key.next and seal must follow at once
}

// keyBody is what the format needs from the bodies that put a key in force.
type keyBody struct {
	Endorsement string `json:"endorsement"`
	Key         *struct {
		FP string `json:"fp"`
	} `json:"key"`
	Origin    string `json:"origin"`
	Signature string `json:"signature"`
	Standby   *int64 `json:"standby"`
	Torn      *Torn  `json:"torn"`
	VKey      string `json:"vkey"`
}

func peekKeyBody(e Entry) keyBody {
	var k keyBody
	_ = json.Unmarshal(e.Body, &k) // strictly decoded before; absent keys stay empty
	return k
}

// position checks what may stand where: the openings of segments, the torn end
// before a resume, and the two lines after the close.
func (w *walker) position(e Entry, _ Body, before *Torn) {
	if w.closedAt >= 0 {
		after := e.Seq - w.closedAt
		if !(after == 1 && e.Type == typeKeyNext || after == 2 && e.Type == typeSeal) {
			w.findAt(e, Rule, "R31-after-close", "%s after session.close (seq %d)", e.Type, w.closedAt)
		}
	}
	if e.Type == typeOpen && w.count > 0 {
		w.findAt(e, Tampered, "E11-genesis", "second session.open")
	}
	if w.inSeg == 0 && w.seg > 1 {
		w.resumed(e, before)
	} else if e.Type == typeResume {
		w.findAt(e, Tampered, "E18-resume", "session.resume inside segment %d", w.seg)
	}
	if e.Type == typeClose && w.closedAt < 0 {
		w.closedAt = e.Seq
	}
}

const tornDiffers = "session.resume describes the torn tail as %s, the file has %s"

func (w *walker) resumed(e Entry, before *Torn) {
	if e.Type != typeResume {
		if before != nil {
			w.findAt(e, Tampered, "E18-resume", "segment %d ends in %d torn bytes and segment %d does not begin with session.resume", w.seg-1, before.Bytes, w.seg)
		} else {
			w.findAt(e, Tampered, "E18-resume", "segment %d does not begin with session.resume", w.seg)
		}
		return
	}
	said := peekKeyBody(e).Torn
	switch {
	case said == nil && before == nil:
	case said == nil:
		w.findAt(e, Tampered, "E19-torn-tail", tornDiffers, "none", before)
	case before == nil:
		w.findAt(e, Tampered, "E19-torn-tail", tornDiffers, said, "none")
	case *said != *before:
		w.findAt(e, Tampered, "E19-torn-tail", tornDiffers, said, before)
	}
}

// keyLine moves the key in force and checks seals.
func (w *walker) keyLine(e Entry, body Body) {
	w.sealsFollow(e)
	announced := w.keys.next
	w.keys.next = nil
	switch e.Type {
	case typeOpen, typeResume, typeHandover:
		w.keyInForce(e)
	case typeStandby:
		w.standby(e)
	case typeKeyNext:
		w.keyNext(e, body)
	case typeSeal:
		w.seal(e, body, announced)
	}
	if announced != nil && e.Type != typeSeal && e.Type != typeResume {
		w.findAt(e, Tampered, "E26-ratchet", "a next key is announced before this entry and no seal follows it")
	}
}

// sealsFollow checks that a line which puts a key in force is sealed at once.
// Only a crash excuses: then the segment ends there.
func (w *walker) sealsFollow(e Entry) {
	m := w.keys.mustSeal
	if m == nil {
		return
	}
	behind := e.Seq - m.Seq
	if behind == 1 && e.Type == typeKeyNext {
		return
	}
	w.keys.mustSeal = nil
	if behind == 2 && e.Type == typeSeal || w.inSeg == 0 {
		return
	}
	w.findAt(*m, Tampered, "E35-stripped", "%s at seq %d is not followed by key.next and seal: seals were stripped", m.Type, m.Seq)
}

const badKey = "bad session key: %v"

func (w *walker) keyInForce(e Entry) {
	k := peekKeyBody(e)
	force := w.keys.force
	w.opener(e, k, force)
	if e.Type == typeHandover && k.VKey == "" && k.Endorsement == "" {
		return
	}
	at := e
	at.Body = nil
	w.keys.mustSeal = &at
	if e.Type == typeOpen {
		w.origin = k.Origin
		if w.o.Origin != "" && k.Origin != w.o.Origin {
			w.findAt(e, Tampered, "E23-endorsement-scope", scopeDiffers, "origin", k.Origin, w.o.Origin)
		}
	}
	v, err := parseVKey(k.VKey)
	if err == nil && v.name != w.origin {
		err = errors.New("it is named after another origin")
	}
	if err != nil {
		w.keys.force = nil
		w.findAt(e, Tampered, "E20-endorsement", badKey, err)
		return
	}
	w.keys.force = v
	w.endorsement(e, k)
}

func keyNextBody(e Entry, body Body) KeyNext {
	b, ok := body.(KeyNext)
	if !ok {
		_ = json.Unmarshal(e.Body, &b) // without a table of types
	}
	return b
}

func (w *walker) keyNext(e Entry, body Body) {
	v, err := parseVKey(keyNextBody(e, body).VKey)
	switch {
	case err != nil:
		w.findAt(e, Tampered, "E20-endorsement", badKey, err)
	case v.name != w.origin:
		w.findAt(e, Tampered, "E20-endorsement", badKey, "it is named after another origin")
	case w.keys.force != nil && slices.Equal(v.pub, w.keys.force.pub):
		w.findAt(e, Tampered, "E26-ratchet", "the next key repeats the key in force")
	default:
		w.keys.next = v
	}
}

var errNoKey = errors.New("no key is in force")

func (w *walker) seal(e Entry, body Body, announced *verifier) {
	if w.last.Type != typeKeyNext || w.inSeg == 0 {
		w.findAt(e, Tampered, "E26-ratchet", "no next key directly before this seal")
		return
	}
	// The last seal is covered by no later one. Its time and its makers are bound
	// to the line before it, which it covers: both are written in one batch.
	if !sameStamp(e, w.last) {
		w.findAt(e, Tampered, "E24-seal", "seal differs from its key.next in time or origin")
	}
	s, ok := w.signed(e, body, true)
	if !ok {
		return
	}
	w.keys.force = announced
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

// signed checks form and signature of a seal against the key in force; where
// none can be known any more, must is false and the form is all.
func (w *walker) signed(e Entry, body Body, must bool) (signedHead, bool) {
	b, ok := body.(Seal)
	if !ok {
		_ = json.Unmarshal(e.Body, &b) // without a table of types
	}
	s, err := parseNote(b.Note)
	if err != nil {
		w.findAt(e, Tampered, "E24-seal", "%v", err)
		return s, false
	}
	if n := len(s.signatures); n != 1 {
		w.findAt(e, Tampered, "E24-seal", "seal carries %d signatures, must be one", n)
		return s, false
	}
	switch {
	case w.keys.force != nil:
		err = s.check(w.keys.force)
	case must:
		err = errNoKey
	}
	if err != nil {
		w.findAt(e, Tampered, "E24-seal", "seal is not signed by the session key in force: %v", err)
		return s, false
	}
	return s, true
}

// brokenKeys follows the keys behind a break: roots mean nothing there any more,
// signatures do.
func (w *walker) brokenKeys(e Entry, body Body) {
	announced := w.keys.next
	w.keys.next = nil
	switch e.Type {
	case typeOpen, typeResume, typeHandover:
		if k := peekKeyBody(e); k.VKey != "" {
			w.keys.force, _ = parseVKey(k.VKey)
		}
	case typeKeyNext:
		w.keys.next, _ = parseVKey(keyNextBody(e, body).VKey)
	case typeSeal:
		w.signed(e, body, false)
		w.keys.force = announced
	}
}
