package session_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// TestIntentIsSealedBeforeTheFirstByte reads the record at the moment of the
// first Do, from the file as another process would.
func TestIntentIsSealedBeforeTheFirstByte(t *testing.T) {
	v, dir := newServers(), t.TempDir()
	var seen []string
	v.on["CREATE x"] = func() (engines.Result, error) {
		rec, err := audit.Load(dir)
		if err != nil {
			return engines.Result{}, err
		}
		for _, e := range rec.Entries {
			if e.Step != "" || e.Type == "key.next" || e.Type == "seal" {
				seen = append(seen, e.Type)
			}
		}
		return row("1"), nil
	}
	n := begin(t, v, config(v, dir))
	n.run("1.1", steps.Done)
	want := []string{"step.plan", "step.confirm", "check.result", "step.intent", "key.next", "seal", "stmt.begin"}
	if len(seen) < len(want) || !slices.Equal(seen[len(seen)-len(want):], want) {
		t.Errorf("on disk when the first byte left:\n%q\nwant at the end\n%q", seen, want)
	}
	n.run("2", steps.Done)
	if err := n.do(session.Intent{Command: steps.End{}}); err != nil {
		t.Fatal(err)
	}
	if err := n.s.Close(); err != nil {
		t.Fatal(err)
	}
	if r := entries.Verify(dir, audit.VerifyOptions{}); len(r.Findings) != 0 {
		t.Errorf("the record of a good night: %v", r.Findings)
	}
	got := []string{"CREATE x", "is x", "freeze", "is it freeze", "catchup", "is it catchup", "open", "is it open"}
	if !slices.Equal(v.texts(), got) {
		t.Errorf("sent %q, want %q", v.texts(), got)
	}
}

func TestALostAnswerIsUnclearAndNothingRuns(t *testing.T) {
	v, dir := newServers(), t.TempDir()
	v.on["CREATE x"] = func() (engines.Result, error) { return engines.Result{}, errLost }
	v.on["is x"] = func() (engines.Result, error) { return row("f"), nil }
	n := begin(t, v, config(v, dir))
	n.run("1.1", steps.Unclear)
	sent := len(v.texts())
	var r *steps.Refusal
	if err := n.confirm(); !errors.As(err, &r) {
		t.Errorf("confirm of an unclear step: %v", err)
	}
	if len(v.texts()) != sent {
		t.Errorf("sent %q", v.texts())
	}
}

// TestALostAnswerIsProven: the effect is there, so the step is done.
func TestALostAnswerIsProven(t *testing.T) {
	v := newServers()
	v.on["CREATE x"] = func() (engines.Result, error) { return engines.Result{}, errLost }
	begin(t, v, config(v, t.TempDir())).run("1.1", steps.Done)
	if n := count(v, "CREATE x"); n != 1 {
		t.Errorf("sent %d times", n)
	}
}

func count(v *servers, text string) (n int) {
	for _, s := range v.texts() {
		if s == text {
			n++
		}
	}
	return n
}

func TestARefusedStepMayRunAgainWithAFreshPlan(t *testing.T) {
	v := newServers()
	var calls atomic.Int64
	v.on["CREATE x"] = func() (engines.Result, error) {
		if calls.Add(1) == 1 {
			return engines.Result{}, errRefused
		}
		return row("1"), nil
	}
	v.on["is x"] = func() (engines.Result, error) {
		return row(map[bool]string{true: "f", false: "t"}[calls.Load() == 1]), nil
	}
	n := begin(t, v, config(v, t.TempDir()))
	first := n.run("1.1", steps.Failed)
	if err := n.confirm(); err != nil {
		t.Fatal(err)
	}
	err := n.s.Wait(t.Context(), func(s steps.State) bool { return s.Step("1.1").Phase == steps.Done })
	if x := n.s.State().Step("1.1"); err != nil || x.Attempt != 2 || x.PlanSeq == first.PlanSeq {
		t.Errorf("%v: attempt %d, plan %d", err, x.Attempt, x.PlanSeq)
	}
}

