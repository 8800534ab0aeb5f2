package tui

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
)

var update = flag.Bool("update", false, "rewrite the golden frames")

// TestGoldenFrames keeps the screens as a reviewer reads them, without colour.
func TestGoldenFrames(t *testing.T) {
	for _, name := range []string{"ready", "frozen", "stale", "block", "over", "unclear"} {
		for _, sz := range [][2]int{{80, 24}, {120, 40}, {170, 46}} {
			file := filepath.Join("testdata", fmt.Sprintf("%s-%dx%d.txt", name, sz[0], sz[1]))
			got := trimmed(newRig(t, scenes()[name], sz[0], sz[1]).frame())
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs; got\n%s", file, got)
			}
		}
	}
}

// trimmed drops blanks at line ends, which editors would drop as well.
func trimmed(s string) string {
	ls := strings.Split(s, "\n")
	for i := range ls {
		ls[i] = strings.TrimRight(ls[i], " ")
	}
	return strings.Join(ls, "\n") + "\n"
}

// An agreement of all tokens with a background: text is readable, 5:1 or more.
func TestContrast(t *testing.T) {
	for tk := text; tk < numToks; tk++ {
		s := shades[tk]
		switch {
		case tk == faint:
		case s.fill:
			if c := contrast(s.on, s.dark); c < 4.7 {
				t.Errorf("fill %d: %.1f", tk, c)
			}
		default:
			for _, p := range [][2]string{{s.dark, "#0d1117"}, {s.dark, "#000000"}, {s.light, "#ffffff"}} {
				if c := contrast(p[0], p[1]); c < 5 {
					t.Errorf("token %d on %s: %.1f", tk, p[1], c)
				}
			}
			if c := min(contrast(s.dark, selDark), contrast(s.light, selLight)); c < 4.4 {
				t.Errorf("token %d on the selected row: %.1f", tk, c)
			}
		}
	}
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + .05) / (min(x, y) + .05)
}

func luminance(hex string) float64 {
	r, g, b := rgb(hex)
	f := func(v int) float64 {
		c := float64(v) / 255
		if c <= .03928 {
			return c / 12.92
		}
		return math.Pow((c+.055)/1.055, 2.4)
	}
	return .2126*f(r) + .7152*f(g) + .0722*f(b)
}

// Colours stand in theme.go and nowhere else.
func TestColoursStandInTheThemeOnly(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		if f == "theme.go" || strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{`"#`, `\x1b`, "lipgloss"} {
			if strings.Contains(string(b), bad) {
				t.Errorf("%s holds %s", f, bad)
			}
		}
	}
}

// BenchmarkTick is the cost of one publication: Update and a new frame.
func BenchmarkTick(b *testing.B) {
	for _, sz := range [][2]int{{80, 24}, {120, 40}, {170, 46}} {
		b.Run(fmt.Sprintf("%dx%d", sz[0], sz[1]), func(b *testing.B) {
			m := New(Config{Session: &sent{}, Now: func() time.Time { return night }})
			tm, _ := m.Update(tea.WindowSizeMsg{Width: sz[0], Height: sz[1]})
			s := ready()
			for b.Loop() {
				s.Seq++
				s.Now = s.Now.Add(time.Second)
				tm, _ = tm.Update(snapMsg(s))
				if tm.View().Content == "" {
					b.Fatal("no frame")
				}
			}
		})
	}
}
