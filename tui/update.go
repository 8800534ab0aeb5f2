package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// deadNow reports whether keys are dropped at this moment.
func (m Model) deadNow() bool {
	now := m.now()
	if m.mode != looking && (m.cache.boxOf != m.box.opened || now.Sub(m.cache.boxAt) < deadFor) {
		return true // nobody has had the time to read the box
	}
	return now.Sub(m.dead) < deadFor
}

// onKey routes a key: box first, then the global keys, then the pane in focus.
func (m Model) onKey(k tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	key := k.String()
	if (m.mode == looking || !m.deadNow()) && m.onSearchKey(key, k) {
		return m, nil
	}
	if m.mode != looking {
		if k.IsRepeat && !scrolls(key) || m.deadNow() {
			return m, nil
		}
		return m.onBoxKey(key, k)
	}
	b, ok := find(keyTable(), key)
	if !ok {
		if key == "ctrl+z" {
			m.look.toast = "ctrl+z does nothing here; q leaves"
		}
		return m, nil
	}
	if b.effect != looks {
		if k.IsRepeat || m.deadNow() {
			return m, nil
		}
		if why := whyOff(b, m.snap, m.look); why != "" {
			m.look.toast = string(b.id) + " is off: " + why
			return m, nil
		}
	}
	m.look.toast = ""
	if b.effect == looks {
		return m.onLook(key)
	}
	return m.onAct(b.id)
}

func scrolls(key string) bool {
	switch key {
	case "up", "down", "j", "k", "pgup", "pgdown", "home", "end":
		return true
	}
	return false
}

// onLook handles keys that change only this screen.
func (m Model) onLook(key string) (tea.Model, tea.Cmd) {
	switch key {
	case "tab":
		m.look.pane, m.look.scroll = (m.look.pane+1)%numPanes, 0
	case "shift+tab":
		m.look.pane, m.look.scroll = (m.look.pane+numPanes-1)%numPanes, 0
	case "1", "2", "3", "4":
		m.look.pane, m.look.scroll = int(key[0]-'1'), 0
	case ".":
		m.look.at, m.look.scroll = "", 0
	case "z":
		m.look.zoom, m.look.scroll = !m.look.zoom, 0
	case "p":
		m.look.paused = !m.look.paused
		m.put(m.snap)
	case "enter":
		m.open(detailing)
	case "?":
		m.open(helping)
	case "R":
		m.open(recalling)
	case "L":
		m.open(recording)
	case "y":
		return m.copyCard()
	case "ctrl+l":
		return m, tea.ClearScreen
	case "q":
		if !leaveAsks(m.snap) {
			m.result = Left
			return m, tea.Quit
		}
		m.open(leaving)
	default:
		m.step(key)
	}
	return m, nil
}

// step moves the look through the runbook, or scrolls the pane in focus: the
// audit, the applications among the gauges, and by pages the text on the card.
func (m *Model) step(key string) {
	pages := key == "pgup" || key == "pgdown" || key == "home" || key == "end"
	switch {
	case m.look.pane == paneAudit:
		d := map[string]int{"up": 1, "k": 1, "pgup": 10, "home": 1 << 20, "down": -1, "j": -1, "pgdown": -10, "end": -1 << 20}[key]
		m.look.scroll = min(max(m.look.scroll+d, 0), max(len(m.shown.Record.Lines)-1, 0))
		return
	case m.look.pane == paneGauges || m.look.pane == paneCard && pages:
		d := map[string]int{"up": -1, "k": -1, "pgup": -10, "home": -1 << 20, "down": 1, "j": 1, "pgdown": 10, "end": 1 << 20}[key]
		m.look.scroll = min(max(m.look.scroll+d, 0), m.farthest())
		return
	}
	ids, _, at := m.walked()
	if len(ids) == 0 {
		return
	}
	d := map[string]int{"up": -1, "k": -1, "pgup": -10, "home": -len(ids), "down": 1, "j": 1, "pgdown": 10, "end": len(ids)}[key]
	m.lookAt(ids[min(max(at+d, 0), len(ids)-1)])
}

// farthest is how far the pane in focus can be scrolled.
func (m Model) farthest() int {
	if m.look.pane == paneGauges && m.look.zoom && m.shown.Compared != nil {
		head := len(comparedHead(m.shown, m.w-4))
		taken := map[bool]int{true: 6, false: 4 + instrumentsH}[layoutOf(m.w, m.h) == compact]
		return max(len(comparedList(m.shown.Compared, m.w-4))-(m.h-taken-2-head-1), 0)
	}
	if m.look.pane == paneGauges {
		return max(len(allApps(m.shown))-1, 0)
	}
	rows, _ := willRun(viewed(m.shown, m.look), 0, max(m.w-bookW, minW)-4)
	return max(len(rows)-1, 0)
}

func (m Model) copyCard() (tea.Model, tea.Cmd) {
	c := viewed(m.raw, m.look)
	txt := c.PlanText
	if t := m.raw.Record.Ticket; t != "" && c.ID == m.raw.Current {
		txt = t // the walk is held: what the change ticket is to have
	}
	if txt == "" {
		var parts []string
		for _, st := range c.Statements {
			parts = append(parts, st.Text)
		}
		txt = strings.Join(parts, "\n")
	}
	m.look.toast = "copied to the clipboard, where the terminal allows it"
	if m.copyTo == nil {
		return m, tea.SetClipboard(txt)
	}
	keep := m.copyTo
	return m, tea.Batch(tea.SetClipboard(txt), func() tea.Msg {
		path, err := keep(txt)
		return copiedMsg{path, err}
	})
}

// onAct handles keys that open a box or leave a line in the record. None of
// them runs a step.
func (m Model) onAct(id keyID) (tea.Model, tea.Cmd) {
	s := m.snap
	switch id {
	case "x":
		m.arming = s.Current
		m.look.toast = "planning " + clean(string(s.Current)) + "…"
		return m, m.do(steps.Arm{Step: s.Current}, "")
	case "v":
		m.look.toast = "looking again…"
		return m, m.do(steps.Verify{Step: s.Current}, "")
	case "a":
		if a, _, ok := worst(s.Alarms); ok {
			return m, m.do(steps.Ack{Alarm: a.ID}, "")
		}
	case "ctrl+c":
		m.open(interrupting)
	case "d":
		m.open(deciding)
	case "h":
		m.openReason("hold")
		if s.Holding != "" {
			m.box.kind = "resume"
		}
	case "W":
		m.openReason("rows")
	case "n":
		m.openReason("note")
	case "w":
		m.openReason("pace")
	case "K":
		return m, m.do(steps.Reveal{}, "")
	case "s":
		m.openReason("skip")
	case "b":
		if s.Taking != nil {
			m.openTaking()
			return m, nil
		}
		m.openReason("back")
	case "A":
		if waitsLate(s) {
			m.openOwed()
			return m, nil
		}
		m.openApprove()
	case "g":
		m.open(polling)
	case "H":
		m.open(handing)
	case "o":
		m.openReason("override")
		m.box.next = firstFailing(m.snap.Cards[s.Current])
	}
	return m, nil
}

func (m *Model) openReason(kind string) {
	m.open(reasoning)
	m.box.kind = kind
}

// legendRows is one row per sign of a step.
func legendRows() []session.StepRow {
	rows := []session.StepRow{
		{Title: "current", Current: true},
		{Title: "a planned stop", Hold: true},
	}
	for p := range steps.Undone + 1 {
		rows = append(rows, session.StepRow{Title: p.String(), Phase: p})
	}
	return rows
}
