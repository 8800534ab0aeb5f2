package checks

import (
	"fmt"
	"math"
	"time"

	"github.com/turquoise-db/turquoise/runbooks"
)

// skew is how far in the future a sample may claim to be. Samples carry our own
// clock, so more than this means that the clock was set.
const skew = 100 * time.Millisecond

// Eval answers a gate from the samples of its gauge. interval is the sampling
// interval; a sample older than three of them is stale, unless the gate names an
// age of its own. Pass means that every sample of the gate's dwell met it, that
// the dwell is covered without a gap, and that the newest sample is fresh.
// Anything missing, failed, stale, from the future or not comparable is Unknown.
func Eval(g runbooks.Gate, h *History, now time.Time, interval time.Duration) Verdict {
	v := Verdict{Gate: g, Is: "unknown"}
	age := g.MaxAge
	if age <= 0 {
		age = 3 * interval
	}
	last, ok := h.Newest()
	if !ok {
		v.Reason = fmt.Sprintf("%s was never read", g.Gauge)
		return v
	}
	v.Basis = last
	if last.Gauge != g.Gauge {
		v.Reason = fmt.Sprintf("sample is of %s, not of %s", last.Gauge, g.Gauge)
		return v
	}
	if why := unusable(last, now, age); why != "" {
		v.Reason = why
		return v
	}
	v.Is = Is(last)
	met, known := meets(g, last)
	if !known {
		v.Reason = fmt.Sprintf("%q cannot be compared with %s %s", v.Is, g.Op, g.Want)
		return v
	}
	if !met {
		v.Status = Fail
		v.Reason = fmt.Sprintf("is %s, wanted %s %s", v.Is, g.Op, g.Want)
		return v
	}
	var broke string
	v.Held, broke = held(g, h.samples, age)
	if v.Held >= g.For {
		v.Status = Pass
		v.Reason = fmt.Sprintf("is %s, wanted %s %s", v.Is, g.Op, g.Want)
		return v
	}
	// Met now, but not for long enough: a failure, unless the reason is that
	// nobody looked in between.
	v.Status = Fail
	if broke != "" {
		v.Status = Unknown
	}
	v.Reason = fmt.Sprintf("held %s of %s", v.Held.Round(100*time.Millisecond), g.For)
	if broke != "" {
		v.Reason += ": " + broke
	}
	return v
}

// unusable says why a sample proves nothing; empty if it does.
func unusable(s Sample, now time.Time, age time.Duration) string {
	switch {
	case s.Err != nil:
		return fmt.Sprintf("cannot read: %v", s.Err)
	case s.At.IsZero():
		return "sample has no time"
	case s.At.After(now.Add(skew)):
		return fmt.Sprintf("sample is %s in the future: a clock was set", roundAge(s.At.Sub(now)))
	case now.Sub(s.At) > age:
		return fmt.Sprintf("stale: %s old, at most %s counts", roundAge(now.Sub(s.At)), age)
	case s.Text == "" && math.IsNaN(s.Value):
		return "not a number"
	case s.Text == "" && math.IsInf(s.Value, 0):
		return "not a finite number"
	}
	return ""
}

// held walks back from the newest sample for as long as the gate was met and
// somebody looked. broke says what ended the walk if it was not a sample that
// failed the gate.
func held(g runbooks.Gate, samples []Sample, age time.Duration) (d time.Duration, broke string) {
	n := len(samples) - 1
	newest := samples[n].At
	since := newest
	for i := n - 1; i >= 0 && newest.Sub(since) < g.For; i-- {
		s := samples[i]
		if gap := since.Sub(s.At); gap > age {
			return newest.Sub(since), fmt.Sprintf("no sample for %s", roundAge(gap))
		}
		// The time of the sample itself stands for its age here: only whether it
		// could be read and compared is asked.
		if why := unusable(s, s.At, age); why != "" {
			return newest.Sub(since), "a sample in between: " + why
		}
		met, known := meets(g, s)
		if !known {
			return newest.Sub(since), "a sample in between cannot be compared"
		}
		if !met || s.Gauge != g.Gauge {
			return newest.Sub(since), ""
		}
		since = s.At
	}
	return newest.Sub(since), ""
}
