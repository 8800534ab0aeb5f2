package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// Hash is a SHA-256 value: the leaf hash of a line or the root of a tree.
type Hash [sha256.Size]byte

// String gives 64 lower hex digits, the form of `prev`.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ParseHash reads the form of String.
func ParseHash(text string) (Hash, error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(Hash{}) || Hash(raw).String() != text {
		return Hash{}, errors.New("not a hash of 64 lower hex digits")
	}
	return Hash(raw), nil
}

// Short gives the first 12 hex digits, enough to tell two lines apart on paper.
func (h Hash) Short() string { return h.String()[:12] }

// LeafHash is the RFC 6962 hash of one line without its line feed. The same
// value serves the chain, the tree and the tag inside a statement.
func LeafHash(line []byte) Hash {
	s := sha256.New()
	s.Write([]byte{0})
	s.Write(line)
	return Hash(s.Sum(nil))
}

func nodeHash(l, r Hash) Hash {
	var b [1 + 2*sha256.Size]byte
	b[0] = 1
	copy(b[1:], l[:])
	copy(b[1+sha256.Size:], r[:])
	return sha256.Sum256(b[:])
}

// tree keeps the perfect subtrees of all leaves so far, largest first. That is
// all RFC 6962 needs for the root, so a writer holds some 20 hashes, not all.
type tree struct {
	peaks []Hash
	size  int64
}

func (t *tree) add(leaf Hash) {
	t.peaks = append(t.peaks, leaf)
	// Every trailing one bit of the old size is a subtree that is now complete.
	for n := t.size; n&1 == 1; n >>= 1 {
		last := len(t.peaks) - 1
		t.peaks[last-1] = nodeHash(t.peaks[last-1], t.peaks[last])
		t.peaks = t.peaks[:last]
	}
	t.size++
}

// clone gives a tree that can be added to without touching t.
func (t *tree) clone() tree {
	return tree{peaks: append([]Hash(nil), t.peaks...), size: t.size}
}

func (t *tree) root() Hash {
	if len(t.peaks) == 0 {
		return sha256.Sum256(nil)
	}
	r := t.peaks[len(t.peaks)-1]
	for i := len(t.peaks) - 2; i >= 0; i-- {
		r = nodeHash(t.peaks[i], r)
	}
	return r
}
