package checks

import (
	"math"
	"slices"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

const (
	// keepAtLeast is what a trend line on the screen needs.
	keepAtLeast = 64
	// keepAtMost bounds the memory of a gauge that is sampled far too often.
	keepAtMost = 1 << 16
)

// History holds the newest samples of one gauge, oldest first. It has one owner;
// it is not safe for use by several goroutines.
type History struct {
	keep    time.Duration
	samples []Sample
}

// NewHistory returns a history that keeps every sample of the last keep before
// the newest, and at least 64 samples. keep must be at least the longest dwell
// among the gates that watch the gauge.
func NewHistory(keep time.Duration) *History { return &History{keep: keep} }

// Add takes a sample in. Samples come in the order of their reading; one that
// claims to be older than the newest is kept out, since a clock that ran back
// must not lengthen a dwell, while a failed reading counts whenever it came. It
// reports whether the sample was taken.
func (h *History) Add(s Sample) bool {
	if n := len(h.samples); n > 0 && s.At.Before(h.samples[n-1].At) {
		if s.Err == nil {
			return false
		}
		s.At = h.samples[n-1].At
	}
	h.samples = append(h.samples, s)
	old := 0
	for len(h.samples)-old > keepAtLeast {
		// The sample at the border stays: a dwell is covered from its start only
		// if something was seen at or before it.
		if len(h.samples)-old <= keepAtMost && s.At.Sub(h.samples[old+1].At) < h.keep {
			break
		}
		old++
	}
	if old > 0 {
		h.samples = slices.Delete(h.samples, 0, old)
	}
	return true
}

// Forget drops everything: after a restart of the server or a change of role the
// old samples prove nothing.
func (h *History) Forget() { h.samples = nil }

// Newest returns the newest sample and whether there is one.
func (h *History) Newest() (Sample, bool) {
	if h == nil || len(h.samples) == 0 {
		return Sample{}, false
	}
	return h.samples[len(h.samples)-1], true
}

// Values returns the values of the last n samples, newest last; a reading that
// failed is NaN.
func (h *History) Values(n int) []float64 {
	if h == nil || n <= 0 {
		return nil
	}
	last := h.samples[max(0, len(h.samples)-n):]
	out := make([]float64, len(last))
	for i, s := range last {
		out[i] = s.Value
		if s.Err != nil {
			out[i] = math.NaN()
		}
	}
	return out
}

// FromReading turns an engine's reading into a sample.
func FromReading(r engines.Reading) Sample {
	return Sample{Gauge: r.Gauge, At: r.At, Took: r.Took, Value: r.Value, Unit: r.Unit, Text: r.Text, Err: r.Err}
}