// TestABlockThatFailsTakesItselfBack: the abort list that was confirmed runs in
// its order, only for what was begun.
func TestABlockThatFailsTakesItselfBack(t *testing.T) {
	for _, row := range []struct {
		name  string
		given func(*servers)
		sent  []string // after the freeze was proven
	}{
		{"proof fails", func(v *servers) {
			v.on["is it catchup"] = func() (engines.Result, error) { return row("f"), nil }
		}, []string{"catchup", "is it catchup", "uncatch", "thaw"}},
		{"server refuses", func(v *servers) {
			v.on["catchup"] = func() (engines.Result, error) { return engines.Result{}, errRefused }
			v.on["is it catchup"] = func() (engines.Result, error) { return row("f"), nil }
		}, []string{"catchup", "is it catchup", "uncatch", "thaw"}},
		{"answer lost", func(v *servers) {
			v.on["catchup"] = func() (engines.Result, error) { return engines.Result{}, errLost }
			v.on["is it catchup"] = func() (engines.Result, error) { return row("f"), nil }
		}, []string{"catchup", "is it catchup", "uncatch", "thaw"}},
		{"budget overrun", func(v *servers) {
			v.on["is it freeze"] = func() (engines.Result, error) {
				v.mu.Lock()
				v.late = time.Minute
				v.mu.Unlock()
				return row("t"), nil
			}
		}, []string{"thaw"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := newServers()
			row.given(v)
			n := begin(t, v, config(v, t.TempDir()))
			n.run("1.1", steps.Done)
			n.run("2", steps.Undone)
			if got := v.texts()[4:]; !slices.Equal(got, row.sent) {
				t.Errorf("sent %q, want %q", got, row.sent)
			}
			if s := n.s.State(); s.Freeze.On || s.Writes != "blue" || s.Opened {
				t.Errorf("freeze %+v, writes on %q, opened %v", s.Freeze, s.Writes, s.Opened)
			}
		})
	}
}

// TestNothingIsAbortedOnceWritesMayBeOpen: the last action was begun, so the
// way back is a walk of its own.
func TestNothingIsAbortedOnceWritesMayBeOpen(t *testing.T) {
	v := newServers()
	v.on["open"] = func() (engines.Result, error) { return engines.Result{}, errLost }
	v.on["is it open"] = func() (engines.Result, error) { return row("f"), nil }
	n := begin(t, v, config(v, t.TempDir()))
	n.run("1.1", steps.Done)
	n.run("2", steps.Unclear)
	if count(v, "thaw") != 0 {
		t.Errorf("blue was opened although green may be open: %q", v.texts())
	}
}

func TestAPanicInADriverIsUnclear(t *testing.T) {
	v := newServers()
	v.on["CREATE x"] = func() (engines.Result, error) { panic("nil map") }
	n := begin(t, v, config(v, t.TempDir()))
	if x := n.run("1.1", steps.Unclear); !strings.Contains(x.Why, "panic: nil map") {
		t.Errorf("why: %s", x.Why)
	}
}

// brittle is a record file that fails from a moment on.
type brittle struct {
	*os.File
	broken *atomic.Bool
}

func (b brittle) Reserve(int64, int64) error { return nil }
func (b brittle) Write(p []byte) (int, error) {
	if b.broken.Load() {
		return 0, errors.New("no space left on device")
	}
	return b.File.Write(p)
}

// TestWithoutARecordNothingIsSent: the record breaks before the intent, or
// between the intent and the statement.
func TestWithoutARecordNothingIsSent(t *testing.T) {
	for _, point := range []string{"1.1:before-intent", "1.1:main:before-begin:1"} {
		t.Run(point, func(t *testing.T) {
			v, broken := newServers(), &atomic.Bool{}
			cfg := config(v, t.TempDir())
			cfg.Record.OpenFile = func(path string) (audit.File, error) {
				f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
				return brittle{f, broken}, err
			}
			cfg.Crash = func(at string) {
				if at == point {
					broken.Store(true)
				}
			}
			n := begin(t, v, cfg)
			err := n.confirm()
			if cerr := n.s.Close(); cerr == nil && err == nil { // waits for the step
				t.Log("closed without an error")
			}
			if len(v.texts()) != 0 {
				t.Errorf("sent %q", v.texts())
			}
			if (err == nil) != (point != "1.1:before-intent") {
				t.Errorf("confirm: %v", err)
			}
			if ok := n.s.Snapshot().Record.OK; ok {
				t.Error("the screen says the record is good")
			}
		})
	}
}

func TestASecondCockpitIsRefused(t *testing.T) {
	v, dir := newServers(), t.TempDir()
	begin(t, v, config(v, dir))
	_, err := session.Resume(t.Context(), config(v, dir), "again")
	if !errors.Is(err, audit.ErrHeld) || !strings.Contains(err.Error(), fmt.Sprintf("pid=%d", os.Getpid())) {
		t.Errorf("got %v", err)
	}
}

