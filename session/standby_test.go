package session_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// TestWhatADeadManDidIsEndorsed: a signed session that its dead-man took back is a
// record of full level, in a block that a second person approved as in a window of
// single steps; without the key that the operator endorsed it is not.
func TestWhatADeadManDidIsEndorsed(t *testing.T) {
	for _, row := range []struct {
		name, at string
		stepwise bool
		other    bool // the process has another key than the one that was endorsed
		exit     int
	}{
		{"a block", "2:main:after-send:2", false, false, 0},
		{"single steps", "2.2:after-outcome", true, false, 0},
		{"another process", "2:main:after-send:2", false, true, 4},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, v, w := newCrew(t), newServers(), newWatcher()
			key, err := audit.NewStandby(config(v, "").Record.Origin, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			w.key = key.VKey()
			if row.other {
				if key, err = audit.NewStandby(config(v, "").Record.Origin, rand.Reader); err != nil {
					t.Fatal(err)
				}
			}
			dir, left := filepath.Join(t.TempDir(), "r"), filepath.Join(t.TempDir(), "r")
			cfg := config(v, dir)
			cfg.Stepwise = row.stepwise
			cfg.Book.Phases[1].Steps[0].Signers = 2
			cfg.People = c.people()
			cfg.Deadman = func() (session.Deadman, error) { return w, nil }
			var once sync.Once
			copied := make(chan struct{})
			cfg.Crash = func(point string) { // what a cockpit that dies here leaves
				if point == row.at {
					once.Do(func() { err = os.CopyFS(left, os.DirFS(dir)); close(copied) })
				}
			}
			n := begin(t, v, cfg)
			n.run("1.1", steps.Done)
			n.approved("/bob")
			if row.stepwise {
				n.over("2.1", steps.Done)
				n.run("2.2", steps.Done)
			}
			<-copied
			if err != nil {
				t.Fatal(err)
			}
			cfg.Dir, cfg.Crash, cfg.Deadman = left, nil, nil
			dead := cfg
			dead.People, dead.Standby = session.People{}, key
			s, err := session.Resume(t.Context(), dead, "dead-man: the cockpit is gone")
			if err != nil {
				t.Fatal(err)
			}
			if err := s.TakeBack(t.Context(), session.Person{Name: "ann", Role: "operator"}, "dead-man: the cockpit is gone"); err != nil {
				t.Fatal(err)
			}
			if err := s.Suspend("the dead-man has done its work"); err != nil {
				t.Fatal(err)
			}
			if s, err = session.Resume(t.Context(), cfg, "back"); err != nil {
				t.Fatal(err)
			}
			attach(t, v, s).ends(t, left, c, row.exit)
			r := entries.Verify(left, audit.VerifyOptions{Signers: c.signers})
			if r.Levels[1].Met != (row.exit == 0) {
				t.Errorf("%v", r.Levels[1])
			}
		})
	}
}

// approved arms the current step, has a second person sign and confirms it.
func (n *night) approved(key string) {
	n.t.Helper()
	n.arm(n.t, n.shown().Current)
	if err := n.do(session.Intent{Command: steps.Approve{Way: "screen"}, Sign: &session.Sign{Path: key}}); err != nil {
		n.t.Fatal(err)
	}
	if err := n.confirmArmed(); err != nil {
		n.t.Fatal(err)
	}
}

// TestAHandoverGuardsAnew: the operator who comes endorses a dead-man's key of the
// own, also while clients are held.
func TestAHandoverGuardsAnew(t *testing.T) {
	c, v := newCrew(t), newServers()
	dir := filepath.Join(t.TempDir(), "r")
	all := []*watcher{newWatcher(), newWatcher()}
	cfg := config(v, dir)
	cfg.Stepwise, cfg.People = true, c.people()
	cfg.Deadman = func() (session.Deadman, error) {
		key, err := audit.NewStandby(cfg.Record.Origin, rand.Reader)
		if err != nil {
			return nil, err
		}
		w := all[0]
		w.key, all = key.VKey(), all[1:]
		return w, nil
	}
	first := all[0]
	n := begin(t, v, cfg)
	n.run("1.1", steps.Done)
	n.run("2.1", steps.Done)
	if err := n.do(session.Intent{Command: steps.Handover{To: "bob", Reason: "end of shift"}, Sign: &session.Sign{Path: "/bob"}}); err != nil {
		t.Fatal(err)
	}
	first.mu.Lock()
	rests := first.rests
	first.mu.Unlock()
	if len(all) != 0 || rests != 1 {
		t.Fatalf("%d dead-men are left, the first was let go %d times", len(all), rests)
	}
	rec, err := audit.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var by []string
	for _, e := range rec.Entries {
		if e.Type == "session.standby" || e.Type == "session.handover" {
			by = append(by, e.Type+" "+e.By)
		}
	}
	if got := strings.Join(by, ", "); got != "session.standby ann, session.handover bob, session.standby bob" {
		t.Errorf("the record has %s", got)
	}
	for _, a := range n.s.Snapshot().Alarms {
		t.Errorf("alarm %s", a.Text)
	}
}
