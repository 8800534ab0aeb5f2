package checks

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
)

var t0 = time.Date(2026, 3, 14, 3, 0, 0, 0, time.UTC)

const lag = engines.GaugeID("green/lag_seconds")

func lagAt(sec, v float64) Sample {
	return Sample{Gauge: lag, At: t0.Add(time.Duration(sec * float64(time.Second))), Value: v, Unit: engines.Seconds}
}

func historyOf(ss ...Sample) *History {
	h := NewHistory(time.Hour)
	for _, s := range ss {
		h.Add(s)
	}
	return h
}

func TestEval(t *testing.T) {
	under2 := runbooks.Gate{Gauge: lag, Op: runbooks.Less, Want: "2s"}
	dwell := under2
	dwell.For = 3 * time.Second
	broken := lagAt(2, 0)
	broken.Err = errors.New("connection refused")
	word := func(w string) Sample { return Sample{Gauge: lag, At: t0, Text: w} }
	is := runbooks.Gate{Gauge: lag, Op: runbooks.Equal, Want: "active"}
	other := lagAt(0, 1)
	other.Gauge = "blue/lag_seconds"
	for name, c := range map[string]struct {
		gate   runbooks.Gate
		h      *History
		now    float64
		status Status
		reason string
	}{
		"nil history":           {under2, nil, 0, Unknown, "green/lag_seconds was never read"},
		"never read":            {under2, historyOf(), 0, Unknown, "green/lag_seconds was never read"},
		"met":                   {under2, historyOf(lagAt(0, 0.5)), 1, Pass, "is 500 ms, wanted < 2s"},
		"border":                {under2, historyOf(lagAt(0, 2)), 1, Fail, "is 2 s, wanted < 2s"},
		"not met":               {under2, historyOf(lagAt(0, 7.25)), 1, Fail, "is 7.2 s, wanted < 2s"},
		"stale":                 {under2, historyOf(lagAt(0, 0.5)), 3.1, Unknown, "stale: 3.1s old, at most 3s counts"},
		"future":                {under2, historyOf(lagAt(5, 0.5)), 1, Unknown, "sample is 4s in the future: a clock was set"},
		"not a number":          {under2, historyOf(lagAt(0, math.NaN())), 0, Unknown, "not a number"},
		"infinite":              {under2, historyOf(lagAt(0, math.Inf(-1))), 0, Unknown, "not a finite number"},
		"failed reading":        {under2, historyOf(lagAt(0, 1), broken), 2, Unknown, "cannot read: connection refused"},
		"another gauge":         {under2, historyOf(other), 0, Unknown, "sample is of blue/lag_seconds, not of green/lag_seconds"},
		"no time":               {under2, historyOf(Sample{Gauge: lag}), 0, Unknown, "sample has no time"},
		"unit of another world": {runbooks.Gate{Gauge: lag, Op: runbooks.Less, Want: "64KiB"}, historyOf(lagAt(0, 1)), 0, Unknown, `"1 s" cannot be compared with < 64KiB`},
		"no operator":           {runbooks.Gate{Gauge: lag, Want: "1s"}, historyOf(lagAt(0, 1)), 0, Unknown, `"1 s" cannot be compared with  1s`},
		"dwell met":             {dwell, historyOf(lagAt(0, 1), lagAt(1, 1), lagAt(2, 1), lagAt(3, 1)), 3, Pass, "is 1 s, wanted < 2s"},
		"dwell too short":       {dwell, historyOf(lagAt(1, 1), lagAt(2, 1), lagAt(3, 1)), 3, Fail, "held 2s of 3s"},
		"dwell broken":          {dwell, historyOf(lagAt(0, 1), lagAt(1, 9), lagAt(2, 1), lagAt(3, 1)), 3, Fail, "held 1s of 3s"},
		"dwell with a gap":      {dwell, historyOf(lagAt(0, 1), lagAt(1, 1), lagAt(4.5, 1)), 4.5, Unknown, "held 0s of 3s: no sample for 3.5s"},
		"dwell with a failure":  {dwell, historyOf(lagAt(0, 1), lagAt(1, 1), broken, lagAt(3, 1)), 3, Unknown, "held 0s of 3s: a sample in between: cannot read: connection refused"},
		"word":                  {is, historyOf(word("active")), 0, Pass, "is active, wanted == active"},
		"other word":            {is, historyOf(word("lost")), 0, Fail, "is lost, wanted == active"},
		"word by order":         {runbooks.Gate{Gauge: lag, Op: runbooks.Less, Want: "z"}, historyOf(word("a")), 0, Unknown, `"a" cannot be compared with < z`},
	} {
		t.Run(name, func(t *testing.T) {
			v := Eval(c.gate, c.h, t0.Add(time.Duration(c.now*float64(time.Second))), time.Second)
			if v.Status != c.status || v.Reason != c.reason {
				t.Errorf("got %s, %q; want %s, %q", v.Status, v.Reason, c.status, c.reason)
			}
		})
	}
}

