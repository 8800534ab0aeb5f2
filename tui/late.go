package tui

import (
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// kindLate marks an approve box in which a second person judges what ran under a
// waiver. It stands over no step: what it is about is over.
const kindLate = "late"

// openOwed opens that box.
func (m *Model) openOwed() {
	m.open(approving)
	m.box.kind = kindLate
}

// waitsLate says whether A leads to a verdict rather than to an approval.
func waitsLate(s session.Snapshot) bool {
	return s.Owed != nil && !s.Cards[s.Current].Approval.Standing
}

// texts are what the persons of an approve box may sign, one for each of them.
func (m Model) texts() []session.ApprovalText {
	if m.box.kind != kindLate {
		return m.shown.Cards[m.shown.Current].Approval.Texts
	}
	switch o := m.shown.Owed; {
	case o == nil:
		return nil
	case m.box.against:
		return o.Against
	default:
		return o.For
	}
}

func (m Model) verdict() string {
	if m.box.against {
		return steps.NotApproved
	}
	return steps.Approved
}

func (m Model) lateParts(w int) (string, tok, []line, []line, []line) {
	o := m.shown.Owed
	if o == nil {
		return "VERDICT", amber, nil, []line{one(text, "nothing is owed any more")}, []line{nil, {{turq | bold, "esc"}, {dim, " back"}}}
	}
	title := "VERDICT ON STEP " + string(o.Step) + "?"
	head := []line{one(text|bold, "ran without the approval it needs, under the waiver at entry "+strconv.FormatInt(o.Waiver, 10))}
	for _, l := range wrap("reason: "+o.Reason, w) {
		head = append(head, one(text, l.s))
	}
	t, ok := m.signedText()
	if !ok {
		return title, red, head, []line{one(text, o.Why)}, []line{nil, {{turq | bold, "esc"}, {dim, " back"}}}
	}
	var middle []line
	for _, l := range strings.Split(strings.TrimSuffix(t.Text, "\n"), "\n") {
		middle = append(middle, gutter(l, w, turq)...)
	}
	tail := []line{{{dim, "verdict  "}, {text | bold, m.verdict()}, {dim, " by " + t.Who}}}
	for _, l := range wrap("ssh-keygen -Y sign -n "+audit.NamespaceApproval+" -f KEY "+t.File, w-2) {
		tail = append(tail, one(code, "  "+l.s))
	}
	tail = append(tail, m.keyField(w), line{{amber, m.box.note}})
	other := "not approved"
	if m.box.against {
		other = "approved"
	}
	keys := append(hint("enter", "signs"), hint("d", other)...)
	if len(m.texts()) > 1 {
		keys = append(keys, hint("tab", "another person")...)
	}
	return title, amber, head, middle, append(tail, append(keys, hint("esc", "back, it stays owed")...))
}

// followLate closes the box when its verdict is there.
func (m *Model) followLate() {
	if m.snap.Owed == nil {
		m.closeBox("nothing is owed any more")
	}
}
