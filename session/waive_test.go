package session_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// asking is a night whose book begins with a preflight, and bob at hand to sign.
func asking(t *testing.T, c *crew, dir string, found ...engines.Finding) *night {
	t.Helper()
	v := newServers()
	v.found = found
	cfg := config(v, dir)
	first := &cfg.Book.Phases[0]
	ask := runbooks.Step{ID: "1.0", Title: "look", Kind: steps.KindPreflight, On: "green", From: "blue", To: "green", Risk: runbooks.Read, UndoNone: "reads only"}
	first.Steps = append([]runbooks.Step{ask}, first.Steps...)
	cfg.People = session.People{Signers: c.signers, Key: c.ann, Open: func(string, string) ([]ssh.Signer, error) { return []ssh.Signer{c.bob}, nil }}
	return begin(t, v, cfg)
}

func backup(l engines.Level, w engines.Waive) engines.Finding {
	return engines.Finding{ID: "PG39", Title: "Blue can be restored", Target: "blue", Level: l, Want: "a day", Is: "31 h", Waive: w}
}

const backupOnBlue = "PG39 Blue can be restored on blue"

// TestASignedCheckLetsThePreflightGoOn: the check fails, a second person signs
// for this one, and the next attempt goes on against it: on the card, in the
// status list, and in a record that verify takes.
func TestASignedCheckLetsThePreflightGoOn(t *testing.T) {
	c, dir := newCrew(t), filepath.Join(t.TempDir(), "r")
	n := asking(t, c, dir, backup(engines.Block, engines.SecondPerson))
	n.run("1.0", steps.Failed)
	card := n.s.Snapshot().Cards["1.0"]
	if len(card.Found) != 1 || card.Found[0].Name != backupOnBlue || card.Found[0].Over || card.Found[0].Never {
		t.Fatalf("the card shows %+v", card.Found)
	}
	in := session.Intent{Command: steps.OverrideGate{Step: "1.0", Check: backupOnBlue, Reason: "a copy of tonight is on tape"}}
	if err := n.do(in); err != nil {
		t.Fatal(err)
	}
	a := n.s.Snapshot().Cards["1.0"].Approval
	if !a.Standing || a.Act != "override "+backupOnBlue || !strings.Contains(a.Texts[0].Text, "act: override "+backupOnBlue) {
		t.Fatalf("asked for %+v", a)
	}
	if err := n.do(session.Intent{Command: steps.Approve{}, Sign: &session.Sign{Path: "x"}}); err != nil {
		t.Fatal(err)
	}
	if card = n.s.Snapshot().Cards["1.0"]; !card.Found[0].Over {
		t.Errorf("signed, and the card shows %+v", card.Found)
	}
	n.run("1.0", steps.Done)
	if st := n.s.Snapshot().Status; !slices.Contains(st, "step 1.0 ran against check "+backupOnBlue) {
		t.Errorf("status %q", st)
	}
	if on := n.s.Snapshot().Cards["1.1"].Against; len(on) != 0 {
		t.Errorf("a step that moves no traffic names %+v", on)
	}
	n.run("1.1", steps.Done)
	on := n.s.Snapshot().Cards["2"].Against
	if len(on) != 1 || on[0].Step != "1.0" || on[0].Check != backupOnBlue || on[0].Is != "31 h" || on[0].Reason != "a copy of tonight is on tape" || !slices.Equal(on[0].Signed, []string{"bob"}) {
		t.Errorf("the window stands on %+v", on)
	}
	n.run("2", steps.Done)
	n.ends(t, dir, c, 0)
}

// TestASignatureCoversWhatWasSigned: not another check, not the same one when it
// cannot look any more, and not the attempt after.
func TestASignatureCoversWhatWasSigned(t *testing.T) {
	n := asking(t, newCrew(t), filepath.Join(t.TempDir(), "r"), backup(engines.Block, engines.SecondPerson))
	sign := func() {
		t.Helper()
		n.run("1.0", steps.Failed)
		in := session.Intent{Command: steps.OverrideGate{Step: "1.0", Check: backupOnBlue, Reason: "on tape"}}
		if err := n.do(in); err != nil {
			t.Fatal(err)
		}
		if err := n.do(session.Intent{Command: steps.Approve{}, Sign: &session.Sign{Path: "x"}}); err != nil {
			t.Fatal(err)
		}
	}
	becomes := func(f ...engines.Finding) {
		n.v.mu.Lock()
		defer n.v.mu.Unlock()
		n.v.found = f
	}
	sign()
	becomes(backup(engines.Blind, engines.SecondPerson))
	if x := n.run("1.0", steps.Failed); !strings.Contains(x.Why, "PG39 on blue (blind)") {
		t.Errorf("now blind: %s", x.Why)
	}
	becomes(backup(engines.Block, engines.SecondPerson))
	sign()
	other := backup(engines.Block, engines.SecondPerson)
	other.Target = "green"
	becomes(backup(engines.Block, engines.SecondPerson), other)
	if x := n.run("1.0", steps.Failed); x.Why != "preflight: PG39 on green" {
		t.Errorf("another server's: %s", x.Why)
	}
	if x := n.run("1.0", steps.Failed); !strings.Contains(x.Why, "PG39 on blue") {
		t.Errorf("the attempt after: %s", x.Why)
	}
}

// TestACheckThatNobodyMayOverride: no request is made, and the walk stops.
func TestACheckThatNobodyMayOverride(t *testing.T) {
	n := asking(t, newCrew(t), filepath.Join(t.TempDir(), "r"), backup(engines.Block, engines.Never))
	n.run("1.0", steps.Failed)
	if c := n.s.Snapshot().Cards["1.0"]; len(c.Found) != 1 || !c.Found[0].Never {
		t.Errorf("the card shows %+v", c.Found)
	}
	in := session.Intent{Command: steps.OverrideGate{Step: "1.0", Check: backupOnBlue, Reason: "on tape"}}
	if err := n.do(in); err == nil || !strings.Contains(err.Error(), "can never be overridden") {
		t.Errorf("override: %v", err)
	}
	if a := n.s.Snapshot().Cards["1.0"].Approval; a.Standing {
		t.Errorf("a second person was asked: %+v", a)
	}
}
