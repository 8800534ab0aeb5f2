package session_test

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// TestASecondPersonSigns in each of the ways a signature can come in: with a key
// at this keyboard, pasted, and laid beside the record by stock tools.
func TestASecondPersonSigns(t *testing.T) {
	for _, way := range []string{"screen", "pasted", "carried"} {
		t.Run(way, func(t *testing.T) {
			c, dir := newCrew(t), filepath.Join(t.TempDir(), "r")
			n := c.night(t, newServers(), dir, nil)
			card := n.arm(t, "3.1")
			if err := n.confirmArmed(); err == nil || !strings.Contains(err.Error(), "approval of a second person") {
				t.Fatalf("alone: %v", err)
			}
			var err error
			text := textFor(t, card, "bob")
			switch way {
			case "screen":
				err = n.do(session.Intent{Command: steps.Approve{Way: "screen"}, Sign: &session.Sign{Path: "/bob"}})
			case "pasted":
				err = n.do(session.Intent{Command: steps.Approve{Signature: sign(t, c.bob, text.Text), Way: "screen"}})
			case "carried":
				read, rerr := os.ReadFile(text.File)
				if rerr != nil || string(read) != text.Text {
					t.Fatalf("the file is not the text on the screen: %v", rerr)
				}
				if err := os.WriteFile(text.File+".sig", []byte(sign(t, c.bob, text.Text)), 0o600); err != nil {
					t.Fatal(err)
				}
				err = n.s.Wait(t.Context(), func(s steps.State) bool { r, _ := s.Request("3.1", steps.ActRun); return r.Enough() })
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := n.confirmArmed(); err != nil {
				t.Fatal(err)
			}
			n.over("3.1", steps.Done)
			n.ends(t, dir, c, 0)
		})
	}
}

// TestWhoIsNoSecondPerson: the operator under any name, a key in the operator's
// agent, a stranger, a signature for something else.
func TestWhoIsNoSecondPerson(t *testing.T) {
	c := newCrew(t)
	stranger := newCrew(t)
	inAgent := func(cfg *session.Config) {
		cfg.People.Agent = func() ([]ssh.PublicKey, error) { return []ssh.PublicKey{c.bob.PublicKey()}, nil }
	}
	for _, row := range []struct {
		name   string
		change func(*session.Config)
		in     func(*testing.T, *night, session.Card) session.Intent
		why    string
	}{
		{"operator's key here", nil, func(*testing.T, *night, session.Card) session.Intent {
			return session.Intent{Command: steps.Approve{}, Sign: &session.Sign{Path: "/ann"}}
		}, "is the operator's own key"},
		{"key in the operator's agent", inAgent, func(*testing.T, *night, session.Card) session.Intent {
			return session.Intent{Command: steps.Approve{}, Sign: &session.Sign{Path: "/bob"}}
		}, "in the operator's own agent"},
		{"stranger's signature", nil, func(t *testing.T, _ *night, card session.Card) session.Intent {
			return session.Intent{Command: steps.Approve{Signature: sign(t, stranger.bob, textFor(t, card, "bob").Text)}}
		}, "is not in allowed_signers"},
		{"signature over the plan alone", nil, func(t *testing.T, _ *night, card session.Card) session.Intent {
			return session.Intent{Command: steps.Approve{Signature: sign(t, c.bob, card.PlanText)}}
		}, "the text is another one"},
		{"other namespace", nil, func(t *testing.T, _ *night, card session.Card) session.Intent {
			sig, err := audit.SignSSH(rand.Reader, c.bob, "git", []byte(textFor(t, card, "bob").Text))
			if err != nil {
				t.Fatal(err)
			}
			return session.Intent{Command: steps.Approve{Signature: sig}}
		}, `in the namespace "git"`},
		{"another's text", nil, func(t *testing.T, _ *night, card session.Card) session.Intent {
			text := textFor(t, card, "carl").Text
			return session.Intent{Command: steps.Approve{Statement: text, Signature: sign(t, c.bob, text)}}
		}, "belongs to bob, not to carl"},
		{"attempt before", nil, func(t *testing.T, n *night, card session.Card) session.Intent {
			sig := sign(t, c.bob, textFor(t, card, "bob").Text)
			if err := n.do(session.Intent{Command: steps.Disarm{}}); err != nil {
				t.Fatal(err)
			}
			n.arm(t, "3.1")
			return session.Intent{Command: steps.Approve{Signature: sig}}
		}, "is for attempt 1 of step 3.1, this is attempt 2"},
		{"no signature", nil, func(*testing.T, *night, session.Card) session.Intent {
			return session.Intent{Command: steps.Approve{Signature: "yes"}}
		}, "not the text between"},
		{"no signers file", func(cfg *session.Config) { cfg.People = session.People{} }, func(*testing.T, *night, session.Card) session.Intent {
			return session.Intent{Command: steps.Approve{Signature: "yes"}}
		}, "no file says who may sign"},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := newServers()
			n := c.night(t, v, filepath.Join(t.TempDir(), "r"), row.change)
			in := row.in(t, n, n.arm(t, "3.1"))
			err := n.do(in)
			var r *steps.Refusal
			if !errors.As(err, &r) || !strings.Contains(err.Error(), row.why) {
				t.Errorf("want a refusal with %q, got %v", row.why, err)
			}
			if err := n.confirmArmed(); err == nil {
				t.Error("the step ran")
			}
			if lines := n.s.Snapshot().Record.Lines; !slices.ContainsFunc(lines, func(l session.RecordLine) bool {
				return l.Text != "" && strings.HasPrefix(err.Error(), strings.TrimSuffix(l.Text, "…"))
			}) {
				t.Error("the refusal is not on record")
			}
		})
	}
}