// TestResumeLooksBeforeItActs: the record ends inside a statement. After resume
// the step is unclear, and what verify finds in the world decides.
func TestResumeLooksBeforeItActs(t *testing.T) {
	for is, want := range map[string]steps.Phase{"t": steps.Done, "f": steps.Failed} {
		t.Run(is, func(t *testing.T) {
			v, dir, broken := newServers(), t.TempDir(), &atomic.Bool{}
			cfg := config(v, dir)
			cfg.Record.OpenFile = func(path string) (audit.File, error) {
				f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
				return brittle{f, broken}, err
			}
			cfg.Crash = func(at string) { // from here on the process might as well be gone
				if at == "1.1:main:after-send:1" {
					broken.Store(true)
				}
			}
			n := begin(t, v, cfg)
			if err := n.confirm(); err != nil {
				t.Fatal(err)
			}
			_ = n.s.Close() // its record is broken, which is the point
			s, err := session.Resume(t.Context(), config(v, dir), "the machine died")
			if err != nil {
				t.Fatal(err)
			}
			n = attach(t, v, s)
			if id, doubt := s.State().Doubt(); !doubt || id != "1.1" {
				t.Fatalf("after resume: %s", s.State().Step("1.1").Phase)
			}
			v.mu.Lock()
			v.on["is x"] = func() (engines.Result, error) { return row(is), nil }
			v.mu.Unlock()
			if err := n.do(session.Intent{Command: steps.Verify{Step: "1.1"}}); err != nil {
				t.Fatal(err)
			}
			n.over("1.1", want)
			if c := count(v, "CREATE x"); c != 1 {
				t.Errorf("sent %d times", c)
			}
		})
	}
}

func TestAGateThatClosesStopsTheConfirm(t *testing.T) {
	v := newServers()
	n := begin(t, v, config(v, t.TempDir()))
	n.shown()
	v.mu.Lock()
	v.gauge = 9
	v.mu.Unlock()
	sub, stop := n.h.Subscribe()
	defer stop()
	for s := range sub {
		if s.Gauges["green/lag_seconds"].Value == 9 {
			break
		}
	}
	if err := n.confirm(); err == nil || len(v.texts()) != 0 {
		t.Errorf("got %v, sent %q", err, v.texts())
	}
}

// TestALostTerminalStopsNothing: the screen goes while the statement runs.
func TestALostTerminalStopsNothing(t *testing.T) {
	v := newServers()
	running, gone := make(chan struct{}), make(chan struct{})
	v.on["CREATE x"] = func() (engines.Result, error) { close(running); <-gone; return row("1"), nil }
	n := begin(t, v, config(v, t.TempDir()))
	_, stop := n.h.Subscribe()
	if err := n.confirm(); err != nil {
		t.Fatal(err)
	}
	<-running
	stop()
	close(gone)
	n.over("1.1", steps.Done)
}

// TestAFrameEachSecond: a screen can tell a quiet session from a dead one.
func TestAFrameEachSecond(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		v := newServers()
		n := begin(t, v, config(v, dir))
		sub, stop := n.h.Subscribe()
		defer stop()
		last := <-sub
		for range 5 {
			s := <-sub
			if d := s.Now.Sub(last.Now); d > time.Second {
				t.Errorf("%s between two frames", d)
			}
			if s.Seq <= last.Seq {
				t.Errorf("frame %d after %d", s.Seq, last.Seq)
			}
			last = s
		}
		if err := n.s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestArmedTwice: whoever asks for the plan of an armed step again gets a new one,
// and can confirm it: here of a window, whose statements carry the attempt.
func TestArmedTwice(t *testing.T) {
	v := newServers()
	cfg := config(v, filepath.Join(t.TempDir(), "r"))
	cfg.Book.Phases[1].Steps[1].Kind = "persist"
	n := begin(t, v, cfg)
	n.run("1.1", steps.Done)
	n.arm(t, "2")
	if c := n.arm(t, "2"); c.Attempt != 2 {
		t.Fatalf("armed twice, the card shows attempt %d", c.Attempt)
	}
	if err := n.confirmArmed(); err != nil {
		t.Fatal(err)
	}
	n.over("2", steps.Done)
}

// TestTheClosingLineNamesTheFilm of the screen, where there is one.
func TestTheClosingLineNamesTheFilm(t *testing.T) {
	v, dir := newServers(), t.TempDir()
	n := begin(t, v, config(v, dir))
	n.s.Filmed(func() string { return "f11m" })
	if err := n.do(session.Intent{Command: steps.End{Reason: "end"}}); err != nil {
		t.Fatal(err)
	}
	if closes, _ := bodies[entries.SessionClose](t, dir); len(closes) != 1 || closes[0].CastSHA256 != "f11m" {
		t.Errorf("closing lines %+v", closes)
	}
}
