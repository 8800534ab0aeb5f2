package tui

import (
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// kindTaking marks a confirm box, and the pager before it, that takes a window of
// single steps back instead of running a step.
const kindTaking = "take back"

// takingReason is what the record says of it; a person whose clients wait is not
// asked for more.
const takingReason = "backed out of the window"

// takingCard is what the box shows: every statement that would be sent, under a
// digest of its own.
func takingCard(s session.Snapshot) session.Card {
	t := s.Taking
	return session.Card{ID: s.Current, Title: "Take the window back", Risk: runbooks.Traffic, On: t.Ends, Word: t.Word, Digest: t.Digest,
		PlanText: t.Text, Statements: t.Statements, RunAs: takingSteps(t)}
}

func takingSteps(t *session.Taking) string {
	ids := make([]string, len(t.Steps))
	for i, id := range t.Steps {
		ids[i] = string(id)
	}
	return plural(len(ids), "step") + " " + strings.Join(ids, ", ")
}

// openTaking opens the box, or first the pager if the box cannot show all.
func (m *Model) openTaking() {
	m.openConfirm(takingCard(m.snap))
	m.box.kind = kindTaking
	if m.mode == confirming && !m.boxHoldsAll() { // its own lines need more room
		m.mode = paging
		m.box.seenEnd = false
		m.markEnd()
	}
}

// followTaking keeps the box true to what would be sent.
func (m *Model) followTaking() {
	switch t := m.snap.Taking; {
	case t == nil:
		m.closeBox("there is nothing to take back any more, nothing has run")
	case t.Digest != m.box.card.Digest:
		m.closeBox("what is to be taken back changed, nothing has run")
	}
}

// takingTail says what becomes of it, and what is looked at before.
func (m Model) takingTail(w int) []line {
	t := m.shown.Taking
	if t == nil { // the box closes with the next message
		return nil
	}
	say := "By the abort lists that were confirmed with the steps, for what was begun of them. Clients go on against " + strings.ToUpper(string(t.Ends)) +
		"; the walk stands before the window again. If a statement fails the rest is not sent, and the step says so."
	if t.Doubt != "" {
		say = "First the proof of step " + string(t.Doubt) + " is asked: if writes are open, nothing is taken back. " + say
	}
	var out []line
	for _, l := range words(say, w) {
		out = append(out, one(text, l))
	}
	return append(out, append(line{{dim, "clients have waited  "}}, freezeSegs(m.shown.Freeze, true)...))
}

// takingCommand is what the box sends.
func takingCommand(c session.Card) steps.Command {
	return steps.TakeBack{Reason: takingReason, Digest: c.Digest}
}

// takingTitle heads the box.
func takingTitle(s session.Snapshot) string {
	n := 0
	if s.Taking != nil {
		n = len(s.Taking.Steps)
	}
	return "TAKE " + strconv.Itoa(n) + " " + strings.ToUpper(plural(n, "step")) + " BACK?"
}
