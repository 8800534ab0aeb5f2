package session_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// TestAnotherPersonTakesOver: at the keyboard, with both signatures; the one who
// left cannot approve afterwards.
func TestAnotherPersonTakesOver(t *testing.T) {
	c, dir := newCrew(t), filepath.Join(t.TempDir(), "r")
	n := c.night(t, newServers(), dir, nil)
	if err := n.do(session.Intent{Command: steps.Handover{To: "bob", Reason: "end of shift"}, Sign: &session.Sign{Path: "/carl"}}); err == nil {
		t.Error("handed over to bob with carl's key")
	}
	if err := n.do(session.Intent{Command: steps.Handover{To: "bob", Reason: "end of shift"}, Sign: &session.Sign{Path: "/bob"}}); err != nil {
		t.Fatal(err)
	}
	if snap := n.s.Snapshot(); snap.Operator != "bob" {
		t.Errorf("operator %s", snap.Operator)
	}
	n.arm(t, "3.1")
	for _, key := range []string{"/ann", "/bob"} {
		if err := n.do(session.Intent{Command: steps.Approve{}, Sign: &session.Sign{Path: key}}); err == nil {
			t.Errorf("%s approved", key)
		}
	}
	if err := n.do(session.Intent{Command: steps.Approve{}, Sign: &session.Sign{Path: "/carl"}}); err != nil {
		t.Fatal(err)
	}
	if err := n.confirmArmed(); err != nil {
		t.Fatal(err)
	}
	n.over("3.1", steps.Done)
	n.ends(t, dir, c, 0)
}

// TestAResumeByAnotherPersonIsAHandover: the record says from whom the session
// came, and who operated before cannot approve.
func TestAResumeByAnotherPersonIsAHandover(t *testing.T) {
	c, v, dir := newCrew(t), newServers(), filepath.Join(t.TempDir(), "r")
	n := c.night(t, v, dir, nil)
	if err := n.s.Suspend("left"); err != nil {
		t.Fatal(err)
	}
	cfg := config(v, dir)
	cfg.Book = n.s.State().Book
	cfg.Person = "bob"
	signers := *c.signers
	signers.SHA256 = strings.Repeat("0", 64)
	cfg.People = session.People{Signers: &signers, Key: c.bob, Open: func(path, _ string) ([]ssh.Signer, error) {
		return []ssh.Signer{map[string]ssh.Signer{"/ann": c.ann, "/bob": c.bob, "/carl": c.carl}[path]}, nil
	}}
	s, err := session.Resume(t.Context(), cfg, "ann is ill")
	if err != nil {
		t.Fatal(err)
	}
	if rec, err := os.ReadFile(filepath.Join(dir, "0002.jsonl")); err != nil || !strings.Contains(string(rec), "another file of the people who may sign") {
		t.Errorf("%v: nothing on record about the other signers file", err)
	}
	n = attach(t, v, s)
	n.h = s.Handle(session.Person{Name: "bob", Role: "operator"})
	n.shown()
	n.arm(t, "3.1")
	for key, ok := range map[string]bool{"/ann": false, "/bob": false, "/carl": true} {
		if err := n.do(session.Intent{Command: steps.Approve{}, Sign: &session.Sign{Path: key}}); (err == nil) != ok {
			t.Errorf("%s: %v", key, err)
		}
	}
	if err := n.confirmArmed(); err != nil {
		t.Fatal(err)
	}
	n.over("3.1", steps.Done)
	n.ends(t, dir, c, 0)
}
