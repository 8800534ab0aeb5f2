package audit

import (
	"fmt"
	"reflect"
)

// Body is the part of a line that depends on its type. Bodies are plain structs
// whose JSON keys stand in byte order; audit/entries holds them all.
type Body interface{ Type() string }

// Evident is a Body that names evidence files. Verify looks each of them up.
type Evident interface{ EvidenceFiles() []Evidence }

// Filmed is a Body that names the film of the screen, CastFile, by its hash; empty:
// there is none. The film is an illustration: no check depends on it.
type Filmed interface{ Film() string }

// CastFile is the film of the screen beside a record.
const CastFile = "screen.cast"

// Named is a Body that names evidence files by their hash alone. Verify counts
// them as named and demands none of them: they need not travel.
type Named interface{ EvidenceNames() []string }

// Evidence names a file in evidence/. Bytes counts the content without the salt;
// the hash runs over salt and content, so that a deleted file cannot be guessed
// from its hash.
type Evidence struct {
	Bytes  int64  `json:"bytes"`
	Media  string `json:"media"`
	SHA256 string `json:"sha256"`
	What   string `json:"what"`
}

// Type says how lines of one type are treated. The zero flags are those of a
// line that waits for the next durable one and means nothing to replay.
type Type struct {
	Zero    Body // an empty body; gives the struct that lines decode into
	Durable bool // on disk before the append returns
	State   bool // replay reads it
	Sealed  bool // a seal follows in the same write
	Intent  bool // allows a send; written by Log.Intent only
	Answer  bool // quotes a server: a secret in it is withheld, not refused

	// Settles says whether this line, which refers to an intent, leaves no doubt
	// about it. Nil settles nothing.
	Settles func(Entry) bool
}

// Types is the closed table of entry types. A line of any other type is not
// accepted, neither written nor read.
type Types map[string]Type

// Decode gives the body of e as a value of the struct of its type. It is strict:
// unknown keys, other spellings and missing keys are errors.
func (t Types) Decode(e Entry) (Body, error) {
	return t.decode(e.Type, e.Body)
}

func (t Types) decode(name string, raw []byte) (Body, error) {
	row, ok := t[name]
	if !ok {
		return nil, fmt.Errorf("unknown entry type %q", name)
	}
	p := reflect.New(reflect.TypeOf(row.Zero))
	if err := strictDecode(raw, p.Interface()); err != nil {
		return nil, fmt.Errorf("body of %s: %w", name, err)
	}
	return p.Elem().Interface().(Body), nil
}

// The types that the format itself needs. Every table must hold them.
const (
	typeOpen      = "session.open"
	typeResume    = "session.resume"
	typeHandover  = "session.handover"
	typeStandby   = "session.standby"
	typeSuspend   = "session.suspend"
	typeClose     = "session.close"
	typeKeyNext   = "key.next"
	typeSeal      = "seal"
	typeClockStep = "clock.step"
)

// System is the `by` of what the cockpit does by itself.
const System = "system"

// KeyNext announces the key that is in force after the seal on the next line.
type KeyNext struct {
	VKey string `json:"vkey"`
}

// Type is the name of the entry type.
func (KeyNext) Type() string { return typeKeyNext }

// Seal signs the head of all lines before it.
type Seal struct {
	Note string `json:"note"`
}

// Type is the name of the entry type.
func (Seal) Type() string { return typeSeal }

// ClockStep says that the wall clock moved against the monotonic one.
type ClockStep struct {
	Cause       string `json:"cause,omitempty"`
	WallDeltaUS int64  `json:"wall_delta_us"`
}

// Type is the name of the entry type.
func (ClockStep) Type() string { return typeClockStep }

// Torn names the bytes a crash left at the end of a segment. They stay where
// they are; the next segment vouches for them by this hash.
type Torn struct {
	Bytes   int64  `json:"bytes"`
	Offset  int64  `json:"offset"`
	Segment int64  `json:"segment"`
	SHA256  string `json:"sha256"`
}

func (t Torn) String() string {
	return fmt.Sprintf("%d bytes at offset %d of segment %d with hash %.12s", t.Bytes, t.Offset, t.Segment, t.SHA256)
}
