package tui

import (
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// keysOfAKeyboard are all plain keys that a terminal sends.
func keysOfAKeyboard() []tea.KeyPressMsg {
	var out []tea.KeyPressMsg
	for c := rune(' '); c < 0x7f; c++ {
		out = append(out, tea.KeyPressMsg{Code: c, Text: string(c)})
	}
	for _, c := range []rune{tea.KeyEnter, tea.KeyTab, tea.KeyUp, tea.KeyDown, tea.KeyPgUp, tea.KeyPgDown, tea.KeyHome, tea.KeyEnd, tea.KeyBackspace, tea.KeyF1} {
		out = append(out, tea.KeyPressMsg{Code: c})
	}
	for c := 'a'; c <= 'z'; c++ {
		out = append(out, tea.KeyPressMsg{Code: c, Mod: tea.ModCtrl}, tea.KeyPressMsg{Code: c, Mod: tea.ModAlt})
	}
	return out
}

// A1: nothing runs but from the confirm box, whatever single key is pressed.
func TestA1NoKeyOutsideOfTheBoxRunsAnything(t *testing.T) {
	for name, s := range scenes() {
		for _, k := range keysOfAKeyboard() {
			r := newRig(t, s, 120, 40)
			r.pass(deadFor)
			r.key(k)
			if r.confirms() != 0 {
				t.Fatalf("%s: %q confirmed", name, k.String())
			}
		}
	}
}

// A1, A2: within the box of a step that changes something no single key
// confirms either, and x is none of the keys that do for a reading step.
func TestA2NoSingleKeyConfirmsAChange(t *testing.T) {
	for _, risk := range []runbooks.Risk{runbooks.Change, runbooks.Traffic, runbooks.NoReturn} {
		for _, k := range keysOfAKeyboard() {
			r := newRig(t, withRisk(ready(), risk, "word"), 120, 40)
			r.openBox()
			r.pass(time.Second)
			r.key(k)
			r.pass(time.Second)
			r.key(k)
			if r.confirms() != 0 {
				t.Fatalf("%v: %q confirmed", risk, k.String())
			}
		}
	}
	for _, k := range keysOfAKeyboard() {
		r := newRig(t, withRisk(ready(), runbooks.Read, "y"), 120, 40)
		r.openBox()
		r.key(k)
		if want := k.String() == "y"; (r.confirms() == 1) != want {
			t.Fatalf("READ: %q confirmed %d times", k.String(), r.confirms())
		}
	}
}

// The ladder: the right word, typed by hand, confirms digest, word and what was seen.
func TestTheTypedWordConfirmsThePlanThatWasShown(t *testing.T) {
	r := newRig(t, ready(), 120, 40)
	r.openBox()
	r.shows("RUN 3.2?", "plan c41d07b2", "Type blue to run:", "esc cancel, nothing has run", "way back", "loses nothing", "4 of 4 checks pass")
	r.typed("blue")
	r.shows("matches")
	r.pass(settleFor)
	r.enter()
	in := r.last()
	c, ok := in.Command.(steps.Confirm)
	if !ok || c.Digest != ready().Cards["3.2"].Digest || c.Step != "3.2" {
		t.Fatalf("got %#v, want a Confirm of the digest that was shown", in.Command)
	}
	if in.Typed != "blue" || in.Seen != (session.Seen{Step: "3.2", Attempt: 1, Entry: 118}) || in.ShownMS < 400 {
		t.Fatalf("got %+v", in)
	}
	r.showsNot("RUN 3.2?")
}

// A3: keys are dropped while the box is young, after a focus, after a new step;
// enter does not count with the phrase; a repeat never counts.
func TestA3DeadTimes(t *testing.T) {
	r := newRig(t, withRisk(ready(), runbooks.Read, "y"), 120, 40)
	r.x()
	r.snap(armed(r.m.snap))
	r.pass(deadFor - time.Millisecond)
	r.typed("y")
	if r.confirms() != 0 {
		t.Fatal("y counted before the dead time of the box was over")
	}
	r.send(tea.FocusMsg{})
	r.pass(deadFor - time.Millisecond)
	r.typed("y")
	if r.confirms() != 0 {
		t.Fatal("y counted right after the window got the focus")
	}
	r.pass(time.Millisecond)
	r.key(tea.KeyPressMsg{Code: 'y', Text: "y", IsRepeat: true})
	if r.confirms() != 0 {
		t.Fatal("a repeated key counted")
	}
	r.typed("y")
	if r.confirms() != 1 {
		t.Fatal("y did not count after the dead time")
	}

	r = newRig(t, ready(), 120, 40)
	r.typed("x")
	if len(r.sess.got) != 0 {
		t.Fatal("x counted within the dead time of a new step")
	}
	r.openBox()
	r.typed("blue")
	r.pass(settleFor - time.Millisecond)
	r.enter()
	if r.confirms() != 0 {
		t.Fatal("enter counted together with the phrase")
	}
	r.pass(time.Millisecond)
	r.enter()
	if r.confirms() != 1 {
		t.Fatal("enter did not count after the phrase had settled")
	}
}

// A4: paste fills no field, bracketed or as keys within a millisecond.
func TestA4PasteNeverConfirms(t *testing.T) {
	r := newRig(t, ready(), 120, 40)
	r.openBox()
	r.send(tea.PasteMsg{Content: "blue"})
	r.shows("paste refused: type it")
	r.pass(time.Second)
	r.enter()
	r.pass(deadFor)
	r.typed("blue")
	r.enter() // in the same millisecond
	if r.confirms() != 0 {
		t.Fatal("a paste confirmed")
	}
}

// A5: esc means that nothing happens, in every box, and the box says so.
func TestA5EscMeansNothingHappens(t *testing.T) {
	for _, k := range []string{"s", "h", "n", "b", "?", "R", "L"} {
		r := newRig(t, withRisk(ready(), runbooks.Change, "3.2"), 120, 40)
		r.pass(deadFor)
		r.typed(k)
		r.shows("esc")
		r.pass(deadFor)
		r.esc()
		if r.m.mode != looking || len(r.sess.got) != 0 {
			t.Fatalf("%s, esc: mode %d, sent %v", k, r.m.mode, r.sess.got)
		}
	}
	r := newRig(t, ready(), 120, 40)
	r.openBox()
	r.esc()
	if _, ok := r.last().Command.(steps.Disarm); !ok || r.confirms() != 0 {
		t.Fatalf("esc sent %#v", r.last().Command)
	}
	r.shows("cancelled, nothing has run")
}

// A6: a text that the box cannot show opens the pager, and only its end leads on.
func TestA6ALongPlanMustBeReadToItsEnd(t *testing.T) {
	s := edited(ready(), func(c *session.Card) {
		c.Statements = []session.Statement{{N: 1, Target: "blue", Text: strings.Repeat("SELECT 1;\n", 299) + "SELECT 'the end';"}}
	})
	r := newRig(t, s, 80, 24)
	r.shows("more lines; x shows all before it asks")
	r.openBox()
	if r.m.mode != paging {
		t.Fatalf("mode %d, want the pager", r.m.mode)
	}
	r.enter()
	if r.m.mode != paging {
		t.Fatal("enter went on although the end was not on screen")
	}
	r.key(tea.KeyPressMsg{Code: tea.KeyEnd})
	r.shows("SELECT 'the end';", "on to the box")
	r.enter()
	if r.m.mode != confirming {
		t.Fatalf("mode %d after the end was read, want the box", r.m.mode)
	}
}

// A6: wrapping neither adds nor loses a byte.
func TestA6WrapKeepsEveryByte(t *testing.T) {
	in := "SELECT pid, pg_terminate_backend(pid, 5000) FROM pg_stat_activity  WHERE x = 'äöü 日本語';"
	for w := 2; w < 120; w++ {
		var b strings.Builder
		for i, r := range wrap(in, w) {
			if r.cont != (i > 0) || width(r.s) > w {
				t.Fatalf("w %d row %d: %q", w, i, r.s)
			}
			b.WriteString(r.s)
		}
		if b.String() != in {
			t.Fatalf("w %d: got %q", w, b.String())
		}
	}
}

// A7: a gate that closes while the box is open closes the box.
func TestA7AClosedGateClosesTheBox(t *testing.T) {
	r := newRig(t, ready(), 120, 40)
	r.openBox()
	r.snap(armed(stale()))
	if r.m.mode != looking {
		t.Fatal("the box is still open")
	}
	if _, ok := r.last().Command.(steps.Disarm); !ok {
		t.Fatalf("sent %#v, want Disarm", r.last().Command)
	}
}

// A8: unknown counts as failing and stands at the top.
func TestA8UnknownCountsAsFailing(t *testing.T) {
	rows := sorted([]session.CheckRow{{Name: "a", Status: checks.Pass}, {Name: "b"}, {Name: "c", Status: checks.Pass, Stale: true}})
	if failing(rows) != 2 || rows[0].Name != "b" || rows[1].Name != "c" {
		t.Fatalf("got %+v", rows)
	}
	r := newRig(t, stale(), 120, 40)
	r.shows("BLOCKED by 2 of 4")
	r.x()
	if len(r.sess.got) != 0 {
		t.Fatal("x went through a closed gate")
	}
}

// A9: what switches the acting keys off, each with its reason in words.
func TestA9ActingKeysAreOff(t *testing.T) {
	for _, c := range []struct {
		why  string
		make func() *rig
	}{
		{"window below 80x24", func() *rig { return newRig(t, ready(), 79, 24) }},
		{"window below 80x24", func() *rig { return newRig(t, ready(), 80, 23) }},
		{"display paused", func() *rig { r := newRig(t, ready(), 120, 40); r.typed("p"); return r }},
		{"you look at another step", func() *rig { r := newRig(t, ready(), 120, 40); r.typed("j"); return r }},
		{"no news from the session", func() *rig {
			r := newRig(t, ready(), 120, 40)
			r.pass(noNewsAfter)
			r.m.look.noNews = noNewsAfter // as the next tick finds it
			return r
		}},
		{"the record cannot be written", func() *rig { s := ready(); s.Record.OK = false; return newRig(t, s, 120, 40) }},
		{"you are observer", func() *rig { r := newRig(t, ready(), 120, 40); r.m.look.me.Role = "observer"; return r }},
	} {
		for _, k := range "xsbhv" {
			r := c.make()
			r.pass(deadFor)
			r.typed(string(k))
			if len(r.sess.got) != 0 || r.m.mode != looking {
				t.Errorf("%s: %c acted", c.why, k)
			}
			if !strings.Contains(r.m.look.toast, c.why) {
				t.Errorf("%c: said %q, want %q", k, r.m.look.toast, c.why)
			}
		}
	}
}

// A9: a session that went quiet while the box was open gets no confirm.
func TestA9AQuietSessionGetsNoConfirm(t *testing.T) {
	r := newRig(t, withRisk(ready(), runbooks.Read, "y"), 120, 40)
	r.openBox()
	r.pass(noNewsAfter)
	r.typed("y")
	if r.confirms() != 0 {
		t.Fatal("confirmed on news that is old")
	}
	r.shows("no news from the session: nothing has run")
}

// A10: a screen of anybody but the operator is read-only: no key that acts is on
// its key line, none opens a box or sends anything, and the help says why.
func TestA10ASecondScreenIsReadOnly(t *testing.T) {
	for _, role := range []string{session.RoleViewer, "observer", "approver"} {
		r := newRig(t, clientsHeld(2), 120, 40)
		r.m.me.Role, r.m.look.me.Role = role, role
		for _, b := range keyTable() {
			if b.effect != acts {
				continue
			}
			r.pass(deadFor)
			for _, k := range []tea.KeyPressMsg{keyOf([]rune(string(b.id))[0]), {Code: 'c', Mod: tea.ModCtrl}} {
				r.key(k)
			}
			if len(r.sess.got) != 0 || r.m.mode != looking {
				t.Errorf("%s: %s acted: %+v", role, b.id, r.sess.got)
			}
		}
		r.pass(time.Minute)
		r.snap(clientsHeld(2))
		r.showsNot("x run…", "b back out…", "h hold")
		r.shows(role + ": you see what ada sees; no keys act")
		r.typed("?")
		r.shows("off: you are " + role)
	}
}

// A12: another digest closes the box.
func TestA12AMovedPlanClosesTheBox(t *testing.T) {
	r := newRig(t, ready(), 120, 40)
	r.openBox()
	r.snap(edited(r.m.snap, func(c *session.Card) { c.Digest = "00" }))
	r.shows("plan changed, nothing has run")
	if r.m.mode != looking {
		t.Fatal("the box is still open")
	}
}

// A13: an Unclear step has v and d, and no x.
func TestA13UnclearHasNoRun(t *testing.T) {
	s := edited(ready(), func(c *session.Card) {
		c.Phase, c.CanVerify, c.CanDecide, c.Outcome = steps.Unclear, true, true, "connection lost"
	})
	r := newRig(t, s, 120, 40)
	r.shows("UNCLEAR", "run the proof query", "decide")
	r.x()
	if len(r.sess.got) != 0 {
		t.Fatal("x acted on an Unclear step")
	}
	r.typed("v")
	if v, ok := r.last().Command.(steps.Verify); !ok || v.Step != "3.2" {
		t.Fatalf("v sent %#v", r.last().Command)
	}
	r.typed("d")
	r.pass(deadFor)
	r.typed("1")
	r.pass(deadFor)
	r.enter()
	r.shows("a reason is needed")
	r.typed("seen in the log")
	r.enter()
	if d, ok := r.last().Command.(steps.Settle); !ok || d.Next != "done" || d.Reason != "seen in the log" {
		t.Fatalf("d sent %#v", r.last().Command)
	}
}

// A refusal of the session is told in words.
func TestARefusalIsShown(t *testing.T) {
	r := newRig(t, ready(), 120, 40)
	r.sess.err = errors.New("not run: gate closed")
	r.x()
	r.shows("refused: not run: gate closed")
	s := ready()
	s.Denied = "not run: replication lag does not pass any more"
	for _, sz := range sizes {
		newRig(t, s, sz[0], sz[1]).shows(s.Denied)
	}
}
