package tui

import (
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/session"
)

// noNewsAfter is three missed publications: the session speaks once a second.
const noNewsAfter = 3 * time.Second

// lateAbove hides delays that nobody acts on.
const lateAbove = 30 * time.Second

func sideTok(colour string) (tok, tok) {
	switch colour {
	case "blue":
		return blue, fillBlue
	case "green":
		return green, fillGreen
	}
	return turq, fillTurq
}

func modeSeg(m session.Mode) seg {
	t := fillProd
	if m == session.Rehearsal || m == session.Replayed {
		t = fillGrey
	}
	return seg{t, " ▞▞ " + m.String() + " ▞▞ "}
}

// identity is line 1: what is at stake, which change, by whom, and the clock.
func identity(s session.Snapshot, w int) line {
	left := func(change string, book bool) line {
		l := line{modeSeg(s.Mode), {text, "  "}, {text | bold, change}}
		if book {
			l = append(l, seg{dim, "  " + s.Book.Name + " @" + short(s.Book.Digest, 8)})
		}
		return l
	}
	right := func(words, zone bool) line {
		var l line
		if words {
			l = append(l, seg{dim, "operator "})
		}
		l = append(l, seg{text | bold, s.Operator}, seg{text, "  "})
		if zone {
			l = append(l, seg{dim, "UTC "})
		}
		return append(l, seg{text | bold, utc(s.Now)}, seg{text, " "})
	}
	for _, v := range []struct{ words, zone, book bool }{
		{true, true, true}, {true, false, true}, {false, false, true}, {true, false, false},
	} {
		l, r := left(s.Change, v.book), right(v.words, v.zone)
		if l.width()+r.width() < w {
			return spread(l, r, w)
		}
	}
	r := right(false, false)
	room := w - r.width() - 1 - left("", false).width()
	return spread(left(middle(s.Change, room), false), r, w)
}

// middle shortens text from its middle, where ids differ least.
func middle(s string, w int) string {
	s = clean(s)
	if width(s) <= w {
		return s
	}
	if w < 3 {
		return ""
	}
	rs := []rune(s)
	a := (w - 1) / 2
	head, tail := string(rs[:min(a, len(rs))]), rs[max(len(rs)-(w-1-a), 0):]
	return head + "…" + string(tail)
}

func badge(sd session.Side) seg {
	_, fill := sideTok(sd.Colour)
	switch strings.ToUpper(sd.Badge) {
	case "WRITES", "SERVES":
		return seg{fill, " " + strings.ToUpper(sd.Badge) + " "}
	case "FROZEN", "PAUSED", "FREEZING":
		return seg{amber | bold, sd.Badge}
	case "UNREACHABLE":
		return seg{red | bold, "unreachable"}
	case "":
		return seg{dim, "-"}
	}
	return seg{dim, sd.Badge}
}

func linkSeg(l session.Link) seg {
	if l.Stale || l.State == "unknown" {
		return seg{amber, "╌?►"}
	}
	switch {
	case l.State == "none" || l.State == "":
		return seg{text, "   "}
	case l.State == "stopped" && l.Forward:
		return seg{amber, "═✗►"}
	case l.State == "stopped":
		return seg{amber, "◄✗═"}
	case l.Forward:
		return seg{turq, "══►"}
	}
	return seg{turq, "◄══"}
}

// sides is line 2: who takes writes, the link, the freeze clock, the time since the start.
func sides(s session.Snapshot, w int) line {
	sideLine := func(versions, names bool) line {
		l := line{{text, " "}}
		for i, sd := range s.Sides {
			if i > 0 {
				l = append(l, seg{text, " "}, linkSeg(s.Link), seg{text, " "})
			}
			c, _ := sideTok(sd.Colour)
			name := sd.Name
			if !names || name == "" {
				name = strings.ToUpper(string(sd.Target))
			}
			l = append(l, seg{c | bold, name}, seg{text, " "})
			if versions && sd.Version != "" {
				l = append(l, seg{dim, sd.Version + " "})
			}
			l = append(l, badge(sd))
		}
		return l
	}
	for _, v := range []struct{ plan, versions, names, late bool }{
		{true, true, true, true}, {false, true, true, true}, {false, false, true, true},
		{false, false, false, true}, {false, false, false, false},
	} {
		l, r := sideLine(v.versions, v.names), clocks(s, v.plan, v.late)
		if l.width()+r.width()+1 <= w {
			return spread(l, r, w)
		}
	}
	return spread(sideLine(false, false), clocks(s, false, false), w)
}

