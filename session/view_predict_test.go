package session

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// window is a session before a block of three statements on two servers, each
// of which answers in 10 ms.
func window(lag, writer float64) (*Session, runbooks.Item, []engines.Action) {
	s := &Session{cfg: Config{}, started: noon, sampler: newSampler(time.Second, func() time.Time { return noon }, nil),
		state: steps.State{Book: &runbooks.Runbook{Digest: "d1"}, Steps: map[runbooks.StepID]steps.StepState{}}}
	for id, v := range map[engines.GaugeID]float64{"blue/lag_seconds": lag, "blue/oldest_writer_seconds": writer, "router/paused_count": 0} {
		h := checks.NewHistory(time.Minute)
		h.Add(checks.Sample{Gauge: id, At: noon, Took: 10 * time.Millisecond, Value: v, Unit: engines.Seconds})
		s.sampler.hist[id] = h
	}
	it := runbooks.Item{Step: runbooks.Step{ID: "5"}, Parts: []runbooks.Step{{Before: []runbooks.Gate{{Gauge: "blue/lag_seconds"}, {Gauge: "blue/oldest_writer_seconds"}}}}}
	return s, it, []engines.Action{{Target: "router"}, {Target: "blue"}, {Target: "blue"}}
}

func TestThePredictedWindowAddsUpWhatClientsWaitFor(t *testing.T) {
	s, it, as := window(.5, 2)
	p := s.predict(it, as, noon)
	if want := 2500*time.Millisecond + 6*10*time.Millisecond; p.For != want || p.By != "gauges" {
		t.Errorf("got %+v, want %s by gauges", p, want)
	}
	for _, w := range []string{"3 statements", "60ms", "oldest writer 2.00 s", "lag 0.50 s"} {
		if !strings.Contains(p.Why, w) {
			t.Errorf("%q does not say %q", p.Why, w)
		}
	}
}

func TestTheWorstRehearsalCountsIfTheGaugesSayLess(t *testing.T) {
	s, it, as := window(0, 0)
	s.cfg.Rehearsed = []Rehearsed{{"d1", 90 * time.Millisecond}, {"d1", 200 * time.Millisecond}, {"other", time.Hour}}
	if p := s.predict(it, as, noon); p.For != 200*time.Millisecond || p.By != "2 rehearsals" || !strings.Contains(p.Why, "worst of 2 rehearsed 200ms; gauges: 60ms") {
		t.Errorf("got %+v", p)
	}
	s, it, as = window(0, 3)
	s.cfg.Rehearsed = []Rehearsed{{"d1", 90 * time.Millisecond}}
	if p := s.predict(it, as, noon); p.For < 3*time.Second || p.By != "gauges" {
		t.Errorf("a transaction of 3 s is open, got %+v", p)
	}
}

// What cannot be read now is not predicted: an old number would be believed.
func TestNothingIsPredictedFromAGaugeThatIsSilent(t *testing.T) {
	s, it, as := window(0, 0)
	s.cfg.Rehearsed = []Rehearsed{{"d1", 90 * time.Millisecond}}
	if p := s.predict(it, as, noon.Add(time.Minute)); p.For != 0 || !strings.Contains(p.Why, "blue/lag_seconds is unknown now") {
		t.Errorf("a minute later: %+v", p)
	}
	s.sampler.hist["blue/oldest_writer_seconds"].Add(checks.Sample{Gauge: "blue/oldest_writer_seconds", At: noon, Err: errors.New("reset")})
	if p := s.predict(it, as, noon); p.For != 0 || !strings.Contains(p.Why, "oldest_writer_seconds is unknown now") {
		t.Errorf("an unread gauge: %+v", p)
	}
	s, it, _ = window(0, 0)
	if p := s.predict(it, []engines.Action{{Target: "green"}}, noon); p.For != 0 || !strings.Contains(p.Why, "no fresh answer of green") {
		t.Errorf("a server that nobody asks: %+v", p)
	}
}

// A folder without rehearsals predicts nothing and stops nobody.
func TestNoRehearsalsAreNoError(t *testing.T) {
	book := &runbooks.Runbook{Digest: "d1"}
	if rs, err := RehearsedIn(filepath.Join(t.TempDir(), "none"), book, false); err != nil || rs != nil {
		t.Errorf("got %v, %v", rs, err)
	}
	dir := t.TempDir()
	if rs, err := RehearsedIn(dir, book, false); err != nil || rs != nil {
		t.Errorf("got %v, %v", rs, err)
	}
}

// The walk is late by the time beyond what was planned up to the current step.
func TestLateCountsFromTheEndOfTheCurrentStep(t *testing.T) {
	s := &Session{started: noon, state: steps.State{Steps: map[runbooks.StepID]steps.StepState{"1": {Phase: steps.Done}}}}
	for _, id := range []runbooks.StepID{"1", "2", "3"} {
		s.state.Walk = append(s.state.Walk, runbooks.Item{Step: runbooks.Step{ID: id, Planned: time.Minute}})
	}
	for after, want := range map[time.Duration]time.Duration{0: 0, 2 * time.Minute: 0, 150 * time.Second: 30 * time.Second} {
		if got := s.late(noon.Add(after)); got != want {
			t.Errorf("after %s: late %s, want %s", after, got, want)
		}
	}
	var snap Snapshot
	s.phaseRows(&snap, noon.Add(150*time.Second))
	if snap.Plan != 3*time.Minute || snap.Late != 30*time.Second {
		t.Errorf("planned %s, late %s", snap.Plan, snap.Late)
	}
}

// A gauge that never had a value is not the same as one that fell silent.
func TestAGaugeThatWasNeverReadIsToldApart(t *testing.T) {
	h := checks.NewHistory(time.Minute)
	h.Add(checks.Sample{Gauge: "blue/lag_seconds", At: noon, Err: errors.New("no slot")})
	if g := gaugeOf("blue/lag_seconds", h, noon, time.Second); !g.Never || !g.Stale || g.Err != "no slot" {
		t.Errorf("got %+v", g)
	}
	h.Add(checks.Sample{Gauge: "blue/lag_seconds", At: noon.Add(time.Second), Value: 1})
	h.Add(checks.Sample{Gauge: "blue/lag_seconds", At: noon.Add(2 * time.Second), Err: errors.New("reset")})
	if g := gaugeOf("blue/lag_seconds", h, noon.Add(2*time.Second), time.Second); g.Never || !g.Stale {
		t.Errorf("got %+v", g)
	}
}

func TestWholeDurationsReadLikeTheRunbook(t *testing.T) {
	for d, want := range map[time.Duration]string{time.Minute: "1m", 10 * time.Second: "10s", time.Hour: "1h", 90 * time.Second: "1m30s"} {
		if got := whole(d); got != want {
			t.Errorf("%d: %q, want %q", d, got, want)
		}
	}
}
