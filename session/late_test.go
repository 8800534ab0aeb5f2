package session_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// TestAVerdictComesLate: what ran under a waiver is owed a second person's verdict,
// who gives it in the session by each of the ways a signature can come in. Both
// verdicts settle it.
func TestAVerdictComesLate(t *testing.T) {
	for _, way := range []string{"screen", "pasted", "carried", "not approved"} {
		t.Run(way, func(t *testing.T) {
			c, dir := newCrew(t), filepath.Join(t.TempDir(), "r")
			n := c.night(t, newServers(), dir, func(cfg *session.Config) {
				cfg.Book.Phases[2].Steps[0].BreakGlass = true
			})
			n.arm(t, "3.1")
			if err := n.do(session.Intent{Command: steps.Waive{Step: "3.1", Reason: "nobody is awake"}}); err != nil {
				t.Fatal(err)
			}
			if o := n.s.Snapshot().Owed; o != nil {
				t.Errorf("a verdict is asked for before anything ran: %+v", o)
			}
			if err := n.confirmArmed(); err != nil {
				t.Fatal(err)
			}
			n.over("3.1", steps.Done)
			o := n.s.Snapshot().Owed
			if o == nil || len(o.For) != 2 || o.Step != "3.1" || o.Reason != "nobody is awake" {
				t.Fatalf("owed: %+v", o)
			}
			if err := n.do(session.Intent{Command: steps.Approve{Way: steps.WayLate, Waiver: o.Waiver, Verdict: steps.Approved}, Sign: &session.Sign{Path: "/ann"}}); err == nil {
				t.Error("the operator judged an own step")
			}
			text := o.For[slices.IndexFunc(o.For, func(x session.ApprovalText) bool { return x.Who == "bob" })]
			var err error
			switch way {
			case "screen", "not approved":
				verdict := steps.Approved
				if way == steps.NotApproved {
					verdict = way
				}
				err = n.do(session.Intent{Command: steps.Approve{Way: steps.WayLate, Waiver: o.Waiver, Verdict: verdict}, Sign: &session.Sign{Path: "/bob"}})
			case "pasted":
				err = n.do(session.Intent{Command: steps.Approve{Signature: sign(t, c.bob, text.Text), Way: "screen"}})
			case "carried":
				err = os.MkdirAll(filepath.Dir(text.File), 0o700)
				if err == nil {
					err = os.WriteFile(text.File+".sig", []byte(sign(t, c.bob, text.Text)), 0o600)
				}
				if err == nil {
					err = n.s.Wait(t.Context(), func(s steps.State) bool { return len(s.Owed) == 0 })
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			if o := n.s.Snapshot().Owed; o != nil {
				t.Errorf("still owed: %+v", o)
			}
			n.ends(t, dir, c, 0)
			rec, err := audit.Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			last := rec.Entries[len(rec.Entries)-3]
			b, err := entries.Types().Decode(last)
			if err != nil || len(b.(entries.SessionClose).Owed) != 0 {
				t.Errorf("closed with %s, %v", last.Body, err)
			}
		})
	}
}

// aheadText is what a person signs days before.
func aheadText(t *testing.T, b *runbooks.Runbook, who string, from time.Time, change func(*steps.Ahead)) string {
	t.Helper()
	a := steps.Ahead{Digest: b.Digest, Runbook: b.Name, Change: "CHG-7", From: from, To: from.Add(4 * time.Hour)}
	if change != nil {
		change(&a)
	}
	text, err := steps.AheadText(a, who, who, from.Add(-72*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestARunbookIsApprovedAhead: inside its window the steps that it lets be approved
// so ask for nobody; what does not fit is refused with its reason.
func TestARunbookIsApprovedAhead(t *testing.T) {
	c, v, dir := newCrew(t), newServers(), filepath.Join(t.TempDir(), "r")
	cfg := config(v, dir)
	cfg.People, cfg.Change = c.people(), "CHG-7"
	first := &cfg.Book.Phases[0].Steps[0]
	first.Signers, first.Ahead = 2, true
	n := begin(t, v, cfg)
	from := v.now().Add(-time.Hour)
	give := func(k ssh.Signer, text string) error {
		return n.do(session.Intent{Command: steps.Approve{Way: steps.WayAhead, Statement: text, Signature: sign(t, k, text)}})
	}
	for _, row := range []struct {
		who  string
		key  ssh.Signer
		text string
		want string
	}{
		{"another runbook", c.bob, aheadText(t, cfg.Book, "bob", from, func(a *steps.Ahead) { a.Digest = strings.Repeat("0", 64) }), "is for another runbook"},
		{"another change", c.bob, aheadText(t, cfg.Book, "bob", from, func(a *steps.Ahead) { a.Change = "CHG-8" }), "is for change CHG-8, this session is for CHG-7"},
		{"a window that is over", c.bob, aheadText(t, cfg.Book, "bob", from.Add(-24*time.Hour), nil), "ran out at"},
		{"the operator", c.ann, aheadText(t, cfg.Book, "ann", from, nil), "the operator's own key"},
		{"another's name", c.carl, aheadText(t, cfg.Book, "bob", from, nil), "bob"},
	} {
		if err := give(row.key, row.text); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v", row.who, err)
		}
	}
	if err := n.confirm(); err == nil {
		t.Fatal("ran without an approval")
	}
	if err := n.do(session.Intent{Command: steps.Disarm{}}); err != nil {
		t.Fatal(err)
	}
	if err := give(c.bob, aheadText(t, cfg.Book, "bob", from, nil)); err != nil {
		t.Fatal(err)
	}
	if err := give(c.bob, aheadText(t, cfg.Book, "bob", from, nil)); err == nil {
		t.Error("bob approved twice")
	}
	a := n.s.Snapshot().Cards["1.1"].Approval
	if !a.Enough || !slices.Equal(a.Signed, []string{"bob (ahead)"}) {
		t.Errorf("shown: %+v", a)
	}
	n.run("1.1", steps.Done)
	n.run("2", steps.Done)
	n.ends(t, dir, c, 0)
}

// TestAnApprovalAheadWaitsForItsWindow, and is worth nothing once its giver has
// taken the session over.
func TestAnApprovalAheadWaitsForItsWindow(t *testing.T) {
	for _, later := range []bool{true, false} {
		c, v, dir := newCrew(t), newServers(), filepath.Join(t.TempDir(), "r")
		cfg := config(v, dir)
		cfg.People, cfg.Change = c.people(), "CHG-7"
		first := &cfg.Book.Phases[0].Steps[0]
		first.Signers, first.Ahead = 2, true
		n := begin(t, v, cfg)
		from := v.now().Add(-time.Hour)
		if later {
			from = v.now().Add(time.Hour)
		}
		text := aheadText(t, cfg.Book, "bob", from, nil)
		if err := n.do(session.Intent{Command: steps.Approve{Way: steps.WayAhead, Statement: text, Signature: sign(t, c.bob, text)}}); err != nil {
			t.Fatal(err)
		}
		if !later {
			if err := n.do(session.Intent{Command: steps.Handover{To: "bob", Reason: "ill"}, Sign: &session.Sign{Path: "/bob"}}); err != nil {
				t.Fatal(err)
			}
		}
		if a := n.s.Snapshot().Cards["1.1"].Approval; a.Enough {
			t.Errorf("later %v: it counts: %+v", later, a)
		}
		if err := n.confirm(); err == nil || !strings.Contains(err.Error(), "needs 1 approval") {
			t.Errorf("later %v: %v", later, err)
		}
	}
}

// TestTheAuthorOfARunbookIsNoSecondPerson: nobody asks for that signature, and one
// that is handed in is refused.
func TestTheAuthorOfARunbookIsNoSecondPerson(t *testing.T) {
	c, dir := newCrew(t), filepath.Join(t.TempDir(), "r")
	n := c.night(t, newServers(), dir, func(cfg *session.Config) { cfg.Book.Author = "bob" })
	card := n.arm(t, "3.1")
	if len(card.Approval.Texts) != 1 || card.Approval.Texts[0].Who != "carl" {
		t.Errorf("asked: %+v", card.Approval.Texts)
	}
	if err := n.do(session.Intent{Command: steps.Approve{}, Sign: &session.Sign{Path: "/bob"}}); err == nil || !strings.Contains(err.Error(), "bob is the author of this runbook") {
		t.Errorf("the author approved: %v", err)
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
