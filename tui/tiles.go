package tui

import (
	"strconv"

	"github.com/turquoise-db/turquoise/session"
)

func diffTile(th *Theme, s session.Snapshot, w, h int, focus bool) []line {
	r, inner := s.Rows, w-4
	if s.Compared != nil && s.Compared.Reading {
		return readingTile(th, s.Compared, w, h, focus)
	}
	if !r.Exact {
		return estimateTile(th, r, w, h, focus)
	}
	equal := r.Tables - r.Differ
	word := " tables equal"
	if width(count(int64(r.Tables)))*2+4+len(word) > inner {
		word = " equal"
	}
	body := []line{
		{{text | bold, count(int64(equal))}, {dim, " of " + count(int64(r.Tables)) + word}},
	}
	if h >= 6 {
		share := 0.0
		if r.Tables > 0 {
			share = float64(equal) / float64(r.Tables)
		}
		body = append(body, bar(turq, "━", share, inner))
	}
	body = append(body, differLine(r))
	rows := line{{dim, "rows "}, {text, count(r.Blue)}}
	if r.Green != r.Blue {
		rows = line{{dim, "rows "}, {text, count(r.Blue)}, {dim, " / "}, {text, count(r.Green)}}
	}
	body = append(body, rows)
	return tile(th, []string{"DATA DIFF", "DIFF"}, freshness(r.Age, r.Stale), w, h, focus, body)
}

// readingTile is the first comparison at work: how far, how fast, how long still.
func readingTile(th *Theme, c *session.Compared, w, h int, focus bool) []line {
	share := 0.0
	if c.Total > 0 {
		share = min(float64(c.Rows)/float64(c.Total), 1)
	}
	body := []line{{{turq | bold, strconv.Itoa(int(share*100)) + " %"}, {dim, " read"}}}
	if h >= 6 {
		body = append(body, bar(turq, "━", share, w-4))
	}
	if c.Held != "" {
		body = append(body, line{{amber | bold, "▲ "}, {amber, "held: " + c.Held}})
	} else {
		body = append(body, pick(w-4, line{{text | bold, count(int64(c.Rate))}, {dim, " rows/s  left "}, {text, left(c)}}, line{{text | bold, count(int64(c.Rate))}, {dim, "/s  "}, {text, left(c)}}))
	}
	body = append(body, line{{dim, "rows "}, {text, count(c.Rows)}})
	return tile(th, []string{"DATA DIFF", "DIFF"}, one(dim, "no verdict"), w, h, focus, body)
}

// estimateTile shows the servers' own estimates and says that they prove nothing:
// a tile that claimed equality without a comparison would be believed.
func estimateTile(th *Theme, r session.RowTile, w, h int, focus bool) []line {
	body := []line{
		{{amber | bold, "? "}, {amber, "not compared"}},
		{{dim, "blue  ~"}, {text, count(r.Blue)}},
		{{dim, "green ~"}, {text, count(r.Green)}},
	}
	if h >= 6 {
		body = append(body, one(dim, count(int64(r.Tables))+" tables, estimates"))
	}
	return tile(th, []string{"ROWS", "ROWS"}, freshness(r.Age, r.Stale), w, h, focus, body)
}

func differLine(r session.RowTile) line {
	switch {
	case r.Stale:
		return line{{amber | bold, "? "}, {amber, "unknown now"}}
	case r.Differ > 0:
		return line{{red | bold, "✗ "}, {red | bold, strconv.Itoa(r.Differ) + " differ"}}
	case r.Tables == 0:
		return line{{amber | bold, "? "}, {amber, "nothing compared"}}
	}
	return line{{text | bold, "✓ "}, {text, "0 differ"}}
}

func seqTile(th *Theme, s session.Snapshot, w, h int, focus bool) []line {
	q := s.Seqs
	body := []line{
		{{text | bold, strconv.Itoa(q.Behind)}, {dim, " of " + strconv.Itoa(q.Known) + " behind"}},
	}
	if q.MaxGap > 0 {
		body = append(body, line{{dim, "max gap "}, {text, count(q.MaxGap)}})
	}
	if q.Worst != "" {
		body = append(body, one(dim, q.Worst))
	}
	if q.SetIn != "" {
		body = append(body, one(dim, "set in step "+string(q.SetIn)))
	}
	if q.Stale {
		body[0] = append(line{{amber, "was "}}, body[0]...)
	}
	if h <= 4 && q.Worst != "" {
		body = []line{body[0], {{dim, "gap "}, {text, count(q.MaxGap) + " "}, {dim, q.Worst}}}
	}
	return tile(th, []string{"SEQUENCES", "SEQ"}, freshness(q.Age, q.Stale), w, h, focus, body)
}