func TestEvalOwnAge(t *testing.T) {
	g := runbooks.Gate{Gauge: lag, Op: runbooks.Less, Want: "2s", MaxAge: 10 * time.Second}
	if v := Eval(g, historyOf(lagAt(0, 1)), t0.Add(9*time.Second), time.Second); v.Status != Pass {
		t.Errorf("within the gate's own age: %s, %s", v.Status, v.Reason)
	}
	if v := Eval(g, historyOf(lagAt(0, 1)), t0.Add(11*time.Second), time.Second); v.Status != Unknown {
		t.Errorf("beyond the gate's own age: %s, %s", v.Status, v.Reason)
	}
}

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		want    string
		unit    engines.Unit
		minutes bool
		value   float64
		ok      bool
	}{
		{"2s", engines.Seconds, false, 2, true},
		{"500ms", engines.Seconds, false, 0.5, true},
		{"5min", engines.Seconds, false, 300, true},
		{"0", engines.Seconds, false, 0, true},
		{"30", "", true, 30, true},
		{"2h", engines.Count, true, 120, true},
		{"64KiB", engines.Bytes, false, 65536, true},
		{"1MiB", engines.Bytes, false, 1 << 20, true},
		{"3", engines.Count, false, 3, true},
		{"true", engines.Bool, false, 1, true},
		{"3s", engines.Count, false, 0, false},
		{"2KB", engines.Bytes, false, 0, false},
		{"NaN", engines.Seconds, false, 0, false},
		{"Inf", engines.Seconds, false, 0, false},
		{"", engines.Seconds, false, 0, false},
		{"s", engines.Seconds, false, 0, false},
	} {
		v, ok := number(c.want, c.unit, c.minutes)
		if v != c.value || ok != c.ok {
			t.Errorf("number(%q, %q, %v) = %v, %v; want %v, %v", c.want, c.unit, c.minutes, v, ok, c.value, c.ok)
		}
	}
}

func TestIs(t *testing.T) {
	s := func(v float64, u engines.Unit) Sample { return Sample{At: t0, Value: v, Unit: u} }
	for want, in := range map[string]Sample{
		"0 s": s(0, engines.Seconds), "12.5 ms": s(0.0125, engines.Seconds), "3 s": s(3, engines.Seconds),
		"5 min": s(300, engines.Seconds), "2 h": s(7200, engines.Seconds), "64 KiB": s(65536, engines.Bytes),
		"512 B": s(512, engines.Bytes), "1234": s(1234, engines.Count), "yes": s(1, engines.Bool), "no": s(0, engines.Bool),
		"unknown": {}, "30 min": {Gauge: "blue/wal_room_minutes", At: t0, Value: 30, Unit: engines.Count},
	} {
		if got := Is(in); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestHistoryKeeps(t *testing.T) {
	h := NewHistory(100 * time.Second)
	for i := range 1000 {
		if !h.Add(lagAt(float64(i), float64(i))) {
			t.Fatalf("sample %d not taken", i)
		}
	}
	if n := len(h.samples); n != 101 || h.samples[0].Value != 899 {
		t.Errorf("kept %d samples from %v; want 101 from 899", n, h.samples[0].Value)
	}
	if h.Add(lagAt(5, 1)) {
		t.Error("took a sample from the past")
	}
	failed := lagAt(1000, 7)
	failed.Err = errors.New("gone")
	h.Add(failed)
	if vs := h.Values(2); len(vs) != 2 || vs[0] != 999 || !math.IsNaN(vs[1]) {
		t.Errorf("values %v; want 999 and NaN", vs)
	}
	short := NewHistory(0)
	for i := range 200 {
		short.Add(lagAt(float64(i), 0))
	}
	if n := len(short.samples); n != keepAtLeast {
		t.Errorf("kept %d samples without a dwell; want %d", n, keepAtLeast)
	}
	short.Forget()
	if _, ok := short.Newest(); ok {
		t.Error("a forgotten history still has a sample")
	}
}
