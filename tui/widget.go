package tui

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// frameGlyphs are the eight pieces of a border: corners clockwise from the top
// left, then horizontal and vertical.
type frameGlyphs struct{ tl, tr, br, bl, h, v string }

func borders(th *Theme, focus bool) frameGlyphs {
	if focus && th.mono() {
		return frameGlyphs{"┏", "┓", "┛", "┗", "━", "┃"}
	}
	return frameGlyphs{"╭", "╮", "╯", "╰", "─", "│"}
}

// panel draws a border with a title, a text at the right of it and a foot.
type panel struct {
	title, right, foot line
	focus              bool
}

func (p panel) draw(th *Theme, w, h int, body []line) []line {
	if w < 4 || h < 2 {
		return block(nil, w, h)
	}
	f, t := borders(th, p.focus), faint
	if p.focus {
		t = turq
	}
	out := make([]line, 0, h)
	out = append(out, edge(t, f.tl, f.tr, f.h, p.title, p.right, w))
	for i := range h - 2 {
		var l line
		if i < len(body) {
			l = body[i]
		}
		pad := tok(0)
		if len(l) > 0 {
			pad = l[0].t & selBit
		}
		row := line{{t, f.v}, {pad, " "}}
		row = append(row, l.fit(w-4)...)
		out = append(out, append(row, seg{pad, " "}, seg{t, f.v}))
	}
	return append(out, edge(t, f.bl, f.br, f.h, p.foot, nil, w))
}

// edge is a horizontal border: left text gives way to right text, and both to w.
func edge(t tok, l, r, h string, left, right line, w int) line {
	out := line{{t, l}}
	n := w - 2
	rw := right.width()
	if rw > 0 && rw+4 <= n {
		rw += 3 // a blank on both sides and one piece of border
	} else {
		right, rw = nil, 0
	}
	if len(left) > 0 && n-rw >= 6 {
		if left.width() > n-rw-3 {
			left = left.fit(n - rw - 3)
		} else {
			left = left.fit(left.width())
		}
		out = append(out, seg{t, h}, seg{text, " "})
		out = append(out, left...)
		out = append(out, seg{text, " "})
		n -= left.width() + 3
	}
	out = append(out, seg{t, strings.Repeat(h, max(n-rw, 0))})
	if rw > 0 {
		out = append(out, seg{text, " "})
		out = append(out, right.fit(rw-3)...)
		out = append(out, seg{text, " "}, seg{t, h})
	}
	return append(out, seg{t, r})
}

// block makes exactly h lines of w cells.
func block(ls []line, w, h int) []line {
	out := make([]line, 0, h)
	for i := range h {
		var l line
		if i < len(ls) {
			l = ls[i]
		}
		out = append(out, l.fit(w))
	}
	return out
}

// beside joins columns of equal height.
func beside(cols ...[]line) []line {
	out := make([]line, len(cols[0]))
	for i := range out {
		for _, c := range cols {
			out[i] = append(out[i], c[i]...)
		}
	}
	return out
}

// bar is n cells of a share of whole, and the rest in faint.
func bar(t tok, glyph string, share float64, n int) line {
	if n <= 0 {
		return nil
	}
	k := int(math.Round(min(max(share, 0), 1) * float64(n)))
	return line{{t, strings.Repeat(glyph, k)}, {faint, strings.Repeat(glyph, n-k)}}
}

// spark draws the newest n levels, 0..1, over two rows of 8 steps each. NaN is
// a gap; over marks samples beyond the gate.
func spark(levels []float64, over []bool, n int) (top, low line) {
	steps := []rune(" ▁▂▃▄▅▆▇█")
	for i := len(levels) - n; i < len(levels); i++ {
		if i < 0 {
			top, low = append(top, seg{text, " "}), append(low, seg{text, " "})
			continue
		}
		v, t := levels[i], turq
		if math.IsNaN(v) {
			top, low = append(top, seg{text, " "}), append(low, seg{amber, "╌"})
			continue
		}
		if over[i] {
			t = amber
		}
		k := min(max(int(math.Round(v*16)), 1), 16)
		top = append(top, seg{t, string(steps[max(k-8, 0)])})
		low = append(low, seg{t, string(steps[min(k, 8)])})
	}
	return top, low
}

// level puts a lag on a log scale: 64 B to 16 MiB, or 0.1 s to 1000 s.
func level(v float64, seconds bool) float64 {
	if math.IsNaN(v) || v < 0 {
		return math.NaN()
	}
	if seconds {
		return math.Log10(1+10*v) / 4
	}
	return math.Log2(1+v/64) / 18
}

// clock is a duration as mm:ss or h:mm:ss.
func clock(d time.Duration) string {
	sign := ""
	if d < 0 {
		d, sign = -d, "-"
	}
	s := int64(d / time.Second)
	if s < 3600 {
		return fmt.Sprintf("%s%02d:%02d", sign, s/60, s%60)
	}
	return fmt.Sprintf("%s%d:%02d:%02d", sign, s/3600, s/60%60, s%60)
}

// brief is a duration for people: tenths matter below a minute.
func brief(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + brief(-d)
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + " s"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	}
	return clock(d)
}

// age is the age of a datum; -1 stands for never.
func age(d time.Duration) string {
	switch {
	case d < 0:
		return "never"
	case d < 100*time.Second:
		return strconv.Itoa(int(d/time.Second)) + "s"
	case d < 100*time.Minute:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	}
	return strconv.Itoa(int(d/time.Hour)) + "h"
}

// size writes bytes readably.
func size(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "-"
	}
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	i := 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	if i == 0 {
		return strconv.FormatFloat(v, 'f', 0, 64) + " B"
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + " " + units[i]
}

// count groups the digits of a number by three.
func count(n int64) string {
	if n < 0 {
		return "-" + count(-n)
	}
	s := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// utc is a time of day with its Z.
func utc(t time.Time) string {
	if t.IsZero() {
		return "--:--:--Z"
	}
	return t.UTC().Format("15:04:05") + "Z"
}

// short is the head of a digest.
func short(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