// TestAnUnsignedSessionSaysSo: without a key nothing is claimed, and the record
// stays below the level that needs one.
func TestAnUnsignedSessionSaysSo(t *testing.T) {
	v, dir := newServers(), filepath.Join(t.TempDir(), "r")
	n := begin(t, v, config(v, dir))
	n.run("1.1", steps.Done)
	n.run("2", steps.Done)
	if err := n.do(session.Intent{Command: steps.End{}}); err != nil {
		t.Fatal(err)
	}
	rec, err := audit.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := entries.Types().Decode(rec.Entries[0])
	if err != nil {
		t.Fatal(err)
	}
	if o := b.(entries.SessionOpen); o.Endorsement != "" || o.Signature != "" || o.Key != nil || o.PeopleSHA256 != "-" {
		t.Errorf("opened with %+v", o)
	}
	if _, err := os.Stat(filepath.Join(dir, "0001.jsonl.sig")); err == nil {
		t.Error("a file signature without a key")
	}
}

// TestAnOverrideRunsTheStep: the gate is closed, a second person signs, and the
// record is that of a procedure that was followed.
func TestAnOverrideRunsTheStep(t *testing.T) {
	c, v, dir := newCrew(t), newServers(), filepath.Join(t.TempDir(), "r")
	v.gauge = 30
	cfg := config(v, dir)
	cfg.People = session.People{Signers: c.signers, Key: c.ann, Open: func(string, string) ([]ssh.Signer, error) { return []ssh.Signer{c.bob}, nil }}
	n := begin(t, v, cfg)
	n.shown()
	if err := n.do(session.Intent{Command: steps.Arm{Step: "1.1"}}); err == nil {
		t.Fatal("armed against a closed gate")
	}
	in := session.Intent{Command: steps.OverrideGate{Step: "1.1", Check: "green/lag_seconds", Reason: "nobody writes"}}
	if err := n.do(in); err != nil {
		t.Fatal(err)
	}
	if a := n.s.Snapshot().Cards["1.1"].Approval; !a.Standing || a.Act != "override green/lag_seconds" || len(a.Texts) != 2 {
		t.Fatalf("asked for %+v", a)
	}
	if err := n.do(session.Intent{Command: steps.Approve{}, Sign: &session.Sign{Path: "x"}}); err != nil {
		t.Fatal(err)
	}
	n.run("1.1", steps.Done)
	n.run("2", steps.Done)
	n.ends(t, dir, c, 0)
}

// TestADecisionIsSigned: where the operator has a key, the word on an unclear
// step carries it.
func TestADecisionIsSigned(t *testing.T) {
	c, v, dir := newCrew(t), newServers(), filepath.Join(t.TempDir(), "r")
	v.on["CREATE x"] = func() (engines.Result, error) { return engines.Result{}, errLost }
	v.on["is x"] = func() (engines.Result, error) { return row("f"), nil }
	cfg := config(v, dir)
	cfg.People = session.People{Signers: c.signers, Key: c.ann}
	n := begin(t, v, cfg)
	n.run("1.1", steps.Unclear)
	if err := n.do(session.Intent{Command: steps.Settle{Step: "1.1", Next: steps.NextDone, Reason: "seen in the catalogue"}}); err != nil {
		t.Fatal(err)
	}
	n.run("2", steps.Done)
	n.ends(t, dir, c, 0)
	rec, err := os.ReadFile(filepath.Join(dir, "0001.jsonl"))
	if err != nil || !strings.Contains(string(rec), "decided done: seen in the catalogue") || !strings.Contains(string(rec), "turquoise decision v1") {
		t.Errorf("%v: no signed decision with its reason", err)
	}
}

// TestAWaiverIsOwedInTheRecord: it is signed, the step runs, and verify says what
// is still missing.
func TestAWaiverIsOwedInTheRecord(t *testing.T) {
	c, dir := newCrew(t), filepath.Join(t.TempDir(), "r")
	n := c.night(t, newServers(), dir, func(cfg *session.Config) {
		last := &cfg.Book.Phases[len(cfg.Book.Phases)-1].Steps[0]
		last.BreakGlass = true
	})
	n.arm(t, "3.1")
	if err := n.do(session.Intent{Command: steps.Waive{Step: "3.1", Reason: "nobody else is awake"}}); err != nil {
		t.Fatal(err)
	}
	if err := n.confirmArmed(); err != nil {
		t.Fatal(err)
	}
	n.over("3.1", steps.Done)
	if st := n.s.Snapshot().Status; !slices.ContainsFunc(st, func(l string) bool { return strings.Contains(l, "it is owed") }) {
		t.Errorf("STATUS %q", st)
	}
	n.ends(t, dir, c, 2)
	if r := entries.Verify(dir, audit.VerifyOptions{Signers: c.signers}); len(r.Findings) != 1 || r.Findings[0].Code != "I58-owed" {
		t.Errorf("findings %v", r.Findings)
	}
}
