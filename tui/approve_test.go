package tui

import (
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

const pasted = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n"

// noReturn is a step without return that waits for bo.
func noReturn(lines int) session.Snapshot {
	s := withRisk(ready(), runbooks.NoReturn, "drop it")
	c := s.Cards[s.Current]
	c.Need = 1
	c.Approval = session.Approval{Need: 1, Act: steps.ActRun, Standing: true, Asked: night, Until: night.Add(15 * time.Minute),
		Texts: []session.ApprovalText{{Who: "bo", File: "/r/118-bo.txt", Text: "turquoise approval v1\n" + strings.Repeat("step: 3.2\n", lines) + "last line\n"}}}
	s.Cards[s.Current] = c
	return s
}

func withApproval(s session.Snapshot, change func(*session.Approval)) session.Snapshot {
	cards := map[runbooks.StepID]session.Card{}
	for id, c := range s.Cards {
		cards[id] = c
	}
	c := cards[s.Current]
	change(&c.Approval)
	cards[s.Current] = c
	s.Cards, s.Seq = cards, s.Seq+1
	return s
}

func (r *rig) approveBox() {
	r.t.Helper()
	r.openBox()
	r.key(tea.KeyPressMsg{Code: tea.KeyTab})
	r.shows("APPROVE 3.2?", "turquoise approval v1", "ssh-keygen -Y sign -n turquoise-approval -f KEY /r/118-bo.txt")
	r.pass(deadFor)
}

// The word alone does not run a step that needs a second person; with the
// signature the box is as it was left, and enter runs.
func TestNoReturnWaitsForTheSecondPerson(t *testing.T) {
	r := newRig(t, noReturn(2), 120, 40)
	r.openBox()
	r.shows("? bo has not signed", "tab a second person signs")
	r.typed("drop it")
	r.pass(time.Second)
	r.enter()
	if r.confirms() != 0 {
		t.Fatal("ran without the second person")
	}
	r.shows("matches", "tab: second person")
	r.key(tea.KeyPressMsg{Code: tea.KeyTab})
	r.pass(deadFor)
	r.esc()
	r.shows("POINT OF NO RETURN", "drop it")
	r.snap(withApproval(r.m.snap, func(a *session.Approval) { a.Enough, a.Signed = true, []string{"bo"} }))
	r.shows("✓ bo signed", "matches")
	r.pass(time.Second)
	r.enter()
	if r.confirms() != 1 {
		t.Fatalf("confirmed %d times", r.confirms())
	}
}

// A key at this keyboard signs only after the text was read to its end.
func TestAKeySignsWhatWasRead(t *testing.T) {
	r := newRig(t, noReturn(60), 120, 40)
	r.approveBox()
	r.typed("/keys/bo")
	n := len(r.sess.got)
	r.enter()
	r.shows("read the text to its end first")
	r.showsNot("last line")
	r.key(tea.KeyPressMsg{Code: tea.KeyEnd})
	r.shows("last line")
	r.enter()
	in := r.last()
	if len(r.sess.got) != n+1 || in.Sign == nil || in.Sign.Path != "/keys/bo" || in.Command.(steps.Approve).Way != "screen" {
		t.Fatalf("sent %+v", in)
	}
	r.shows("POINT OF NO RETURN")
}

// An encrypted key asks for its passphrase, which no frame ever shows.
func TestAPassphraseIsNotShown(t *testing.T) {
	r := newRig(t, noReturn(2), 120, 40)
	r.approveBox()
	r.sess.err = &audit.Error{Op: "read key", Object: "/keys/bo", Err: audit.ErrLocked}
	r.typed("/keys/bo")
	r.enter()
	r.shows("passphrase of the key:")
	r.typed("sesame")
	r.shows("******")
	r.showsNot("sesame")
	r.sess.err = nil
	r.enter()
	if in := r.last(); in.Sign == nil || in.Sign.Passphrase != "sesame" || in.Sign.Path != "/keys/bo" || in.Typed != "" {
		t.Fatalf("sent %+v", in)
	}
}

// A4: the signature field is the one that takes a paste, and only a signature.
func TestTheSignatureFieldTakesAPaste(t *testing.T) {
	r := newRig(t, noReturn(2), 120, 40)
	r.approveBox()
	r.send(tea.PasteMsg{Content: "drop it"})
	r.shows("that is no signature")
	r.send(tea.PasteMsg{Content: strings.ReplaceAll(pasted, "\n", "\r\n")})
	r.shows("pasted")
	r.sess.err = errors.New("not run: the approval is for attempt 1 of step 3.2, this is attempt 2")
	r.enter()
	if c, ok := r.last().Command.(steps.Approve); !ok || !strings.Contains(c.Signature, "BEGIN SSH SIGNATURE") {
		t.Fatalf("sent %+v", r.last())
	}
	r.shows("APPROVE 3.2?", "the approval is for attempt 1 of step 3.2")
}

// No single key of the box signs, denies or runs anything.
func TestNoSingleKeyApproves(t *testing.T) {
	for _, k := range keysOfAKeyboard() {
		r := newRig(t, noReturn(2), 120, 40)
		r.approveBox()
		n := len(r.sess.got)
		r.key(k)
		if len(r.sess.got) != n {
			t.Errorf("%q sent %+v", k.String(), r.last())
		}
	}
}

// A no needs a reason, and the box of the step goes with it.
func TestADenialClosesTheBox(t *testing.T) {
	r := newRig(t, noReturn(2), 120, 40)
	r.approveBox()
	r.typed("d")
	r.shows("DENY 3.2?")
	r.pass(deadFor)
	r.typed("not tonight")
	r.enter()
	n := len(r.sess.got)
	if c, ok := r.sess.got[n-2].Command.(steps.Deny); !ok || c.Reason != "not tonight" {
		t.Fatalf("sent %#v", r.sess.got)
	}
	if _, ok := r.last().Command.(steps.Disarm); !ok {
		t.Fatalf("sent %#v, want the box closed", r.last().Command)
	}
	r.showsNot("POINT OF NO RETURN")
}

// The box goes when what it is about goes: the plan, the check, the request.
func TestTheApproveBoxFollowsTheSession(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*session.Card)
		shows  string
	}{
		"plan changed":     {func(c *session.Card) { c.Digest = "00" }, "the box was closed, nothing has run"},
		"check closed":     {func(c *session.Card) { c.Before[0].Status = 0 }, "a check does not pass any more"},
		"request ran out":  {func(c *session.Card) { c.Approval.Standing = false }, "POINT OF NO RETURN"},
		"signed elsewhere": {func(c *session.Card) { c.Approval.Enough = true }, "POINT OF NO RETURN"},
	} {
		r := newRig(t, noReturn(2), 120, 40)
		r.approveBox()
		s := withApproval(r.m.snap, func(*session.Approval) {})
		c := s.Cards[s.Current]
		c.Before = append([]session.CheckRow(nil), c.Before...)
		row.change(&c)
		s.Cards[s.Current] = c
		r.snap(s)
		r.showsNot("APPROVE 3.2?")
		if !strings.Contains(r.frame(), row.shows) {
			t.Errorf("%s: want %q in\n%s", name, row.shows, r.frame())
		}
	}
}

