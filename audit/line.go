package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// Version is the line format this package writes and the newest it reads.
	Version = 1
	// maxLine keeps a line readable by every tool that reads lines; larger
	// things are evidence.
	maxLine = 1 << 20
	// maxSafe is the largest integer that jq and JavaScript hold exactly.
	maxSafe = 1<<53 - 1

	timeLayout = "2006-01-02T15:04:05.000000Z"
)

var zeroPrev = Hash{}.String()

// Meta is who, where and about what. Zero values are written as null.
type Meta struct {
	By      string // principal, or System
	From    string // host/tty/ssh-client; empty: as in Options
	Step    string
	Attempt int64  // from 1
	Ref     *int64 // seq of the line this one answers
	Target  string
	OK      *bool // nil: not known or not applicable
}

// Ref points to seq, for Meta.Ref.
func Ref(seq int64) *int64 { return &seq }

// OK gives a known answer, for Meta.OK.
func OK(ok bool) *bool { return &ok }

// Entry is a line of the record.
type Entry struct {
	Seq  int64
	Prev string
	Sid  string
	Seg  int64
	Time time.Time
	Mono int64 // µs since the segment was created
	Type string
	Meta
	Body json.RawMessage
	Leaf Hash

	ts string // Time as it stands in the line
}

// wire holds the 16 keys of a line in their order. None may be missing: an
// omitted zero would make a reference to entry 0 impossible.
type wire struct {
	V       int64           `json:"v"`
	Seq     int64           `json:"seq"`
	Prev    string          `json:"prev"`
	Sid     string          `json:"sid"`
	Seg     int64           `json:"seg"`
	TS      string          `json:"ts"`
	Mono    int64           `json:"mono"`
	Type    string          `json:"type"`
	By      string          `json:"by"`
	From    string          `json:"from"`
	Step    *string         `json:"step"`
	Attempt *int64          `json:"attempt"`
	Ref     *int64          `json:"ref"`
	Target  *string         `json:"target"`
	OK      *bool           `json:"ok"`
	Body    json.RawMessage `json:"body"`
}

