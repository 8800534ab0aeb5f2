package tui

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

const fixPace = "workers 2, max-active 40, critical-active 120, max-waiting 10"

// reads is a night whose first comparison is reading.
func reads() session.Snapshot {
	s := ready()
	s.Rows = session.RowTile{Tables: 14, Blue: 31_204_338, Green: 31_204_120, Age: 2 * time.Second}
	s.Compared = &session.Compared{Reading: true, Rows: 11_731_456, Total: 31_204_000, Rate: 842_113, ETA: 23 * time.Second, Elapsed: 14 * time.Second, Pace: fixPace,
		Unvouched: []string{"large objects: left out: not compared"}}
	for i, n := range []string{"accounts", "audit_log", "customers", "invoices", "invoice_lines", "orders", "order_items", "payments", "prices", "products", "shipments", "stock", "suppliers", "warehouses"} {
		t := session.ComparedTable{Table: "public." + n, Total: int64(i+1) * 297_000, Parts: 9 + i}
		switch {
		case i < 4:
			t.Done, t.Rows = t.Parts, t.Total+int64(i)*17
		case i == 4:
			t.Done, t.Rows, t.Rate, t.Suspects = 5, 700_416, 412_880, 3
		}
		s.Compared.Tables = append(s.Compared.Tables, t)
	}
	return s
}

// followed is the same night an hour on: everything was compared, and one row
// differs, one was written on green by hand, and one table is outside the log.
func followed() session.Snapshot {
	s := reads()
	s.Rows = session.RowTile{Tables: 14, Blue: 31_206_771, Green: 31_206_771, Differ: 1, Exact: true}
	c := *s.Compared
	c.Reading, c.Rows, c.Dirty, c.Verified, c.VerifiedAt = false, 31_206_771, 41, "4A/9C01F2B8", night.Add(-time.Second)
	c.Differ, c.Foreign = []string{"public.orders (key 9182217c0f3a4d5e)"}, 1
	c.Strangers = []string{"public.stock (key 00de114a7b1c2d3e)"}
	c.Unvouched = append([]string{"public.session_cache: its changes cannot be followed: compared as a whole at the freeze"}, c.Unvouched...)
	c.Tables = append([]session.ComparedTable{}, c.Tables...)
	for i := range c.Tables {
		t := &c.Tables[i]
		t.Done, t.Rows, t.Rate, t.Suspects, t.Dirty = t.Parts, t.Total, 0, 0, (i*7)%5
	}
	c.Tables[5].Differ = 1
	c.Tables = append(c.Tables, session.ComparedTable{Table: "public.session_cache", Rows: 2204, Total: 2204, Parts: 1, Done: 1, Whole: "its changes cannot be followed"})
	s.Compared = &c
	return s
}

// busy is that night under a load that is read in batches, so late.
func busy(late time.Duration) session.Snapshot {
	s := followed()
	c := *s.Compared
	c.Every, c.Behind = 20*time.Second, late
	s.Compared = &c
	return s
}

// TestABusyLogIsToldFromALateOne: one that is read in batches is late by as much as
// they are apart, and that is no alarm.
func TestABusyLogIsToldFromALateOne(t *testing.T) {
	for _, sz := range [][2]int{{80, 24}, {120, 40}, {170, 46}} {
		for late, want := range map[time.Duration]string{12 * time.Second: "busy: read every 20.0 s", 40 * time.Second: "logs read 40.0 s late"} {
			if f := zoomedRig(t, busy(late), sz[0], sz[1]).frame(); !strings.Contains(f, want) {
				t.Errorf("%dx%d: no %q\n%s", sz[0], sz[1], want, f)
			}
		}
	}
}

// zoomedRig looks at the gauges, zoomed.
func zoomedRig(t *testing.T, s session.Snapshot, w, h int) *rig {
	t.Helper()
	r := newRig(t, s, w, h)
	r.typed("3")
	r.typed("z")
	return r
}

// TestGoldenComparison keeps the zoomed comparison as a reviewer reads it.
func TestGoldenComparison(t *testing.T) {
	for name, s := range map[string]session.Snapshot{"reading": reads(), "followed": followed()} {
		for _, sz := range [][2]int{{80, 24}, {120, 40}, {170, 46}} {
			file := filepath.Join("testdata", fmt.Sprintf("compared-%s-%dx%d.txt", name, sz[0], sz[1]))
			got := trimmed(zoomedRig(t, s, sz[0], sz[1]).frame())
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want, err := os.ReadFile(file); err != nil || got != string(want) {
				t.Errorf("%v: %s differs; got\n%s", err, file, got)
			}
		}
	}
}

