package session_test

import (
	"slices"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// single is a session whose window is walked step by step, with a dead-man.
func single(v *servers, dir string, started *int, w *watcher) session.Config {
	cfg := config(v, dir)
	cfg.Stepwise = true
	cfg.Deadman = func() (session.Deadman, error) { *started++; return w, nil }
	return cfg
}

// TestSingleStepsHaveADeadMan: it is started before the freeze can be confirmed,
// stays when the cockpit leaves while clients are held, and goes when they are not.
func TestSingleStepsHaveADeadMan(t *testing.T) {
	for _, row := range []struct {
		name  string
		until []runbooks.StepID
		rests int
	}{
		{"left before the freeze", nil, 1},
		{"left while clients are held", []runbooks.StepID{"2.1", "2.2"}, 0},
		{"left behind the opening", []runbooks.StepID{"2.1", "2.2", "2.3"}, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			v, w, started := newServers(), newWatcher(), 0
			n := begin(t, v, single(v, t.TempDir(), &started, w))
			n.run("1.1", steps.Done)
			if started != 0 {
				t.Error("a dead-man was started for a step that holds nobody")
			}
			if err := n.do(session.Intent{Command: steps.Arm{Step: "2.1"}}); err != nil || started != 1 {
				t.Fatalf("armed: %v, %d dead-men", err, started)
			}
			<-w.changed
			for _, id := range row.until {
				n.run(id, steps.Done)
			}
			if err := n.s.Close(); err != nil {
				t.Fatal(err)
			}
			if started != 1 || w.rests != row.rests {
				t.Errorf("%d dead-men, let go %d times, want %d", started, w.rests, row.rests)
			}
		})
	}
}

// TestSingleStepsAreTakenBack: each by its own abort list, the latest first, on
// record under its own plan; a list that fails stops it, and it may be tried again.
func TestSingleStepsAreTakenBack(t *testing.T) {
	v, w, started := newServers(), newWatcher(), 0
	cfg := single(v, t.TempDir(), &started, w)
	n := begin(t, v, cfg)
	n.run("1.1", steps.Done)
	n.run("2.1", steps.Done)
	n.run("2.2", steps.Done)
	if err := n.s.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.Deadman = nil
	if held, err := session.Held(cfg); err != nil || !held {
		t.Fatalf("held %v, %v", held, err)
	}
	back := func() (steps.State, error) {
		s, err := session.Resume(t.Context(), cfg, "the cockpit is gone")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		err = s.TakeBack(t.Context(), session.Person{Name: "ann", Role: "operator"}, "the cockpit is gone")
		return s.State(), err
	}
	v.mu.Lock()
	v.on["uncatch"] = func() (engines.Result, error) { return engines.Result{}, errRefused }
	v.mu.Unlock()
	if st, err := back(); err == nil || !st.Freeze.On || slices.Contains(v.texts(), "thaw") {
		t.Fatalf("clients went on although a step before was not taken back: %v, sent %q", err, v.texts())
	}
	v.mu.Lock()
	delete(v.on, "uncatch")
	v.mu.Unlock()
	st, err := back()
	if err != nil {
		t.Fatal(err)
	}
	it, _ := st.Current()
	if it.Step.ID != "2.1" || st.Freeze.On || st.Writes != "blue" || st.Step("2.1").Phase != steps.Undone || st.Step("2.2").Phase != steps.Undone {
		t.Errorf("the walk stands at %s, freeze %+v, steps %s and %s", it.Step.ID, st.Freeze, st.Step("2.1").Phase, st.Step("2.2").Phase)
	}
	sent := v.texts()
	if u, h := slices.Index(sent, "uncatch"), slices.Index(sent, "thaw"); u < 0 || h < u {
		t.Errorf("sent in the order %q", sent)
	}
	if held, err := session.Held(cfg); err != nil || held {
		t.Errorf("held after it was taken back: %v, %v", held, err)
	}
	if _, err := back(); err == nil {
		t.Error("taken back twice")
	}
	for _, f := range entries.Verify(cfg.Dir, audit.VerifyOptions{}).Findings {
		if f.Sev == audit.Tampered || f.Sev == audit.Rule {
			t.Errorf("the record: %v", f)
		}
	}
}
