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
	n      int // slices
	listed []int
	looks  int                                  // so far
	away   func(look, slice int) (differs bool) // what is not on this side
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

func (b *busySide) Rows(_ context.Context, _ engines.TableDigest, _ engines.Part, _ int, in []int) ([]engines.RowHash, error) {
	b.listed = in
	return nil, nil
}

// TestWhatIsOnItsWayIsNoDifference: more rows may be on their way than can be named.
// They are elsewhere in the next look; what really differs is not.
func TestWhatIsOnItsWayIsNoDifference(t *testing.T) {
	const n = 1024
	for name, c := range map[string]struct {
		away    func(look, slice int) bool
		unnamed bool
		listed  func(slices []int) bool
	}{
		"under load": {func(look, s int) bool { return s == 7 || (s+look*300)%n < 500 }, false,
			func(in []int) bool { return slices.Contains(in, 7) && len(in) <= mostSlices }},
		"for good": {func(_, s int) bool { return s < 300 }, true,
			func(in []int) bool { return len(in) == mostSlices }},
	} {
		green := &busySide{n: n, away: c.away}
		r := &runner{o: Options{Now: time.Now}}
		f, err := r.narrow(t.Context(), pair{&busySide{n: n}, green}, job{t: &table{parts: make([]engines.Part, 1)}}, found{}, n)
		if err != nil || f.Unnamed != c.unnamed || !c.listed(green.listed) {
			t.Errorf("%s: %d slices are listed after %d looks, more than can be named: %t, %v", name, len(green.listed), green.looks, f.Unnamed, err)
		}
	}
}
