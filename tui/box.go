package tui

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
)

// maxReason is how long a reason may be: one line of the record.
const maxReason = 200

// box is what is open over the frame.
type box struct {
	opened   time.Time
	card     session.Card // as it was when the box opened
	typed    string
	complete time.Time // when the phrase became complete
	note     string    // one line of feedback
	scroll   int
	seenEnd  bool
	kind     string // of a reason: skip, hold, note, back, interrupt, settle, end; of a confirm box: kindTaking; of an approve box: kindLate
	next     string // of a decision; the desk of a no go
	under    *box   // the confirm box that an approve box lies over
	path     string // of a key whose passphrase is asked
	against  bool   // of a late verdict: not approved
	who      int    // person of an approve box, desk of a poll
}

func (m *Model) open(to mode) {
	m.mode, m.look.toast, m.look.find = to, "", search{}
	m.box = box{opened: m.now(), card: m.shown.Cards[m.shown.Current]}
	m.dead = m.box.opened
}

func (m *Model) closeBox(why string) {
	if m.mode == looking {
		return
	}
	m.mode, m.box, m.look.find = looking, box{}, search{}
	m.look.toast = why
}

// openConfirm opens the box, or first the pager if the box cannot show all.
func (m *Model) openConfirm(c session.Card) {
	m.open(confirming)
	m.box.card = c
	if m.th.ASCII {
		m.box.card = spelledCopy(c)
	}
	if !m.boxHoldsAll() {
		m.mode = paging
	}
	m.markEnd()
}

func boxWidth(w int) int { return min(74, w-4) }

// drawBox returns the open box and where the cursor stands in it.
func (m Model) drawBox(w, h int) ([]line, int, int) {
	bw := boxWidth(w)
	if m.pages() {
		bw = max(bw, min(w-4, 110))
		return m.drawPager(bw, h)
	}
	title, t, head, middle, tail := m.boxParts(bw - 6)
	room := h - 2 - len(head) - len(tail)
	if len(middle) > room {
		more := " were shown before"
		if m.mode == approving {
			more = "; pgdn pgup end"
		}
		middle = window(middle, 0, m.box.scroll, max(room, 1), more)
	}
	body := append(append(head, middle...), tail...)
	ls := drawDouble(title, t, body, bw)
	cx, cy := 4, len(ls)-2
	for i, l := range body {
		for j, s := range l {
			if s.s == caret {
				cx, cy = 3+l[:j].width(), i+1
			}
		}
	}
	if len(ls) > h {
		ls = append(ls[:h-1:h-1], ls[len(ls)-1])
	}
	return ls, cx, cy
}

// caret is the cell in the typed line where the next character goes.
const caret = "█"

// drawDouble is the border of a box; its title is filled in the box's own colour.
func drawDouble(title string, t tok, body []line, w int) []line {
	fill := map[tok]tok{turq: fillTurq, amber: fillAmber, red: fillRed}[t]
	head := one(fill, " "+clean(title)+" ").fit(min(width(clean(title))+2, w-5))
	rest := w - 3 - head.width()
	out := []line{append(append(line{{t, "╔═"}}, head...), seg{t, strings.Repeat("═", rest) + "╗"})}
	for _, l := range body {
		row := line{{t, "║"}, {text, "  "}}
		row = append(row, l.fit(w-6)...)
		out = append(out, append(row, seg{text, "  "}, seg{t, "║"}))
	}
	return append(out, one(t, "╚"+strings.Repeat("═", w-2)+"╝"))
}

// boxParts are the rows of a box: the head and the tail are always on screen.
func (m Model) boxParts(w int) (title string, t tok, head, middle, tail []line) {
	switch m.mode {
	case confirming:
		return m.confirmParts(w)
	case interrupting:
		return m.interruptParts(w)
	case reasoning:
		return m.reasonParts(w)
	case deciding:
		return m.decideParts(w)
	case approving:
		return m.approveParts(w)
	case polling:
		return m.pollParts(w)
	case handing:
		return m.handParts(w)
	}
	return m.leaveParts(w)
}

func (m Model) cardHead(w int) []line {
	c := m.box.card
	l := line{{text | bold, strings.ToUpper(c.Title)}, {text, "  "}}
	if sg, ok := targetSeg(m.shown, c.On); ok {
		l = append(l, sg, seg{text, " "})
	}
	l = append(l, riskFill(c.Risk))
	if l.width() > w {
		l[0].s = one(text, l[0].s).fit(max(w-l.width()+width(l[0].s), 8)).plain()
	}
	return []line{l, one(dim, c.RunAs+"   plan "+short(c.Digest, 8))}
}

