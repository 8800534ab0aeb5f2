package tui

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// seg is a run of text in one token.
type seg struct {
	t tok
	s string
}

// line is one row of the screen.
type line []seg

func one(t tok, s string) line { return line{{t, s}} }

// width counts cells. It is exact for text that went through clean.
func width(s string) int {
	n := 0
	for i := 0; i < len(s); {
		if c := s[i]; c >= 0x20 && c < 0x7f {
			n++
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		n += runeWidth(r)
		i += size
	}
	return n
}

// harmless is clean and width in one pass over text that needs no cleaning,
// which is nearly all of it.
func harmless(s string) (string, int) {
	n := 0
	for i := 0; i < len(s); {
		if c := s[i]; c >= 0x20 && c < 0x7f {
			n++
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || harmful(r) {
			s = clean(s)
			return s, width(s)
		}
		n += runeWidth(r)
		i += size
	}
	return s, n
}

func runeWidth(r rune) int {
	switch {
	case r < 0x20 || r == 0x7f:
		return 0
	case r < 0x1100: // everything here that clean lets through takes one cell
		return 1
	case r >= 0x2010 && r <= 0x2bff:
		return 1
	}
	return ansi.StringWidth(string(r))
}

func (l line) width() int {
	n := 0
	for _, s := range l {
		n += width(s.s)
	}
	return n
}

// plain is the text of a line without tokens.
func (l line) plain() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.s)
	}
	return b.String()
}

// clean makes text harmless: what could move the cursor, hide, reorder or join
// cells is written out as <U+XXXX>, a tab becomes four blanks. Every rune that
// is left is a cell group of its own, so widths add up.
func clean(s string) string {
	first := firstHarm(s)
	if first < 0 {
		return s
	}
	b := make([]byte, 0, len(s)+32)
	b = append(b, s[:first]...)
	for i := first; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(b, fmt.Sprintf("<%02X>", s[i])...)
		case r == '\t':
			b = append(b, "    "...)
		case harmful(r):
			b = append(b, escaped(r)...)
		default:
			b = append(b, s[i:i+n]...)
		}
		i += n
	}
	return string(b)
}

// escaped writes a rune out, so that it is seen and does nothing.
func escaped(r rune) string {
	s := strings.ToUpper(strconv.FormatInt(int64(r), 16))
	return "<U+" + strings.Repeat("0", max(4-len(s), 0)) + s + ">"
}

