package tui

import (
	"maps"
	"math"
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

var sizes = [][2]int{{80, 24}, {100, 32}, {120, 40}, {150, 36}, {170, 46}}

func rowOf(r *rig, n int) string { return strings.Split(r.frame(), "\n")[n] }

// K1, K3, K5: who and where, at every size, also while a box is open.
func TestK1IdentityIsAlwaysOnTheFirstLines(t *testing.T) {
	for _, sz := range sizes {
		r := newRig(t, ready(), sz[0], sz[1])
		for range 2 {
			for _, w := range []string{"PRODUCTION", "CHG0048213", "ada", "03:14:07Z"} {
				if !strings.Contains(rowOf(r, 0), w) {
					t.Errorf("%v: line 1 lacks %q: %q", sz, w, rowOf(r, 0))
				}
			}
			for _, w := range []string{"orders-blue", "WRITES", "══►", "orders-green", "standby", "freeze off", "T+42:10"} {
				if !strings.Contains(rowOf(r, 1), w) {
					t.Errorf("%v: line 2 lacks %q: %q", sz, w, rowOf(r, 1))
				}
			}
			r.openBox()
		}
		if got := r.m.View().WindowTitle; got != "turquoise PRODUCTION 3.2" {
			t.Errorf("title %q", got)
		}
	}
}

// K2: until identities are compared, the banner says so.
func TestK2UnprovedIsTheZeroValue(t *testing.T) {
	s := ready()
	s.Mode = 0
	newRig(t, s, 80, 24).shows("UNPROVED")
}

// K4: durations and times of day.
func TestK4ClocksAndTimes(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "00:00", 61 * time.Second: "01:01", 3661 * time.Second: "1:01:01", -5 * time.Second: "-00:05"} {
		if got := clock(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	if got := utc(night.In(time.FixedZone("x", 3600))); got != "03:14:07Z" {
		t.Error(got)
	}
}

// K5: small delays are not shown.
func TestK5LateOnlyAbove30Seconds(t *testing.T) {
	s := ready()
	s.Late = 30 * time.Second
	newRig(t, s, 120, 40).showsNot("late")
	s.Late = 31 * time.Second
	newRig(t, s, 120, 40).shows("late 00:31")
}

// K9: in the drain the tile shows the position that must be reached, and whether a
// proof has said so; a lag of zero is not told as if it meant that.
func TestK9TheDrainIsShownAgainstAPosition(t *testing.T) {
	drain := func(reached time.Time) session.Snapshot {
		s := frozen()
		s.Freeze.Reached = reached
		for _, g := range []session.Gauge{{ID: "blue/behind_bytes", Unit: engines.Bytes}, {ID: "blue/lag_seconds", Unit: engines.Seconds, Gate: "< 2s", Verdict: checks.Pass, Held: time.Minute}} {
			g.At, g.Age, g.History = night, time.Second, []float64{4, 0}
			s.Gauges = maps.Clone(s.Gauges)
			s.Gauges[g.ID] = g
		}
		return s
	}
	for _, size := range [][2]int{{100, 32}, {120, 40}, {170, 46}} {
		r := newRig(t, drain(time.Time{}), size[0], size[1])
		r.shows("≥ 4A/9C01F2B8", "not yet")
		r.showsNot("0.00 s", "held 01:00", "✓ reached")
		r = newRig(t, drain(night.Add(-2*time.Second)), size[0], size[1])
		r.shows("≥ 4A/9C01F2B8", "✓")
		r.showsNot("not yet", "0.00 s")
	}
	newRig(t, drain(time.Time{}), 170, 46).shows("GREEN ≥ 4A/9C01F2B8")
	newRig(t, drain(night.Add(-2*time.Second)), 170, 46).shows("GREEN ≥ 4A/9C01F2B8  ✓ 03:14:05Z")
	// In the line of the small screen too.
	r := newRig(t, drain(time.Time{}), 80, 24)
	r.shows("≥ 4A/9C01F2B8", "not yet")
	r.showsNot("lag 0")
}

// K6: the freeze clock is amber from the start and red from 70 % of its budget.
func TestK6FreezeClock(t *testing.T) {
	f := session.Freeze{State: "frozen", Elapsed: 6 * time.Second, Budget: 10 * time.Second}
	if l := freezeSegs(f, true); l[0].t != fillAmber || l.plain() != " FREEZE 00:06  left 00:04" {
		t.Errorf("got %v", l)
	}
	f.Elapsed = 7 * time.Second
	if l := freezeSegs(f, true); l[0].t != fillRed {
		t.Errorf("got %v", l)
	}
	f.Elapsed = 12 * time.Second
	if l := freezeSegs(f, true); !strings.Contains(l.plain(), "over 00:02") {
		t.Errorf("got %v", l)
	}
}

// K8: the way back is in every layout and in every confirm box.
func TestK8WayBackIsAlwaysThere(t *testing.T) {
	for _, sz := range sizes {
		for name, s := range scenes() {
			if name == "empty" {
				continue
			}
			r := newRig(t, s, sz[0], sz[1])
			for range numPanes {
				r.shows("WAY BACK", "OPEN", "until 4.3")
				r.key(tea.KeyPressMsg{Code: tea.KeyTab})
			}
		}
		r := newRig(t, withRisk(ready(), runbooks.NoReturn, "drop turq_back"), sz[0], sz[1])
		r.openBox()
		r.shows("POINT OF NO RETURN", "There is no undo.", "way back")
	}
}

// K10: STATUS says None when there is nothing to say.
func TestK10StatusList(t *testing.T) {
	newRig(t, over(), 120, 40).shows("STATUS", "None", "CUT OVER", "longest gap 0.51 s", "lost 0", "GREEN")
	s := over()
	s.Status = []string{"step 2.2 skipped by ada"}
	newRig(t, s, 120, 40).shows("step 2.2 skipped by ada")
}

// G1: one alarm, the worst, then the oldest; acknowledged ones stay in the recall list.
func TestG1OneAlarmAndRecall(t *testing.T) {
	s := ready()
	s.Alarms = []session.Alarm{
		{ID: "c", Since: night.Add(-time.Hour), Text: "CAREFUL", Level: session.CautionLevel},
		{ID: "w2", Since: night, Text: "YOUNG", Level: session.WarningLevel},
		{ID: "w1", Since: night.Add(-time.Minute), Text: "OLD", Level: session.WarningLevel},
		{ID: "o", Text: "GONE", Level: session.WarningLevel, Over: true},
	}
	r := newRig(t, s, 120, 40)
	if !strings.Contains(rowOf(r, 2), "▲▲ WARNING  OLD") {
		t.Errorf("line 3: %q", rowOf(r, 2))
	}
	r.pass(deadFor)
	r.typed("a")
	if a, ok := r.last().Command.(steps.Ack); !ok || a.Alarm != "w1" {
		t.Errorf("a sent %#v", r.last().Command)
	}
	r.typed("R")
	r.shows("CAREFUL", "YOUNG", "OLD", "GONE", "over")
	if got := strings.TrimSpace(rowOf(newRig(t, ready(), 120, 40), 2)); got != "" {
		t.Errorf("all is well, but line 3 says %q", got)
	}
}

// G3, G4: the age is there at every size; a stale gauge wears its badge, is not
// met, and its link is broken.
func TestG4StaleIsSeenEverywhere(t *testing.T) {
	for _, sz := range sizes {
		r := newRig(t, stale(), sz[0], sz[1])
		r.shows("STALE 17s", "╌?►", "unknown", "BLOCKED by 2 of 4")
		r = newRig(t, ready(), sz[0], sz[1])
		r.shows("1s", "4s")
	}
}

// G7: three seconds without a snapshot are said by the screen's own timer.
func TestG7NoNews(t *testing.T) {
	r := newRig(t, ready(), 120, 40)
	r.pass(5 * time.Second)
	tm, _ := r.m.Update(tickMsg{})
	r.m = tm.(Model)
	if !strings.Contains(rowOf(r, 2), "NO NEWS FROM THE SESSION 5 s") {
		t.Errorf("line 3: %q", rowOf(r, 2))
	}
	r.snap(ready())
	r.showsNot("NO NEWS")
}

// An older snapshot never replaces a newer one.
func TestOlderSnapshotsAreIgnored(t *testing.T) {
	s := ready()
	s.Seq = 5
	r := newRig(t, s, 120, 40)
	old := ready()
	old.Seq, old.Change = 4, "OLD"
	r.send(snapMsg(old))
	r.showsNot("OLD")
}

// L1: without colour, fills are reverse, what a box covers is blank, an off key
// stands in brackets.
func TestL1NoColourCarriesMeaning(t *testing.T) {
	r := newRig(t, stale(), 120, 40)
	r.m.th = NewTheme(NoColour, false, false)
	r.m.version++
	raw := r.m.View().Content
	if strings.Contains(raw, "[38;") || strings.Contains(raw, "[48;") {
		t.Error("a colour is sent under NO_COLOR")
	}
	if !strings.Contains(raw, "\x1b[1;7m ▲ CAUTION") {
		t.Error("the alarm is not in reverse")
	}
	r.shows("(x run…)", "┏━ STEP 3.2")
	r = newRig(t, ready(), 120, 40)
	r.m.th = NewTheme(NoColour, false, false)
	r.openBox()
	r.showsNot("CONNECTIONS")
}

// L2: no code point that some terminal draws as an emoji, and in ASCII no other at all.
func TestL2GlyphsAreOneCell(t *testing.T) {
	if len([]rune(glyphs)) != len(stand) {
		t.Fatalf("%d glyphs, %d stand-ins", len([]rune(glyphs)), len(stand))
	}
	for _, g := range glyphs {
		if harmful(g) || ansi.StringWidth(string(g)) != 1 {
			t.Errorf("%q is not a plain cell", g)
		}
	}
	for name, s := range scenes() {
		r := newRig(t, s, 120, 40)
		r.m.th = NewTheme(TrueColour, false, true)
		r.m.version++
		for _, c := range r.frame() {
			if c >= 0x80 {
				t.Fatalf("%s: %q in an ASCII frame", name, c)
			}
		}
	}
}

// L3: no mouse, and pausing holds the display while news go on coming.
func TestL3PauseHoldsTheDisplay(t *testing.T) {
	r := newRig(t, ready(), 120, 40)
	if r.m.View().MouseMode != tea.MouseModeNone {
		t.Error("the mouse is captured")
	}
	r.typed("p")
	s := ready()
	s.Change = "NEWER"
	r.snap(s)
	r.shows("DISPLAY PAUSED", "CHG0048213")
	r.typed("p")
	r.shows("NEWER")
}

// L6: the cursor stands in the field of the box.
func TestL6CursorIsInTheField(t *testing.T) {
	r := newRig(t, ready(), 120, 40)
	r.openBox()
	r.typed("bl")
	v := r.m.View()
	ls := strings.Split(ansi.Strip(v.Content), "\n")
	if got := string([]rune(ls[v.Cursor.Y])[v.Cursor.X]); got != caret {
		t.Errorf("cursor on %q of %q", got, ls[v.Cursor.Y])
	}
}

// X1: q and ctrl+c never stop a step.
func TestX1LeavingStopsNothing(t *testing.T) {
	r := newRig(t, frozen(), 120, 40)
	r.pass(deadFor)
	r.typed("q")
	r.shows("3.2 is running, the freeze is on. Leaving only closes this screen")
	if r.quit {
		t.Fatal("q left without asking")
	}
	r.pass(deadFor)
	r.typed("e")
	if r.m.mode != leaving {
		t.Fatal("e acted while a step runs")
	}
	r.typed("l")
	if !r.quit || r.m.Result() != Left || len(r.sess.got) != 0 {
		t.Fatalf("quit %v, result %v, sent %v", r.quit, r.m.Result(), r.sess.got)
	}

	r = newRig(t, frozen(), 120, 40)
	r.pass(deadFor)
	r.key(tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl})
	r.shows("INTERRUPT?", "esc let it go on")
	r.pass(deadFor)
	r.enter()
	if len(r.sess.got) != 0 {
		t.Fatal("enter alone interrupted")
	}
	r.typed("stop")
	r.enter()
	if _, ok := r.last().Command.(steps.Interrupt); !ok {
		t.Fatalf("sent %#v", r.last().Command)
	}

	r = newRig(t, ready(), 120, 40)
	r.pass(deadFor)
	r.key(tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl})
	r.shows("q leaves")
	r.typed("q")
	if !r.quit || r.m.Result() != Left {
		t.Fatal("q of an idle session did not leave")
	}
}

