package session_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// crew are real keys: the operator's and two others'.
type crew struct {
	ann, bob, carl ssh.Signer
	signers        *audit.AllowedSigners
}

func newCrew(t *testing.T) *crew {
	t.Helper()
	key := func() ssh.Signer {
		_, priv, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		k, err := ssh.NewSignerFromKey(priv)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	c := &crew{ann: key(), bob: key(), carl: key()}
	var file strings.Builder
	for who, k := range map[string]ssh.Signer{"ann": c.ann, "bob": c.bob, "carl": c.carl} {
		file.WriteString(who + " " + string(ssh.MarshalAuthorizedKey(k.PublicKey())))
	}
	var err error
	if c.signers, err = audit.ParseAllowedSigners([]byte(file.String())); err != nil {
		t.Fatal(err)
	}
	return c
}

// people are ann at the keyboard, and the keys that lie there.
func (c *crew) people() session.People {
	return session.People{Signers: c.signers, Key: c.ann, Name: "Ann Example", Open: func(path, _ string) ([]ssh.Signer, error) {
		k, ok := map[string]ssh.Signer{"/ann": c.ann, "/bob": c.bob, "/carl": c.carl}[path]
		if !ok {
			return nil, os.ErrNotExist
		}
		return []ssh.Signer{k}, nil
	}}
}

// night is one with a step that needs a second person.
func (c *crew) night(t *testing.T, v *servers, dir string, change func(*session.Config)) *night {
	t.Helper()
	cfg := config(v, dir)
	last := runbooks.Step{ID: "3.1", Title: "no way back", Kind: "close", On: "green", From: "blue", To: "green", Risk: runbooks.NoReturn, Signers: 2, Phrase: "no way back", UndoNone: "test"}
	cfg.Book.Phases = append(cfg.Book.Phases, runbooks.Phase{Number: 3, Name: "close", Steps: []runbooks.Step{last}})
	cfg.People = c.people()
	if change != nil {
		change(&cfg)
	}
	n := begin(t, v, cfg)
	n.run("1.1", steps.Done)
	n.run("2", steps.Done)
	return n
}

func (n *night) arm(t *testing.T, id runbooks.StepID) session.Card {
	t.Helper()
	if err := n.do(session.Intent{Command: steps.Arm{Step: id}}); err != nil {
		t.Fatal(err)
	}
	return n.s.Snapshot().Cards[id]
}

func (n *night) confirmArmed() error {
	snap := n.s.Snapshot()
	c := snap.Cards[snap.Current]
	return n.do(session.Intent{Command: steps.Confirm{Step: c.ID, Digest: c.Digest}, Typed: c.Word,
		Seen: session.Seen{Step: c.ID, Attempt: c.Attempt, Entry: snap.Record.Count - 1}})
}

func textFor(t *testing.T, c session.Card, who string) session.ApprovalText {
	t.Helper()
	for _, x := range c.Approval.Texts {
		if x.Who == who {
			return x
		}
	}
	t.Fatalf("no text for %s: %+v", who, c.Approval)
	panic("unreachable")
}

func sign(t *testing.T, k ssh.Signer, text string) string {
	t.Helper()
	sig, err := audit.SignSSH(rand.Reader, k, audit.NamespaceApproval, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// ends closes the session and holds its record against verify.
func (n *night) ends(t *testing.T, dir string, c *crew, exit int) {
	t.Helper()
	if err := n.do(session.Intent{Command: steps.End{Reason: "end"}}); err != nil {
		t.Fatal(err)
	}
	if err := n.s.Close(); err != nil {
		t.Fatal(err)
	}
	r := entries.Verify(dir, audit.VerifyOptions{Signers: c.signers})
	if r.Exit != exit {
		t.Errorf("verify says %d, want %d: %v", r.Exit, exit, r.Findings)
	}
}