func riskTok(r runbooks.Risk) tok {
	switch r {
	case runbooks.Read, runbooks.Change:
		return turq
	case runbooks.Traffic:
		return amber
	}
	return red
}

func (m Model) confirmParts(w int) (string, tok, []line, []line, []line) {
	c := m.box.card
	title := "RUN " + string(c.ID) + "?"
	if c.Block {
		title = "RUN BLOCK " + string(c.ID) + "?"
	}
	if c.Risk == runbooks.NoReturn {
		title = "POINT OF NO RETURN  " + string(c.ID)
	}
	head := append(m.cardHead(w), nil)
	middle := append(everything(c, 0, w), nil)
	var tail []line
	if m.box.kind == kindTaking {
		tail = append(append(append(m.takingTail(w), nil), m.askLines(w)...), line{{turq | bold, "esc"}, {dim, " cancel, nothing has run"}})
		return takingTitle(m.shown), amber, head, middle, tail
	}
	if c.Block {
		now := m.shown.Cards[c.ID] // the prediction moves with the gauges, the plan does not
		tail = append(tail, windowLine(now, w))
		tail = append(tail, windowWhy(now, w)...)
	}
	if c.Risk == runbooks.NoReturn {
		why := strings.TrimPrefix(strings.TrimPrefix(c.Undo, "none needed: "), "none: ")
		tail = append(tail, line{{red | bold, "There is no undo. "}, {text, sentence(why)}})
	} else {
		tail = append(tail, labelled("undo      ", c.Undo, w, maxUndoRows)...)
	}
	way := line{{dim, "way back  "}, {wayTok(m.shown.Way.State), wayState(m.shown.Way)}, {text, " " + m.shown.Way.Now}}
	way = append(append(way, seg{text, " · "}), loses(m.shown.Way)...)
	if long := append(append(line{}, way...), seg{dim, " · " + until(m.shown.Way)}); long.width() <= w {
		way = long
	}
	tail = append(tail, way)
	if c.Need > 0 {
		tail = append(tail, secondLine(m.shown, m.shown.Cards[c.ID]))
	}
	tail = append(tail, checksLine(m.shown.Cards[c.ID]))
	tail = append(tail, againstLines(m.shown.Cards[c.ID], maxAgainst, w)...)
	tail = append(append(append(tail, nil), m.askLines(w)...), append(line{{turq | bold, "esc"}, {dim, " cancel, nothing has run   "}}, tabHint(m.shown.Cards[c.ID])...))
	return title, riskTok(c.Risk), head, middle, tail
}