// firstHarm is the place of the first byte that may not reach a terminal, or -1.
func firstHarm(s string) int {
	for i := 0; i < len(s); {
		if c := s[i]; c >= 0x20 && c < 0x7f {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || harmful(r) {
			return i
		}
		i += n
	}
	return -1
}

// harmful says whether a rune may not reach a terminal as itself: controls,
// formats and marks, halves of clusters, and whatever some terminal draws as an
// emoji two cells wide.
func harmful(r rune) bool {
	switch {
	case r >= 0x20 && r < 0x7f:
		return false
	case r >= 0x2500 && r <= 0x259f, r >= 0x4e00 && r <= 0x9fff, r >= 0xac00 && r <= 0xd7a3:
		return false // the bulk of what there is, answered first
	case r < 0xa0, r == 0xa9, r == 0xae, r == 0x203c, r == 0x2049, r == 0x2122, r == 0x2139:
		return true
	case r >= 0x1100 && r <= 0x11ff, r >= 0xa960 && r <= 0xa97f, r >= 0xd7b0 && r <= 0xd7ff:
		return true // Hangul parts, which join
	case r == 0xe33, r == 0xeb3, r == 0xff9e, r == 0xff9f:
		return true // vowel and sound signs that join with what stands before
	case r >= 0x2194 && r <= 0x2199, r == 0x21a9, r == 0x21aa, r == 0x231a, r == 0x231b, r == 0x2328:
		return true
	case r == 0x23cf, r >= 0x23e9 && r <= 0x23fa, r == 0x24c2, r == 0x25aa, r == 0x25ab, r == 0x25b6:
		return true
	case r == 0x25c0, r >= 0x25fb && r <= 0x25fe, r == 0x2934, r == 0x2935, r >= 0x2b00 && r <= 0x2bff:
		return true
	case r >= 0x2600 && r <= 0x27bf:
		return r != '✓' && r != '✗'
	case r == 0x3030, r == 0x303d, r == 0x3297, r == 0x3299, r >= 0x1f000:
		return true
	}
	return !unicode.IsGraphic(r) || unicode.In(r, unicode.M, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
}

// cut returns the cells [from, to) of a line. A wide rune that the edge splits
// becomes blanks.
func (l line) cut(from, to int) line {
	out := make(line, 0, len(l))
	x := 0
	for _, s := range l {
		if x >= to {
			break
		}
		sw := width(s.s)
		if x >= from && x+sw <= to {
			out = append(out, s)
			x += sw
			continue
		}
		if x+sw <= from {
			x += sw
			continue
		}
		var b strings.Builder
		for _, r := range s.s {
			rw := runeWidth(r)
			for i := range rw {
				if c := x + i; c >= from && c < to && (x < from || x+rw > to) {
					b.WriteByte(' ')
				}
			}
			if x >= from && x+rw <= to {
				b.WriteRune(r)
			}
			x += rw
		}
		out = append(out, seg{s.t, b.String()})
	}
	return out
}

// fit makes a line exactly w cells wide, cleaning it on the way. What does not
// fit ends in …, so that a cut is seen.
func (l line) fit(w int) line {
	if w <= 0 {
		return nil
	}
	out := make(line, 0, len(l)+1)
	n := 0
	for _, s := range l {
		txt, cells := harmless(s.s)
		n += cells
		out = append(out, seg{s.t, txt})
	}
	last := text
	if len(out) > 0 {
		last = out[len(out)-1].t
	}
	switch {
	case n > w:
		out = out.cut(0, w-1)
		if k := w - 1 - out.width(); k > 0 {
			out = append(out, seg{text, blanks(k)})
		}
		out = append(out, seg{last &^ fillMask(last), "…"})
	case n < w:
		out = append(out, seg{last & selBit, blanks(w - n)})
	}
	return out
}

func blanks(n int) string {
	if n <= 0 {
		return ""
	}
	return strings.Repeat(" ", n)
}

// spread puts a at the left and b at the right of w cells; a gives way.
func spread(a, b line, w int) line {
	bw := b.width()
	if bw >= w {
		return b.fit(w)
	}
	if len(b) == 0 {
		return a.fit(w)
	}
	room := w - bw - 1
	out := a.fit(room)
	return append(append(out, seg{text, " "}), b...)
}

// pick returns the first line that fits into w cells, or the last one.
func pick(w int, ls ...line) line {
	for _, l := range ls {
		if l.width() <= w {
			return l
		}
	}
	return ls[len(ls)-1]
}

// row is one screen row of a longer line; cont marks all but the first.
type row struct {
	cont bool
	s    string
}

// wrap breaks text into rows of at most w cells, after the last blank within
// the last 16 cells, else at the edge. No byte is added or lost within a line.
func wrap(s string, w int) []row {
	if w < 2 {
		w = 2
	}
	var out []row
	for _, l := range strings.Split(strings.TrimRight(s, "\n"), "\n") {
		l = clean(strings.TrimSuffix(l, "\r"))
		cont := false
		for {
			head, tail := breakAt(l, w)
			out = append(out, row{cont, head})
			if tail == "" {
				break
			}
			l, cont = tail, true
		}
	}
	return out
}

func breakAt(l string, w int) (head, tail string) {
	if len(l) <= w { // bytes are never fewer than cells
		return l, ""
	}
	n, edge, blank := 0, len(l), -1
	for i, r := range l {
		rw := runeWidth(r)
		if n+rw > w {
			edge = i
			break
		}
		n += rw
		if r == ' ' && n > w-16 {
			blank = i + 1
		}
	}
	if edge == len(l) {
		return l, ""
	}
	if blank > 0 && blank < edge {
		edge = blank
	}
	return l[:edge], l[edge:]
}

// words wraps prose: rows of at most w cells, broken at blanks.
func words(s string, w int) []string {
	var out []string
	for _, r := range wrap(strings.Join(strings.Fields(s), " "), w) {
		out = append(out, strings.TrimRight(r.s, " "))
	}
	return out
}
