package session_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// watcher is a dead-man that counts.
type watcher struct {
	mu           sync.Mutex
	beats, rests int
	err          error // of the next beat
	key          string
	changed      chan struct{}
}

func newWatcher() *watcher { return &watcher{changed: make(chan struct{}, 100)} }

func (w *watcher) String() string { return "process 1" }

func (w *watcher) Key() string { return w.key }

func (w *watcher) Beat() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.beats++
	w.changed <- struct{}{}
	return w.err
}

func (w *watcher) Rest() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rests++
	return nil
}

// TestAWindowHasADeadMan: it is started once, before a block can be confirmed and
// for nothing else, and let go when the session is closed.
func TestAWindowHasADeadMan(t *testing.T) {
	v, w, started := newServers(), newWatcher(), 0
	cfg := config(v, t.TempDir())
	cfg.Deadman = func() (session.Deadman, error) { started++; return w, nil }
	n := begin(t, v, cfg)
	n.run("1.1", steps.Done)
	if started != 0 {
		t.Error("a dead-man was started for a step that holds nobody")
	}
	v.mu.Lock()
	v.on["catchup"] = func() (engines.Result, error) { return engines.Result{}, errRefused }
	v.on["is it catchup"] = func() (engines.Result, error) { return row("f"), nil }
	v.mu.Unlock()
	n.run("2", steps.Undone)
	n.run("2", steps.Undone)
	<-w.changed
	if err := n.s.Close(); err != nil {
		t.Fatal(err)
	}
	if started != 1 || w.beats == 0 || w.rests != 1 {
		t.Errorf("started %d times, %d beats, let go %d times", started, w.beats, w.rests)
	}
}

// TestNoWindowWithoutItsDeadMan: one that cannot be started keeps the step shut.
func TestNoWindowWithoutItsDeadMan(t *testing.T) {
	v := newServers()
	cfg := config(v, t.TempDir())
	cfg.Deadman = func() (session.Deadman, error) { return nil, errors.New("no more processes") }
	n := begin(t, v, cfg)
	n.run("1.1", steps.Done)
	if err := n.do(session.Intent{Command: steps.Arm{Step: "2"}}); err == nil || !strings.Contains(err.Error(), "no more processes") {
		t.Fatalf("armed without a dead-man: %v", err)
	}
	if slices.Contains(v.texts(), "freeze") {
		t.Error("clients were held without a dead-man")
	}
}

// TestADeadManThatDiesIsReplaced: its end is an alarm, and the next arming starts
// another one.
func TestADeadManThatDiesIsReplaced(t *testing.T) {
	v, dying, next := newServers(), newWatcher(), newWatcher()
	dying.err = errors.New("killed")
	all := []*watcher{dying, next}
	cfg := config(v, t.TempDir())
	cfg.Deadman = func() (session.Deadman, error) { w := all[0]; all = all[1:]; return w, nil }
	n := begin(t, v, cfg)
	n.run("1.1", steps.Done)
	arm := session.Intent{Command: steps.Arm{Step: "2"}}
	if err := n.do(arm); err != nil {
		t.Fatal(err)
	}
	gone := func(s session.Snapshot) bool {
		return slices.ContainsFunc(s.Alarms, func(a session.Alarm) bool { return a.ID == "deadman" && !a.Over })
	}
	news, end := n.h.Subscribe()
	defer end()
	for s := range news {
		if gone(s) {
			break
		}
	}
	if err := n.do(session.Intent{Command: steps.Disarm{}}); err != nil {
		t.Fatal(err)
	}
	if err := n.do(arm); err != nil {
		t.Fatal(err)
	}
	<-next.changed
	for s := range news {
		if !gone(s) {
			break
		}
	}
}
