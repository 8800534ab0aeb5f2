package tui

import (
	"context"
	"errors"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// maxPath bounds what is typed for a key or an agent's socket.
const maxPath = 240

// openApprove opens the box in which a second person signs. Over a confirm box
// it keeps that one, so that the operator finds it again as it was.
func (m *Model) openApprove() {
	under := m.box
	kept := m.mode == confirming
	m.open(approving)
	if kept {
		m.box.card, m.box.under = under.card, &under
	}
}

// closeApprove goes back to the confirm box, or to the frame.
func (m *Model) closeApprove(why string) {
	if m.box.under == nil {
		m.closeBox(why)
		return
	}
	under := *m.box.under
	under.opened, under.note = m.now(), why
	m.mode, m.box, m.dead = confirming, under, m.now()
}

// waits says what the box of a step still waits for, or nothing.
func waits(c session.Card) string {
	switch a := c.Approval; {
	case c.Need == 0 || a.Enough:
		return ""
	case a.Denied != "":
		return "denied by " + a.Denied
	}
	return "tab: second person"
}

// tabHint leads to the box of the second person while that one is missing.
func tabHint(c session.Card) line {
	if waits(c) == "" {
		return nil
	}
	return hint("tab", "a second person signs…")
}

// secondLine says who has signed.
func secondLine(s session.Snapshot, c session.Card) line {
	a := c.Approval
	l := line{{dim, "second person  "}}
	switch {
	case a.Denied != "":
		return append(l, seg{red | bold, "✗ denied by " + a.Denied})
	case a.Waived:
		return append(l, seg{amber | bold, "waived; the approval is owed"})
	case a.Enough:
		return append(l, seg{text | bold, "✓ " + strings.Join(a.Signed, ", ") + " signed"})
	case len(a.Texts) == 0:
		return append(l, seg{red | bold, "? nobody can sign: "}, seg{text, a.Why})
	}
	who := a.Texts[0].Who
	if n := len(a.Texts); n > 1 {
		who += " or " + strconv.Itoa(n-1) + " more"
	}
	return append(l, seg{amber, "? " + who + " has not signed"}, seg{dim, " until " + utc(a.Until)})
}

// signedText is the text the second person signs, for the person chosen.
func (m Model) signedText() (session.ApprovalText, bool) {
	ts := m.texts()
	if len(ts) == 0 {
		return session.ApprovalText{}, false
	}
	return ts[m.box.who%len(ts)], true
}

func (m Model) approveParts(w int) (string, tok, []line, []line, []line) {
	if m.box.kind == kindLate {
		return m.lateParts(w)
	}
	c := m.shown.Cards[m.shown.Current]
	a := c.Approval
	title := "APPROVE " + string(c.ID) + "?"
	if a.Act != steps.ActRun {
		title = "APPROVE " + strings.ToUpper(strings.Fields(a.Act)[0]) + " IN " + string(c.ID) + "?"
	}
	mm := m
	mm.box.card = c
	head := mm.cardHead(w)
	head[1] = line{{dim, "asked by "}, {text, m.shown.Operator}, {dim, " at "}, {text, utc(a.Asked)}, {dim, "   valid until "}, {text, utc(a.Until)}, {dim, "   plan " + short(c.Digest, 8)}}
	t, ok := m.signedText()
	if !ok {
		return title, red, head, []line{one(text, a.Why)}, []line{nil, {{turq | bold, "esc"}, {dim, " back"}}}
	}
	// Not part of the text that is signed, but of what the signer should know.
	middle := againstLines(c, allAgainst, w)
	if len(middle) > 0 {
		middle = append(middle, nil)
	}
	for _, l := range strings.Split(strings.TrimSuffix(t.Text, "\n"), "\n") {
		middle = append(middle, gutter(l, w, turq)...)
	}
	return title, riskTok(c.Risk), head, middle, m.approveTail(c, t, w)
}

func (m Model) approveTail(c session.Card, t session.ApprovalText, w int) []line {
	a := c.Approval
	tail := []line{secondLine(m.shown, c)}
	for _, l := range wrap("ssh-keygen -Y sign -n "+audit.NamespaceApproval+" -f KEY "+t.File, w-2) {
		tail = append(tail, one(code, "  "+l.s))
	}
	if a.Hint != "" {
		for _, l := range wrap("in this demo the key of "+t.Who+" is "+a.Hint, w) {
			tail = append(tail, one(dim, l.s))
		}
	}
	note := m.box.note
	if note == "" { // what came from elsewhere is refused here, too
		note = strings.TrimPrefix(m.shown.Denied, "not run: ")
	}
	tail = append(tail, m.keyField(w), line{{amber, note}})
	keys := append(hint("enter", "signs"), hint("d", "deny…")...)
	if len(a.Texts) > 1 {
		keys = append(keys, hint("tab", "another person")...)
	}
	if a.MayWaive {
		keys = append(keys, hint("w", "go on without…")...)
	}
	return append(tail, append(keys, hint("esc", "back, nothing is decided")...))
}

// keyField is where a path is typed, a passphrase hidden, or a signature pasted.
func (m Model) keyField(w int) line {
	ask := line{{text, "or a key file, an agent's socket, a pasted signature: "}}
	switch {
	case m.box.path != "":
		ask = line{{text, "passphrase of the key: "}, {text | bold, strings.Repeat("*", len([]rune(m.box.typed)))}, {turq, caret}}
	case strings.Contains(m.box.typed, "\n"):
		ask = append(ask, seg{text | bold, "pasted"}, seg{turq, caret})
	default:
		shown := m.box.typed
		if room := w - ask.width() - 2; width(shown) > room {
			rs := []rune(shown)
			shown = "…" + string(rs[max(len(rs)-room+1, 0):])
		}
		ask = append(ask, seg{text | bold, shown}, seg{turq, caret})
	}
	return ask
}

// onApproveKey handles the keys of the box: the text scrolls, the field takes a
// path. A key that is a command is one only while the field is empty, and no
// path begins with it.
func (m Model) onApproveKey(key string, k tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	a := m.shown.Cards[m.shown.Current].Approval
	empty, late := m.box.typed == "" && m.box.path == "", m.box.kind == kindLate
	switch {
	case len(m.texts()) == 0:
	case key == "enter":
		return m.signHere()
	case key == "tab":
		m.box.who, m.box.scroll = m.box.who+1, 0
	case scrolls(key) && len(key) > 1:
		m.scrollApprove(key)
	case empty && key == "d" && late:
		m.box.against, m.box.scroll, m.box.seenEnd = !m.box.against, 0, false
	case empty && key == "d":
		m.reasonOver("deny")
	case empty && key == "w" && a.MayWaive && !late:
		m.reasonOver("waive")
	case empty && !strings.ContainsAny(k.Text, "/~.") && k.Text != "":
		m.box.note = "type a path that begins with / ~ or ."
	default:
		m.edit(key, k, maxPath)
	}
	return m, nil
}

// reasonOver asks for a reason and keeps the confirm box below.
func (m *Model) reasonOver(kind string) {
	under := m.box.under
	m.openReason(kind)
	m.box.under = under
}

func (m *Model) scrollApprove(key string) {
	_, _, head, middle, tail := m.approveParts(boxWidth(m.w) - 6)
	room := max(m.h-layoutOf(m.w, m.h).lit()-2-len(head)-len(tail)-1, 1)
	d := map[string]int{"up": -1, "pgup": -room, "down": 1, "pgdown": room, "home": -1 << 20, "end": 1 << 20}[key]
	most := max(len(middle)-room, 0)
	m.box.scroll = min(max(m.box.scroll+d, 0), most)
	m.box.seenEnd = m.box.seenEnd || m.box.scroll == most
}

// readsAll says whether the end of the text has been on the screen.
func (m Model) readsAll() bool {
	if m.box.seenEnd {
		return true
	}
	_, _, head, middle, tail := m.approveParts(boxWidth(m.w) - 6)
	return len(head)+len(middle)+len(tail)+2 <= m.h-layoutOf(m.w, m.h).lit()
}

// signHere sends what was typed or pasted. A key at this keyboard signs only
// after the text was on the screen to its end: what is signed is what was read.
func (m Model) signHere() (tea.Model, tea.Cmd) {
	in := session.Intent{Command: steps.Approve{Way: "screen"}}
	if m.box.kind == kindLate && m.shown.Owed != nil {
		in.Command = steps.Approve{Way: steps.WayLate, Waiver: m.shown.Owed.Waiver, Verdict: m.verdict()}
	}
	switch typed := m.box.typed; {
	case m.box.path != "":
		in.Sign = &session.Sign{Path: m.box.path, Passphrase: typed}
	case typed == "":
		m.box.note = "type a path, or paste the text of the .sig file"
		return m, nil
	case strings.Contains(typed, "\n"):
		in.Command = steps.Approve{Signature: typed, Way: "screen"}
	case !m.readsAll():
		m.box.note = "read the text to its end first: pgdn, end"
		return m, nil
	default:
		in.Sign = &session.Sign{Path: strings.TrimSpace(typed)}
	}
	m.box.note = "asking the key…"
	return m, m.doIntent(in)
}

// paste takes a signature, the one thing that is pasted and not typed.
func (m *Model) paste(s string) {
	if !strings.Contains(s, "SSH SIGNATURE") {
		m.box.note = "that is no signature: paste the whole text of the .sig file"
		return
	}
	m.box.typed, m.box.path = strings.ReplaceAll(s, "\r", "\n"), ""
	if !strings.Contains(m.box.typed, "\n") {
		m.box.typed += "\n"
	}
}

// approved is the answer of the session to a signature.
func (m *Model) approvedOrNot(in session.Intent, err error) {
	if m.mode != approving {
		return
	}
	switch {
	case err == nil:
		m.closeApprove("signed")
	case errors.Is(err, audit.ErrLocked) && in.Sign != nil:
		m.box.path, m.box.typed, m.box.note = in.Sign.Path, "", ""
	default:
		m.box.path, m.box.typed = "", ""
		m.box.note = m.th.spelled(strings.ReplaceAll(strings.TrimPrefix(err.Error(), "not run: "), "\n", " "))
	}
}

// followApprove closes the box when nothing waits any more.
func (m *Model) followApprove() tea.Cmd {
	if m.box.kind == kindLate {
		m.followLate()
		return nil
	}
	c := m.snap.Cards[m.snap.Current]
	switch under := m.box.under; {
	case under != nil && (c.ID != under.card.ID || c.Digest != under.card.Digest || !c.Armed):
		m.closeBox("the box was closed, nothing has run")
	case under != nil && failing(c.Before) > 0:
		m.closeBox("a check does not pass any more, nothing has run")
		return m.do(steps.Disarm{}, "")
	case c.Approval.Enough || c.Approval.Denied != "":
		m.closeApprove("")
	case !c.Approval.Standing:
		m.closeApprove("nothing waits for a signature any more")
	}
	return nil
}

// doIntent sends an intent that holds more than a command.
func (m Model) doIntent(in session.Intent) tea.Cmd {
	in.Seen, in.Width, in.Height = m.seen(), m.w, m.h
	if !m.box.opened.IsZero() {
		in.ShownMS = m.now().Sub(m.box.opened).Milliseconds()
	}
	sess := m.sess
	return func() tea.Msg { return signedMsg{in, sess.Do(context.Background(), in)} }
}

// signedMsg is the answer to an intent of an approve, poll or hand-over box.
type signedMsg struct {
	in  session.Intent
	err error
}

func (m Model) onSigned(msg signedMsg) (tea.Model, tea.Cmd) {
	if _, ok := msg.in.Command.(steps.Approve); ok {
		m.approvedOrNot(msg.in, msg.err)
	} else if _, ok := msg.in.Command.(steps.Handover); ok && m.mode == handing {
		m.handedOrNot(msg.err)
	} else if msg.err != nil && m.mode != looking {
		m.box.note = m.th.spelled(strings.ReplaceAll(strings.TrimPrefix(msg.err.Error(), "not run: "), "\n", " "))
	}
	if msg.err != nil {
		m.look.toast = "refused: " + m.th.spelled(strings.ReplaceAll(msg.err.Error(), "\n", " "))
	}
	return m, nil
}

// firstFailing is the check that an override is for: the one that is shown first.
func firstFailing(c session.Card) string {
	for _, r := range append(sorted(c.Before), c.Found...) {
		if !passes(r) && !r.Never {
			return r.Name
		}
	}
	return ""
}