// TestTheComparisonSaysWhatIsNotProven: at every size the verdict, the position
// and the pace are on screen, and everything else can be scrolled to.
func TestTheComparisonSaysWhatIsNotProven(t *testing.T) {
	for _, sz := range [][2]int{{80, 24}, {100, 32}, {120, 40}, {150, 36}, {170, 46}} {
		r := zoomedRig(t, followed(), sz[0], sz[1])
		for _, want := range []string{"1 row differs", "4A/9C01F2B8", "workers 2", "9182217c0f3a4d5e"} {
			if !strings.Contains(r.frame(), want) {
				t.Errorf("%dx%d: no %q\n%s", sz[0], sz[1], want, r.frame())
			}
		}
		all := r.frame()
		for range 40 {
			r.typed("j")
			all += r.frame()
		}
		for _, want := range []string{"00de114a7b1c2d3e", "session_cache: its changes cannot be followed", "large objects", "public.warehouses", "public.accounts"} {
			if !strings.Contains(all, want) {
				t.Errorf("%dx%d: %q cannot be scrolled to", sz[0], sz[1], want)
			}
		}
	}
	held := reads()
	c := *held.Compared
	c.Held, c.Lost = "blue has 48 active sessions, at most 40", ""
	held.Compared = &c
	if f := zoomedRig(t, held, 80, 24).frame(); !strings.Contains(f, "HELD blue has 48 active sessions") {
		t.Errorf("a comparison that stands still looks as if it went on:\n%s", f)
	}
	c.Lost = "the changes since the comparison are not known"
	held.Compared = &c
	if f := zoomedRig(t, held, 120, 40).frame(); strings.Contains(f, "✓ equal") || !strings.Contains(f, "UNKNOWN NOW") {
		t.Errorf("what is not known is shown as equal:\n%s", f)
	}
}

// shown is followed after somebody asked for the keys.
func shown() session.Snapshot {
	s := followed()
	c := *s.Compared
	c.Keys = []string{"public.orders (key 9182217c0f3a4d5e) = public.orders (4711)", "public.stock (key 00de114a7b1c2d3e) = public.stock (17, eu)"}
	s.Compared = &c
	return s
}

// TestKeysAreShownOnRequest: K asks for them, and what the session shows is told
// apart from the marks; where no row is named the key is off.
func TestKeysAreShownOnRequest(t *testing.T) {
	s := followed()
	r := zoomedRig(t, s, 120, 40)
	if strings.Contains(r.frame(), "SHOWN ON REQUEST") || !strings.Contains(r.frame(), "K SHOWS THE KEYS") {
		t.Errorf("before anybody asked:\n%s", r.frame())
	}
	r.pass(deadFor)
	r.typed("K")
	if _, ok := r.last().Command.(steps.Reveal); !ok {
		t.Fatalf("sent %+v", r.last())
	}
	if f := zoomedRig(t, shown(), 120, 40).frame(); !strings.Contains(f, "KEYS, SHOWN ON REQUEST AND ON RECORD") || !strings.Contains(f, "public.orders (4711)") {
		t.Errorf("after it was asked:\n%s", f)
	}
	off := newRig(t, reads(), 120, 40)
	off.pass(deadFor)
	off.typed("K")
	if len(off.sess.got) > 0 {
		t.Error("keys of nothing can be asked for")
	}
}

// TestThePaceIsChangedByWords: w asks for the limits, and they leave as typed.
func TestThePaceIsChangedByWords(t *testing.T) {
	r := newRig(t, reads(), 120, 40)
	r.pass(deadFor)
	r.typed("w")
	if !strings.Contains(r.frame(), "PACE OF THE COMPARISON") || !strings.Contains(r.frame(), "max-active 40") {
		t.Fatalf("no box:\n%s", r.frame())
	}
	r.pass(deadFor)
	r.typed("workers 4")
	r.enter()
	if p, ok := r.last().Command.(steps.Throttle); !ok || p.Limits != "workers 4" {
		t.Errorf("sent %+v", r.last())
	}
	off := newRig(t, ready(), 120, 40)
	off.pass(deadFor)
	off.typed("w")
	if strings.Contains(off.frame(), "PACE OF THE COMPARISON") {
		t.Error("the pace of nothing can be changed")
	}
}
