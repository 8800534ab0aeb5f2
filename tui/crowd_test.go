package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/turquoise-db/turquoise/session"
)

// crowded is a big night with a hostile neighbour: 1,000 sessions under names
// that want to move the cursor, 2,000 tables, 500 sequences and a statement of
// 300 lines.
func crowded() session.Snapshot {
	s := ready()
	s.Clients = [2]session.ClientTable{}
	for i := range 1000 {
		name := fmt.Sprintf("%s-%03d", hostile[i%len(hostile)], i)
		s.Clients[i%2].Rows = append(s.Clients[i%2].Rows, session.ClientRow{App: name, Count: 1 + i%7})
		s.Clients[i%2].Total += 1 + i%7
	}
	s.Rows = session.RowTile{Tables: 2000, Blue: 123456789012, Green: 123456789013, Differ: 3, Exact: true, Age: 4 * time.Second}
	s.Seqs = session.SeqTile{Known: 500, Behind: 499, MaxGap: 9223372036854775807, Worst: "\x1b[31msch\u202eema\".\"" + strings.Repeat("s", 200), Age: time.Second, SetIn: "5.4"}
	s.Outage = &session.Outage{Acked: 1 << 60, Failed: 99999, LongestGap: 3 * time.Hour, TPS: 1e9}
	return edited(s, func(c *session.Card) {
		var b strings.Builder
		for i := range 300 {
			fmt.Fprintf(&b, "INSERT INTO t%d VALUES ('%s');\n", i, hostile[i%len(hostile)])
		}
		c.Statements = []session.Statement{{N: 1, Target: "blue", Verb: "sql", Title: hostile[0], Text: b.String()}}
		c.PlanText = b.String()
	})
}

// A big night and a hostile one break no frame, in no layout, pane, box or theme.
func TestACrowdBreaksNoFrame(t *testing.T) {
	themes := []*Theme{NewTheme(TrueColour, false, false), NewTheme(Colours16, true, false), NewTheme(NoColour, false, false), NewTheme(TrueColour, false, true)}
	for _, sz := range append(sizes, [2]int{255, 255}, [2]int{79, 23}) {
		for i, th := range themes {
			r := newThemedRig(t, th, crowded(), sz[0], sz[1])
			r.pass(deadFor)
			for _, k := range []string{"1", "2", "3", "4", "z", "?", "R", "L", "/"} {
				r.typed(k)
				checkFrame(t, uint64(i), r.m.View().Content, sz[0], sz[1])
				r.pass(deadFor)
				r.esc()
			}
			r.x()
			r.snap(armed(r.m.snap))
			checkFrame(t, uint64(i), r.m.View().Content, sz[0], sz[1])
			r.pass(deadFor)
			r.key(tea.KeyPressMsg{Code: tea.KeyEnd})
			checkFrame(t, uint64(i), r.m.View().Content, sz[0], sz[1])
		}
	}
}

// The numbers of a big night are on the screen, and so is the whole of what runs.
func TestACrowdIsCounted(t *testing.T) {
	r := newRig(t, crowded(), 170, 46)
	r.shows("1 997 of 2 000", "✗ 3 differ", "499 of 500 behind", "others", "more lines; x shows all before it asks")
	r.openBox()
	if r.m.mode != paging {
		t.Fatalf("mode %d, want the pager", r.m.mode)
	}
	seen := ""
	for range 400 {
		seen += r.frame()
		if strings.Contains(seen, "on to the box") {
			break
		}
		r.key(tea.KeyPressMsg{Code: tea.KeyPgDown})
	}
	for i := range 300 {
		if !strings.Contains(seen, fmt.Sprintf("INSERT INTO t%d VALUES", i)) {
			t.Fatalf("line %d of the statement was never on the screen", i)
		}
	}
}

// One application may not take the place of another by its name, nor hide what
// stands beside it.
func TestL7NamesCannotHideOrReorder(t *testing.T) {
	s := ready()
	s.Clients[0].Rows = []session.ClientRow{{App: "pay\u202egnol", Count: 3}, {App: "a\x1b[2Kb", Count: 2}, {App: "z\u200bw", Count: 1}}
	for _, ascii := range []bool{false, true} {
		r := newThemedRig(t, NewTheme(TrueColour, false, ascii), s, 200, 50)
		r.shows("pay<U+202E>gnol", "a<U+001B>[2Kb", "z<U+200B>w")
		if f := r.m.View().Content; strings.ContainsRune(f, '\u202e') || strings.Contains(ansi.Strip(f), "\x1b") {
			t.Error("a mark went through")
		}
	}
}

// While a step runs the screen goes on: each publication is a new frame, keys
// are answered, and a session that does not answer an intent holds up nothing.
func TestTheScreenNeverWaitsForTheSession(t *testing.T) {
	r := newRig(t, frozen(), 120, 40)
	r.pass(deadFor)
	tm, cmd := r.m.Update(keyOf('h')) // a hold may be asked for while a step runs
	r.m = tm.(Model)
	if cmd != nil {
		t.Fatal("opening a box waits for something")
	}
	r.frame()
	r.pass(deadFor)
	r.typed("net")
	tm, cmd = r.m.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	r.m = tm.(Model)
	if cmd == nil || len(r.sess.got) != 0 {
		t.Fatal("the intent was sent from Update: a slow session would hold the screen")
	}
	// cmd stands for the session that never answers: it is not run.
	for i := range 5 {
		s := frozen()
		s.Seq, s.Now = r.m.snap.Seq+1, night.Add(time.Duration(i)*time.Second)
		s = edited(s, func(c *session.Card) { c.Elapsed = time.Duration(12+i) * time.Second })
		r.snap(s)
		r.shows(utc(s.Now), clock(time.Duration(12+i)*time.Second)+" of 00:30 planned")
	}
	r.typed("3")
	r.typed("j")
	if r.m.look.pane != paneGauges {
		t.Error("a key was not answered")
	}
}
