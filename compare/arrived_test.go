package compare

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// busySide answers as a server whose rows are being written: its slices differ from
// the other side's wherever something is on its way at that moment.
type busySide struct {
	engines.Comparer
	n     int                                  // slices
	looks int                                  // so far
	away  func(look, slice int) (differs bool) // what is not on this side
}

func (b *busySide) Position(context.Context) (string, error) { return "0/1", nil }

func (b *busySide) Applied(context.Context, engines.Comparer, string) (applied, linked bool, err error) {
	return true, true, nil
}

func (b *busySide) Slices(context.Context, engines.TableDigest, engines.Part, int) (map[int]engines.Sum, error) {
	b.looks++
	out := map[int]engines.Sum{}
	for i := range b.n {
		s := engines.Sum{Count: 10, Hash: "1"}
		if b.away != nil && b.away(b.looks, i) {
			s.Hash = "2"
		}
		out[i] = s
	}
	return out, nil
}

// TestWhatIsOnItsWayIsNoDifference: more rows may be on their way than can be named.
// They are elsewhere in the next look; what really differs is not.
func TestWhatIsOnItsWayIsNoDifference(t *testing.T) {
	const n = 1024
	for name, c := range map[string]struct {
		away func(look, slice int) bool
		ok   func(before, left []int, looks int) bool
	}{
		"under load": {
			func(look, s int) bool { return s == 7 || (s+look*300)%n < 500 },
			func(_, left []int, _ int) bool { return slices.Contains(left, 7) && len(left) <= mostSlices },
		},
		"for good": {
			func(_, s int) bool { return s < 300 },
			func(before, left []int, looks int) bool { return slices.Equal(before, left) && looks == 1 },
		},
	} {
		green := &busySide{n: n, away: c.away}
		r := &runner{o: Options{Now: time.Now}}
		var before []int
		for s := range n {
			if c.away(0, s) {
				before = append(before, s)
			}
		}
		left, err := r.arrived(t.Context(), pair{&busySide{n: n}, green}, job{t: &table{parts: make([]engines.Part, 1)}}, n, slices.Clone(before))
		if err != nil || !c.ok(before, left, green.looks) {
			t.Errorf("%s: of %d slices %d are left after %d looks, %v", name, len(before), len(left), green.looks, err)
		}
	}
}
