package tablediff

import (
	"slices"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// Class is in which way a row differs.
type Class int

// The classes. Moving is the zero value: a row that nobody settled may still be
// on its way.
const (
	Moving Class = iota
	Missing
	Extra
	Different
	numClasses
)

var classNames = [numClasses]string{"still moving", "missing", "extra", "different"}

// String returns the word of the report: missing and extra are said of green.
func (c Class) String() string {
	if c < 0 || c >= numClasses {
		return "still moving"
	}
	return classNames[c]
}

// MarshalText puts the word into JSON.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Suspect is a row that is not the same on both sides, as last seen.
type Suspect struct {
	Key   engines.Key
	Class Class
	Blue  engines.RowHash // Count 0: not there
	Green engines.RowHash
	Seen  int // rounds in which it differed without moving
}

// ID is a text that names a key and no other.
func ID(k engines.Key) string {
	if len(k) == 1 && !strings.ContainsAny(k[0], "\\\x00") {
		return k[0] + "\x00" // nearly all keys are one plain value
	}
	var b strings.Builder
	for _, v := range k {
		for i := range len(v) {
			switch v[i] {
			case '\\':
				b.WriteString(`\\`)
			case 0:
				b.WriteString(`\0`)
			default:
				b.WriteByte(v[i])
			}
		}
		b.WriteByte(0)
	}
	return b.String()
}

// Merge finds the rows that differ between two lists of the same part. The order
// of the lists does not matter. Rows without a key are compared as a multiset:
// the suspects are hashes, with how many more of them one side has.
func Merge(blue, green []engines.RowHash) []Suspect {
	there := make(map[string]engines.RowHash, len(green))
	for _, g := range green {
		there[rowID(g)] = g
	}
	var out []Suspect
	for _, b := range blue {
		id := rowID(b)
		g, ok := there[id]
		delete(there, id)
		if !ok {
			out = append(out, Suspect{Key: b.Key, Class: Missing, Blue: b})
		} else if b.Hash != g.Hash || b.Count != g.Count {
			out = append(out, Suspect{Key: b.Key, Class: classOf(b, g), Blue: b, Green: g})
		}
	}
	for _, g := range green {
		if _, ok := there[rowID(g)]; ok {
			out = append(out, Suspect{Key: g.Key, Class: Extra, Green: g})
		}
	}
	slices.SortFunc(out, func(a, b Suspect) int { return slices.Compare(a.Key, b.Key) })
	return out
}

// rowID tells rows apart by key, and rows without one by their hash.
func rowID(r engines.RowHash) string {
	if len(r.Key) == 0 {
		return r.Hash
	}
	return ID(r.Key)
}

func classOf(b, g engines.RowHash) Class {
	switch {
	case b.Count == 0:
		return Extra
	case g.Count == 0:
		return Missing
	case len(b.Key) == 0 && b.Count > g.Count:
		return Missing
	case len(b.Key) == 0:
		return Extra
	}
	return Different
}

// Slices names the slices of a part whose sums are not the same.
func Slices(blue, green map[int]engines.Sum) []int {
	var out []int
	for i, b := range blue {
		if green[i] != b {
			out = append(out, i)
		}
	}
	for i := range green {
		if _, ok := blue[i]; !ok {
			out = append(out, i)
		}
	}
	slices.Sort(out)
	return out
}

// Look is one round in which suspects were read again: blue, then green after it
// had applied all that blue's reading saw, then blue once more.
type Look struct {
	Before, Green, After map[string]engines.RowHash // by ID; absent rows are absent
	Applied              bool                       // green had applied the position of the first reading
	Linked               bool                       // there is a replication whose position can be asked
}

// The number of rounds without movement after which a difference counts. One is
// enough for a row that is there: its version says that nothing came between the
// readings. A row that is not there has no version, and could have come and gone; nor
// has any row of a server that does not tell versions.
const (
	roundsPresent  = 1
	roundsAbsent   = 3
	roundsUnlinked = 3
)

// Settle says of each suspect what a look proves. Rows that were equal once drop
// out; settled ones carry their class; the others stay as Moving.
func Settle(in []Suspect, l Look) (settled, open []Suspect) {
	for _, s := range in {
		id := ID(s.Key)
		b, g, a := l.Before[id], l.Green[id], l.After[id]
		if same(b, g) || same(a, g) {
			continue
		}
		s.Blue, s.Green, s.Class = a, g, Moving
		if b.Version != a.Version || b.Count != a.Count || b.Hash != a.Hash || l.Linked && !l.Applied {
			s.Seen = 0
			open = append(open, s)
			continue
		}
		s.Seen++
		need := roundsPresent
		switch {
		case !l.Linked:
			need = roundsUnlinked
		case a.Count == 0 || a.Version == "":
			need = roundsAbsent
		}
		if s.Seen < need {
			open = append(open, s)
			continue
		}
		s.Class = classOf(a, g)
		settled = append(settled, s)
	}
	return settled, open
}

func same(b, g engines.RowHash) bool { return b.Count == g.Count && (b.Count == 0 || b.Hash == g.Hash) }
