package tui

import (
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// How many random frames a run of the tests draws. The race detector makes a
// frame ten times as dear and finds nothing in what one goroutine draws, so it
// gets a sample; `make e2e` draws them all without it.
const (
	allFrames  = 100_000
	raceFrames = 4_000
)

var hostile = []string{
	"\x1b[2J\x1b]52;c;eA==\x07", "a\u202eb\u200bc\u2066", "tab\tnew\nline\r", "e\u0301e\u0323\u0323", "日本語テキスト", "👩‍👩‍👧🇩🇪✔⚠", "한글각", "\xff\xfe", "ｶﾞ ำ ेि", "plain", "", strings.Repeat("x", 130),
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
		for range rarely(r, 3, 1000) {
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
		for i := range rarely(r, 4, 300) {
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

// rarely is a small number, and the big one in one of forty draws: big lists
// take most of the time and break no more often.
func rarely(r *rand.Rand, small, big int) int {
	if r.IntN(40) == 0 {
		return big
	}
	return r.IntN(small + 1)
}

// anySize prefers sizes around the borders of the layouts.
func anySize(r *rand.Rand) (w, h int) {
	switch n := r.IntN(64); {
	case n == 0:
		return 1 + r.IntN(255), 1 + r.IntN(255)
	case n < 10:
		return 1 + r.IntN(100), 1 + r.IntN(30)
	case n < 13:
		return columnsW - 2 + r.IntN(25), columnsH - 2 + r.IntN(12)
	case n < 24:
		return stripW - 2 + r.IntN(25), stripH - 2 + r.IntN(10)
	}
	return minW - 1 + r.IntN(22), minH - 1 + r.IntN(9)
}

// checkFrame holds the promise of every frame: h lines of w cells, no escape
// sequence but colours, and nothing else that moves a cursor.
func checkFrame(t *testing.T, seed uint64, content string, w, h int) {
	t.Helper()
	n := 0
	for l := range strings.SplitSeq(content, "\n") {
		n++
		if got, bad := cells(l); got != w || bad != "" {
			t.Fatalf("seed %d: line %d has %d cells at %dx%d, %q: %q", seed, n, got, w, h, bad, ansi.Strip(l))
		}
	}
	if n != h {
		t.Fatalf("seed %d: %d lines at %dx%d", seed, n, w, h)
	}
}

// cells counts what a terminal draws of a line, by the library and not by the
// code under test, but for ASCII; bad is the first piece that may not be there.
func cells(l string) (n int, bad string) {
	wide := false
	for i := 0; i < len(l); {
		if l[i] == 0x1b {
			end := strings.IndexByte(l[i:], 'm')
			if end < 0 || !strings.HasPrefix(l[i:], "\x1b[") || strings.Trim(l[i+2:i+end], "0123456789;") != "" {
				return n, l[i:min(i+8, len(l))]
			}
			i += end + 1
			continue
		}
		c, size := utf8.DecodeRuneInString(l[i:])
		if c >= 0x80 {
			wide = wide || !strings.ContainsRune(glyphs, c)
			if harmful(c) {
				return n, string(c)
			}
		} else if c < 0x20 || c == 0x7f {
			return n, string(c)
		}
		n++
		i += size
	}
	if wide {
		n = ansi.StringWidth(ansi.Strip(l))
	}
	return n, ""
}

// TestEveryFrameIsExact draws random states at random sizes with random keys.
// TURQUOISE_TUI_FRAMES sets how many; a failure names its seed.
func TestEveryFrameIsExact(t *testing.T) {
	n := allFrames
	if raceEnabled {
		n = raceFrames
	}
	if v, err := strconv.Atoi(os.Getenv("TURQUOISE_TUI_FRAMES")); err == nil {
		n = v
	}
	var all []session.Snapshot
	for _, name := range []string{"ready", "frozen", "stale", "block", "over", "failed", "unclear", "hold", "no-plan", "reads", "followed"} {
		all = append(all, scenes()[name])
	}
	themes := []*Theme{NewTheme(TrueColour, false, false), NewTheme(Colours256, true, false), NewTheme(Colours16, false, true), NewTheme(NoColour, false, false)}
	keys := keysOfAKeyboard()
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // frames are small and die young
	shards := runtime.GOMAXPROCS(0)
	for shard := range shards {
		t.Run(strconv.Itoa(shard), func(t *testing.T) {
			t.Parallel()
			for i := shard; i < n; i += shards {
				drawAny(t, uint64(i), all, themes, keys)
			}
		})
	}
}

func drawAny(t *testing.T, seed uint64, all []session.Snapshot, themes []*Theme, keys []tea.KeyPressMsg) {
	r := rand.New(rand.NewPCG(seed, 7))
	w, h := anySize(r)
	g := newThemedRig(t, themes[r.IntN(len(themes))], anySnapshot(r, all), w, h)
	for range r.IntN(5) {
		g.pass(time.Second)
		g.key(keys[r.IntN(len(keys))])
		switch r.IntN(8) {
		case 0, 1:
			g.snap(armed(g.m.snap))
		case 2:
			w, h = anySize(r)
			g.send(tea.WindowSizeMsg{Width: w, Height: h})
		}
	}
	g.m.version++
	v := g.m.View()
	checkFrame(t, seed, v.Content, w, h)
	if v.Cursor.X < 0 || v.Cursor.X >= w || v.Cursor.Y < 0 || v.Cursor.Y >= h {
		t.Fatalf("seed %d: the cursor stands at %d,%d of %dx%d", seed, v.Cursor.X, v.Cursor.Y, w, h)
	}
}