// polled is a step that two desks must say go for; one has.
func polled() session.Snapshot {
	s := ready()
	c := s.Cards[s.Current]
	c.Desks = []session.Desk{{Name: "database", Answered: true, Go: true, By: "ada", At: night}, {Name: "application"}}
	s.Cards[s.Current] = c
	return s
}

// The poll: a desk is chosen, its answer sent; a no go needs a word.
func TestThePollBox(t *testing.T) {
	r := newRig(t, polled(), 120, 40)
	r.pass(deadFor)
	r.typed("x")
	r.shows("x is off: application has not answered: g")
	r.typed("g")
	r.shows("GO / NO-GO", "GO", "waiting …", "One NO GO, or one missing answer, keeps the hold.")
	r.pass(deadFor)
	r.typed("jm")
	in := r.last()
	if a, ok := in.Command.(steps.Answer); !ok || a.Desk != "application" || !a.Go || !in.ByVoice {
		t.Fatalf("sent %+v", in)
	}
	r.typed("n")
	r.pass(deadFor)
	r.typed("batch runs")
	r.enter()
	if a, ok := r.last().Command.(steps.Answer); !ok || a.Go || a.Comment != "batch runs" {
		t.Fatalf("sent %#v", r.last().Command)
	}
}

// Hand-over: name, key, reason; the key of nobody is written as -.
func TestTheHandOverBox(t *testing.T) {
	r := newRig(t, ready(), 120, 40)
	r.pass(deadFor)
	r.typed("H")
	r.shows("HAND OVER?", "operator now  ada")
	r.pass(deadFor)
	for _, field := range []string{"bo", "/keys/bo", "end of shift"} {
		r.typed(field)
		r.enter()
	}
	in := r.last()
	if h, ok := in.Command.(steps.Handover); !ok || h.To != "bo" || h.Reason != "end of shift" || in.Sign == nil || in.Sign.Path != "/keys/bo" {
		t.Fatalf("sent %+v", in)
	}
	r.shows("handed over to bo")
}

// What ran under a waiver is judged in the cockpit, also when the walk is over:
// the verdict is chosen, read and signed.
func TestAVerdictIsGivenInTheCockpit(t *testing.T) {
	s := ready()
	s.Owed = &session.Owed{Waiver: 212, Step: "7.1", Reason: "nobody was awake",
		For:     []session.ApprovalText{{Who: "bo", File: "/r/late-ok.txt", Text: "turquoise late approval v1\nverdict: approved\n"}},
		Against: []session.ApprovalText{{Who: "bo", File: "/r/late-no.txt", Text: "turquoise late approval v1\nverdict: not approved\n"}}}
	for _, over := range []bool{false, true} {
		if over {
			s.Current, s.Seq = "", s.Seq+1
		}
		for _, size := range [][2]int{{120, 40}, {80, 24}} {
			r := newRig(t, s, size[0], size[1])
			r.pass(deadFor)
			r.typed("A")
			r.shows("VERDICT ON STEP 7.1?", "nobody was awake", "waiver at entry 212", "verdict: approved", "/r/late-ok.txt")
			r.pass(deadFor)
			r.typed("d")
			r.shows("verdict: not approved", "/r/late-no.txt")
			r.typed("/keys/bo")
			r.enter()
			in := r.last()
			c, ok := in.Command.(steps.Approve)
			if !ok || c.Way != steps.WayLate || c.Waiver != 212 || c.Verdict != steps.NotApproved || in.Sign == nil || in.Sign.Path != "/keys/bo" {
				t.Fatalf("sent %+v", in)
			}
		}
	}
	r := newRig(t, s, 120, 40)
	r.pass(deadFor)
	r.typed("A")
	r.pass(deadFor)
	settled := s
	settled.Owed, settled.Seq = nil, s.Seq+1
	r.snap(settled)
	r.showsNot("VERDICT ON STEP")
	r.shows("nothing is owed any more")
}
