package tui

import (
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// clientsHeld is a window of single steps whose clients wait before 3.2.
func clientsHeld(statements int) session.Snapshot {
	s := ready()
	s.Freeze = frozen().Freeze
	t := &session.Taking{Steps: []runbooks.StepID{"3.1b", "3.1"}, Ends: "blue", Word: "blue", Text: "turquoise take back v1", Digest: "7a3e00112233445566778899aabbccddeeff"}
	for i := range statements {
		t.Statements = append(t.Statements, session.Statement{N: i + 1, Target: "blue", Verb: "sql", Title: "open role " + itoa(i), Text: "ALTER ROLE r" + itoa(i) + " LOGIN"})
	}
	s.Taking = t
	s.Way = session.WayBack{State: "OPEN", Name: "the window", Now: "take the window back", Loses: "nothing", Until: "3.6"}
	return s
}

func (r *rig) takeBacks() (out []steps.TakeBack) {
	for _, in := range r.sess.got {
		if c, ok := in.Command.(steps.TakeBack); ok {
			out = append(out, c)
		}
	}
	return out
}

// b while clients are held shows every statement that takes the window back, and
// takes the typed side; with no room for all, it is read to its end first.
func TestBTakesAHeldWindowBack(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {100, 32}, {120, 40}, {170, 46}} {
		r := newRig(t, clientsHeld(2), size[0], size[1])
		r.pass(deadFor)
		r.typed("b")
		r.pass(deadFor)
		r.reads()
		r.shows("TAKE 2 STEPS BACK?", "steps 3.1b, 3.1", "plan 7a3e0011", "ALTER ROLE r1 LOGIN", "Clients go on against BLUE", "clients have waited", "Type blue", "esc")
		r.typed("green")
		r.pass(deadFor)
		r.enter()
		if len(r.takeBacks()) != 0 {
			t.Fatalf("%v: another word was taken", size)
		}
		r.shows("differs")
		r.typed("blue")
		r.pass(settleFor)
		r.enter()
		got := r.takeBacks()
		if len(got) != 1 || got[0].Digest != r.m.snap.Taking.Digest || r.last().Typed != "blue" || got[0].Reason == "" {
			t.Fatalf("%v: sent %+v", size, r.sess.got)
		}
		for _, in := range r.sess.got {
			if _, ok := in.Command.(steps.Disarm); ok {
				t.Errorf("%v: a box was disarmed that nobody armed", size)
			}
		}
	}
	r := newRig(t, clientsHeld(40), 80, 24)
	r.pass(deadFor)
	r.typed("b")
	r.pass(deadFor)
	r.shows("READ ALL THAT TAKES THE WINDOW BACK")
	r.enter()
	r.shows("READ ALL")
	r.reads()
	r.shows("TAKE 2 STEPS BACK?", "Type blue", "esc")
}

// The box closes when what it shows is not what would be sent any more, esc sends
// nothing, and a shrunk box goes back to the pager.
func TestTheTakeBackBoxFollowsTheSession(t *testing.T) {
	for name, change := range map[string]func(*session.Snapshot){
		"another digest": func(s *session.Snapshot) { t := *s.Taking; t.Digest = "99"; s.Taking = &t },
		"nothing held":   func(s *session.Snapshot) { s.Taking = nil },
	} {
		r := newRig(t, clientsHeld(2), 120, 40)
		r.pass(deadFor)
		r.typed("b")
		s := clientsHeld(2)
		change(&s)
		r.snap(s)
		r.shows("nothing has run")
		if r.m.mode != looking || len(r.sess.got) != 0 {
			t.Errorf("%s: mode %d, sent %+v", name, r.m.mode, r.sess.got)
		}
	}
	r := newRig(t, clientsHeld(2), 120, 40)
	r.pass(deadFor)
	r.typed("b")
	r.pass(deadFor)
	r.typed("blue")
	r.esc()
	r.shows("cancelled, nothing has run")
	if len(r.sess.got) != 0 {
		t.Errorf("esc sent %+v", r.sess.got)
	}
}

// A window whose opening statement was begun says that its proof comes first.
func TestTheTakeBackBoxSaysWhatIsProvenFirst(t *testing.T) {
	s := clientsHeld(1)
	s.Taking.Doubt = "3.6"
	r := newRig(t, s, 120, 40)
	r.pass(deadFor)
	r.typed("b")
	r.shows("First the proof of step 3.6 is asked")
}

// L8: the line mode does the same.
func TestPlainTakesAHeldWindowBack(t *testing.T) {
	s := clientsHeld(2)
	k, said, _ := runPlain(t, s, menuNumber(t, s, "back out"), "green", menuNumber(t, s, "back out"), "blue", menuNumber(t, s, "leave"), "l", "l")
	var got []steps.TakeBack
	for _, in := range k.got {
		if c, ok := in.Command.(steps.TakeBack); ok {
			got = append(got, c)
		}
	}
	if len(got) != 1 || got[0].Digest != s.Taking.Digest || !strings.Contains(said, "ALTER ROLE r1 LOGIN") || !strings.Contains(said, "differs, nothing has run") {
		t.Errorf("sent %+v, said:\n%s", got, said)
	}
}
