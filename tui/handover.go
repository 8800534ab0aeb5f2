package tui

import (
	"errors"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// The fields of the hand-over box, in the order in which they are asked.
const (
	handName = iota
	handKey
	handPass
	handReason
)

var handAsks = [...]string{"name of the person who takes over: ", "key file or agent's socket of that person, - for none: ", "passphrase of the key: ", "reason: "}

func (m Model) handParts(w int) (string, tok, []line, []line, []line) {
	var middle []line
	for _, l := range words("From here on another person operates this session. That person signs with an own key; so does the one who leaves, where this session has one. Whoever has operated cannot approve in it any more.", w) {
		middle = append(middle, one(text, l))
	}
	field := m.box.who
	shown := m.box.typed
	if field == handPass {
		shown = strings.Repeat("*", len([]rune(shown)))
	}
	tail := []line{nil, {{dim, "operator now  "}, {text | bold, m.shown.Operator}}}
	if m.box.next != "" {
		tail = append(tail, line{{dim, "takes over    "}, {text | bold, m.box.next}, {dim, "  " + m.box.path}})
	}
	tail = append(tail, one(text, handAsks[field]), line{{text | bold, tailOf(shown, w-1)}, {turq, caret}}, line{{amber, m.box.note}},
		append(hint("enter", "goes on"), hint("esc", "nothing is handed over")...))
	return "HAND OVER?", amber, nil, middle, tail
}

// tailOf is the end of a typed text that fits into w cells.
func tailOf(s string, w int) string {
	rs := []rune(s)
	for len(rs) > 0 && width(string(rs)) > w {
		rs = rs[1:]
	}
	return string(rs)
}

func (m Model) onHandKey(key string, k tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	if key != "enter" {
		m.edit(key, k, maxPath)
		return m, nil
	}
	typed := strings.TrimSpace(m.box.typed)
	if typed == "" && m.box.who != handPass {
		m.box.note = "type it, or esc"
		return m, nil
	}
	switch m.box.who {
	case handName:
		m.box.next = typed
	case handKey:
		m.box.path = typed
	case handPass:
		m.box.kind, m.box.typed, m.box.who = m.box.typed, "", handReason
		return m, nil
	case handReason:
		in := session.Intent{Command: steps.Handover{To: m.box.next, Reason: typed}}
		if m.box.path != "-" {
			in.Sign = &session.Sign{Path: m.box.path, Passphrase: m.box.kind}
		}
		m.box.note = "asking the key…"
		return m, m.doIntent(in)
	}
	m.box.typed = ""
	if m.box.who++; m.box.who == handPass {
		m.box.who = handReason // asked for only if the key is encrypted
	}
	return m, nil
}

// handedOrNot is the answer of the session. An encrypted key asks once more.
func (m *Model) handedOrNot(err error) {
	switch {
	case err == nil:
		m.me.Name = m.box.next
		m.look.me = m.me
		m.closeBox("handed over to " + clean(m.box.next))
	case errors.Is(err, audit.ErrLocked):
		m.box.who, m.box.typed, m.box.kind, m.box.note = handPass, "", "", ""
	default:
		next := m.box.next
		m.open(handing)
		m.box.next, m.box.who = next, handKey
		m.box.note = m.th.spelled(strings.ReplaceAll(strings.TrimPrefix(err.Error(), "not run: "), "\n", " "))
	}
}
