package steps_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/steps"
)

const restore = "PG39 Blue can be restored on blue"

// asked is a world whose first step is a preflight that failed: one check may be
// overridden, one may not, one could not look, one passed.
func asked(t *testing.T) *world {
	t.Helper()
	w := newWorld(false)
	w.add(ev("", entries.SessionOpen{Origin: "a.example/turquoise/20260301-small-0a1b"}))
	w.s.Walk[0].Step.Kind = steps.KindPreflight
	w.start(t)
	w.answer("PG39 Blue can be restored", entries.WaiveSecond, audit.OK(false))
	w.answer("G02 This is the database", "", audit.OK(false))
	w.answer("PG25 Roles can log in", entries.WaiveSecond, nil)
	w.answer("PG01 WAL can be decoded", "", audit.OK(true))
	return w.settle("refused", "preflight: PG39 on blue")
}

func (w *world) answer(check, waive string, ok *bool) {
	e := ev(w.current(), entries.CheckResult{Check: check, Kind: entries.KindPreflight, Want: "a day", Is: "31 h", Waive: waive})
	e.Target, e.OK, e.Attempt = "blue", ok, int64(w.s.Step(w.current()).Attempt)
	w.add(e)
}

// TestACheckOfThePreflightNeedsASecondPerson: the request stands on the line that
// the check failed on, the override names it, and the intent of the next attempt
// names it too.
func TestACheckOfThePreflightNeedsASecondPerson(t *testing.T) {
	w := asked(t)
	c := steps.OverrideGate{Step: "1.1", Check: restore, Reason: "on tape"}
	f := w.s.Found("1.1")
	if len(f) != 3 || f[0].Name() != restore || f[0].Blind || !f[2].Blind {
		t.Fatalf("found %+v", f)
	}
	evs := w.decide(t, c, w.shown())
	if len(evs) != 1 || evs[0].Ref == nil || *evs[0].Ref != f[0].Seq || w.s.Requests[0].Check.Is != "31 h" {
		t.Fatalf("asked by %+v, a request of %+v", evs, w.s.Requests)
	}
	if w.s.PassedOver("1.1", 2, restore, false) {
		t.Error("passed over without a signature")
	}
	w.grant(t)
	w.decide(t, c, w.shown())
	o := w.s.Overrides[0]
	if !o.Found || o.Blind || o.Checked != f[0].Seq || o.Attempt != 2 {
		t.Errorf("overridden as %+v", o)
	}
	for _, row := range []struct {
		attempt int
		name    string
		blind   bool
		want    bool
	}{{2, restore, false, true}, {2, restore, true, false}, {1, restore, false, false}, {3, restore, false, false}, {2, "G02 This is the database on blue", false, false}} {
		if got := w.s.PassedOver("1.1", row.attempt, row.name, row.blind); got != row.want {
			t.Errorf("attempt %d, %s, blind %v: %v", row.attempt, row.name, row.blind, got)
		}
	}
	w.arm(t)
	evs = w.decide(t, w.confirm(), w.shown())
	in, ok := evs[len(evs)-1].Body.(entries.StepIntent)
	if !ok || !slices.Equal([]int64(in.Gates), []int64{o.Checked}) {
		t.Errorf("got %+v, want an intent that names check %d", evs[len(evs)-1].Body, o.Checked)
	}
	w.answer("PG07 The subscription works", "", audit.OK(false))
	if f := w.s.Found("1.1"); len(f) != 1 || f[0].Name() != "PG07 The subscription works on blue" {
		t.Errorf("attempt 2 found %+v", f)
	}
}

// TestWhatNobodyMayPassOver: each refusal has its own sentence.
func TestWhatNobodyMayPassOver(t *testing.T) {
	for name, row := range map[string]struct {
		c   steps.Command
		by  func(*steps.Evidence)
		why string
	}{
		"never":       {steps.OverrideGate{Step: "1.1", Check: "G02 This is the database on blue", Reason: "r"}, nil, "can never be overridden"},
		"no reason":   {steps.OverrideGate{Step: "1.1", Check: restore, Reason: " "}, nil, "without a reason"},
		"other side":  {steps.OverrideGate{Step: "1.1", Check: "PG39 Blue can be restored on green", Reason: "r"}, nil, "no check of that name failed"},
		"it passed":   {steps.OverrideGate{Step: "1.1", Check: "PG01 WAL can be decoded on blue", Reason: "r"}, nil, "no check of that name failed"},
		"other step":  {steps.OverrideGate{Step: "1.2", Check: restore, Reason: "r"}, nil, "not the current one"},
		"no operator": {steps.OverrideGate{Step: "1.1", Check: restore, Reason: "r"}, func(e *steps.Evidence) { e.Operator = false }, "operator token"},
		"all at once": {steps.Skip{Step: "1.1", Reason: "r"}, nil, "cannot be skipped"},
	} {
		w := asked(t)
		e := w.shown()
		if row.by != nil {
			row.by(&e)
		}
		if _, err := steps.Decide(w.s, row.c, e); err == nil || !strings.Contains(err.Error(), row.why) {
			t.Errorf("%s: want %q, got %v", name, row.why, err)
		}
	}
	w := asked(t)
	c := steps.OverrideGate{Step: "1.1", Check: restore, Reason: "r"}
	w.decide(t, c, w.shown())
	if _, err := steps.Decide(w.s, c, w.shown()); err == nil || !strings.Contains(err.Error(), "waits for a second person") {
		t.Errorf("unsigned: %v", err)
	}
	blind := steps.OverrideGate{Step: "1.1", Check: "PG25 Roles can log in on blue", Reason: "r"}
	if _, err := steps.Decide(w.s, blind, w.shown()); err != nil {
		t.Errorf("one that could not look: %v", err)
	}
}
