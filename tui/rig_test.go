package tui

import (
	"context"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// sent keeps the intents of a screen; it answers like a session that records.
type sent struct {
	got []session.Intent
	err error
}

func (s *sent) Do(_ context.Context, in session.Intent) error {
	s.got = append(s.got, in)
	return s.err
}

func (s *sent) Subscribe() (<-chan session.Snapshot, func()) { return nil, func() {} }

// rig drives a Model in the test's goroutine, with a clock of its own.
type rig struct {
	t    *testing.T
	m    Model
	sess *sent
	now  time.Time
	quit bool
}

func newRig(t *testing.T, s session.Snapshot, w, h int) *rig {
	t.Helper()
	return newThemedRig(t, nil, s, w, h)
}

func newThemedRig(t *testing.T, th *Theme, s session.Snapshot, w, h int) *rig {
	t.Helper()
	r := &rig{t: t, sess: &sent{}, now: night}
	r.m = New(Config{Session: r.sess, Me: session.Person{Name: "ada", Role: roleOperator}, Now: func() time.Time { return r.now }, Pinned: true, Theme: th})
	r.send(tea.WindowSizeMsg{Width: w, Height: h})
	r.send(snapMsg(s))
	return r
}

// send gives a message to the model and runs what comes of it.
func (r *rig) send(msg tea.Msg) {
	r.t.Helper()
	tm, cmd := r.m.Update(msg)
	r.m = tm.(Model)
	if r.m.mode != looking {
		r.m.View() // as the program does after every message
	}
	r.run(cmd)
}

func (r *rig) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch out := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range out {
			r.run(c)
		}
	case tea.QuitMsg:
		r.quit = true
	case doneMsg, copiedMsg, signedMsg:
		r.send(out)
	}
}

func (r *rig) snap(s session.Snapshot) {
	r.t.Helper()
	if s.Seq <= r.m.snap.Seq {
		s.Seq = r.m.snap.Seq + 1
	}
	r.send(snapMsg(s))
}

// pass lets time go by; the screen's second hand ticks meanwhile.
func (r *rig) pass(d time.Duration) {
	for ; d >= time.Second; d -= time.Second {
		r.now = r.now.Add(time.Second)
		tm, _ := r.m.Update(tickMsg{}) // what comes of a tick is the next one
		r.m = tm.(Model)
	}
	r.now = r.now.Add(d)
}

// stall lets time go by while the program stands still.
func (r *rig) stall(d time.Duration) { r.now = r.now.Add(d) }

func (r *rig) key(k tea.KeyPressMsg) {
	r.t.Helper()
	r.send(k)
}

func (r *rig) typed(s string) {
	r.t.Helper()
	for _, c := range s {
		r.key(keyOf(c))
	}
}

func keyOf(c rune) tea.KeyPressMsg { return tea.KeyPressMsg{Code: c, Text: string(c)} }

func (r *rig) enter() { r.key(tea.KeyPressMsg{Code: tea.KeyEnter}) }
func (r *rig) esc()   { r.key(tea.KeyPressMsg{Code: tea.KeyEscape}) }

// x presses x once the dead time of the start is over.
func (r *rig) x() {
	r.pass(deadFor)
	r.typed("x")
}

// openBox brings up the confirm box of the current step.
func (r *rig) openBox() {
	r.t.Helper()
	r.x()
	r.snap(armed(r.m.snap))
	if r.m.mode != confirming && r.m.mode != paging {
		r.t.Fatalf("no box: mode %d, %q", r.m.mode, r.m.look.toast)
	}
	r.pass(deadFor)
}

func (r *rig) frame() string { return ansi.Strip(r.m.View().Content) }

func (r *rig) shows(want ...string) {
	r.t.Helper()
	f := r.frame()
	for _, s := range want {
		if !strings.Contains(f, s) {
			r.t.Errorf("not on the screen: %q\n%s", s, f)
		}
	}
}

func (r *rig) showsNot(bad ...string) {
	r.t.Helper()
	f := r.frame()
	for _, s := range bad {
		if strings.Contains(f, s) {
			r.t.Errorf("on the screen: %q\n%s", s, f)
		}
	}
}

// confirms counts what would have run.
func (r *rig) confirms() int {
	n := 0
	for _, in := range r.sess.got {
		if _, ok := in.Command.(steps.Confirm); ok {
			n++
		}
	}
	return n
}

func (r *rig) last() session.Intent {
	r.t.Helper()
	if len(r.sess.got) == 0 {
		r.t.Fatal("no intent was sent")
	}
	return r.sess.got[len(r.sess.got)-1]
}
