package tui

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/session"
)

// freshness is the badge in a tile's border: the age of the datum, or STALE.
func freshness(d time.Duration, stale bool) line {
	if stale {
		return one(fillAmber, " STALE "+age(d)+" ")
	}
	return one(dim, age(d)+" ago")
}

// tile draws a gauge panel whose title gives way before its age does.
func tile(th *Theme, titles []string, fresh line, w, h int, focus bool, body []line) []line {
	title := titles[len(titles)-1]
	for _, t := range titles {
		if width(t)+fresh.width()+9 <= w {
			title = t
			break
		}
	}
	t := dim | bold
	if focus {
		t = turq | bold
	}
	return panel{title: one(t, title), right: fresh, focus: focus}.draw(th, w, h, body)
}

// lagGauges finds the lag in bytes and in seconds: on the sending side, where
// the link is measured, else wherever there is one.
func lagGauges(s session.Snapshot) (bytes, secs session.Gauge, ok bool) {
	from, rev := s.Sides[0].Target, ""
	if !s.Link.Forward && s.Link.State != "none" && s.Link.State != "" {
		from, rev = s.Sides[1].Target, "rev_"
	}
	find := func(names ...string) (session.Gauge, bool) {
		for _, n := range names {
			if g, ok := s.Gauges[engines.Gauge(from, n)]; ok {
				return g, true
			}
		}
		var ids []engines.GaugeID
		for id := range s.Gauges {
			if _, n := id.Split(); slices.Contains(names, n) {
				ids = append(ids, id)
			}
		}
		if len(ids) == 0 {
			return session.Gauge{}, false
		}
		slices.Sort(ids)
		return s.Gauges[ids[0]], true
	}
	b, okB := find(rev+"behind_bytes", rev+"lag_bytes")
	c, okS := find(rev + "lag_seconds")
	return b, c, okB || okS
}

func value(g session.Gauge) string {
	switch {
	case g.ID == "":
		return ""
	case g.Text != "":
		return g.Text
	case g.Stale && g.At.IsZero():
		return "-"
	case g.Unit == engines.Bytes:
		return size(g.Value)
	case g.Unit == engines.Seconds:
		return strconv.FormatFloat(g.Value, 'f', 2, 64) + " s"
	case g.Unit == engines.Bool:
		if g.Value != 0 {
			return "yes"
		}
		return "no"
	case math.IsNaN(g.Value) || math.Abs(g.Value) > 1e15:
		return "-"
	case g.Value == math.Trunc(g.Value):
		return count(int64(g.Value))
	}
	return strconv.FormatFloat(g.Value, 'f', 2, 64)
}

// mainLag is the gauge whose value and history the tile shows: the gated one first.
func mainLag(s session.Snapshot) (head, other session.Gauge, ok bool) {
	b, c, ok := lagGauges(s)
	if b.ID != "" && drains(s) {
		return b, session.Gauge{}, ok // the distance to the position, in bytes
	}
	if b.ID == "" || (b.Gate == "" && c.Gate != "") {
		return c, b, ok
	}
	return b, c, ok
}

func lagTile(th *Theme, s session.Snapshot, w, h int, focus bool) []line {
	g, o, ok := mainLag(s)
	if !ok {
		return tile(th, []string{"LAG"}, one(fillAmber, " STALE never "), w, h, focus, []line{one(amber, "not measured yet")})
	}
	inner := w - 4
	to := map[bool]string{true: "LAG blue→green", false: "LAG green→blue"}[s.Link.Forward]
	if g.Never {
		return tile(th, []string{to, "LAG"}, one(dim, age(g.Age)+" ago"), w, h, focus, neverRead(g, s.Freeze.State == "open", inner))
	}
	head := line{{text | bold, value(g)}}
	right := one(dim, value(o))
	if drains(s) {
		right = one(dim, "to the position")
	}
	if g.Stale {
		head = one(amber|bold, "was "+value(g))
		right = one(amber, "unknown")
	}
	body := []line{spread(head, right, inner)}
	levels, over := levelsOf(g)
	top, low := spark(levels, over, inner)
	if g.Stale {
		low = gapTail(low)
		top = top.cut(0, max(len(top)-staleCells, 0))
	}
	if h >= 7 {
		body = append(body, nil)
	}
	if h >= 6 {
		body = append(body, top)
	}
	body = append(body, low, gateLine(s, g, inner))
	return tile(th, []string{to, "LAG"}, freshness(g.Age, g.Stale), w, h, focus, body)
}

