package tui

import (
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

func viewed(s session.Snapshot, k look) session.Card {
	if k.at != "" {
		if c, ok := s.Cards[k.at]; ok {
			return c
		}
	}
	return s.Cards[s.Current]
}

func running(c session.Card) bool { return c.Phase == steps.Running || c.Phase == steps.Proving }

// cardPane draws the step, giving up the less needed until it fits.
func cardPane(th *Theme, s session.Snapshot, k look, w, h int, foot line) []line {
	c := viewed(s, k)
	focus := k.pane == paneCard
	t := dim | bold
	if focus {
		t = turq | bold
	}
	title, right := one(t, "STEP "+string(c.ID)), one(dim, "phase "+c.PhaseName)
	if c.Block {
		title = one(t, "BLOCK "+string(c.ID))
	}
	var body []line
	if walkOver(s) && k.at == "" {
		title, right = one(t, "THE END"), nil
		body = summary(s, w-4, h-2)
	} else {
		body = cardBody(s, k, c, w-4, h-2)
	}
	return panel{title: title, right: right, foot: foot, focus: focus}.draw(th, w, h, body)
}

// maxLevel is the last of the levels at which a card gives something up.
const maxLevel = 5

func cardBody(s session.Snapshot, k look, c session.Card, w, h int) []line {
	tail := []line{one(faint, strings.Repeat("─", w)), actionLine(s, k, c, w)}
	room := h - len(tail)
	run := planned(c, s.Now.Second(), w)
	if k.pane == paneCard {
		run.off = k.scroll
	}
	for lv := range maxLevel + 1 {
		if lv < maxLevel && len(run.rows)+checkRows(c, lv) > room {
			continue // this level cuts neither: no need to draw the rest
		}
		ls := squeeze(cardLevel(s, c, run, lv, w, room), room)
		if len(ls) > room && lv < maxLevel {
			continue
		}
		ls = ls[:min(len(ls), max(room, 0))]
		for len(ls) < room {
			ls = append(ls, nil)
		}
		return append(ls, tail...)
	}
	return tail
}

// squeeze takes out blank rows, from the bottom up, until the rest fits.
func squeeze(ls []line, room int) []line {
	for i := len(ls) - 1; i >= 0 && len(ls) > room; i-- {
		if ls[i] == nil {
			ls = append(ls[:i], ls[i+1:]...)
		}
	}
	return ls
}

// verbatim is what would run, drawn: its rows, and the row of the statement that
// runs or ended last. It is the same at every level, and costs most of a card.
type verbatim struct {
	rows    []line
	at, off int // off is how far the person scrolled from there
}

func planned(c session.Card, second, w int) verbatim {
	if c.PlanErr != "" && len(c.Statements) == 0 {
		var v verbatim
		for _, l := range words("no plan yet: "+c.PlanErr, w) {
			v.rows = append(v.rows, one(amber|bold, l))
		}
		return v
	}
	rows, at := willRun(c, second, w)
	return verbatim{rows: rows, at: at}
}

// cardLevel is the card without its action line. Level 5 windows the text so
// that everything that may never be given up still fits into room rows.
func cardLevel(s session.Snapshot, c session.Card, run verbatim, lv, w, room int) []line {
	head := cardHead(s, c, lv, w)
	rest := cardRest(s, c, lv, w)
	abort := abortLines(s, c, lv, w)
	rows := run.rows
	if lv == maxLevel {
		rows = window(rows, run.at, run.off, max(room-len(head)-len(rest)-len(abort), 2), "; x shows all before it asks")
	}
	var out []line
	out = append(out, head...)
	out = append(out, rows...)
	out = append(out, abort...)
	if lv < 4 {
		out = append(out, nil)
	}
	return append(out, rest...)
}

func cardHead(s session.Snapshot, c session.Card, lv, w int) []line {
	right := line{}
	if sg, ok := targetSeg(s, c.On); ok {
		right = append(right, sg, seg{text, " "})
	}
	right = append(right, riskFill(c.Risk))
	out := []line{spread(one(text|bold, strings.ToUpper(c.Title)), right, w)}
	if s.Denied != "" && c.ID == s.Current {
		out = append(out, one(red|bold, s.Denied).fit(w))
	}
	why := words(c.Why, w)
	switch {
	case lv >= 4 || c.Why == "":
	case lv >= 2 && len(why) > 1:
		out = append(out, one(dim, c.Why).fit(w))
	default:
		for _, l := range why {
			out = append(out, one(dim, l))
		}
	}
	if lv < 4 {
		out = append(out, nil)
	}
	label := "WILL RUN, VERBATIM"
	switch {
	case statementless(c):
		label = "NO STATEMENT"
	case c.Block && c.Phase == steps.Pending:
		label = "WILL RUN BACK TO BACK, VERBATIM"
	case running(c):
		label = "RUNNING"
	case c.Phase == steps.Done:
		label = "HAS RUN"
	}
	return append(out, spread(one(dim|bold, label), one(dim, c.RunAs), w))
}

func riskFill(r runbooks.Risk) seg {
	switch r {
	case runbooks.Read:
		return seg{dim, "read only"}
	case runbooks.Change:
		return seg{turq | bold, "CHANGE"}
	case runbooks.Traffic:
		return seg{fillAmber, " TRAFFIC "}
	}
	return seg{fillRed, " NO RETURN "}
}

func abortLines(s session.Snapshot, c session.Card, lv, w int) []line {
	if len(c.Abort) == 0 {
		return nil
	}
	if lv > 0 {
		var titles []string
		for _, a := range c.Abort {
			titles = append(titles, a.Title)
		}
		n := strconv.Itoa(len(c.Abort))
		return []line{{{amber | bold, "ABORT  "}, {text, n + " " + plural(len(c.Abort), "statement") + " by itself if it fails: "}, {dim, strings.Join(titles, ", ")}}}
	}
	ls, _ := grouped(c.Abort, s.Now.Second(), w)
	return append([]line{nil, one(amber|bold, "IF IT FAILS, BY ITSELF")}, ls...)
}

func cardRest(s session.Snapshot, c session.Card, lv, w int) []line {
	var out []line
	out = append(out, outputLines(c, lv, w)...)
	if len(out) > 0 && lv < 4 {
		out = append(out, nil)
	}
	if ls := checkLines(c, lv, w); len(ls) > 0 {
		out = append(out, ls...)
		if lv < 4 {
			out = append(out, nil)
		}
	}
	if c.Expect != "" {
		out = append(out, told("EXPECT ", c.Expect, lv, w)...)
	}
	undo := c.Undo
	if undo == "" {
		undo = "none"
	}
	out = append(out, told("UNDO   ", undo, lv, w)...)
	if c.Block {
		out = append(out, windowLine(c, w).fit(w))
		if lv < 2 {
			out = append(out, windowWhy(c, w)...)
		}
	} else if lv < 1 && c.Planned > 0 {
		out = append(out, line{{dim, "       planned "}, {text, clock(c.Planned)}})
	}
	if t := s.Record.Ticket; t != "" && c.ID == s.Current && lv < 3 {
		out = append(out, told("TICKET ", t+"  (y copies it)", lv, w)...)
	}
	if c.Need > 0 {
		out = append(out, line{{amber | bold, "SIGN   "}, {text, strconv.Itoa(c.Need) + " more " + plural(c.Need, "signature")}})
	}
	return out
}

// told is a label with its text: all of it where there is room, else one row.
func told(label, s string, lv, w int) []line {
	if lv >= 3 {
		return []line{line{{dim | bold, label}, {text, s}}.fit(w)}
	}
	out := labelled(label, s, w, 1<<10)
	for i := range out {
		out[i][0].t = dim | bold
	}
	return out
}

// windowLine is what clients will see of a block, said before the keypress, and
// from whom it is known.
func windowLine(c session.Card, w int) line {
	head := line{{amber | bold, "WINDOW "}}
	if p := c.Prediction; p.For > 0 {
		head = append(head, seg{text | bold, brief(p.For)}, seg{dim, " predicted by " + p.By})
	} else {
		head = append(head, seg{amber, "not predicted"})
	}
	head = append(head, seg{dim, ", budget "}, seg{text | bold, brief(c.Budget)})
	long := append(append(line{}, head...), seg{dim, ", then it aborts by itself"})
	return pick(w, long, append(head, seg{dim, ", then abort"}))
}

// windowWhy is what the prediction was made of.
func windowWhy(c session.Card, w int) []line {
	var out []line
	if c.Block && c.Prediction.Why != "" {
		for _, l := range words(c.Prediction.Why, w-7) {
			out = append(out, one(dim, "       "+l))
		}
	}
	return out
}

// outputRows is how much of the output each level keeps.
var outputRows = [maxLevel + 1]int{6, 3, 2, 1, 1, 1}

func outputLines(c session.Card, lv, w int) []line {
	if c.Started.IsZero() && len(c.Output) == 0 {
		return nil
	}
	right := line{{text | bold, clock(c.Elapsed)}}
	if c.Planned > 0 {
		right = append(right, seg{dim, " of " + clock(c.Planned) + " planned"})
	}
	out := []line{spread(one(dim|bold, "OUTPUT"), right, w)}
	ls := c.Output
	if n := outputRows[lv]; len(ls) > n {
		ls = ls[len(ls)-n:]
	}
	for _, o := range ls {
		t := text
		if o.Bad {
			t = red | bold
		}
		out = append(out, line{{faint, "▏"}, {dim, utc(o.At) + "  "}, {t, o.Text}})
	}
	if running(c) && c.Planned > 0 && lv < 4 {
		out = append(out, bar(turq, "━", float64(c.Elapsed)/float64(c.Planned), w))
	}
	return out
}
