package checks

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
)

// FuzzEval: no list of samples opens a gate unless each sample of the dwell,
// looked at on its own, is there, fresh, readable and met the gate.
func FuzzEval(f *testing.F) {
	f.Add([]byte{10, 5, 0, 10, 5, 0, 10, 5, 0}, uint8(10), uint8(2), "2s", "<")
	f.Add([]byte{10, 5, 1, 10, 255, 0}, uint8(0), uint8(0), "64KiB", "<=")
	f.Add([]byte{0, 0, 2}, uint8(200), uint8(9), "active", "==")
	f.Fuzz(func(t *testing.T, raw []byte, late, dwell uint8, want, op string) {
		const interval = time.Second
		g := runbooks.Gate{Gauge: lag, Op: runbooks.Op(op), Want: want, For: time.Duration(dwell) * time.Second}
		h := NewHistory(time.Hour)
		at := t0
		for i := 0; i+2 < len(raw); i += 3 {
			at = at.Add(time.Duration(raw[i]) * 100 * time.Millisecond)
			s := Sample{Gauge: lag, At: at, Value: float64(raw[i+1]) / 10, Unit: engines.Seconds}
			switch raw[i+2] % 5 {
			case 1:
				s.Err = errors.New("cannot read")
			case 2:
				s.Text = "active"
			case 3:
				s.Value = math.NaN()
			case 4:
				s.At = time.Time{}
			}
			h.Add(s)
		}
		now := at.Add(time.Duration(int(late)-20) * 100 * time.Millisecond)
		v := Eval(g, h, now, interval)
		if v.Status != Pass {
			if v.Reason == "" {
				t.Fatal("a closed gate without a reason")
			}
			return
		}
		last, ok := h.Newest()
		if !ok || now.Sub(last.At) > 3*interval || last.At.After(now.Add(skew)) {
			t.Fatalf("passed on a missing, stale or future sample: %+v", last)
		}
		from, next := last.At.Add(-g.For), last.At
		covered := g.For == 0
		for i := len(h.samples) - 1; i >= 0 && !covered; i-- {
			s := h.samples[i]
			covered = !s.At.After(from)
			met, known := meets(g, s)
			if s.Err != nil || !met || !known || next.Sub(s.At) > 3*interval {
				t.Fatalf("passed over a bad sample or a gap: %+v", s)
			}
			next = s.At
		}
		if !covered {
			t.Fatal("passed although the dwell is not covered")
		}
	})
}
