package tui

import (
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

func hint(key, what string) line { return line{{turq | bold, key}, {dim, " " + what + "  "}} }

func hints(ls ...line) line {
	var out line
	for _, l := range ls {
		out = append(out, l...)
	}
	return out
}

// actionLine says in what state the step is and which keys lead on.
func actionLine(s session.Snapshot, k look, c session.Card, w int) line {
	switch {
	case s.Finished:
		return append(line{{fillTurq, " " + strings.ToUpper(strings.ReplaceAll(s.Result, "_", " ")) + " "}, {text, " "}}, hint("q", "leave")...).fit(w)
	case walkOver(s) && k.at == "":
		return append(line{{fillTurq, " EVERY STEP HAS ENDED "}, {text, " "}}, hint("q", "end the session…")...).fit(w)
	case k.at != "" && k.at != s.Current:
		return append(line{{amber | bold, "you look at " + string(k.at) + ", current is " + string(s.Current) + "   "}}, hint(".", "back")...).fit(w)
	case k.me.Role != roleOperator:
		return one(dim, k.me.Role+": you see what "+s.Operator+" sees; no keys act").fit(w)
	case s.Holding != "":
		out := append(line{{fillAmber, " HOLD "}, {text, " " + s.Holding + "   "}}, hint("h", "resume")...)
		if s.Record.Ticket != "" { // it is on the card as well where there is room
			out = append(append(out, seg{text, "  "}), hint("y", "copy head")...)
		}
		return out.fit(w)
	}
	return phaseAction(s, c).fit(w)
}

func phaseAction(s session.Snapshot, c session.Card) line {
	skip, back := hint("s", "skip…"), hint("b", "back out…")
	if whyNoSkip(c) != "" {
		skip = nil
	}
	if whyNoBack(s) != "" {
		back = nil
	}
	switch c.Phase {
	case steps.Running:
		if c.Batch > 0 { // a job: hours, and two keys that change how it goes on
			return hints(line{{turq | bold, "RUNNING "}, {text, "batches  "}}, hint("W", "rows a batch…"), hint("h", "hold…"), hint("ctrl+c", "interrupt…"))
		}
		return append(line{{turq | bold, "RUNNING "}, {dim, "ends by itself  "}}, hint("ctrl+c", "interrupt…")...)
	case steps.Proving:
		n := len(c.After)
		return line{{turq | bold, "PROVING "}, {text, strconv.Itoa(n-failing(c.After)) + " of " + strconv.Itoa(n)}, {dim, " expectations hold"}}
	case steps.Unclear:
		l := line{{fillAmber, " UNCLEAR "}, {text, " " + c.Outcome + "  "}}
		if c.CanVerify {
			l = append(line{l[0], {text, " "}}, hint("v", "run the proof query")...)
		}
		if c.CanDecide {
			l = append(l, hint("d", "decide…")...)
		}
		return l
	case steps.Failed, steps.Undone:
		word := strings.ToUpper(c.Phase.String())
		if waits := c.Approval; waits.Standing && !waits.Enough {
			return hints(line{{amber | bold, "WAITS FOR A SECOND PERSON "}}, hint("A", "sign or deny…"), back)
		}
		l := append(line{{red | bold, word + " "}, {text, c.Outcome + "  "}}, hint("x", "run again…")...)
		if failing(c.Found) > 0 && firstFailing(c) != "" {
			l = hints(l, hint("o", "override…"))
		}
		return append(l, back...)
	case steps.Done:
		return line{{text | bold, "✓ DONE "}, {dim, c.Outcome}}
	case steps.Skipped:
		return line{{amber | bold, "⊘ SKIPPED "}, {dim, c.Outcome}}
	}
	if a := c.Approval; !c.Armed && a.Standing && !a.Enough {
		return hints(line{{amber | bold, "WAITS FOR A SECOND PERSON "}}, hint("A", "sign or deny…"), back)
	}
	if c.Armed {
		return line{{turq | bold, s.Operator + " has the box of " + string(c.ID) + " open"}}
	}
	if bad := failing(c.Before); bad > 0 {
		return hints(line{{red | bold, "BLOCKED by " + strconv.Itoa(bad) + " of " + strconv.Itoa(len(c.Before)) + " "}}, hint("v", "check again"), hint("o", "override…"), skip, back)
	}
	if c.PlanErr != "" {
		return hints(line{{red | bold, "BLOCKED: no plan yet "}}, hint("v", "check again"), skip, back)
	}
	if why := pollLeft(c); why != "" {
		return hints(line{{amber | bold, "POLL: " + why + "  "}}, hint("g", "go / no-go…"), back)
	}
	what := "run this step…"
	if c.Block {
		what = "run this block…"
	}
	return hints(line{{fillTurq, " READY "}, {text, " "}}, hint("x", what), skip, back)
}

// walkOver says that no step is left, whether or not the session is closed.
func walkOver(s session.Snapshot) bool {
	return s.Finished || s.Seq > 0 && s.Current == "" && len(s.Phases) > 0
}

// summary is what stands on the card when the walk is over.
func summary(s session.Snapshot, w, h int) []line {
	result := "EVERY STEP HAS ENDED"
	if s.Finished {
		result = strings.ToUpper(strings.ReplaceAll(s.Result, "_", " "))
	}
	out := []line{
		one(text|bold, result),
		nil,
		{{dim, "writes      "}, {text | bold, writesOn(s)}},
		append(line{{dim, "freeze      "}}, freezeSegs(s.Freeze, true)...),
	}
	if o := s.Outage; o != nil {
		out = append(out,
			line{{dim, "clients saw "}, {text | bold, "longest gap " + brief(o.LongestGap)}, {dim, ", slowest answer "}, {text, brief(o.Worst)}},
			line{{dim, "            "}, {text, count(o.Acked) + " acknowledged, " + count(o.Failed) + " failed, " + count(o.Unknown) + " unknown to the client"}})
		if o.Compared {
			out = append(out, append(line{{dim, "            "}}, lossLine(*o)...))
		}
	}
	out = append(out,
		line{{dim, "way back    "}, {wayTok(s.Way.State), wayState(s.Way)}, {text, "  " + s.Way.Now}},
		line{{dim, "record      "}, {text, strconv.Itoa(s.Record.Count) + " entries, head " + s.Record.Head}},
		line{{dim, "            "}, {text, s.Record.Path}},
		nil, one(dim|bold, "STATUS"))
	out = append(out, statusLines(s, w)...)
	for len(out) < h-2 {
		out = append(out, nil)
	}
	out = out[:max(h-2, 0)]
	return append(out, one(faint, strings.Repeat("─", w)), actionLine(s, look{}, session.Card{}, w))
}

func statusLines(s session.Snapshot, w int) []line {
	if len(s.Status) == 0 {
		return []line{one(text, "None: nothing skipped, overridden, unclear or unacknowledged")}
	}
	var out []line
	for _, st := range s.Status {
		for _, l := range words(st, w) {
			out = append(out, one(amber, l))
		}
	}
	return out
}

func writesOn(s session.Snapshot) string {
	for _, sd := range s.Sides {
		if strings.EqualFold(sd.Badge, "WRITES") || strings.EqualFold(sd.Badge, "SERVES") {
			return strings.ToUpper(string(sd.Target))
		}
	}
	if s.Freeze.State == "frozen" {
		return "none (FROZEN)"
	}
	return "none seen"
}

// Farewell is what is printed after the screen is gone: the alternate screen
// leaves nothing in the scrollback.
func Farewell(s session.Snapshot) []string {
	c := s.Cards[s.Current]
	step := "step " + clean(string(s.Current)) + " " + c.Phase.String()
	if running(c) {
		step += ", " + clock(c.Elapsed) + " of " + clock(c.Planned)
	}
	first, last := "session goes on", "come back: turquoise attach "+clean(s.Sid)
	if s.Finished {
		first, step = "the walk is over: "+clean(strings.ReplaceAll(s.Result, "_", " ")), stepsDone(s)+" steps done"
		last = "check it: turquoise verify " + clean(s.Record.Path)
	} else if !running(c) && s.Freeze.State != "frozen" {
		first, last = "session suspended", "come back: turquoise resume "+clean(s.Sid)
	}
	freeze := "off"
	if s.Freeze.State == "frozen" {
		freeze = clock(s.Freeze.Elapsed) + " of " + clock(s.Freeze.Budget)
	}
	if s.Freeze.State == "open" { // over: the tenths are what people ask for
		freeze = "was " + brief(s.Freeze.Elapsed) + " of " + clock(s.Freeze.Budget)
	}
	way := "way back: " + strings.ToLower(wayState(s.Way)) + ", " + s.Way.Now + ", " + loses(s.Way).plain() + ", " + until(s.Way)
	out := []string{
		"session " + clean(s.Sid) + ": screen left at " + utc(s.Now) + ", " + first,
		step + " · writes: " + writesOn(s) + " · freeze " + freeze,
		clean(way),
		"record: " + strconv.Itoa(s.Record.Count) + " entries, head " + clean(s.Record.Head),
	}
	if o := s.Outage; o != nil {
		out[1] += " · clients' longest gap " + brief(o.LongestGap)
	}
	return append(out, last)
}