// sentence begins a clause with a capital.
func sentence(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

// maxUndoRows keeps the typed line on a small screen; the card has all of it.
const maxUndoRows = 3

// labelled is prose behind a label, over at most the given rows.
func labelled(label, s string, w, rows int) []line {
	var out []line
	for i, l := range words(s, w-width(label)) {
		switch {
		case i == 0:
			out = append(out, line{{dim, label}, {text, l}})
		case i < rows:
			out = append(out, line{{dim, blanks(width(label))}, {text, l}})
		case i == rows:
			out[i-1] = append(out[i-1], seg{dim, " …"})
		}
	}
	return out
}

func checksLine(c session.Card) line {
	n, bad := len(c.Before), failing(c.Before)
	if n == 0 {
		return one(dim, "no check stands before this step")
	}
	newest := time.Duration(-1)
	for _, r := range c.Before {
		if newest < 0 || r.Age < newest {
			newest = r.Age
		}
	}
	return one(dim, strconv.Itoa(n-bad)+" of "+strconv.Itoa(n)+" checks pass, newest "+brief(newest)+" old")
}

// askLines are the typed line of the confirm box, and what a long phrase needs.
func (m Model) askLines(w int) []line {
	l := m.askLine()
	if m.box.note != "" && m.box.typed == "" {
		l = append(l, seg{amber | bold, "  " + m.box.note})
		if l.width() > w { // never in the place of what is asked
			return append([]line{{{amber | bold, m.box.note}}}, m.longAsk(l[:len(l)-1], w)...)
		}
	}
	return m.longAsk(l, w)
}

func (m Model) longAsk(l line, w int) []line {
	if l.width() <= w || len(l) < 4 || l[1].s != m.th.spelled(m.box.card.Word) {
		return []line{l}
	}
	return []line{l[:3], append(line{{text, "  "}}, l[3:]...)} // a long phrase has a row of its own
}

func (m Model) askLine() line {
	c := m.box.card
	if byKey(c) {
		return line{{text, "Press "}, {text | bold, "y"}, {text, " to run  "}, {turq, caret}}
	}
	l := line{{text, "Type "}, {text | bold, m.th.spelled(c.Word)}, {text, " to run:  "}, {text | bold, m.th.spelled(m.box.typed)}, {turq, caret}}
	switch {
	case m.box.typed == c.Word && waits(m.shown.Cards[c.ID]) != "":
		l = append(l, seg{turq | bold, "  matches"}, seg{amber, "; " + waits(m.shown.Cards[c.ID])})
	case m.box.typed == c.Word:
		l = append(l, seg{turq | bold, "  matches"}, seg{dim, "  enter runs"})
	case !strings.HasPrefix(c.Word, m.box.typed):
		l = append(l, seg{red | bold, "  differs"})
	default:
		l = append(l, seg{faint, strings.Repeat("_", max(width(c.Word)-width(m.box.typed)-1, 0))})
	}
	return l
}

// byKey says that the step only reads: y is enough.
func byKey(c session.Card) bool { return c.Risk == runbooks.Read }

// boxHoldsAll says whether the confirm box shows all of the text at this size.
func (m Model) boxHoldsAll() bool {
	if layoutOf(m.w, m.h) == tiny {
		return false
	}
	mm := m
	mm.mode = confirming
	_, _, head, middle, tail := mm.confirmParts(boxWidth(m.w) - 6)
	return len(head)+len(middle)+len(tail)+2 <= m.h-layoutOf(m.w, m.h).lit()
}

func (m Model) interruptParts(w int) (string, tok, []line, []line, []line) {
	c := m.shown.Cards[m.shown.Current]
	head := []line{
		{{text | bold, string(c.ID) + " " + c.Title}},
		{{dim, "runs for "}, {text, clock(c.Elapsed)}, {dim, " of " + clock(c.Planned) + " planned"}},
		append(line{{dim, "clock    "}}, freezeSegs(m.shown.Freeze, true)...),
		nil,
	}
	var middle []line
	for _, s := range words(meansStop(c), w) {
		middle = append(middle, one(text, s))
	}
	tail := []line{nil, m.typeLine("stop", "to stop it"), {{turq | bold, "esc"}, {dim, " let it go on"}}}
	if c.Risk == runbooks.Read {
		tail[1] = line{{turq | bold, "i"}, {text, " stop it "}, {turq, caret}}
	}
	return "INTERRUPT?", amber, head, middle, tail
}

// meansStop is what stopping means, from the plan.
func meansStop(c session.Card) string {
	switch {
	case c.Risk == runbooks.Read:
		return "It only reads: stopping changes nothing."
	case c.Block:
		return "The running statement is cancelled where it can be, and the abort plan that was confirmed with the block runs by itself. Once writes are open on the other side nothing is taken back by itself."
	}
	return "The statement is cancelled on the server where it can be. If it was sent and no answer comes, the outcome is Unclear."
}

func (m Model) typeLine(word, what string) line {
	l := line{{text, "Type "}, {text | bold, word}, {text, " " + what + ":  "}, {text | bold, m.box.typed}, {turq, caret}}
	if m.box.note != "" && m.box.typed == "" {
		l = append(l, seg{amber, "  " + m.box.note})
	}
	if !strings.HasPrefix(word, m.box.typed) {
		l = append(l, seg{red | bold, "  differs"})
	}
	return l
}

func (m Model) decideParts(w int) (string, tok, []line, []line, []line) {
	c := m.shown.Cards[m.shown.Current]
	head := []line{{{text | bold, string(c.ID) + " " + c.Title}}, {{amber | bold, "UNCLEAR "}, {text, c.Outcome}}, nil}
	var middle []line
	for _, o := range c.Output {
		middle = append(middle, line{{dim, utc(o.At) + "  "}, {text, o.Text}})
	}
	tail := []line{nil,
		{{turq | bold, "esc"}, {dim, " decide nothing now "}, {turq, caret}},
		{{turq | bold, "1"}, {text, " it happened: go on after it"}},
		{{turq | bold, "2"}, {text, " it did not: run again, with a fresh plan"}},
		{{turq | bold, "3"}, {text, " roll back"}},
		{{turq | bold, "4"}, {text, " stop here"}}}
	return "DECIDE " + string(c.ID), amber, head, middle, tail
}
