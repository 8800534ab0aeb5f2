package tui

import (
	"fmt"
	"strings"
)

// reasonSays is what a box that takes a line of text asks, how grave that is, and
// what follows from it.
func (m Model) reasonSays() (title string, t tok, say string) {
	s := m.shown
	title, t = "NOTE", turq
	switch m.box.kind {
	case "skip":
		title, t, say = "SKIP "+string(s.Current)+"?", amber, "The step does not run. What relies on it is not there; the record says who skipped it and why."
	case "hold":
		title, say = "HOLD?", "No step starts until the hold is taken back. What runs ends by itself; a job of batches sends none."
	case "rows":
		title, say = "ROWS A BATCH?", fmt.Sprintf("A batch takes at most %d rows now. Type a number: it counts from the next batch on. Slow batches are halved all the same.", s.Cards[s.Current].Batch)
	case "resume":
		title, say = "RESUME?", "The hold ends: "+s.Holding
	case "back":
		title, t = "BACK OUT?", amber
		say = "Goes over to the way back: " + s.Way.Name + ". Each of its steps has its own confirm; nothing runs now. " + wayState(s.Way) + ", " + s.Way.Now + ", " + loses(s.Way).plain() + ", " + until(s.Way) + "."
	case "pace":
		title, say = "PACE OF THE COMPARISON", "It may take more or less of the servers from now on."
		if s.Compared != nil {
			say += " In force: " + s.Compared.Pace + ". Write words such as workers 4 max-active 20; 0 is no limit."
		}
	case "override":
		title, t, say = "OVERRIDE "+m.box.next+"?", amber, "The step may run although this check does not pass. A second person signs that too; then it counts for this attempt."
	case "deny":
		title, say = "DENY "+string(s.Current)+"?", "The step is not run. The record says who denied it and why."
	case "waive":
		title, t, say = "GO ON WITHOUT A SECOND PERSON?", red, "You answer for it with your signature, and the approval is owed: until another person has signed, every check of the record says so."
	case "no go":
		title, t, say = "NO GO from "+m.box.next, amber, "The hold stays until this desk says go."
	case "hand over":
		title, t, say = "HAND OVER TO "+m.box.next+"?", amber, "From here on the session is operated by "+m.box.next+". The record says who handed it over and why."
	case "end":
		title, t, say = "END THE SESSION?", red, "The session is closed for good; it cannot be resumed."
	case "settle":
		title, t, say = "DECIDE: "+strings.ReplaceAll(m.box.next, "_", " "), amber, "This is your word, signed into the record, in place of a proof."
	default:
		say = "One line into the record."
	}
	return title, t, say
}

func (m Model) reasonParts(w int) (string, tok, []line, []line, []line) {
	title, t, say := m.reasonSays()
	var middle []line
	for _, l := range words(say, w) {
		middle = append(middle, one(text, l))
	}
	shown := m.th.spelled(m.box.typed)
	if room := w - 12; width(shown) > room {
		rs := []rune(shown)
		shown = "…" + string(rs[max(len(rs)-room/2, 0):])
	}
	what := "Reason:  "
	if m.box.kind == "rows" {
		what = "Rows:  "
	}
	tail := []line{nil, {{dim, what}, {text | bold, shown}, {turq, caret}}, {{amber, m.box.note}}, {{turq | bold, "enter"}, {dim, " writes it   "}, {turq | bold, "esc"}, {dim, " nothing happens"}}}
	return title, t, nil, middle, tail
}
