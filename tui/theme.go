package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
)

// Profile is how many colours a terminal has.
type Profile int

// The profiles. Colours are picked per profile, never converted: conversion to
// 16 colours turns amber into red.
const (
	TrueColour Profile = iota
	Colours256
	Colours16
	NoColour
)

// tok is what a piece of text means. Two bits above say bold and selected.
type tok uint8

const (
	text tok = iota
	dim
	faint
	blue
	green
	turq
	amber
	red
	code
	keyword
	fillAmber
	fillTurq
	fillBlue
	fillGreen
	fillGrey
	fillRed
	fillProd
	numToks

	bold   tok = 0x40
	selBit tok = 0x80
)

func (t tok) base() tok { return t &^ (bold | selBit) }

// fillMask is all bits of a fill, so that `t &^ fillMask(t)` is plain text
// outside of fills.
func fillMask(t tok) tok {
	if t.base() >= fillAmber {
		return t.base()
	}
	return 0
}

// shade is one token on every profile: true colour, 256 and 16, each on dark
// and on light; for fills also the text upon it. none is the SGR of NO_COLOR.
type shade struct {
	dark, light       string
	dark256, light256 int
	dark16, light16   int // -1: the terminal's default
	fill              bool
	on                string
	on256, on16       int
	none              string
}

// shades is the only place with colours in this package.
var shades = [numToks]shade{
	text:      {dark: "#d6dde4", light: "#1f2328", dark256: 253, light256: 235, dark16: -1, light16: -1},
	dim:       {dark: "#8b949e", light: "#59636e", dark256: 246, light256: 241, dark16: -1, light16: -1},
	faint:     {dark: "#3a424c", light: "#b8c0c8", dark256: 239, light256: 250, dark16: 8, light16: 8},
	blue:      {dark: "#6cb2ff", light: "#0757ba", dark256: 75, light256: 25, dark16: 12, light16: 4},
	green:     {dark: "#5fd97a", light: "#0f6d31", dark256: 77, light256: 22, dark16: 10, light16: 2},
	turq:      {dark: "#40e0d0", light: "#08706a", dark256: 80, light256: 23, dark16: 14, light16: 6, none: "1"},
	amber:     {dark: "#f0b849", light: "#8a5a00", dark256: 215, light256: 94, dark16: 11, light16: 3, none: "1"},
	red:       {dark: "#ff6b61", light: "#c11c22", dark256: 203, light256: 124, dark16: 9, light16: 1, none: "1"},
	code:      {dark: "#e6edf3", light: "#24292f", dark256: 255, light256: 235, dark16: -1, light16: -1},
	keyword:   {dark: "#c9a5ff", light: "#6639ba", dark256: 183, light256: 55, dark16: 13, light16: 5},
	fillAmber: {dark: "#f0b849", light: "#f0b849", dark256: 215, light256: 215, dark16: 11, light16: 11, fill: true, on: "#101418", on256: 233, on16: 0, none: "1;7"},
	fillTurq:  {dark: "#40e0d0", light: "#40e0d0", dark256: 80, light256: 80, dark16: 14, light16: 14, fill: true, on: "#101418", on256: 233, on16: 0, none: "1;7"},
	fillBlue:  {dark: "#6cb2ff", light: "#6cb2ff", dark256: 75, light256: 75, dark16: 12, light16: 12, fill: true, on: "#101418", on256: 233, on16: 0, none: "1;7"},
	fillGreen: {dark: "#5fd97a", light: "#5fd97a", dark256: 77, light256: 77, dark16: 10, light16: 10, fill: true, on: "#101418", on256: 233, on16: 0, none: "1;7"},
	fillGrey:  {dark: "#8b949e", light: "#8b949e", dark256: 246, light256: 246, dark16: 7, light16: 7, fill: true, on: "#101418", on256: 233, on16: 0, none: "1;7"},
	fillRed:   {dark: "#d8352c", light: "#d8352c", dark256: 160, light256: 160, dark16: 1, light16: 1, fill: true, on: "#ffffff", on256: 231, on16: 15, none: "1;7"},
	fillProd:  {dark: "#b5125c", light: "#b5125c", dark256: 125, light256: 125, dark16: 5, light16: 5, fill: true, on: "#ffffff", on256: 231, on16: 15, none: "1;7"},
}

// The background of the selected row, per profile; 16 colours have none.
const (
	selDark, selLight       = "#16302f", "#e4f4f2"
	selDark256, selLight256 = 236, 254
)

// Theme turns tokens into SGR and glyphs into what the terminal can draw.
type Theme struct {
	Profile Profile
	Light   bool
	ASCII   bool
	sgr     [256]string
}

