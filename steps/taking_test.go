package steps_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// TestWhereTheWayBackCloses walks the runbook that ships: the way back closes at
// 7.1 and at no step before it, in a block and in single steps.
func TestWhereTheWayBackCloses(t *testing.T) {
	book := catalogueInputs(t).Book
	for _, stepwise := range []bool{false, true} {
		s := steps.New(book, stepwise)
		var closes []runbooks.StepID
		since := map[runbooks.StepID]bool{}
		for i, it := range s.Walk {
			s.Pos = i
			if s.ClosesHere() {
				closes = append(closes, it.Step.ID)
			}
			since[s.ClosedSince()] = true
			s.Steps = maps.Clone(s.Steps)
			s.Steps[it.Step.ID] = steps.StepState{Phase: steps.Done}
			s.Opened = s.Opened || it.Step.Kind == "open" || len(it.Parts) > 0
		}
		if !slices.Equal(closes, []runbooks.StepID{"7.1"}) || !maps.Equal(since, map[runbooks.StepID]bool{"": true, "7.1": true}) {
			t.Errorf("stepwise %v: closes at %v, closed since %v", stepwise, closes, since)
		}
	}
}

// plansOf are the plans of the steps that may be taken back, as they were confirmed.
func (w *world) plansOf(t *testing.T) steps.Evidence {
	t.Helper()
	held, _ := w.s.Takeable()
	e := w.makes(t, held)
	e.Seen = w.s.Newest
	return e
}

// TestAPersonTakesTheWindowBack: what is shown names what will be sent, for what
// was begun only and in its order; it is confirmed once, by a word, and the record
// has that before the first intent.
func TestAPersonTakesTheWindowBack(t *testing.T) {
	w := wideWorld(true).to(t, "2.5")
	e := w.plansOf(t)
	p, err := w.s.Taking(e.Plans)
	if err != nil {
		t.Fatal(err)
	}
	var sent []string
	for _, a := range p.Acts {
		sent = append(sent, a.Text)
	}
	if !slices.Equal(p.Steps, []runbooks.StepID{"2.4", "2.1", "2.3", "2.2"}) || !slices.Equal(sent, []string{"turn back", "thaw", "drop the slot"}) || p.Word != "blue" || p.Ends != "blue" || p.Doubt != "" {
		t.Fatalf("shown %+v", p)
	}
	for _, want := range []string{"step: 2.4\nplan-sha256: " + w.s.Step("2.4").Digest, "abort: 1 green sql\n| turn back\n"} {
		if !strings.Contains(p.Text, want) {
			t.Errorf("the text has no %q:\n%s", want, p.Text)
		}
	}
	e.Typed = "blue"
	evs := w.decide(t, steps.TakeBack{Reason: "backed out", Digest: p.Digest}, e)
	if len(evs) != 2 || evs[0].Body.Type() != "step.confirm" || evs[1].Body.Type() != "step.intent" || evs[0].Step != "2.4" {
		t.Errorf("decided %+v", evs)
	}
}

// TestBackOutWaitsForTheWindow: the way back of the runbook is not taken while
// clients are held; afterwards it fits again.
func TestBackOutWaitsForTheWindow(t *testing.T) {
	w := wideWorld(true).to(t, "2.4")
	if _, ok := w.s.WayBackNow(); ok {
		t.Error("a way back is offered that would leave clients waiting")
	}
	_, err := steps.Decide(w.s, steps.BackOut{Reason: "no"}, w.shown())
	if err == nil || !strings.Contains(err.Error(), "clients are held") {
		t.Errorf("back out of a held window: %v", err)
	}
	w.takesAll(t)
	if b, ok := w.s.WayBackNow(); !ok || b.Name != "abandon" {
		t.Errorf("after it was taken back: %v %s", ok, b.Name)
	}
	w.decide(t, steps.BackOut{Reason: "no"}, w.shown())
}

// TestAFreezeOfWhichNothingLeftIsNoWindow: the way back from before it still fits.
func TestAFreezeOfWhichNothingLeftIsNoWindow(t *testing.T) {
	w := wideWorld(true).to(t, "2.1").start(t)
	w.settle("unsent", "no connection")
	if b, ok := w.s.WayBackNow(); !ok || b.Name != "abandon" {
		t.Errorf("way back %v %q", ok, b.Name)
	}
}

// TestTakingRefusals: each row is a confirmation that must not count.
func TestTakingRefusals(t *testing.T) {
	for _, row := range []struct {
		name  string
		given func(*testing.T, *world)
		spoil func(*steps.TakeBack, *steps.Evidence)
		why   string
	}{
		{"another digest", nil, func(c *steps.TakeBack, _ *steps.Evidence) { c.Digest = "x" }, "changed"},
		{"another word", nil, func(_ *steps.TakeBack, e *steps.Evidence) { e.Typed = "green" }, "word"},
		{"an older screen", nil, func(_ *steps.TakeBack, e *steps.Evidence) { e.Seen = 0 }, "was not on the screen"},
		{"another server", nil, func(_ *steps.TakeBack, e *steps.Evidence) { e.Same = map[string]string{"blue": "another"} }, "target blue"},
		{"no token", nil, func(_ *steps.TakeBack, e *steps.Evidence) { e.Operator = false }, "operator token"},
		{"an unclear step", func(t *testing.T, w *world) {
			w.start(t).begin("main", 1)
			crash(w)
		}, nil, "step 2.4 is unclear"},
		{"opening begun, not proven shut", func(t *testing.T, w *world) {
			w.pass(t).start(t).begin("main", 1)
			w.settle("refused", "the pooler says no")
		}, nil, "writes may be open"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := wideWorld(true).to(t, "2.4")
			if row.given != nil {
				row.given(t, w)
			}
			e := w.plansOf(t)
			p, _ := w.s.Taking(e.Plans)
			c := steps.TakeBack{Reason: "backed out", Digest: p.Digest}
			if c.Digest == "" {
				c.Digest = "none was shown"
			}
			e.Typed = "blue"
			if row.spoil != nil {
				row.spoil(&c, &e)
			}
			evs, err := steps.Decide(w.s, c, e)
			var r *steps.Refusal
			if !errors.As(err, &r) || !strings.Contains(err.Error(), row.why) || len(evs) != 0 {
				t.Errorf("got %v and %d events, want a refusal with %q", err, len(evs), row.why)
			}
		})
	}
}

// TestAnOpeningThatDidNothingIsTakenBack: with the proof, and the step that opens
// goes first, so that nothing later has to ask that proof again.
func TestAnOpeningThatDidNothingIsTakenBack(t *testing.T) {
	w := wideWorld(true).to(t, "2.5").start(t)
	w.begin("main", 1)
	w.settle("refused", "the pooler says no")
	held, err := w.s.Takeable()
	if err != nil || !slices.Contains(held, "2.5") {
		t.Fatalf("%v, %v", held, err)
	}
	e := w.makes(t, held)
	p, err := w.s.Taking(e.Plans)
	if err != nil || p.Doubt != "2.5" || p.Steps[0] != "2.5" {
		t.Fatalf("%+v, %v", p, err)
	}
	e.Shut, e.Typed, e.Seen = true, "blue", w.s.Newest
	w.decide(t, steps.TakeBack{Reason: "backed out", Digest: p.Digest}, e)
	w.settle("refused", steps.AbortedWhy+steps.TakenBack+"backed out")
	if got := w.takesAll(t); !slices.Equal(got, []runbooks.StepID{"2.4", "2.1", "2.3", "2.2"}) {
		t.Errorf("the rest without the proof: %v", got)
	}
}
