package tui

import (
	"context"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// Session is all that a screen may do to the world; its handle already knows
// who the person is.
type Session interface {
	Do(context.Context, session.Intent) error
	Subscribe() (<-chan session.Snapshot, func())
}

// Config is what a screen needs from its maker.
type Config struct {
	Session Session
	Me      session.Person
	Theme   *Theme           // nil: true colour on dark
	Now     func() time.Time // dead times and missing news only; the clock on screen is the session's
	ASCII   bool
	Pinned  bool // the theme was chosen by a person: ignore what the terminal says
	// Copy keeps the copied text in a file and returns its path; terminals may
	// ignore the clipboard. Nil: clipboard only.
	Copy func(text string) (string, error)
	// Beat and Flush are for Plain. Beat comes once a second, so that lines can
	// say that they are still true; Flush throws away what was typed before a
	// question was asked, where the input is a terminal. Both may be nil.
	Beat  <-chan time.Time
	Flush func()
}

// Result says how a screen ended.
type Result int

// The results. Left is also what a lost screen is.
const (
	Left Result = iota
	Ended
)

type mode int

const (
	looking mode = iota
	paging
	confirming
	interrupting
	reasoning
	deciding
	helping
	recalling
	recording
	detailing
	leaving
	approving
	polling
	handing
)

// deadFor is how long keys are dropped after a box opened, the current step
// changed or the window got the focus: a key pressed for what stood there
// before must not count for what stands there now.
const deadFor = 400 * time.Millisecond

// settleFor keeps an enter that was typed together with the phrase from counting.
const settleFor = 250 * time.Millisecond

// Model is the screen, and the only tea.Model of the package.
type Model struct {
	sess   Session
	me     session.Person
	ch     <-chan session.Snapshot
	unsub  func()
	now    func() time.Time
	th     *Theme
	pinned bool
	copyTo func(string) (string, error)

	shown   session.Snapshot // what panes draw; stays behind while paused
	raw     session.Snapshot // the same, before an ASCII theme wrote its text out
	snap    session.Snapshot // newest; older Seq is ignored
	newsAt  time.Time
	look    look
	mode    mode
	box     box
	arming  runbooks.StepID // an Arm of ours is on its way
	toast   string          // that toastAt belongs to
	toastAt time.Time
	dead    time.Time // begin of the dead time
	heard   time.Time // of the newest message
	result  Result
	w, h    int
	version uint64
	cache   *cached
}

// New makes a screen. It subscribes at once, so that no publication is missed.
func New(c Config) Model {
	th := c.Theme
	if th == nil {
		th = NewTheme(TrueColour, false, c.ASCII)
	} else if c.ASCII && !th.ASCII {
		th = NewTheme(th.Profile, th.Light, true)
	}
	m := Model{
		sess: c.Session, me: c.Me, now: c.Now, th: th, pinned: c.Pinned, copyTo: c.Copy,
		look: look{me: c.Me, pane: paneCard}, cache: &cached{},
	}
	if c.Session != nil {
		m.ch, m.unsub = c.Session.Subscribe()
	}
	m.newsAt = m.now()
	return m
}

// Result tells the caller of the program how the screen ended.
func (m Model) Result() Result { return m.result }

// Snapshot is the newest one the screen got; Farewell takes it.
func (m Model) Snapshot() session.Snapshot { return m.snap }

// Close ends the subscription; call it when the program has ended.
func (m Model) Close() {
	if m.unsub != nil {
		m.unsub()
	}
}

type (
	snapMsg   session.Snapshot
	closedMsg struct{}
	tickMsg   struct{}
	doneMsg   struct {
		cmd steps.Command
		err error
	}
	copiedMsg struct {
		path string
		err  error
	}
)

// wait is a Cmd for the next snapshot; it is issued again after each one.
func (m Model) wait() tea.Cmd {
	ch := m.ch
	if ch == nil {
		return nil
	}
	return func() tea.Msg {
		s, ok := <-ch
		if !ok {
			return closedMsg{} // unsubscribing closes ch, so no goroutine stays behind
		}
		return snapMsg(s)
	}
}

func tick() tea.Cmd {
	return tea.Tick(time.Second, func(time.Time) tea.Msg { return tickMsg{} })
}

// Init waits for news and starts the screen's own second hand.
func (m Model) Init() tea.Cmd {
	return tea.Batch(m.wait(), tick(), tea.RequestBackgroundColor)
}

// do sends an intent. It returns when the intent is recorded or refused, not
// when the step has ended.
func (m Model) do(cmd steps.Command, typed string) tea.Cmd {
	in := session.Intent{Command: cmd, Typed: typed, Seen: m.seen(), Width: m.w, Height: m.h}
	if !m.box.opened.IsZero() {
		in.ShownMS = m.now().Sub(m.box.opened).Milliseconds()
	}
	sess := m.sess
	return func() tea.Msg {
		return doneMsg{cmd, sess.Do(context.Background(), in)}
	}
}

func (m Model) seen() session.Seen {
	s := m.shown
	out := session.Seen{Step: s.Current, Attempt: s.Cards[s.Current].Attempt, Entry: s.Record.Count}
	if n := len(s.Record.Lines); n > 0 {
		out.Entry = s.Record.Lines[n-1].Seq
	}
	return out
}

// Update takes one message. It performs no I/O.
func (m Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	m.version++
	m.hear()
	switch msg := msg.(type) {
	case snapMsg:
		return m.onSnapshot(session.Snapshot(msg))
	case closedMsg:
		m.look.closed = true
		m.closeBox("")
	case tickMsg:
		was := m.look.noNews
		if m.look.noNews = m.now().Sub(m.newsAt); was < noNewsAfter && m.look.noNews < noNewsAfter && !m.fade() {
			m.version-- // nothing to draw
		}
		return m, tick()
	case doneMsg:
		return m.onDone(msg)
	case copiedMsg:
		m.look.toast = "copied to the clipboard, and to " + msg.path
		if msg.err != nil {
			m.look.toast = "copied to the clipboard; no file: " + msg.err.Error()
		}
	case tea.WindowSizeMsg:
		m.resize(msg.Width, msg.Height)
	case tea.FocusMsg:
		m.dead = m.now()
	case signedMsg:
		return m.onSigned(msg)
	case tea.PasteMsg:
		if m.mode == approving {
			m.paste(msg.Content)
			return m, nil
		}
		m.look.toast = "paste refused: type it"
		m.box.note = m.look.toast
	case tea.KeyPressMsg:
		return m.onKey(msg)
	default:
		return m.onTerminal(msg), nil
	}
	return m, nil
}

// resize also holds an open box to what it promised: a confirm box that cannot
// show all of its text any more goes back to the pager, with nothing typed.
func (m *Model) resize(w, h int) {
	m.w, m.h = w, h
	m.look.tooTiny = layoutOf(w, h) == tiny
	if m.look.tooTiny {
		return
	}
	if m.mode == confirming && !m.box.seenEnd && !m.boxHoldsAll() {
		card, kind := m.box.card, m.box.kind
		m.open(paging)
		m.box.card, m.box.kind = card, kind
	}
	m.scrollBy(0)
}

// toastFor is how long a line of feedback stays: line 3 is empty when all is well.
const toastFor = 8 * time.Second

// fade takes the feedback away when it has been read, and says whether it did.
func (m *Model) fade() bool {
	switch now := m.now(); {
	case m.look.toast == "":
		return false
	case m.look.toast != m.toast:
		m.toast, m.toastAt = m.look.toast, now
		return false
	case now.Sub(m.toastAt) < toastFor:
		return false
	}
	m.look.toast, m.toast = "", ""
	return true
}

func (m Model) onTerminal(msg tea.Msg) Model {
	if m.pinned {
		return m
	}
	switch msg := msg.(type) {
	case tea.BackgroundColorMsg:
		m.th = NewTheme(m.th.Profile, !msg.IsDark(), m.th.ASCII)
	case tea.ColorProfileMsg:
		m.th = NewTheme(profileOf(msg), m.th.Light, m.th.ASCII)
	}
	return m
}

func (m Model) onSnapshot(s session.Snapshot) (tea.Model, tea.Cmd) {
	m.newsAt, m.look.noNews = m.now(), 0
	if s.Seq <= m.snap.Seq && m.snap.Seq > 0 {
		return m, m.wait()
	}
	if s.Current != m.snap.Current {
		m.dead = m.now()
	}
	m.snap = s
	if !m.look.paused {
		m.put(s)
	}
	cmd := m.follow()
	return m, tea.Batch(m.wait(), cmd)
}

// hear notes that the program runs. It has a second hand, so a longer silence
// means that it stood still, on a loaded machine or a stopped one: the keys that
// wait were pressed for what was on the screen before.
func (m *Model) hear() {
	now := m.now()
	if !m.heard.IsZero() && now.Sub(m.heard) > noNewsAfter {
		m.dead = now
	}
	m.heard = now
}

// put makes a snapshot the one that is drawn.
func (m *Model) put(s session.Snapshot) {
	m.raw, m.shown = s, s
	if m.th.ASCII {
		m.shown = spelledCopy(s)
	}
}

// follow keeps a box true to the newest snapshot: it opens when our Arm is
// there, and closes when its plan is no longer what would run.
func (m *Model) follow() tea.Cmd {
	c := m.snap.Cards[m.snap.Current]
	if m.arming != "" && c.ID == m.arming && c.Armed && c.Digest != "" {
		m.arming = ""
		m.openConfirm(c)
		return nil
	}
	if m.mode == approving {
		return m.followApprove()
	}
	if m.mode != confirming && m.mode != paging {
		return nil
	}
	if m.box.kind == kindTaking {
		m.followTaking()
		return nil
	}
	switch {
	case m.snap.Current != m.box.card.ID:
		m.closeBox("the current step changed, nothing has run")
	case c.Digest != m.box.card.Digest:
		m.closeBox("plan changed, nothing has run")
		return m.do(steps.Disarm{}, "")
	case failing(c.Before) > 0:
		m.closeBox("a check does not pass any more, nothing has run")
		return m.do(steps.Disarm{}, "")
	case !c.Armed:
		m.closeBox("the box was closed, nothing has run")
	}
	return nil
}

func (m Model) onDone(msg doneMsg) (tea.Model, tea.Cmd) {
	_, arm := msg.cmd.(steps.Arm)
	if arm && msg.err != nil {
		m.arming = ""
	}
	switch {
	case msg.err != nil:
		m.look.toast = "refused: " + m.th.spelled(strings.ReplaceAll(msg.err.Error(), "\n", " "))
	default:
		if _, ok := msg.cmd.(steps.End); ok {
			m.result = Ended
			return m, tea.Quit
		}
		if arm { // the snapshot with the plan may have come before this answer
			return m, m.follow()
		}
	}
	return m, nil
}
