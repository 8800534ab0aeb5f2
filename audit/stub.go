package audit

import (
	"bytes"
	"encoding/hex"
	"errors"
)

// typeRedacted is the type under which a withheld line is walked. No line of a
// record can carry it: it is in no table of types.
const typeRedacted = "redacted"

// Withheld stands in an export in the place of a line that is not handed out.
// Its hash keeps chain, tree and seals whole.
type Withheld struct {
	Seq  int64  `json:"seq"`
	Leaf string `json:"leaf"`
	Why  string `json:"why"`
}

// Type is the name under which a Judge sees it.
func (Withheld) Type() string { return typeRedacted }

type stub struct {
	Redacted Withheld `json:"redacted"`
}

var errStub = errors.New("malformed or misplaced redaction")

func isStub(line []byte) bool { return bytes.HasPrefix(line, []byte(`{"redacted":`)) }

// StubLine gives the bytes, without line feed, that stand for a withheld line.
func StubLine(e Entry, why string) ([]byte, error) {
	return canonical(stub{Withheld{Seq: e.Seq, Leaf: e.Leaf.String(), Why: why}})
}

// parseStub takes exactly what StubLine writes.
func parseStub(line []byte) (Entry, Body, error) {
	var s stub
	if len(line) > maxLine || strictDecode(line, &s) != nil {
		return Entry{}, nil, errStub
	}
	back, err := canonical(s)
	leaf, bad := hex.DecodeString(s.Redacted.Leaf)
	if err != nil || bad != nil || !bytes.Equal(back, line) || len(leaf) != len(Hash{}) ||
		hex.EncodeToString(leaf) != s.Redacted.Leaf || s.Redacted.Seq < 0 || s.Redacted.Seq > maxSafe {
		return Entry{}, nil, errStub
	}
	return Entry{Seq: s.Redacted.Seq, Type: typeRedacted, Leaf: Hash(leaf)}, s.Redacted, nil
}