// NewTheme builds the tables of a theme.
func NewTheme(p Profile, light, ascii bool) *Theme {
	th := &Theme{Profile: p, Light: light, ASCII: ascii}
	for b := range numToks {
		for _, x := range []tok{0, bold, selBit, bold | selBit} {
			th.sgr[b|x] = th.build(b, x)
		}
	}
	return th
}

func (th *Theme) build(b, extra tok) string {
	s := shades[b]
	var codes []string
	if th.Profile == NoColour {
		if s.none != "" {
			codes = append(codes, s.none)
		}
		if extra&bold != 0 && !strings.HasPrefix(s.none, "1") {
			codes = append(codes, "1")
		}
		return strings.Join(codes, ";")
	}
	if extra&bold != 0 || s.fill || (th.Profile == Colours16 && extra&selBit != 0) {
		codes = append(codes, "1")
	}
	if s.fill {
		codes = append(codes, th.colour(s.on, s.on, s.on256, s.on256, s.on16, s.on16, false),
			th.colour(s.dark, s.light, s.dark256, s.light256, s.dark16, s.light16, true))
		return strings.Join(codes, ";")
	}
	if c := th.colour(s.dark, s.light, s.dark256, s.light256, s.dark16, s.light16, false); c != "" {
		codes = append(codes, c)
	}
	if extra&selBit != 0 && th.Profile != Colours16 {
		codes = append(codes, th.colour(selDark, selLight, selDark256, selLight256, 0, 0, true))
	}
	return strings.Join(codes, ";")
}

func (th *Theme) colour(dark, light string, d256, l256, d16, l16 int, back bool) string {
	hex, n256, n16 := dark, d256, d16
	if th.Light {
		hex, n256, n16 = light, l256, l16
	}
	lead := 38
	if back {
		lead = 48
	}
	switch th.Profile {
	case TrueColour:
		r, g, b := rgb(hex)
		return fmt.Sprintf("%d;2;%d;%d;%d", lead, r, g, b)
	case Colours256:
		return fmt.Sprintf("%d;5;%d", lead, n256)
	}
	switch {
	case n16 < 0:
		return ""
	case n16 < 8:
		return fmt.Sprint(lead - 8 + n16)
	}
	return fmt.Sprint(lead - 8 + 60 + n16 - 8)
}

func rgb(hex string) (r, g, b int) {
	var v int
	for _, c := range hex[1:] {
		v <<= 4
		switch {
		case c <= '9':
			v |= int(c - '0')
		default:
			v |= int(c-'a') + 10
		}
	}
	return v >> 16, v >> 8 & 255, v & 255
}

// mono says that meaning must be carried without colour.
func (th *Theme) mono() bool { return th.Profile == NoColour }

// render writes a line as styled text.
func (th *Theme) render(b *strings.Builder, l line) {
	for i := 0; i < len(l); {
		t := l[i].t
		codes := th.sgr[t]
		if codes != "" {
			b.WriteString("\x1b[")
			b.WriteString(codes)
			b.WriteByte('m')
		}
		for i < len(l) && l[i].t == t {
			th.write(b, l[i].s)
			i++
		}
		if codes != "" {
			b.WriteString("\x1b[m")
		}
	}
}

func (th *Theme) write(b *strings.Builder, s string) {
	if !th.ASCII {
		b.WriteString(s)
		return
	}
	for _, r := range s {
		if r < 0x80 {
			b.WriteByte(byte(r))
			continue
		}
		for range runeWidth(r) {
			b.WriteByte(asciiOf(r))
		}
	}
}

// asciiOf is the stand-in of a glyph, of the same width.
func asciiOf(r rune) byte {
	if i := strings.IndexRune(glyphs, r); i >= 0 {
		return stand[len([]rune(glyphs[:i]))]
	}
	return '?'
}

const (
	glyphs = "✓▸◐◓◑◒○⊘✗‖↶▲↳…·▬━─│╭╮╰╯┏┓┗┛┃═║╔╗╚╝►◄◆▁▂▃▄▅▆▇█▞→↑↓≤≥╌▏"
	stand  = "+>|/-\\.-XH<!\\~.#=-|++++++++|=|++++><#_.:-=+*##>^v<>-|"
)

// profileOf reads what the terminal was found to be. Terminals that can show no
// colour at all get bold and reverse, which survive.
func profileOf(msg tea.ColorProfileMsg) Profile {
	switch msg.Profile {
	case colorprofile.TrueColor:
		return TrueColour
	case colorprofile.ANSI256:
		return Colours256
	case colorprofile.ANSI:
		return Colours16
	}
	return NoColour
}
