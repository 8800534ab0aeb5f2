package audit

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// Standby is a session key that a process makes ahead, to go on with a record if
// the one that writes it dies. Its private half never leaves that process; the
// operator endorses the public half for the next segment and for one purpose.
// Whoever has it can open that one segment, once, and nothing else.
type Standby struct{ key *sessionKey } // nil: used up by a segment that could not be ended in order

// NewStandby makes a key for the record of this origin.
func NewStandby(origin string, rand io.Reader) (*Standby, error) {
	k, err := newSessionKey(origin, rand)
	if err != nil {
		return nil, err
	}
	return &Standby{k}, nil
}

// VKey is the public half, empty when the key is used up.
func (s *Standby) VKey() string {
	if s.key == nil {
		return ""
	}
	return s.key.vkey()
}

// first is the key for a new segment: that of the standby, if there is one.
func (o *Options) first() (*sessionKey, error) {
	if o.Standby == nil || o.Standby.key == nil {
		return newSessionKey(o.Origin, o.Rand)
	}
	k := *o.Standby.key
	k.priv = slices.Clone(k.priv) // wiped with the first seal; the standby's own stays until the segment has its name
	return &k, nil
}

// spent wipes the standby's key when its segment has its name: it sealed once.
func (o *Options) spent() {
	if s := o.Standby; s != nil && s.key != nil {
		s.key.wipe()
		s.key = nil
	}
}

// leaveKey wipes the key in force, or gives it to the standby: a segment that
// ended in order can be gone on from by the same process, which shows by that key.
// After a fault nobody knows which of its keys is in force on the disk.
func (l *Log) leaveKey() {
	if s := l.o.Standby; s != nil && errors.Is(l.fault, ErrClosed) {
		s.key = l.key
		return
	}
	l.key.wipe()
}

// Standby writes a session.standby: the operator's endorsement, ahead, of the key
// of another process. What build gets names the line itself and the segment that
// the key may open. The key in force stays the one in force.
func (l *Log) Standby(build func(Opening) Line) ([]Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault != nil {
		return nil, l.refuse()
	}
	b := l.newBatch()
	line := build(Opening{Origin: l.o.Origin, Sid: l.o.Sid, Seq: b.seq, Prev: b.prev, Segment: l.seg + 1})
	if line.Err != nil {
		return nil, line.Err
	}
	if line.Body.Type() != typeStandby {
		return nil, fmt.Errorf("bug: endorse a standby with a line of type %q", line.Body.Type())
	}
	if err := b.add(line); err != nil {
		return nil, err
	}
	b.seal, b.durable = true, true
	if err := l.commit(b); err != nil {
		return nil, err
	}
	return b.entries, nil
}

// StandbyKey is what a session.standby says, as far as it still counts.
type StandbyKey struct {
	Seq  int64  `json:"seq"`
	By   string `json:"by"`
	VKey string `json:"vkey"`
}

// standby keeps the newest endorsement of a standby; one before it counts no more.
func (w *walker) standby(e Entry) {
	k := peekKeyBody(e)
	w.people.standby = nil
	v, err := parseVKey(k.VKey)
	if err == nil && v.name != w.origin {
		err = errors.New("it is named after another origin")
	}
	if err != nil {
		w.findAt(e, Tampered, "E20-endorsement", badKey, err)
		return
	}
	if k.Endorsement == "" || k.Signature == "" {
		w.findAt(e, Tampered, "E20-endorsement", "operator's endorsement of a standby's key: %v", errors.New("there is none"))
		return
	}
	if w.endorsed(StandbyEndorsement, e, k, e.Seg+1) {
		w.people.standby = &StandbyKey{Seq: e.Seq, By: e.By, VKey: k.VKey}
	}
}

const standbyDiffers = "segment %d claims the standby's key of seq %d: %s"

// opener says who stands behind the key of a segment's first line: the operator's
// endorsement in it, one given ahead to a standby, or nobody.
func (w *walker) opener(e Entry, k keyBody, force *verifier) {
	ahead, before := w.people.standby, w.people.stoodIn
	w.people.standby, w.people.stoodIn = nil, false // whatever comes, it served its time
	if e.Type == typeHandover {                     // the standby was the other operator's
		if k.VKey != "" && k.Endorsement == "" {
			w.people.bare = append(w.people.bare, e.Seg)
		}
		return
	}
	why := ""
	switch {
	case k.Endorsement != "" || k.Signature != "":
		if k.Standby != nil {
			why = "it carries an endorsement of its own"
		}
	case k.Standby == nil:
		if e.Type == typeResume && before && force != nil && k.VKey == force.text {
			w.people.stoodIn = true // the same process goes on: nobody else has the key in force
			w.people.segments = append(w.people.segments, e.Seg)
			return
		}
		w.people.bare = append(w.people.bare, e.Seg)
	case ahead == nil || ahead.Seq != *k.Standby:
		why = "no endorsement that still counts stands there"
	case ahead.VKey != k.VKey:
		why = "that is another key"
	case ahead.By != e.By:
		why = fmt.Sprintf("it was given by %s, the entry is by %s", ahead.By, e.By)
	case ahead.Seq >= w.sealed:
		why = "it never came under a seal"
	default:
		w.people.stoodIn = true
		w.people.segments = append(w.people.segments, e.Seg)
	}
	if why != "" {
		w.findAt(e, Tampered, "E23-endorsement-scope", standbyDiffers, e.Seg, *k.Standby, why)
	}
}

// bareSegments are those whose key nobody endorsed, in a session that somebody did.
func (w *walker) bareSegments() {
	if w.people.given == 0 {
		return
	}
	for _, seg := range w.people.bare {
		w.findIn(segmentName(seg), Unverified, "E21-operator-key", "nobody endorsed the key that seals segment %d, in a session that its operator endorsed", seg)
	}
}