// Ending is an act of its own, with a reason, and known to the caller.
func TestEndingTheSessionIsTold(t *testing.T) {
	s := ready()
	s.Holding = "by ada"
	r := newRig(t, s, 120, 40)
	r.pass(deadFor)
	r.typed("q")
	r.pass(deadFor)
	r.typed("e")
	r.pass(deadFor)
	r.typed("called off")
	r.enter()
	if e, ok := r.last().Command.(steps.End); !ok || e.Reason != "called off" || !r.quit || r.m.Result() != Ended {
		t.Fatalf("sent %#v, quit %v, result %v", r.last().Command, r.quit, r.m.Result())
	}
}

// X4: five lines stay in the scrollback.
func TestX4Farewell(t *testing.T) {
	got := Farewell(frozen())
	want := []string{
		"session 20261121-orders-7f3a: screen left at 03:14:07Z, session goes on",
		"step 3.2 running, 00:12 of 00:30 · writes: none (FROZEN) · freeze 02:31 of 10:00 · clients' longest gap 02:31",
		"way back: open, now 0 s, loses nothing, until 4.3",
		"record: 118 entries, head 1b60fe",
		"come back: turquoise attach 20261121-orders-7f3a",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	if got := Farewell(over())[1]; !strings.Contains(got, "freeze was 0.43 s of 00:20") {
		t.Errorf("after the end: %q", got)
	}
	early := over()
	early.Phases = []session.PhaseRow{{Done: 1, Total: 4}, {Total: 3}}
	if got := Farewell(early)[1]; !strings.HasPrefix(got, "1 of 7 steps done") {
		t.Errorf("left early: %q", got)
	}
	for name, s := range scenes() {
		if n := len(Farewell(s)); n != 5 {
			t.Errorf("%s: %d lines", name, n)
		}
	}
}

// While a block runs, each statement carries its own sign.
func TestBlockShowsStatementsAbortAndWindow(t *testing.T) {
	s := edited(windowBlock(), func(c *session.Card) {
		c.Phase, c.Started = steps.Running, night
		c.Statements[0].State, c.Statements[0].Took, c.Statements[1].State = "done", 12*time.Millisecond, "running"
	})
	r := newRig(t, s, 170, 60)
	r.shows("1 ✓ router", "done 0.01 s", "2 ◒ blue", "3 ○ blue", "IF IT FAILS, BY ITSELF", "WINDOW 0.42 s predicted by 3 rehearsals", "worst of 3 rehearsed 420ms", "budget 20.0 s")
}

// Values are readable, and what is missing is a dash, never a zero.
func TestValues(t *testing.T) {
	for want, g := range map[string]session.Gauge{
		"9.6 KiB": {ID: "a", Value: 9830, Unit: engines.Bytes}, "0.33 s": {ID: "a", Value: .33, Unit: engines.Seconds},
		"1 842": {ID: "a", Value: 1842, Unit: engines.Count, At: night}, "-": {ID: "a", Stale: true}, "lost": {ID: "a", Text: "lost"}, "yes": {ID: "a", Value: 1, Unit: engines.Bool},
	} {
		if got := value(g); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := value(session.Gauge{ID: "a", Value: math.NaN(), Unit: engines.Count}); got != "-" {
		t.Error(got)
	}
}
