package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
)

// peopleState is who stands behind the record.
type peopleState struct {
	endorsed  int      // lines whose endorsement checks, whoever's key it is
	given     int      // lines that carry one
	allowed   int      // of the endorsed, those whose key the signers file allows
	operators []string // principals, in order of their first act
	keys      []string // fingerprints of the keys that endorsed
	first     string   // for the report: who, with which key, when
	fileGood  bool     // the closed file carries the operator's signature
	counter   string   // for the report: who countersigned, and when
	counterBy string
	closer    string // by of session.close
	closeTime time.Time
	after     []AfterText

	standby  *StandbyKey // the newest, while it counts
	stoodIn  bool        // a standby's key opened this segment
	segments []int64     // all that a standby opened
	bare     []int64     // segments whose key nobody endorsed
}

const scopeDiffers = "endorsement is for %s %q, here it is %q: it was made for another log or another point in it"

// who keeps the people whose acts these lines are.
func (w *walker) who(e Entry, _ Body) {
	switch e.Type {
	case typeOpen, typeResume, typeHandover:
		if !slices.Contains(w.people.operators, e.By) {
			w.people.operators = append(w.people.operators, e.By)
		}
	case typeClose:
		w.people.closer, w.people.closeTime = e.By, e.Time
	}
}

// endorsement checks the operator's signature over the session key of this line.
func (w *walker) endorsement(e Entry, k keyBody) {
	if k.Endorsement == "" && k.Signature == "" {
		return
	}
	w.endorsed(Endorsement, e, k, e.Seg)
}

// endorsed checks an operator's signature over a key that seals segment seg.
func (w *walker) endorsed(kind StatementKind, e Entry, k keyBody, seg int64) (good bool) {
	w.people.given++
	s, key, err := ReadSigned(kind, k.Endorsement, k.Signature)
	if err == nil && s.Statement.Values["key"] != k.VKey {
		err = errors.New("it endorses another key than the line announces")
	}
	if err == nil && (k.Key == nil || k.Key.FP != s.Key.FP) {
		err = errors.New("the line names another key of the operator than the one that signed")
	}
	if err != nil {
		w.findAt(e, Tampered, "E20-endorsement", "operator's endorsement of the session key: %v", err)
		return false
	}
	good = true
	for _, f := range []struct{ label, is string }{
		{"origin", w.origin}, {"session", e.Sid}, {"segment", strconv.FormatInt(seg, 10)},
		{"after", fmt.Sprintf("%d %s", e.Seq, e.Prev)},
	} {
		if v := s.Statement.Values[f.label]; v != f.is {
			w.findAt(e, Tampered, "E23-endorsement-scope", scopeDiffers, f.label, v, f.is)
			good = false
		}
	}
	claimed := s.Statement.Signer()
	other, why := w.o.allow(key, claimed, NamespaceSession, e.Time)
	switch {
	case claimed != e.By:
		w.findAt(e, Tampered, "E22-operator", operatorDiffers, e.By, claimed)
		good = false
	case other != "":
		w.findAt(e, Tampered, "E22-operator", operatorDiffers, e.By, other)
		good = false
	case why != "":
		w.findAt(e, Unverified, "E21-operator-key", "%s", why)
	case w.o.Signers != nil:
		w.people.allowed++
	}
	if !good {
		return false
	}
	w.people.endorsed++
	w.people.keys = append(w.people.keys, s.Key.FP)
	if w.people.first == "" {
		w.people.first = fmt.Sprintf("operator %s %s%s; key allowed at %s (time from: the log itself)",
			claimed, s.Key.FP, touched(s.Key), e.Time.UTC().Format(time.RFC3339))
	}
	return true
}

const operatorDiffers = "entry says operator %q, the key belongs to %q"

func touched(k KeyDetails) string {
	s := ""
	if k.Touch != nil && *k.Touch {
		s += ", touched"
	}
	if k.Pin != nil && *k.Pin {
		s += ", PIN"
	}
	return s
}

