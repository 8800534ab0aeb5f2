package tui

import (
	"strings"
	"unicode"

	tea "charm.land/bubbletea/v2"

	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// onBoxKey handles keys while a box is open. esc always means: nothing happens.
func (m Model) onBoxKey(key string, k tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	if layoutOf(m.w, m.h) == tiny && key != "esc" {
		return m, nil // the box cannot be read
	}
	if key == "esc" {
		return m.cancelBox()
	}
	m.box.note = ""
	switch m.mode {
	case confirming:
		return m.onConfirmKey(key, k)
	case paging:
		return m.onPagerKey(key)
	case approving:
		return m.onApproveKey(key, k)
	case polling:
		return m.onPollKey(key)
	case handing:
		return m.onHandKey(key, k)
	case reasoning:
		return m.onReasonKey(key, k)
	case interrupting:
		return m.onInterruptKey(key, k)
	case deciding:
		next, ok := map[string]string{"1": "done", "2": "run_again", "3": "roll_back", "4": "stop"}[key]
		if ok {
			m.openReason("settle")
			m.box.next = next
		}
	case leaving:
		return m.onLeaveKey(key)
	default:
		m.onScrollKey(key)
		if key == "q" || key == "?" && m.mode == helping {
			m.closeBox("")
		}
	}
	return m, nil
}

func (m Model) cancelBox() (tea.Model, tea.Cmd) {
	if m.mode == confirming || m.mode == paging {
		cmd := m.do(steps.Disarm{}, "")
		if m.box.kind == kindTaking {
			cmd = nil // nothing is armed
		}
		m.closeBox("cancelled, nothing has run")
		return m, cmd
	}
	if m.box.under != nil {
		m.closeApprove("nothing was decided")
		return m, nil
	}
	m.closeBox("")
	return m, nil
}

func (m *Model) onScrollKey(key string) {
	page := m.pagerRoom(m.h-layoutOf(m.w, m.h).lit()) - 1
	if d, ok := map[string]int{"up": -1, "k": -1, "down": 1, "j": 1, "pgup": -page, "pgdown": page, "space": page, "home": -1 << 20, "end": 1 << 20}[key]; ok {
		m.scrollBy(d)
	}
}

func (m Model) onPagerKey(key string) (tea.Model, tea.Cmd) {
	if key == "enter" && m.box.seenEnd {
		card, kind := m.box.card, m.box.kind
		m.open(confirming)
		m.box.card, m.box.kind, m.box.seenEnd = card, kind, true
		return m, nil
	}
	m.onScrollKey(key)
	return m, nil
}

// mayConfirm is asked again at the moment of the act: the screen may have gone
// quiet, or the role away, since the box opened.
func (m Model) mayConfirm() string {
	switch {
	case m.look.closed || m.now().Sub(m.newsAt) >= noNewsAfter:
		return "no news from the session: nothing has run"
	case !m.snap.Record.OK:
		return "the record cannot be written: nothing has run"
	case m.look.paused:
		return "display paused: nothing has run"
	}
	return ""
}

func (m Model) onConfirmKey(key string, k tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	c := m.box.card
	if byKey(c) {
		if key == "y" {
			return m.confirm("y")
		}
		return m, nil
	}
	if key == "tab" && m.box.kind != kindTaking && m.shown.Cards[c.ID].Approval.Need > 0 {
		m.openApprove()
		return m, nil
	}
	if key != "enter" {
		m.edit(key, k, 256)
		if m.box.typed == c.Word {
			m.box.complete = m.now()
		}
		return m, nil
	}
	switch {
	case m.box.typed != c.Word || c.Word == "":
		m.box.note, m.box.typed = "differs: type "+c.Word, ""
	case m.now().Sub(m.box.complete) < settleFor:
		m.box.note = "too fast"
	case m.box.kind != kindTaking && waits(m.snap.Cards[c.ID]) != "":
		// What was typed stays: the signature is what is missing.
	default:
		return m.confirm(m.box.typed)
	}
	return m, nil
}

func (m Model) confirm(typed string) (tea.Model, tea.Cmd) {
	if why := m.mayConfirm(); why != "" {
		m.box.note, m.box.typed = why, ""
		return m, nil
	}
	c := m.box.card
	var act steps.Command = steps.Confirm{Step: c.ID, Digest: c.Digest}
	said := "confirmed " + clean(string(c.ID))
	if m.box.kind == kindTaking {
		act, said = takingCommand(c), "taking the window back"
	}
	cmd := m.do(act, typed)
	m.closeBox(said)
	return m, cmd
}

// edit is the whole of the typed field: characters, backspace, ctrl+u. No paste,
// no history, no completion.
func (m *Model) edit(key string, k tea.KeyPressMsg, limit int) {
	m.editText(&m.box.typed, key, k, limit)
}

func (m *Model) editText(s *string, key string, k tea.KeyPressMsg, limit int) {
	switch {
	case key == "backspace":
		if rs := []rune(*s); len(rs) > 0 {
			*s = string(rs[:len(rs)-1])
		}
	case key == "ctrl+u":
		*s = ""
	case k.Text != "" && len([]rune(*s))+len([]rune(k.Text)) <= limit:
		for _, r := range k.Text {
			if unicode.IsGraphic(r) && (!harmful(r) || r < 0x80) {
				*s += string(r)
			}
		}
	}
}

func (m Model) onReasonKey(key string, k tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	if key != "enter" {
		m.edit(key, k, maxReason)
		return m, nil
	}
	reason := strings.TrimSpace(m.box.typed)
	if reason == "" {
		m.box.note = "a reason is needed"
		return m, nil
	}
	c := reasoned(m.box.kind, m.snap.Current, m.box.next, reason)
	if m.box.kind != "note" && m.box.kind != "pace" && m.box.card.ID != m.snap.Current {
		m.closeBox("the current step changed, nothing was done")
		return m, nil
	}
	cmd := m.do(c, reason)
	switch under := m.box.under; {
	case m.box.kind == "deny" && under != nil: // a step that was denied is not run
		deny, disarm := cmd, m.do(steps.Disarm{}, "")
		cmd = func() tea.Msg {
			if done, ok := deny().(doneMsg); ok && done.err != nil {
				return done
			}
			return disarm()
		}
		m.closeBox("denied, nothing has run")
	case under != nil:
		m.closeApprove("")
	default:
		m.closeBox("")
	}
	return m, cmd
}

func (m Model) onInterruptKey(key string, k tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	c := m.snap.Cards[m.snap.Current]
	if !running(c) || c.ID != m.box.card.ID {
		m.closeBox("the step has ended by itself")
		return m, nil
	}
	stop := false
	switch {
	case c.Risk == runbooks.Read:
		stop = key == "i"
	case key == "enter":
		stop = m.box.typed == "stop"
	default:
		m.edit(key, k, 16)
	}
	if !stop {
		return m, nil
	}
	cmd := m.do(steps.Interrupt{}, m.box.typed)
	m.closeBox("asked the step to stop")
	return m, cmd
}

func (m Model) onLeaveKey(key string) (tea.Model, tea.Cmd) {
	switch key {
	case "l":
		m.result = Left
		return m, tea.Quit
	case "e":
		if !running(m.snap.Cards[m.snap.Current]) && m.me.Role == roleOperator {
			m.openReason("end")
		}
	}
	return m, nil
}
