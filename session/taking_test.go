package session_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// inWindow is a night in single steps, with a way back, up to before id.
func inWindow(t *testing.T, v *servers, id runbooks.StepID) *night {
	t.Helper()
	cfg := closing(config(v, t.TempDir()))
	cfg.Stepwise = true
	n := begin(t, v, cfg)
	for _, at := range []runbooks.StepID{"1.1", "2.1", "2.2", "2.3"} {
		if at == id {
			break
		}
		n.run(at, steps.Done)
	}
	return n
}

// takes confirms what the newest screen shows of taking the window back.
func (n *night) takes(change func(*session.Intent)) error {
	n.t.Helper()
	s := n.s.Snapshot()
	if s.Taking == nil {
		n.t.Fatalf("nothing is offered at %s; way back %+v", s.Current, s.Way)
	}
	in := session.Intent{Command: steps.TakeBack{Reason: "backed out", Digest: s.Taking.Digest}, Typed: s.Taking.Word,
		Seen: session.Seen{Step: s.Current, Entry: s.Record.Count - 1}}
	if change != nil {
		change(&in)
	}
	return n.do(in)
}

// freed waits until nothing of the window is being taken back any more.
func (n *night) freed() steps.State {
	n.t.Helper()
	err := n.s.Wait(n.t.Context(), func(st steps.State) bool {
		_, err := st.Held()
		return err != nil && !st.Busy()
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return n.s.State()
}

// TestBInAWindowOfSingleSteps: what was done of the window is shown with every
// statement that takes it back, confirmed once, and taken back; then the way back
// from before the window fits.
func TestBInAWindowOfSingleSteps(t *testing.T) {
	v := newServers()
	n := inWindow(t, v, "2.3")
	s := n.s.Snapshot()
	if s.Way.State != "OPEN" || s.Way.Name != "the window" || s.Way.Until != "2.3" || s.Way.Loses != "nothing" {
		t.Errorf("way back %+v", s.Way)
	}
	if s.Taking == nil || s.Taking.Word != "blue" || len(s.Taking.Statements) != 2 || s.Taking.Statements[0].Text != "uncatch" || s.Taking.Statements[1].Text != "thaw" {
		t.Fatalf("offered %+v", s.Taking)
	}
	sent := len(v.texts())
	for name, in := range map[string]func(*session.Intent){
		"another word":          func(in *session.Intent) { in.Typed = "green" },
		"another digest":        func(in *session.Intent) { in.Command = steps.TakeBack{Reason: "x", Digest: "y"} },
		"nothing that is shown": func(in *session.Intent) { in.Command = steps.TakeBack{Reason: "x"} },
	} {
		var r *steps.Refusal
		if err := n.takes(in); !errors.As(err, &r) || len(v.texts()) != sent {
			t.Errorf("%s: %v, sent %q", name, err, v.texts()[sent:])
		}
	}
	if err := n.takes(nil); err != nil {
		t.Fatal(err)
	}
	st := n.freed()
	if got := v.texts()[sent:]; !slices.Equal(got, []string{"uncatch", "thaw"}) {
		t.Errorf("sent %q", got)
	}
	it, _ := st.Current()
	if it.Step.ID != "2.1" || st.Freeze.On || st.Writes != "blue" || st.Step("2.2").Phase != steps.Undone {
		t.Errorf("the walk stands at %s, freeze %+v, writes %s", it.Step.ID, st.Freeze, st.Writes)
	}
	if w := n.s.Snapshot().Way; w.Name != "abandon" || n.s.Snapshot().Taking != nil {
		t.Errorf("then the way back is %+v", w)
	}
	if err := n.do(session.Intent{Command: steps.BackOut{Reason: "no"}}); err != nil {
		t.Fatal(err)
	}
	if it, _ := n.s.State().Current(); it.Step.ID != "A1" {
		t.Errorf("the walk goes on at %s", it.Step.ID)
	}
	n.sound(4)
}

// sound holds the record against the rules, and counts its confirmations.
func (n *night) sound(confirms int) {
	n.t.Helper()
	if err := n.s.Close(); err != nil {
		n.t.Fatal(err)
	}
	rec, err := audit.Load(n.s.Dir())
	if err != nil {
		n.t.Fatal(err)
	}
	got := 0
	for _, e := range rec.Entries {
		if e.Type == "step.confirm" {
			got++
		}
	}
	want := confirms + 1 // of the steps, and of each that was taken back
	if got != want {
		n.t.Errorf("%d confirmations on record, want %d", got, want)
	}
	for _, f := range entries.Verify(n.s.Dir(), audit.VerifyOptions{}).Findings {
		if f.Sev == audit.Tampered || f.Sev == audit.Rule {
			n.t.Errorf("the record: %v", f)
		}
	}
}

// TestLeavingWaitsForAWindowThatIsTakenBack: who leaves in the middle of it does
// not leave clients waiting.
func TestLeavingWaitsForAWindowThatIsTakenBack(t *testing.T) {
	v, began, goOn := newServers(), make(chan struct{}), make(chan struct{})
	n := inWindow(t, v, "2.3")
	v.mu.Lock()
	v.on["uncatch"] = func() (engines.Result, error) {
		close(began)
		<-goOn
		return row("1"), nil
	}
	v.mu.Unlock()
	if err := n.takes(nil); err != nil {
		t.Fatal(err)
	}
	<-began
	left := make(chan error)
	go func() { left <- n.s.Suspend("the operator leaves") }()
	for n.do(session.Intent{Command: steps.Note{Text: "still here"}}) == nil {
		continue // until the session is being left
	}
	close(goOn)
	if err := <-left; err != nil {
		t.Fatal(err)
	}
	rec, err := audit.Load(n.s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	last := slices.DeleteFunc(rec.Entries, func(e audit.Entry) bool { return e.Type == "seal" || e.Type == "key.next" })
	if !slices.Contains(v.texts(), "thaw") || last[len(last)-1].Type != "session.suspend" {
		t.Errorf("left while clients wait: %q, the record ends with %s", v.texts(), last[len(last)-1].Type)
	}
}

// TestATakeBackThatFailsSaysSo: the step is unclear, nothing behind it is sent,
// and the proof or a decision leads on.
func TestATakeBackThatFailsSaysSo(t *testing.T) {
	v := newServers()
	n := inWindow(t, v, "2.3")
	v.mu.Lock()
	v.on["uncatch"] = func() (engines.Result, error) { return engines.Result{}, errRefused }
	v.mu.Unlock()
	if err := n.takes(nil); err != nil {
		t.Fatal(err)
	}
	x := n.over("2.2", steps.Unclear)
	if !strings.Contains(x.Why, "abort plan stopped") || slices.Contains(v.texts(), "thaw") {
		t.Errorf("%s; sent %q", x.Why, v.texts())
	}
	if s := n.s.Snapshot(); s.Taking != nil || !s.Cards["2.2"].CanDecide {
		t.Errorf("offered %+v", s.Taking)
	}
}

// TestAnOpeningIsProvenShutFirst: a window whose opening was refused is taken back
// if its proof shows that writes are shut, and not otherwise.
func TestAnOpeningIsProvenShutFirst(t *testing.T) {
	for _, tt := range []struct {
		is   string // what the proof of the opening says when b asks it
		back bool
	}{{"f", true}, {"t", false}} {
		t.Run(tt.is, func(t *testing.T) {
			v := newServers()
			n := inWindow(t, v, "2.3")
			is := "f"
			v.mu.Lock()
			v.on["open"] = func() (engines.Result, error) { return engines.Result{}, errRefused }
			v.on["is it open"] = func() (engines.Result, error) { return row(is), nil }
			v.mu.Unlock()
			n.run("2.3", steps.Failed)
			s := n.s.Snapshot()
			if s.Taking == nil || s.Taking.Doubt != "2.3" || s.Way.State != "UNKNOWN" {
				t.Fatalf("offered %+v, way back %+v", s.Taking, s.Way)
			}
			is = tt.is
			err := n.takes(nil)
			if tt.back != (err == nil) {
				t.Fatalf("the proof says %s: %v", tt.is, err)
			}
			if st := n.freedIf(tt.back); tt.back == st.Freeze.On || tt.back != slices.Contains(v.texts(), "thaw") {
				t.Errorf("the proof says %s: freeze %+v, sent %q", tt.is, st.Freeze, v.texts())
			}
		})
	}
}

func (n *night) freedIf(yes bool) steps.State {
	if yes {
		return n.freed()
	}
	return n.s.State()
}
