package sequences

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/engines"
)

// nearEnd is how many values a sequence must have left not to be called near its
// end: at a thousand a second that is twenty minutes.
const nearEnd = 1_000_000

// Next is the value a sequence hands out next. It may lie past the sequence's
// end: then the sequence is exhausted, or begins again if it cycles.
func Next(s engines.SequenceState) *big.Int {
	n := big.NewInt(s.Last)
	if s.Called {
		n.Add(n, big.NewInt(s.Increment))
	}
	return n
}

// Delta is blue's next value less green's, in the direction in which the
// sequence runs: above zero, green is behind and would hand out numbers twice.
func Delta(blue, green engines.SequenceState) *big.Int {
	d := new(big.Int).Sub(Next(blue), Next(green))
	if blue.Increment < 0 {
		d.Neg(d)
	}
	return d
}

// Compare holds the sequences of two sides against each other, by name. Being
// behind is normal before a cutover: replication does not carry sequences. Only
// definitions that are not the same, and sequences that one side lacks, differ.
func Compare(blue, green []engines.SequenceFact) []tablediff.SequenceDiff {
	there := map[string]engines.SequenceFact{}
	for _, g := range green {
		there[g.String()] = g
	}
	var out []tablediff.SequenceDiff
	for _, b := range blue {
		g, ok := there[b.String()]
		delete(there, b.String())
		if !ok {
			out = append(out, tablediff.SequenceDiff{Sequence: b.String(), Is: "missing on green; " + About(b), Differs: true, Behind: true})
			continue
		}
		out = append(out, pair(b, g))
	}
	for _, g := range green {
		if _, ok := there[g.String()]; ok {
			out = append(out, tablediff.SequenceDiff{Sequence: g.String(), Is: "on green alone; " + About(g), Differs: true})
		}
	}
	return out
}

func pair(b, g engines.SequenceFact) tablediff.SequenceDiff {
	d := tablediff.SequenceDiff{Sequence: b.String(), Is: About(b)}
	if why := unlike(b, g); why != "" {
		d.Differs, d.Is = true, why+"; "+d.Is
	}
	switch {
	case b.Denied || g.Denied:
		d.Is, d.Behind, d.Differs = "its state may not be read; "+d.Is, true, true
	case b.Cycle:
		d.Behind = b.Last != g.Last || b.Called != g.Called
		d.Delta = Delta(b.SequenceState, g.SequenceState).String()
	default:
		delta := Delta(b.SequenceState, g.SequenceState)
		d.Behind, d.Delta = delta.Sign() > 0, delta.String()
	}
	return d
}

// unlike names what is not the same about two definitions. The cache is left
// out: it is a matter of speed.
func unlike(b, g engines.SequenceFact) string {
	var out []string
	for _, f := range []struct {
		what string
		b, g any
	}{
		{"increment", b.Increment, g.Increment}, {"minimum", b.Min, g.Min}, {"maximum", b.Max, g.Max}, {"cycle", b.Cycle, g.Cycle},
		{"type", b.Type, g.Type}, {"owner", b.Owner, g.Owner}, {"identity", b.Identity, g.Identity},
	} {
		if f.b != f.g {
			out = append(out, fmt.Sprintf("%s is %v on blue and %v on green", f.what, f.b, f.g))
		}
	}
	return strings.Join(out, ", ")
}

// About says in words what is worth knowing of a sequence.
func About(s engines.SequenceFact) string {
	var out []string
	add := func(ok bool, format string, args ...any) {
		if ok {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	add(s.Identity != "", "identity of %s, %s", s.Owner, s.Identity)
	add(s.Identity == "" && s.Owner != "", "owned by %s", s.Owner)
	add(s.Owner == "", "owned by no column")
	add(s.Extension != "", "of extension %s", s.Extension)
	add(!s.Denied && !s.Called && s.Last == s.Start, "never used")
	add(s.Increment < 0, "runs downwards")
	add(s.Cycle, "cycles")
	add(s.Cache > 1, "cache %d: each session may hold values that nobody has seen", s.Cache)
	left := Left(s.SequenceState)
	switch {
	case s.Denied || s.Cycle:
	case left.Sign() <= 0:
		out = append(out, "exhausted")
	default:
		add(left.Cmp(big.NewInt(nearEnd)) < 0, "%s values left", left)
	}
	return strings.Join(out, ", ")
}

// Left is how many values a sequence can still hand out before its end.
func Left(s engines.SequenceState) *big.Int {
	end := big.NewInt(s.Max)
	if s.Increment < 0 {
		end = big.NewInt(s.Min)
	}
	left := new(big.Int).Sub(end, Next(s))
	inc := big.NewInt(s.Increment)
	if s.Increment == 0 {
		return left
	}
	// How many steps fit between the next value and the end, that value included.
	if left.Sign()*inc.Sign() < 0 {
		return big.NewInt(0)
	}
	return left.Quo(left, inc).Add(left, big.NewInt(1))
}
