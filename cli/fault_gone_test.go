package cli

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// TestAServerIsGone: blue, green or the pooler cannot be reached any more, in a
// step and in the window. What can be taken back is taken back by itself; where
// the abort plan cannot reach a server the outcome is unclear, the way on is
// shown, and the roll-back brings the clients home once the server is back.
func TestAServerIsGone(t *testing.T) {
	t.Parallel()
	var at string
	var then func()
	crash := func(c *session.Config) {
		c.Crash = func(point string) {
			if point == at {
				at = ""
				then()
			}
		}
	}
	w := newWiredWith(t, crash, "budget=8s") // what cannot be reached is waited for that long
	w.breaks, w.parted = 1<<30, 1<<30        // a pooler that dies takes its clients along
	at, then = "1.5:main:before-begin:1", w.wires["blue"].Down
	if err := w.walk(w.s, lab.WalkOptions{Until: "1.5"}); !errors.Is(err, lab.ErrStopped) {
		t.Fatalf("a step on a server that is gone: %v", err)
	}
	w.wires["blue"].Up()
	if x := w.s.State().Step("1.5"); x.Phase != steps.Failed && x.Phase != steps.Unclear {
		t.Fatalf("step 1.5 is %s: %s", x.Phase, x.Why)
	}
	if _, err := settleDoubt(t.Context(), w.s); err != nil {
		t.Fatal(err)
	}
	if err := w.walk(w.s, lab.WalkOptions{Until: "4.5"}); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []struct {
		name, after string // title of the last action that was answered
		do, undo    func() error
		reached     bool // the abort plan reaches all it needs
		flows       bool // clients go on before anybody does anything
	}{
		{"green before it has caught up", "freeze position", down(w, "green"), up(w, "green"), true, true},
		{"green when the way back has begun", "the way back begins here", down(w, "green"), up(w, "green"), false, true},
		{"blue when its roles are closed", "may not log in", down(w, "blue"), up(w, "blue"), false, false},
		{"the pooler's console", "freeze position", down(w, "router"), up(w, "router"), false, false},
		{"the pooler", "freeze position", w.pair.Pooler.Stop, func() error { return w.pair.Pooler.Start(t.Context()) }, false, false},
	} {
		w.gone(gone.name, gone.after, &at, &then, gone.do)
		st := w.s.State()
		x := st.Step("5")
		t.Logf("%s: %s, freeze on %v: %s", gone.name, x.Phase, st.Freeze.On, x.Why)
		if gone.reached != (x.Phase == steps.Undone) || !gone.reached && x.Phase != steps.Unclear {
			t.Fatalf("%s: step 5 is %s: %s", gone.name, x.Phase, x.Why)
		}
		if gone.flows {
			w.flows(gone.name + ": before anybody acts")
		}
		if c := w.s.Snapshot().Cards["5"]; !gone.reached && !c.CanDecide {
			t.Errorf("%s: the card offers no decision: %+v", gone.name, c.Outcome)
		}
		if err := gone.undo(); err != nil {
			t.Fatal(err)
		}
		if gone.name == "the pooler" { // another process than the bound one: only a resume binds it
			w.again(crash)
		}
		if _, err := settleDoubt(t.Context(), w.s); err != nil {
			t.Fatalf("%s: %v", gone.name, err)
		}
		if st := w.s.State(); st.Freeze.On || st.Writes != "blue" {
			t.Fatalf("%s: freeze %+v, writes on %q", gone.name, st.Freeze, st.Writes)
		}
		w.flows(gone.name + ": after the roll-back")
	}
	if err := w.walk(w.s, lab.WalkOptions{Until: "5"}); err != nil {
		t.Fatal(err)
	}
	w.once()
	w.compare(w.s)
}

// again suspends the session and resumes it.
func (w *wired) again(change func(*session.Config)) {
	w.t.Helper()
	if err := w.s.Suspend("to bind a server anew"); err != nil {
		w.t.Fatal(err)
	}
	book, values, _, err := w.cut.load(w.get)
	if err != nil {
		w.t.Fatal(err)
	}
	cfg, err := w.cut.config(book, values, w.get)
	if err != nil {
		w.t.Fatal(err)
	}
	cfg.LabOnly, cfg.Scripted = true, true
	cfg.Sid, cfg.Dir = w.s.Snapshot().Sid, w.s.Dir()
	cfg.Run, cfg.Record = "s"+cfg.Sid[len(cfg.Sid)-4:], recordDeps(ticket{}.origin(cfg.Sid))
	change(&cfg)
	s, err := session.Resume(w.t.Context(), cfg, "the pooler was started again")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = s.Close() })
	w.s = s
}

func down(w wired, name string) func() error {
	return func() error { w.wires[name].Down(); return nil }
}

func up(w wired, name string) func() error {
	return func() error { w.wires[name].Up(); return nil }
}

// gone walks into the window and loses a server after the action of that title.
func (w wired) gone(name, after string, at *string, then *func(), do func() error) {
	w.t.Helper()
	for _, st := range w.s.Snapshot().Cards["5"].Statements {
		if *at == "" && strings.Contains(st.Title, after) {
			*at = fmt.Sprintf("5:main:after-end:%d", st.N)
		}
	}
	if *at == "" {
		w.t.Fatalf("no action %q in the window", after)
	}
	*then = func() {
		if err := do(); err != nil {
			w.t.Error(err)
		}
	}
	if err := w.walk(w.s, lab.WalkOptions{Until: "5"}); !errors.Is(err, lab.ErrStopped) || *at != "" {
		w.t.Fatalf("%s: the walk ended with %v", name, err)
	}
}