// closedFile checks the operator's signature over the file that holds the close.
func (w *walker) closedFile() {
	name := segmentName(w.seg)
	if w.withheld == w.seg {
		w.skipped = append(w.skipped, "file signature: it covers "+name+" with the lines that are withheld here")
		return
	}
	armored, err := fs.ReadFile(w.dir, name+".sig")
	if errors.Is(err, fs.ErrNotExist) {
		if w.people.given > 0 {
			w.findIn(name, Incomplete, "I55-file-signature", "no signature over the closed file")
		}
		return
	}
	var s *SSHSignature
	if err == nil {
		s, err = checkFile(w.dir, name, string(armored))
	}
	if err != nil {
		w.findIn(name+".sig", Tampered, "E33-file-signature", "%v", err)
		return
	}
	other, why := w.o.allow(s.Key, w.people.closer, NamespaceFile, w.people.closeTime)
	switch {
	case other != "" || !slices.Contains(w.people.keys, s.Details().FP):
		w.findIn(name+".sig", Tampered, "E33-file-signature", "closed file is signed by another key than the operator's")
	case why != "":
		w.findIn(name+".sig", Unverified, "E21-operator-key", "%s", why)
	default:
		w.people.fileGood = true
	}
}

// AfterText is a text that somebody signed after the close. It lies in after/.
type AfterText struct {
	Signed
	File string
}

// afterKinds are the texts that may lie in after/, by the beginning of their name.
func afterKinds() map[string]StatementKind {
	return map[string]StatementKind{"countersign-": Countersign, "late-": LateApproval, "erasure-": Erasure}
}

// readAfter checks the texts that were signed after the close. The record holds
// no time for them but their own, so a key must be allowed at the time the text
// names.
func (w *walker) readAfter() {
	files, err := fs.ReadDir(w.dir, "after")
	if err != nil {
		return // there are none
	}
	for _, f := range files {
		name := "after/" + f.Name()
		if f.IsDir() || strings.HasSuffix(name, ".sig") {
			continue
		}
		t, err := w.afterText(name)
		if err != nil {
			w.findIn(name, Tampered, "E46-after", "%s: %v", f.Name(), err)
		} else if t != nil {
			w.people.after = append(w.people.after, *t)
		}
	}
}

func (w *walker) afterText(name string) (*AfterText, error) {
	var kind StatementKind
	for head, k := range afterKinds() {
		if strings.HasPrefix(name, "after/"+head) {
			kind = k
		}
	}
	if kind == "" {
		return nil, errors.New("not a text that may lie here")
	}
	text, err := fs.ReadFile(w.dir, name)
	if err != nil {
		return nil, err
	}
	armored, err := fs.ReadFile(w.dir, name+".sig")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("it has no signature")
	}
	if err != nil {
		return nil, err
	}
	s, key, err := ReadSigned(kind, string(text), string(armored))
	if err != nil {
		return nil, err
	}
	if err := w.scoped(s.Statement); err != nil {
		return nil, err
	}
	at, err := time.Parse(time.RFC3339, s.Statement.Values["at"])
	if err != nil {
		return nil, err
	}
	other, why := w.o.allow(key, s.Statement.Signer(), kind.Namespace(), at)
	if other != "" {
		return nil, fmt.Errorf("it names %q, the key belongs to %q", s.Statement.Signer(), other)
	}
	if why != "" {
		w.findIn(name, Unverified, "E28-signer-key", "%s", why)
		return nil, nil
	}
	return &AfterText{Signed: s, File: name}, nil
}

var errOtherRecord = errors.New("it was made for another record")

// scoped says whether a text signed after the close is about this record as it is.
func (w *walker) scoped(s Statement) error {
	if s.Values["origin"] != w.origin || s.Values["session"] != w.sid {
		return errOtherRecord
	}
	switch s.Kind {
	case Countersign:
		if head := fmt.Sprintf("%d %s", w.head.Size, w.head.root64()); s.Values["head"] != head {
			return fmt.Errorf("it is over the head %s, the last head here is %s", s.Values["head"], head)
		}
		if sum, err := fileSHA256(w.dir, segmentName(w.seg)); w.withheld != w.seg && (err != nil || sum != s.Values["last-segment-sha256"]) {
			return errors.New("it is over another last segment")
		}
	case Erasure:
		if !evidenceName.MatchString(s.Values["evidence"]) || !w.mentions[s.Values["evidence"]] {
			return errors.New("it erases evidence that no entry names")
		}
	}
	return nil
}

// countersigned looks for a countersignature by a person who operated nothing.
func (w *walker) countersigned() {
	for _, t := range w.people.after {
		p := t.Statement.Signer()
		if t.Statement.Kind != Countersign || slices.Contains(w.people.operators, p) || slices.Contains(w.people.keys, t.Key.FP) {
			continue
		}
		w.people.counter, w.people.counterBy = fmt.Sprintf("%s, %s", p, t.Statement.Values["at"]), p
		return
	}
}