// outageTile is the clients' own view, as a tile where there is room for one.
func outageTile(th *Theme, s session.Snapshot, w, h int) []line {
	o := s.Outage
	if o == nil {
		return nil
	}
	unit, done := " tx/s", "acknowledged "
	if s.Halves != nil || s.Release != nil {
		unit, done = " req/s", "answered "
	}
	body := []line{
		spread(line{{dim, "longest gap "}, {text | bold, brief(o.LongestGap)}}, line{{dim, "now "}, {text, brief(o.Gap)}}, w-4),
		spread(line{{dim, "slowest answer "}, {text, brief(o.Worst)}}, line{{text, strconv.FormatFloat(o.TPS, 'f', 0, 64)}, {dim, unit}}, w-4),
		{{dim, done}, {text, count(o.Acked)}, {dim, "  failed "}, {failTok(o.Failed), count(o.Failed)}},
	}
	if s.Halves == nil && s.Release == nil {
		body = append(body, lossLine(*o))
	}
	return panel{title: one(dim|bold, "WHAT CLIENTS SAW")}.draw(th, w, h, body)
}

func lossLine(o session.Outage) line {
	if !o.Compared {
		return line{{dim, "answer unknown to the client "}, {text, count(o.Unknown)}}
	}
	t, mark := text|bold, "✓ "
	if o.Lost+o.Duplicated > 0 {
		t, mark = red|bold, "✗ "
	}
	return line{{t, mark}, {dim, "lost "}, {t, count(o.Lost)}, {dim, "  doubled "}, {t, count(o.Duplicated)}}
}

// strip is all gauges in one line, each with its age, for the compact layout.
func strip(s session.Snapshot, w int) line {
	if s.Release != nil {
		return releaseStrip(s, w)
	}
	if s.Halves != nil {
		return halvesStrip(s, w)
	}
	sep := seg{faint, " │ "}
	stamp := func(l line, old string, stale bool) line {
		if stale {
			return append(l, seg{fillAmber, " STALE " + old + " "})
		}
		return append(l, seg{dim, " " + old})
	}
	g, _, ok := mainLag(s)
	lag := line{{dim, " lag "}}
	switch {
	case drains(s):
		at, is := drainSegs(s)
		lag = append(line{{text, " " + at[len(at)-1] + " "}}, is[len(is)-1]...)
		g.Stale = true // no sparkline
	case !ok:
		lag = append(lag, seg{amber, "unknown"})
	case g.Never:
		lag = append(lag, seg{text | bold, "-"}, seg{dim, " " + age(g.Age)})
	case g.Stale:
		lag = stamp(lag, age(g.Age), true)
	default:
		lag = stamp(append(lag, seg{text | bold, value(g)}), age(g.Age), false)
	}
	conn := line{{dim, "conn "}}
	b, _ := sideTok(s.Sides[0].Colour)
	gr, _ := sideTok(s.Sides[1].Colour)
	conn = append(conn, seg{b | bold, strconv.Itoa(s.Clients[0].Total)}, seg{dim, "/"}, seg{gr | bold, strconv.Itoa(s.Clients[1].Total)})
	conn = stamp(conn, age(max(s.Clients[0].Age, s.Clients[1].Age)), s.Clients[0].Stale || s.Clients[1].Stale)
	eq := line{{dim, "equal "}, {text | bold, strconv.Itoa(s.Rows.Tables - s.Rows.Differ)}, {dim, "/" + strconv.Itoa(s.Rows.Tables)}}
	if !s.Rows.Exact {
		eq = line{{dim, "rows "}, {amber, "not compared"}}
	}
	if c := s.Compared; c != nil && c.Reading && c.Total > 0 {
		eq = line{{dim, "compared "}, {turq | bold, strconv.Itoa(int(100*min(float64(c.Rows)/float64(c.Total), 1))) + " %"}}
	} else {
		eq = stamp(eq, age(s.Rows.Age), s.Rows.Stale)
	}
	seq := line{{dim, "seq behind "}, {text | bold, strconv.Itoa(s.Seqs.Behind)}}
	seq = stamp(seq, age(s.Seqs.Age), s.Seqs.Stale)
	parts := []line{lag, conn, eq, seq}
	if s.Outage != nil {
		parts = append(parts, line{{dim, "gap "}, {text | bold, brief(s.Outage.LongestGap)}})
	}
	var tail line
	for _, p := range parts[1:] {
		tail = append(append(tail, sep), p...)
	}
	room := w - lag.width() - tail.width() - 1
	if room >= 6 && ok && !g.Stale {
		levels, over := levelsOf(g)
		_, low := spark(levels, over, min(room-1, 12))
		lag = append(append(lag, seg{text, " "}), low...)
	}
	out := append(lag, tail...)
	if out.width() > w { // labels go before values do
		for i := range out {
			switch out[i].s {
			case "seq behind ":
				out[i].s = "seq "
			case "equal ":
				out[i].s = "eq "
			}
		}
	}
	return out.fit(w)
}
