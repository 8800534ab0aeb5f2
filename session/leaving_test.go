package session_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// held is a session whose first step waits inside its statement.
func held(t *testing.T) (n *night, dir string, running <-chan struct{}, end func()) {
	t.Helper()
	v, dir := newServers(), t.TempDir()
	in, out := make(chan struct{}), make(chan struct{})
	v.on["CREATE x"] = func() (engines.Result, error) { close(in); <-out; return row("1"), nil }
	n = begin(t, v, config(v, dir))
	if err := n.confirm(); err != nil {
		t.Fatal(err)
	}
	return n, dir, in, func() { close(out) }
}

// TestASessionThatIsBeingLeftStartsNothing: the running step ends and is on
// record, every command is refused meanwhile, and the suspension is the last
// thing that is written.
func TestASessionThatIsBeingLeftStartsNothing(t *testing.T) {
	n, dir, running, end := held(t)
	<-running
	left := make(chan error, 1)
	go func() { left <- n.s.Suspend("asked to stop") }()
	var r *steps.Refusal
	for { // until the session knows that it is being left
		if err := n.do(session.Intent{Command: steps.Ack{}}); errors.As(err, &r) {
			break
		}
	}
	for _, c := range []steps.Command{steps.Arm{Step: "2"}, steps.Confirm{Step: "2"}, steps.Verify{Step: "1.1"}, steps.Hold{On: true, Reason: "r"},
		steps.Note{Text: "n"}, steps.BackOut{Reason: "r"}, steps.End{Reason: "r"}} {
		if err := n.do(session.Intent{Command: c}); !errors.As(err, &r) || r.Next != "turquoise resume 20260301-small-0a1b" {
			t.Errorf("%T while the session is being left: %v", c, err)
		}
	}
	end()
	if err := <-left; err != nil {
		t.Fatal(err)
	}
	if err := n.do(session.Intent{Command: steps.Arm{Step: "2"}}); !errors.Is(err, session.ErrClosed) {
		t.Errorf("after it was left: %v", err)
	}
	rec, err := audit.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var last []string
	for _, e := range rec.Entries {
		last = append(last, e.Type)
	}
	if want := []string{"session.suspend", "key.next", "seal"}; !slices.Equal(last[len(last)-3:], want) || !slices.Contains(last, "step.outcome") {
		t.Errorf("the record ends with %q, want %q", last[len(last)-3:], want)
	}
	if n := count(n.v, "freeze"); n != 0 {
		t.Errorf("another step was started")
	}
}

// TestAnInterruptIsOnRecordBeforeItActs: what was sent is waited for, nothing is
// sent behind it, and the step is not called done.
func TestAnInterruptIsOnRecordBeforeItActs(t *testing.T) {
	v, dir := newServers(), t.TempDir()
	var n *night
	v.on["freeze"] = func() (engines.Result, error) {
		if err := n.do(session.Intent{Command: steps.Interrupt{}}); err != nil {
			t.Error(err)
		}
		return row("1"), nil
	}
	n = begin(t, v, config(v, dir))
	n.run("1.1", steps.Done)
	x := n.run("2", steps.Undone)
	if got := v.texts()[2:]; !slices.Equal(got, []string{"freeze", "is it freeze", "thaw"}) {
		t.Errorf("sent %q; why: %s", got, x.Why)
	}
	if err := n.s.Suspend("left"); err != nil {
		t.Fatal(err)
	}
	rec, err := audit.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range rec.Entries {
		if e.Type == "step.interrupt" {
			b, err := entries.Types().Decode(e)
			if err != nil || e.By != "ann" || e.Step != "2" || b.(entries.StepInterrupt).How != "cancel" {
				t.Errorf("%+v by %s: %v", b, e.By, err)
			}
			return
		}
	}
	t.Error("the interrupt is not on record")
}

// TestAStepThatStoppedInsideIsNotGuessed: of a step with no proof that decides,
// the record says so, and only a person's decision ends the doubt.
func TestAStepThatStoppedInsideIsNotGuessed(t *testing.T) {
	v := newServers()
	cfg := config(v, t.TempDir())
	delete(cfg.Book.Phases[0].Steps[0].Args, "proof")
	v.on["CREATE x"] = func() (engines.Result, error) { return engines.Result{}, errLost }
	n := begin(t, v, cfg)
	n.run("1.1", steps.Unclear)
	if err := n.do(session.Intent{Command: steps.Verify{Step: "1.1"}}); err != nil {
		t.Fatal(err)
	}
	if x := n.s.State().Step("1.1"); x.Phase != steps.Unclear {
		t.Fatalf("a step without a proof was called %s", x.Phase)
	}
	if err := n.do(session.Intent{Command: steps.Settle{Step: "1.1", Next: steps.NextRunAgain, Reason: "looked: it is not there"}}); err != nil {
		t.Fatal(err)
	}
	n.over("1.1", steps.Failed)
	if c := count(v, "CREATE x"); c != 1 {
		t.Errorf("sent %d times", c)
	}
}
