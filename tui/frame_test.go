package tui

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
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

var hostile = []string{
	"\x1b[2J\x1b]52;c;eA==\x07", "a\u202eb\u200bc\u2066", "tab\tnew\nline\r", "e\u0301e\u0323\u0323", "日本語テキスト", "👩‍👩‍👧🇩🇪✔⚠", "한글각", "\xff\xfe", "ｶﾞ ำ ेि", "plain", "", strings.Repeat("x", 300),
}

func anyText(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(4) {
		b.WriteString(hostile[r.IntN(len(hostile))])
		b.WriteByte(' ')
	}
	return b.String()
}

// anySnapshot puts hostile text and extreme numbers wherever a server or a book
// may put text and numbers.
func anySnapshot(r *rand.Rand, all []session.Snapshot) session.Snapshot {
	s := all[r.IntN(len(all))]
	s.Mode, s.Change, s.Operator, s.Holding = session.Mode(r.IntN(3)), anyText(r), anyText(r), ""
	for i := range s.Sides {
		s.Sides[i].Name, s.Sides[i].Badge = anyText(r), []string{"WRITES", "FROZEN", "unreachable", anyText(r)}[r.IntN(4)]
		s.Clients[i].Rows = nil
		for range []int{0, 3, 1000}[r.IntN(3)] {
			s.Clients[i].Rows = append(s.Clients[i].Rows, session.ClientRow{App: anyText(r) + strconv.Itoa(r.IntN(9)), Count: r.IntN(99999)})
		}
	}
	s.Seqs = session.SeqTile{Known: 500, Behind: r.IntN(500), MaxGap: r.Int64(), Worst: anyText(r), Age: time.Duration(r.Int64N(1 << 50)), Stale: r.IntN(2) == 0}
	g := session.Gauge{ID: "blue/behind_bytes", Value: []float64{math.NaN(), math.Inf(1), -1, 1e300, 5}[r.IntN(5)], Unit: engines.Bytes, Gate: anyText(r), Stale: r.IntN(2) == 0, Age: time.Duration(r.Int64N(1 << 50)), History: []float64{math.NaN(), 1, math.Inf(1), 1e9}}
	s.Gauges = map[engines.GaugeID]session.Gauge{g.ID: g}
	s.Way = session.WayBack{State: []string{"OPEN", "CLOSED", "LOSES DATA", ""}[r.IntN(4)], Now: anyText(r), Loses: anyText(r), Until: anyText(r), After: anyText(r)}
	for range r.IntN(3) {
		s.Alarms = append(s.Alarms, session.Alarm{Text: anyText(r), Consequence: anyText(r), Level: session.AlarmLevel(r.IntN(2)), Since: night})
	}
	s.Freeze = session.Freeze{State: []string{"off", "frozen", "open", ""}[r.IntN(4)], Elapsed: time.Duration(r.Int64N(1 << 45)), Budget: time.Duration(r.Int64N(1 << 45)), Position: anyText(r)}
	return edited(s, func(c *session.Card) {
		c.Title, c.Why, c.RunAs, c.Expect, c.Undo, c.Outcome, c.Word = anyText(r), anyText(r), anyText(r), anyText(r), anyText(r), anyText(r), anyText(r)
		c.Phase, c.Risk, c.Block, c.Armed = steps.Phase(r.IntN(9)), runbooks.Risk(r.IntN(4)), r.IntN(2) == 0, r.IntN(2) == 0
		c.Statements = nil
		for i := range []int{0, 1, 4, 300}[r.IntN(4)] {
			c.Statements = append(c.Statements, session.Statement{N: i + 1, Target: "blue", Title: anyText(r), Text: anyText(r), Note: anyText(r), State: []string{"", "done", "running", "unclear"}[r.IntN(4)]})
		}
		c.Before = nil
		for range r.IntN(20) {
			c.Before = append(c.Before, session.CheckRow{Name: anyText(r), Want: anyText(r), Is: anyText(r), Status: checks.Status(r.IntN(3)), Stale: r.IntN(4) == 0})
		}
		for range r.IntN(9) {
			c.Output = append(c.Output, session.OutputLine{At: night, Text: anyText(r), Bad: r.IntN(2) == 0})
		}
	})
}

// checkFrame holds the promise of every frame: h lines of w cells, and nothing
// that moves a cursor.
func checkFrame(t *testing.T, seed uint64, content string, w, h int) {
	t.Helper()
	ls := strings.Split(content, "\n")
	if len(ls) != h {
		t.Fatalf("seed %d: %d lines at %dx%d", seed, len(ls), w, h)
	}
	for i, l := range ls {
		bare := ansi.Strip(l)
		if got := ansi.StringWidth(bare); got != w {
			t.Fatalf("seed %d: line %d has %d cells at %dx%d: %q", seed, i, got, w, h, bare)
		}
		for _, c := range bare {
			if harmful(c) {
				t.Fatalf("seed %d: %q on line %d: %q", seed, c, i, bare)
			}
		}
	}
}

// TestEveryFrameIsExact draws random states at random sizes with random keys.
// TURQUOISE_TUI_FRAMES sets how many; a failure names its seed.
func TestEveryFrameIsExact(t *testing.T) {
	n := 2000
	if v, err := strconv.Atoi(os.Getenv("TURQUOISE_TUI_FRAMES")); err == nil {
		n = v
	}
	var all []session.Snapshot
	for _, name := range []string{"ready", "frozen", "stale", "block", "over", "failed", "unclear", "hold", "no-plan"} {
		all = append(all, scenes()[name])
	}
	themes := []*Theme{NewTheme(TrueColour, false, false), NewTheme(Colours256, true, false), NewTheme(Colours16, false, true), NewTheme(NoColour, false, false)}
	keys := keysOfAKeyboard()
	for i := range n {
		seed := uint64(i)
		r := rand.New(rand.NewPCG(seed, 7))
		w, h := 1+r.IntN(255), 1+r.IntN(255)
		if r.IntN(2) == 0 {
			w, h = 80+r.IntN(30), 24+r.IntN(14)
		}
		g := newRig(t, anySnapshot(r, all), w, h)
		g.m.th = themes[r.IntN(len(themes))]
		for range r.IntN(4) {
			g.pass(time.Second)
			g.key(keys[r.IntN(len(keys))])
			if r.IntN(3) == 0 {
				g.snap(armed(g.m.snap))
			}
		}
		g.m.version++
		checkFrame(t, seed, g.m.View().Content, w, h)
	}
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
