package tui

import (
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// wheel turns once a second, and only on the running step.
var wheel = [...]string{"◐", "◓", "◑", "◒"}

// stateGlyph is the sign of a step's phase, never colour alone.
func stateGlyph(r session.StepRow, second int) seg {
	switch r.Phase {
	case steps.Running, steps.Proving:
		return seg{turq | bold, wheel[((second%4)+4)%4]}
	case steps.Done:
		return seg{text, "✓"}
	case steps.Failed:
		return seg{red | bold, "✗"}
	case steps.Unclear:
		return seg{amber | bold, "?"}
	case steps.Skipped:
		return seg{amber, "⊘"}
	case steps.Undone:
		return seg{amber, "↶"}
	}
	switch {
	case r.Current:
		return seg{turq | bold, "▸"}
	case r.Hold:
		return seg{amber, "‖"}
	}
	return seg{dim, "○"}
}

func riskSeg(r runbooks.Risk) seg {
	switch r {
	case runbooks.NoReturn:
		return seg{red | bold, "no return"}
	case runbooks.Traffic:
		return seg{amber, "traffic"}
	}
	return seg{}
}

func selected(l line) line {
	out := make(line, len(l))
	for i, s := range l {
		out[i] = seg{s.t | selBit, s.s}
	}
	return out
}

// runbookRows are all rows of the pane and the index of the one to keep in view.
func runbookRows(s session.Snapshot, k look, w int) (rows []line, focus int) {
	here := k.at
	if here == "" {
		here = s.Current
	}
	open, next := phaseOf(s, here), -1
	if open >= 0 {
		next = open + 1
	}
	for i, p := range s.Phases {
		rows = append(rows, phaseRow(s, p, i == open, w))
		if i != open && i != next && !k.unfold {
			continue
		}
		for _, r := range p.Steps {
			if r.ID == here {
				focus = len(rows)
			}
			rows = append(rows, stepRow(s, r, 1, r.ID == here, w))
			if r.ID != here && !r.Current {
				continue
			}
			for _, q := range r.Parts {
				rows = append(rows, stepRow(s, q, 3, false, w))
			}
		}
	}
	return rows, focus
}

func phaseOf(s session.Snapshot, id runbooks.StepID) int {
	for i, p := range s.Phases {
		for _, r := range p.Steps {
			if r.ID == id {
				return i
			}
		}
	}
	return -1
}

func phaseRow(s session.Snapshot, p session.PhaseRow, open bool, w int) line {
	t := dim
	if open {
		t = text | bold
	}
	name := strconv.Itoa(p.Number) + " " + p.Name
	if p.Back {
		name = "↶ " + name
	}
	right := line{{dim, strconv.Itoa(p.Done) + "/" + strconv.Itoa(p.Total)}}
	if open && s.Freeze.State == "frozen" {
		right = append(line{{amber, "freeze "}}, right...)
	}
	return spread(one(t, name), right, w)
}

func stepRow(s session.Snapshot, r session.StepRow, indent int, here bool, w int) line {
	t := text
	if r.Phase == steps.Done || indent > 1 {
		t = dim
	}
	if r.Current || here {
		t = text | bold
	}
	l := line{{text, blanks(indent)}, stateGlyph(r, s.Now.Second()), {dim, " " + string(r.ID) + " "}, {t, r.Title}}
	if here && !r.Current {
		l[0] = seg{turq | bold, "►"} // not every terminal can show a background
	}
	right := line{}
	switch {
	case r.Took > 0:
		right = one(dim, brief(r.Took))
	case riskSeg(r.Risk).s != "" && r.Phase != steps.Done && indent == 1:
		right = line{riskSeg(r.Risk)}
	case r.Planned > 0 && indent == 1 && (r.Phase == steps.Pending || r.Phase == steps.Running):
		right = one(dim, clock(r.Planned))
	}
	l = spread(l, right, w)
	if here {
		return selected(l)
	}
	return l
}

// runbookPane scrolls so that the step in view stands in the middle.
func runbookPane(th *Theme, s session.Snapshot, k look, w, h int) []line {
	rows, at := runbookRows(s, k, w-4)
	room := max(h-2, 0)
	from := min(max(at-room/2, 0), max(len(rows)-room, 0))
	t := dim | bold
	if k.pane == paneRunbook {
		t = turq | bold
	}
	return panel{
		title: one(t, "RUNBOOK"), right: one(dim, stepsDone(s)),
		focus: k.pane == paneRunbook,
	}.draw(th, w, h, rows[min(from, len(rows)):])
}

// glyphLine is the whole walk in one line; finished phases fold to a count first,
// then those that are far away.
func glyphLine(s session.Snapshot, w int) line {
	cur := phaseOf(s, s.Current)
	build := func(foldDone, foldRest bool) line {
		l := line{{text, " "}}
		for i, p := range s.Phases {
			t := dim
			if i == cur {
				t = turq | bold
			}
			l = append(l, seg{t, p.Name + " "})
			switch {
			case i < cur && foldDone:
				l = append(l, seg{text, "✓" + strconv.Itoa(p.Done)})
			case i > cur && foldRest:
				l = append(l, seg{dim, strconv.Itoa(p.Total)})
			default:
				for _, r := range p.Steps {
					l = append(l, stateGlyph(r, s.Now.Second()))
				}
			}
			l = append(l, seg{text, " "})
		}
		return l
	}
	l := pick(w, build(false, false), build(true, false), build(true, true))
	if l.width() > w && cur > 0 { // still too long: begin at the current phase
		rest := s
		rest.Phases = s.Phases[cur:]
		return append(one(dim, " …"), glyphLine(rest, w-2)...)
	}
	return l.fit(w)
}

// wayTok says how a state of the way back is to be read.
func wayTok(state string) tok {
	switch {
	case strings.HasPrefix(state, "OPEN") && !strings.Contains(state, "LOSES"):
		return turq | bold
	case state == "CLOSED", state == "UNKNOWN", state == "":
		return red | bold
	}
	return amber | bold
}

func wayState(b session.WayBack) string {
	if b.State == "" {
		return "UNKNOWN"
	}
	return b.State
}

// wayTile is the way back in three lines.
func wayTile(th *Theme, s session.Snapshot, w, h int) []line {
	b := s.Way
	first := line{{text, b.Now}}
	last := one(dim, until(b))
	switch after := (seg{dim, ", after " + b.After}); {
	case b.After == "":
	case first.width()+width(after.s) <= w-4:
		first = append(first, after)
	default:
		last = append(last, seg{dim, ", then " + strings.TrimPrefix(b.After, b.Until+" ")})
	}
	lose := loses(b)
	if b.Takes > 0 {
		lose = append(lose, seg{dim, ", planned "}, seg{text, clock(b.Takes)})
	}
	body := []line{first, lose, last}
	return panel{title: one(dim|bold, "WAY BACK"), right: one(wayTok(b.State), wayState(b))}.draw(th, w, h, body)
}

func loses(b session.WayBack) line {
	if b.Loses == "" {
		return one(amber, "loses unknown")
	}
	if b.Loses == "nothing" {
		return one(text, "loses nothing")
	}
	return one(amber|bold, "loses "+b.Loses)
}

func until(b session.WayBack) string {
	switch {
	case b.State == "CLOSED":
		return "no step leads back"
	case b.Until == "":
		return "until the end"
	}
	return "until " + b.Until
}

// wayFoot is the way back in a border; a loss and the state are never dropped.
func wayFoot(b session.WayBack, w int) line {
	head := line{{dim | bold, "WAY BACK "}, {wayTok(b.State), wayState(b)}}
	now := seg{text, " · " + b.Now}
	planned := line{now}
	if b.Takes > 0 {
		planned = append(planned, seg{dim, ", planned " + clock(b.Takes)})
	}
	after := seg{dim, ", after " + b.After}
	if b.After == "" {
		after.s = ""
	}
	lose := append(line{{dim, " · "}}, loses(b)...)
	end := seg{dim, " · " + until(b)}
	if b.State == "CLOSED" {
		end.s = ""
	}
	join := func(ls ...line) line {
		out := append(line{}, head...)
		for _, l := range ls {
			out = append(out, l...)
		}
		return out
	}
	short := join(line{now}, line{end})
	if b.Loses != "nothing" {
		short = join(lose, line{now}, line{end})
	}
	return pick(w, join(planned, line{after}, lose, line{end}), join(line{now}, line{after}, lose, line{end}), join(line{now}, lose, line{end}), short)
}

// stepsDone is how much of the runbook is done, as "3 of 31".
func stepsDone(s session.Snapshot) string {
	done, all := 0, 0
	for _, p := range s.Phases {
		done, all = done+p.Done, all+p.Total
	}
	return strconv.Itoa(done) + " of " + strconv.Itoa(all)
}
