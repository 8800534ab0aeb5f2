package tui

import (
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/session"
)

// stateWords say what a state of a release means.
func stateWords(state string) string {
	switch state {
	case "S0":
		return "blue serves alone"
	case "S1":
		return "turquoise deployed"
	case "S2":
		return "turquoise serves"
	case "S3":
		return "rows to fill"
	case "S4":
		return "every row has both"
	case "S5":
		return "green serves"
	case "S6":
		return "old shape is gone"
	case "CONFLICT":
		return "facts contradict"
	case "unknown":
		return "not all is known"
	}
	return "on the way"
}

func shapeWords(shape string) string {
	switch shape {
	case engines.ShapeOld:
		return "the old shape"
	case engines.ShapeBoth:
		return "both shapes"
	case engines.ShapeNew:
		return "the new shape"
	case engines.ShapePartial:
		return "a part of the new"
	}
	return "unknown"
}

func stateLine(r *session.Release) line {
	t := turq | bold
	switch {
	case r.State == "CONFLICT":
		t = red | bold
	case r.Stale || r.State == "unknown" || strings.Contains(r.State, "→"):
		t = amber | bold
	}
	return line{{t, r.State}, {text, " " + stateWords(r.State)}}
}

// stateTile is where the release stands.
func stateTile(th *Theme, s session.Snapshot, w, h int, focus bool) []line {
	r := s.Release
	l := stateLine(r)
	body := []line{l[:1], {{text, strings.TrimSpace(l[1].s)}}, pick(w-4, line{{dim, "table: "}, {text, shapeWords(r.Shape)}}, one(text, shapeWords(r.Shape)))}
	if r.Soak > 0 {
		body = append(body, line{{dim, "calm for "}, {text, clock(r.Soak)}})
	}
	return tile(th, []string{"RELEASE", "STATE"}, freshness(r.Age, r.Stale), w, h, focus, body)
}

// versionsTile is who is connected, who serves, and who could.
func versionsTile(th *Theme, s session.Snapshot, w, h int, focus bool) []line {
	var body []line
	for _, v := range s.Release.Versions {
		body = append(body, versionLine(v, w-4))
	}
	return tile(th, []string{"VERSIONS"}, freshness(s.Release.Age, s.Release.Stale), w, h, focus, body)
}

func versionLine(v session.Version, w int) line {
	c, _ := sideTok(v.Colour)
	mark := "  "
	if v.Serves {
		mark = "▸ "
	}
	l := line{{text | bold, mark}, {c | bold, v.Colour + blanks(10-width(v.Colour))}}
	n, t := "?", amber|bold
	if v.Sessions >= 0 {
		n, t = count(int64(v.Sessions)), text|bold
	}
	short := append(append(line{}, l...), seg{t, padLeft(n, 3)})
	long := append(append(line{}, short...), seg{dim, " sessions"})
	var first, rest line
	switch {
	case v.Login == "shut":
		first = line{{amber, "  shut out"}}
	case v.Login == "missing":
		first = line{{red, "  no such role"}}
	case v.Active > 0:
		first = line{{dim, "  busy "}, {text, strconv.Itoa(v.Active)}}
	}
	rest = append(rest, first...)
	switch v.Health {
	case "up":
		rest = append(rest, seg{turq, "  up"})
	case "":
		rest = append(rest, seg{amber, "  health unknown"})
	default:
		tok := dim
		if v.Serves {
			tok = red | bold
		}
		rest = append(rest, seg{tok, "  " + clean(v.Health)})
	}
	least := append(append(line{}, short...), first...)
	return pick(w, append(long, rest...), append(append(line{}, short...), rest...), least, short)
}

// shapesTile is how the rows stand in their two shapes.
func shapesTile(th *Theme, s session.Snapshot, w, h int, focus bool) []line {
	r := s.Release.Rows
	if r.Why != "" {
		var body []line
		for _, l := range words(clean(r.Why), w-4) {
			body = append(body, one(dim, l))
		}
		return tile(th, []string{"ROWS"}, one(dim, "not counted"), w, h, focus, body)
	}
	body := []line{
		numberLine("left to fill", "left", r.Left, amber, w-4),
		numberLine("disagree", "disagree", r.Mismatch, red, w-4),
		numberLine("with new detail", "detail", r.Detail, text, w-4),
	}
	return tile(th, []string{"ROWS, COUNTED", "ROWS"}, freshness(r.Age, r.Stale), w, h, focus, body)
}

func numberLine(what, brief string, n int64, some tok, w int) line {
	t := text | bold
	if n > 0 {
		t = some | bold
	}
	if width(what)+width(count(n)) >= w {
		what = brief
	}
	return spread(one(dim, what), one(t, count(n)), w)
}

func releaseRow(th *Theme, s session.Snapshot, w, h int, f bool) []line {
	sw, rw, cw := w*20/100, w*20/100, w*30/100
	return beside(stateTile(th, s, sw, h, f), versionsTile(th, s, w-sw-rw-cw, h, f), shapesTile(th, s, rw, h, f), outageOrNot(th, s, cw, h))
}

// releaseColumn is the right column of the widest layout.
func releaseColumn(th *Theme, s session.Snapshot, w, h int, f bool) []line {
	col := stateTile(th, s, w, instrumentsH, f)
	col = append(col, versionsTile(th, s, w, instrumentsH, f)...)
	col = append(col, shapesTile(th, s, w, instrumentsH, f)...)
	col = append(col, outageOrNot(th, s, w, max(h-3*instrumentsH-wayH, 3))...)
	return append(col, wayTile(th, s, w, wayH)...)
}

// releaseGrid is all of it with room.
func releaseGrid(th *Theme, s session.Snapshot, w, h int) []line {
	half, upper := w/2, (h+1)/2
	out := beside(stateTile(th, s, half, upper, true), versionsTile(th, s, w-half, upper, true))
	return append(out, beside(shapesTile(th, s, half, h-upper, true), outageOrNot(th, s, w-half, h-upper))...)
}

// releaseStrip is the release in one line.
func releaseStrip(s session.Snapshot, w int) line {
	r := s.Release
	sep := seg{faint, " │ "}
	out := append(line{{text, " "}}, stateLine(r)...)
	if r.Stale {
		out = append(out, seg{fillAmber, " STALE " + age(r.Age) + " "})
	}
	who := line{sep}
	for _, v := range r.Versions {
		c, _ := sideTok(v.Colour)
		n := "?"
		if v.Sessions >= 0 {
			n = count(int64(v.Sessions))
		}
		who = append(who, seg{c | bold, short(v.Colour, 1) + " "}, seg{text, n + " "})
	}
	rows := line{sep, {dim, "rows not counted"}}
	if r.Rows.Why == "" {
		rows = line{sep, {dim, "left "}, {text, count(r.Rows.Left)}, {dim, " disagree "}, {text, count(r.Rows.Mismatch)}}
	}
	parts := []line{who, rows}
	if s.Outage != nil {
		parts = append(parts, line{sep, {dim, "gap "}, {text | bold, brief(s.Outage.LongestGap)}, {dim, " failed "}, {failTok(s.Outage.Failed), count(s.Outage.Failed)}})
	}
	for _, p := range parts {
		if out.width()+p.width() <= w {
			out = append(out, p...)
		}
	}
	return out.fit(w)
}
