package sequences_test

import (
	"math"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/checks/sequences"
	"github.com/turquoise-db/turquoise/engines"
)

func seq(last int64, called bool, inc int64, more ...func(*engines.SequenceFact)) engines.SequenceFact {
	f := engines.SequenceFact{SequenceState: engines.SequenceState{Schema: "public", Name: "s", Last: last, Called: called, Increment: inc, Min: 1, Max: math.MaxInt64},
		Start: 1, Cache: 1, Type: "bigint"}
	if inc < 0 {
		f.Min, f.Max, f.Start = math.MinInt64, -1, -1
	}
	for _, m := range more {
		m(&f)
	}
	return f
}

// TestDeltaGoesInTheSequencesDirection and past the ends of its type.
func TestDeltaGoesInTheSequencesDirection(t *testing.T) {
	for _, tt := range []struct {
		blue, green engines.SequenceFact
		delta       string
		behind      bool
	}{
		{seq(10, true, 1), seq(10, true, 1), "0", false},
		{seq(10, true, 1), seq(11, false, 1), "0", false}, // the next value is what counts
		{seq(10, true, 5), seq(1, false, 5), "14", true},
		{seq(10, true, 1), seq(1010, true, 1), "-1000", false},
		{seq(-10, true, -1), seq(-5, true, -1), "5", true},
		{seq(-5, true, -1), seq(-10, true, -1), "-5", false},
		{seq(math.MaxInt64, true, 1), seq(math.MaxInt64, true, 1), "0", false},
		{seq(math.MaxInt64, true, 1), seq(1, false, 1), "9223372036854775807", true},
		{seq(math.MinInt64, true, -1), seq(-1, false, -1), "9223372036854775808", true},
	} {
		got := sequences.Compare([]engines.SequenceFact{tt.blue}, []engines.SequenceFact{tt.green})
		if len(got) != 1 || got[0].Delta != tt.delta || got[0].Behind != tt.behind || got[0].Differs {
			t.Errorf("%+v against %+v: %+v", tt.blue.SequenceState, tt.green.SequenceState, got)
		}
	}
}

// TestWhatIsWorthKnowingIsSaid: exhaustion, direction, cache, ownership.
func TestWhatIsWorthKnowingIsSaid(t *testing.T) {
	with := func(f func(*engines.SequenceFact)) func(*engines.SequenceFact) { return f }
	for _, tt := range []struct {
		s    engines.SequenceFact
		want string
	}{
		{seq(1, false, 1), "never used"},
		{seq(5, true, 1, with(func(f *engines.SequenceFact) { f.Max = 5 })), "exhausted"},
		{seq(5, true, 1, with(func(f *engines.SequenceFact) { f.Max = 10 })), "5 values left"},
		{seq(5, true, 3, with(func(f *engines.SequenceFact) { f.Max = 10 })), "1 values left"},
		{seq(-5, true, -1, with(func(f *engines.SequenceFact) { f.Min = -7 })), "2 values left"},
		{seq(-5, true, -1), "runs downwards"},
		{seq(5, true, 1, with(func(f *engines.SequenceFact) { f.Cycle, f.Max = true, 5 })), "cycles"},
		{seq(5, true, 1, with(func(f *engines.SequenceFact) { f.Cache = 50 })), "cache 50"},
		{seq(5, true, 1), "owned by no column"},
		{seq(5, true, 1, with(func(f *engines.SequenceFact) { f.Owner = "public.t.id" })), "owned by public.t.id"},
		{seq(5, true, 1, with(func(f *engines.SequenceFact) { f.Owner, f.Identity = "public.t.id", "always" })), "identity of public.t.id, always"},
		{seq(5, true, 1, with(func(f *engines.SequenceFact) { f.Extension = "x" })), "of extension x"},
	} {
		if got := sequences.About(tt.s); !strings.Contains(got, tt.want) {
			t.Errorf("%q does not say %q", got, tt.want)
		}
	}
	if got := sequences.About(seq(5, true, 1, func(f *engines.SequenceFact) { f.Cycle, f.Max = true, 5 })); strings.Contains(got, "exhausted") {
		t.Errorf("a sequence that cycles has no end: %s", got)
	}
}

// TestOtherDefinitionsDiffer, and a state that may not be read is no level one.
func TestOtherDefinitionsDiffer(t *testing.T) {
	denied := seq(0, false, 1, func(f *engines.SequenceFact) { f.Denied = true })
	for name, g := range map[string]engines.SequenceFact{
		"increment": seq(1, true, 2), "denied": denied, "owner": seq(1, true, 1, func(f *engines.SequenceFact) { f.Owner = "a.b.c" }),
		"type": seq(1, true, 1, func(f *engines.SequenceFact) { f.Type = "integer" }), "cycle": seq(1, true, 1, func(f *engines.SequenceFact) { f.Cycle = true }),
	} {
		if got := sequences.Compare([]engines.SequenceFact{seq(1, true, 1)}, []engines.SequenceFact{g}); !got[0].Differs {
			t.Errorf("%s: %+v", name, got)
		}
	}
	got := sequences.Compare([]engines.SequenceFact{seq(1, true, 1)}, []engines.SequenceFact{seq(1, true, 1, func(f *engines.SequenceFact) { f.Name = "other" })})
	if len(got) != 2 || !got[0].Differs || !got[1].Differs {
		t.Errorf("%+v", got)
	}
}