func clocks(s session.Snapshot, plan, late bool) line {
	l := freezeSegs(s.Freeze, plan)
	l = append(l, seg{dim, "  T+"}, seg{text | bold, clock(s.Now.Sub(s.Started))})
	if plan && s.Plan > 0 {
		l = append(l, seg{dim, " / " + clock(s.Plan)})
	}
	if late && s.Late > lateAbove {
		l = append(l, seg{amber, " late " + clock(s.Late)})
	}
	return append(l, seg{text, " "})
}

// freezeSegs is the freeze clock: amber from the start, red from 70 % of the budget.
func freezeSegs(f session.Freeze, plan bool) line {
	budget := func(l line) line {
		if plan && f.Budget > 0 {
			l = append(l, seg{dim, " / " + clock(f.Budget)})
		}
		return l
	}
	switch f.State {
	case "frozen":
		fill := fillAmber
		if tight(f) {
			fill = fillRed
		}
		l := line{{fill, " FREEZE " + clock(f.Elapsed) + " "}}
		if f.Budget <= 0 {
			return l
		}
		if f.Elapsed > f.Budget {
			return append(l, seg{red | bold, " over " + clock(f.Elapsed-f.Budget)})
		}
		return append(l, seg{dim, " left "}, seg{text | bold, clock(f.Budget - f.Elapsed)})
	case "open":
		return budget(line{{dim, "was frozen "}, {text | bold, brief(f.Elapsed)}})
	}
	return budget(line{{dim, "freeze "}, {text | bold, "off"}})
}

func tight(f session.Freeze) bool {
	return f.Budget > 0 && f.Elapsed*10 >= f.Budget*7
}

// worst is the alarm that line 3 shows: the worst, then the oldest, that is not over.
func worst(as []session.Alarm) (session.Alarm, int, bool) {
	best, n := -1, 0
	for i, a := range as {
		if a.Over {
			continue
		}
		if !a.Acked {
			n++
		}
		if best < 0 || louder(a, as[best]) {
			best = i
		}
	}
	if best < 0 || as[best].Acked {
		return session.Alarm{}, 0, false
	}
	return as[best], n, true
}

func louder(a, b session.Alarm) bool {
	if a.Acked != b.Acked {
		return b.Acked
	}
	if a.Level != b.Level {
		return a.Level > b.Level
	}
	return a.Since.Before(b.Since)
}

// alarmLine is line 3; ok is false when there is nothing to say.
func alarmLine(s session.Snapshot, k look, w int) (line, bool) {
	if k.closed || k.noNews >= noNewsAfter {
		msg := "NO NEWS FROM THE SESSION " + strconv.Itoa(int(k.noNews/time.Second)) + " s"
		if k.closed {
			msg = "THE SESSION HAS CLOSED THIS SCREEN"
		}
		return alarm(fillAmber, " ▲ CAUTION  "+msg, "what you see is old ", "", w), true
	}
	if a, n, ok := worst(s.Alarms); ok {
		fill, word := fillAmber, " ▲ CAUTION  "
		if a.Level == session.WarningLevel {
			fill, word = fillRed, " ▲▲ WARNING  "
		}
		hint := "  a acknowledge "
		if n > 1 {
			hint = "  +" + strconv.Itoa(n-1) + " more  a acknowledge "
		}
		return alarm(fill, word+a.Text+" since "+utc(a.Since), a.Consequence, hint, w), true
	}
	switch {
	case k.paused:
		return one(fillAmber, " DISPLAY PAUSED").pad(fillAmber, "the session and its record go on   p resume ", w), true
	case k.toast != "":
		return line{{turq | bold, " " + k.toast}}.fit(w), true
	}
	return one(text, "").fit(w), false
}

// alarm fills a line: subject at the left, consequence and hint at the right;
// the subject gives way from its right end, then the hint.
func alarm(fill tok, what, consequence, hint string, w int) line {
	what, consequence = clean(what), clean(consequence)
	right := consequence + hint
	if width(what)+width(right)+1 > w && w-width(right) < 44 {
		right = consequence + " "
	}
	if width(right) > w-24 {
		right = one(fill, right).fit(max(w-24, 1)).plain()
	}
	return one(fill, what).pad(fill, right, w)
}

// pad puts right text at the end of w cells, all in one token.
func (l line) pad(t tok, right string, w int) line {
	rw := width(right)
	if rw >= w {
		return one(t, right).fit(w)
	}
	if right != "" && rw+1 < w {
		right, rw = " "+right, rw+1
	}
	left := l.fit(w - rw)
	for i := range left {
		left[i].t = t
	}
	return append(left, seg{t, right})
}

func targetSeg(s session.Snapshot, id engines.TargetID) (seg, bool) {
	if id == "" {
		return seg{}, false
	}
	fill := fillTurq
	for _, sd := range s.Sides {
		if sd.Target == id {
			_, fill = sideTok(sd.Colour)
		}
	}
	return seg{fill, " on " + strings.ToUpper(string(id)) + " "}, true
}
