package checks

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
)

// factor turns a unit of a wanted value into the base unit of its gauge.
func factor(u engines.Unit, suffix string) (float64, bool) {
	if suffix == "" {
		return 1, true
	}
	switch string(u) + " " + suffix {
	case "s ms":
		return 1e-3, true
	case "s s", "B B":
		return 1, true
	case "s m", "s min":
		return 60, true
	case "s h":
		return 3600, true
	case "B KiB":
		return 1 << 10, true
	case "B MiB":
		return 1 << 20, true
	case "B GiB":
		return 1 << 30, true
	}
	return 0, false
}

// number reads a wanted value such as "2s" or "64KiB" in the base unit of the
// gauge. minutes is set for gauges whose own unit is the minute.
func number(want string, unit engines.Unit, minutes bool) (float64, bool) {
	want = strings.TrimSpace(want)
	if unit == engines.Bool {
		switch want {
		case "true", "yes", "on":
			return 1, true
		case "false", "no", "off":
			return 0, true
		}
	}
	digits := strings.TrimRightFunc(want, func(r rune) bool { return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' })
	suffix := want[len(digits):]
	v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, false
	}
	if minutes {
		unit = engines.Seconds
	}
	f, ok := factor(unit, suffix)
	if !ok {
		return 0, false
	}
	if minutes {
		if suffix == "" {
			return v, true
		}
		return v * f / 60, true
	}
	return v * f, true
}

func inMinutes(g engines.GaugeID) bool { return strings.HasSuffix(string(g), "_minutes") }

// meets compares a sample with the gate. known is false if they cannot be
// compared at all.
func meets(g runbooks.Gate, s Sample) (ok, known bool) {
	if s.Text != "" {
		switch g.Op {
		case runbooks.Equal:
			return s.Text == g.Want, g.Want != ""
		case runbooks.NotEqual:
			return s.Text != g.Want, g.Want != ""
		}
		return false, false
	}
	w, readable := number(g.Want, s.Unit, inMinutes(g.Gauge))
	if !readable || math.IsNaN(s.Value) {
		return false, false
	}
	switch g.Op {
	case runbooks.Less:
		return s.Value < w, true
	case runbooks.LessEqual:
		return s.Value <= w, true
	case runbooks.Equal:
		return s.Value == w, true
	case runbooks.NotEqual:
		return s.Value != w, true
	case runbooks.GreaterEqual:
		return s.Value >= w, true
	case runbooks.Greater:
		return s.Value > w, true
	}
	return false, false
}

// Is prints what a sample saw, with its unit, short enough for one column.
func Is(s Sample) string {
	switch {
	case s.Err != nil || s.At.IsZero():
		return "unknown"
	case s.Text != "":
		return s.Text
	case math.IsNaN(s.Value):
		return "unknown"
	case inMinutes(s.Gauge):
		return trim(s.Value, 1) + " min"
	}
	switch s.Unit {
	case engines.Seconds:
		return seconds(s.Value)
	case engines.Bytes:
		return size(s.Value)
	case engines.Bool:
		if s.Value != 0 {
			return "yes"
		}
		return "no"
	}
	return trim(s.Value, 1)
}

func seconds(v float64) string {
	switch a := math.Abs(v); {
	case v == 0:
		return "0 s"
	case a < 1:
		return trim(v*1000, 1) + " ms"
	case a < 120:
		return trim(v, 1) + " s"
	case a < 7200:
		return trim(v/60, 1) + " min"
	}
	return trim(v/3600, 1) + " h"
}

func size(v float64) string {
	units := []string{"B", "KiB", "MiB", "GiB"}
	i := 0
	for math.Abs(v) >= 1024 && i < len(units)-1 {
		v /= 1024
		i++
	}
	return trim(v, 1) + " " + units[i]
}

// trim prints a number with at most the given places and no trailing zeros.
func trim(v float64, places int) string {
	t := strconv.FormatFloat(v, 'f', places, 64)
	if strings.Contains(t, ".") {
		t = strings.TrimRight(strings.TrimRight(t, "0"), ".")
	}
	if t == "-0" {
		return "0"
	}
	return t
}

func roundAge(d time.Duration) time.Duration { return d.Round(100 * time.Millisecond) }