// neverRead is a gauge that nobody could read yet: no link is no lag, and no
// news of one that was there.
func neverRead(g session.Gauge, moved bool, w int) []line {
	out := []line{{{text | bold, "-"}, {dim, map[bool]string{true: "  no link any more", false: "  not there yet"}[moved]}}}
	for _, l := range words(g.Err, w) {
		out = append(out, one(dim, l))
	}
	return out
}

// staleCells is the gap that a stale gauge shows at the right of its history.
const staleCells = 6

func gapTail(l line) line {
	for i := max(len(l)-staleCells, 0); i < len(l); i++ {
		l[i] = seg{amber, "╌"}
	}
	return l
}

func levelsOf(g session.Gauge) ([]float64, []bool) {
	levels, over := make([]float64, len(g.History)), make([]bool, len(g.History))
	for i, v := range g.History {
		levels[i] = level(v, g.Unit == engines.Seconds)
		over[i] = g.Gate != "" && g.Verdict == checks.Fail && i == len(g.History)-1
	}
	return levels, over
}

// drains says that a freeze position is known: then lag that reads zero means
// nothing, and the proof of the position everything.
func drains(s session.Snapshot) bool { return s.Freeze.State == "frozen" && s.Freeze.Position != "" }

// drainSegs say that position, and whether the side that gets the writes has been
// proven to have everything up to it, the longest form first.
func drainSegs(s session.Snapshot) (at []string, is []line) {
	for _, sd := range s.Sides {
		if sd.Badge == "waiting" {
			at = append(at, strings.ToUpper(string(sd.Target))+" ≥ "+s.Freeze.Position)
		}
	}
	at = append(at, "≥ "+s.Freeze.Position)
	if s.Freeze.Reached.IsZero() {
		return at, []line{one(amber|bold, "not yet")}
	}
	return at, []line{one(text|bold, "✓ reached "+utc(s.Freeze.Reached)), one(text|bold, "✓ "+utc(s.Freeze.Reached)), one(text|bold, "✓")}
}

// drainLine is the longest form that fits.
func drainLine(s session.Snapshot, w int) line {
	ats, iss := drainSegs(s)
	for _, is := range iss {
		for _, at := range ats {
			if width(at)+is.width() < w {
				return spread(one(text, at), is, w)
			}
		}
	}
	return append(append(line{}, iss[len(iss)-1]...), seg{text, " " + ats[len(ats)-1]}).fit(w)
}

// gateLine is the condition that watches the gauge, and how long it has held.
func gateLine(s session.Snapshot, g session.Gauge, w int) line {
	if drains(s) {
		return drainLine(s, w)
	}
	if g.Gate == "" {
		return one(dim, "no gate here")
	}
	short, verdict := held(g)
	a := one(dim, "gate "+g.Gate)
	if a.width()+verdict.width() >= w {
		a = one(dim, g.Gate)
	}
	if a.width()+verdict.width() >= w {
		verdict = short
	}
	return spread(a, verdict, w)
}

func held(g session.Gauge) (short, long line) {
	switch {
	case g.Stale || g.Verdict == checks.Unknown:
		l := line{{amber | bold, "? "}, {amber, "not met"}}
		return l, l
	case g.Verdict == checks.Fail:
		l := line{{red | bold, "✗ "}, {red, "not met"}}
		if g.NeedHold > 0 && g.Held > 0 {
			return l, line{{amber | bold, "○ "}, {amber, "held " + clock(g.Held) + "/" + clock(g.NeedHold)}}
		}
		return l, l
	}
	return one(text|bold, "✓ met"), line{{text | bold, "✓ "}, {text, "held " + clock(g.Held)}}
}

func connTile(th *Theme, s session.Snapshot, k look, w, h int) []line {
	focus, from := k.pane == paneGauges, 0
	if focus {
		from = k.scroll
	}
	body := connBody(s, from, w-4, h-2)
	worstAge, stale := s.Clients[0].Age, s.Clients[0].Stale || s.Clients[1].Stale
	if s.Clients[1].Age > worstAge {
		worstAge = s.Clients[1].Age
	}
	return tile(th, []string{"CONNECTIONS", "CONN"}, freshness(worstAge, stale), w, h, focus, body)
}