// canonical is encoding/json with nothing escaped that need not be. Invalid
// UTF-8 does not survive the round trip below, whatever the build makes of it.
func canonical(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func strictDecode(raw []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

// encodeBody gives the canonical bytes of b. The way through the struct of its
// type turns invalid UTF-8 into U+FFFD and refuses a body the reader would refuse.
func encodeBody(b Body, types Types) ([]byte, error) {
	raw, err := canonical(b)
	if err != nil {
		return nil, err
	}
	clean, err := types.decode(b.Type(), raw)
	if err != nil {
		return nil, err
	}
	return canonical(clean)
}

func nullable[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// encode gives the bytes of the line without line feed and sets e.Leaf.
func (e *Entry) encode(types Types) ([]byte, error) {
	w := wire{
		V: Version, Seq: e.Seq, Prev: e.Prev, Sid: e.Sid, Seg: e.Seg,
		TS: e.Time.UTC().Format(timeLayout), Mono: e.Mono, Type: e.Type,
		By: strings.ToValidUTF8(e.By, "\uFFFD"), From: strings.ToValidUTF8(e.From, "\uFFFD"),
		Step: nullable(e.Step), Attempt: nullable(e.Attempt), Ref: e.Ref,
		Target: nullable(e.Target), OK: e.OK, Body: e.Body,
	}
	line, err := canonical(w)
	if err != nil {
		return nil, err
	}
	// The writer accepts only what the reader accepts.
	back, _, err := parseLine(line, types)
	if err != nil {
		return nil, err
	}
	e.Leaf = back.Leaf
	return line, nil
}

// errForm marks bytes that are not a line of this format, as opposed to a good
// line in the wrong place: only the first can be what a crash left.
var errForm = errors.New("not a valid entry")

// versionError is a line of a newer format: not tampering, but not ours to judge.
type versionError int64

func (v versionError) Error() string {
	return fmt.Sprintf("entry version %d is newer than this verifier (%d)", int64(v), Version)
}

var errCanonical = errors.New("not in canonical form (duplicate, reordered or respelled field)")

// parseLine accepts exactly the bytes that encode would write. Strict parsing
// alone is not enough: encoding/json matches keys in any case and takes the last
// of two. With types nil the body is kept as it is, unchecked, and no Body is
// given.
func parseLine(line []byte, types Types) (Entry, Body, error) {
	if len(line) > maxLine {
		return Entry{}, nil, fmt.Errorf("%w: longer than %d bytes", errForm, maxLine)
	}
	w, ok := wire{}, false
	if types != nil { // only checkBody finds another spelling inside a body
		w, ok = scanWire(line)
	}
	if !ok {
		var err error
		if w, err = parseWire(line); err != nil {
			return Entry{}, nil, err
		}
	}
	var body Body
	if types != nil {
		var err error
		if body, err = checkBody(w, types); err != nil {
			return Entry{}, nil, err
		}
	}
	at, _ := time.Parse(timeLayout, w.TS) // a bad time is a finding of its own
	return Entry{
		Seq: w.Seq, Prev: w.Prev, Sid: w.Sid, Seg: w.Seg, Time: at, Mono: w.Mono, Type: w.Type,
		Meta: Meta{By: w.By, From: w.From, Step: deref(w.Step), Attempt: deref(w.Attempt), Ref: w.Ref,
			Target: deref(w.Target), OK: w.OK},
		Body: w.Body, Leaf: LeafHash(line), ts: w.TS,
	}, body, nil
}

// parseWire is the long way: it takes every line that is canonical and says of
// every other what is wrong with it.
func parseWire(line []byte) (wire, error) {
	var w wire
	if err := strictDecode(line, &w); err != nil {
		if v := peekVersion(line); v > Version {
			return w, versionError(v)
		}
		return w, fmt.Errorf("%w: %w", errForm, err)
	}
	if w.V > Version {
		return w, versionError(w.V)
	}
	back, err := canonical(w)
	if err != nil || !bytes.Equal(back, line) || !utf8.Valid(line) || w.V != Version {
		return w, errCanonical
	}
	if err := safeNumbers(line); err != nil {
		return w, fmt.Errorf("%w: %w", errForm, err)
	}
	return w, nil
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func checkBody(w wire, types Types) (Body, error) {
	b, err := types.decode(w.Type, w.Body)
	if err != nil {
		return nil, err
	}
	back, err := canonical(b)
	if err != nil || !bytes.Equal(back, w.Body) {
		return nil, errCanonical
	}
	// "" and 0 have one spelling, null: two spellings of nothing would be two
	// lines with one meaning.
	if (w.Step != nil && *w.Step == "") || (w.Target != nil && *w.Target == "") || (w.Attempt != nil && *w.Attempt < 1) {
		return nil, errCanonical
	}
	return b, nil
}

func peekVersion(line []byte) int64 {
	var p struct {
		V int64 `json:"v"`
	}
	if json.Unmarshal(line, &p) != nil {
		return 0
	}
	return p.V
}

// safeNumbers refuses integers beyond ±(2^53-1). Everything else about numbers
// is caught by the structs, which hold integers only.
func safeNumbers(line []byte) error {
	inString := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case !inString && (c == '-' || c >= '0' && c <= '9'):
			end := i + 1
			for end < len(line) && line[end] >= '0' && line[end] <= '9' {
				end++
			}
			n := line[i:end]
			if len(n) >= 16 {
				v, err := strconv.ParseInt(string(n), 10, 64)
				if err != nil || v > maxSafe || v < -maxSafe {
					return fmt.Errorf("number %.24s is beyond 2^53-1", n)
				}
			}
			i = end - 1
		}
	}
	return nil
}