// connBody lists the applications with their sessions on both sides, on one
// scale; what does not fit is joined. The outage that clients saw comes last.
func connBody(s session.Snapshot, from, w, h int) []line {
	var foot []line
	if s.Outage != nil && h >= 3 {
		foot = []line{outageLine(*s.Outage, w)}
	}
	apps := joinApps(s, from, h-1-len(foot))
	name, bars := 4, 0
	num := max(len(count(int64(s.Clients[0].Total))), len(count(int64(s.Clients[1].Total))), 3)
	for _, a := range apps {
		name = max(name, width(clean(a.name)))
		num = max(num, len(count(int64(a.n[0]))), len(count(int64(a.n[1]))))
	}
	name = min(name, max(w-2*num-6, 4), 24)
	bars = max((w-name-2*num-6)/2, 0)
	bars = min(bars, 10)
	peak := 1
	for _, a := range apps {
		if !a.joined { // many small ones together would make every bar a dot
			peak = max(peak, a.n[0], a.n[1])
		}
	}
	head := line{{text, blanks(name + 1)}}
	for i, sd := range s.Sides {
		c, _ := sideTok(sd.Colour)
		label := string(sd.Target)
		if bars < len(label) {
			label = strings.ToUpper(short(label, 1))
		}
		head = append(head, seg{c | bold, padLeft(count(int64(s.Clients[i].Total)), num)}, seg{dim, one(dim, " "+label).fit(bars + 2).plain()})
	}
	body := []line{head}
	for _, a := range apps {
		l := append(line{}, line{{text, a.name}}.fit(name)...)
		l = append(l, seg{text, " "})
		for i, sd := range s.Sides {
			c, _ := sideTok(sd.Colour)
			t := text
			if a.n[i] == 0 {
				t = dim
			}
			l = append(l, seg{t, padLeft(count(int64(a.n[i])), num) + " "})
			k := min((a.n[i]*bars+peak-1)/peak, bars)
			l = append(l, seg{c, strings.Repeat("▬", k)}, seg{text, blanks(bars - k + 1)})
		}
		body = append(body, l)
	}
	for len(body) < h-len(foot) {
		body = append(body, nil)
	}
	return append(body, foot...)
}

func padLeft(s string, w int) string { return blanks(w-width(s)) + s }

type appRow struct {
	name   string
	n      [2]int
	joined bool // of several applications
}

// allApps are the applications on both sides, those with most sessions first.
func allApps(s session.Snapshot) []appRow {
	at := map[string]int{}
	var rows []appRow
	for side, t := range s.Clients {
		for _, r := range t.Rows {
			i, ok := at[r.App]
			if !ok {
				i = len(rows)
				at[r.App] = i
				rows = append(rows, appRow{name: r.App})
			}
			rows[i].n[side] += r.Count
		}
	}
	slices.SortStableFunc(rows, func(a, b appRow) int { return b.n[0] + b.n[1] - a.n[0] - a.n[1] })
	return rows
}

// joinApps cuts the list to room rows, from the given one on; what is not shown
// is joined into one row, so that the sum of the rows is that of the side.
func joinApps(s session.Snapshot, from, room int) []appRow {
	rows := allApps(s)
	from = min(max(from, 0), max(len(rows)-1, 0))
	rows = append(rows[from:len(rows):len(rows)], rows[:from]...)
	room = max(room, 1)
	if len(rows) <= room {
		return rows
	}
	rest := appRow{joined: true, name: strconv.Itoa(len(rows)-room+1) + " others"}
	for _, r := range rows[room-1:] {
		rest.n[0] += r.n[0]
		rest.n[1] += r.n[1]
	}
	return append(rows[:room-1:room-1], rest)
}

// outageLine is what the clients themselves saw, measured at their end.
func outageLine(o session.Outage, w int) line {
	t := text | bold
	word := "longest gap "
	gap := o.LongestGap
	if o.Gap > time.Second {
		t, word, gap = amber|bold, "no answer for ", o.Gap
	}
	l := line{{dim, "clients: " + word}, {t, brief(gap)}, {dim, " · failed "}, {failTok(o.Failed), count(o.Failed)}}
	brieferL := line{{dim, "gap "}, {t, brief(gap)}, {dim, " · failed "}, {failTok(o.Failed), count(o.Failed)}}
	full := append(append(line{}, l...), seg{dim, " · "}, seg{text, strconv.FormatFloat(o.TPS, 'f', 0, 64)}, seg{dim, " tx/s"})
	return pick(w, full, l, brieferL)
}

func failTok(n int64) tok {
	if n > 0 {
		return amber | bold
	}
	return text | bold
}
