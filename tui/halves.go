package tui

import (
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/session"
)

// halfTile is one half behind the router: whether it gets the requests, how many,
// what is still under way to it, and whether it could serve.
func halfTile(th *Theme, s session.Snapshot, i, w, h int, focus bool) []line {
	hf, sd := s.Halves[i], s.Sides[i]
	name := strings.ToUpper(clean(string(sd.Target)))
	body := []line{halfServes(hf, sd), halfLoad(hf, w-4), halfHealth(hf, w-4)}
	if hf.State != "" && h > 5 {
		body = append(body, line{{dim, "router calls it "}, {text, clean(hf.State)}})
	}
	return tile(th, []string{"REQUESTS ON " + name, name}, freshness(hf.Age, hf.Stale), w, h, focus, body)
}

func halfServes(hf session.Half, sd session.Side) line {
	switch {
	case hf.Stale:
		return line{{amber | bold, "? "}, {amber, "nobody knows who serves"}}
	case hf.Serves:
		return line{badge(sd), {dim, " new requests"}}
	}
	return line{{dim, "no new requests"}}
}

func halfLoad(hf session.Half, w int) line {
	r := line{{dim, "- /s"}}
	if hf.Rated {
		r = line{{text | bold, strconv.FormatFloat(hf.Rate, 'f', 0, 64)}, {dim, " /s"}}
	}
	if hf.Open < 0 {
		return append(r, seg{dim, "  open "}, seg{amber, "?"})
	}
	open := line{{dim, "  open "}, {text, count(int64(hf.Open))}}
	return pick(w, append(append(line{}, r...), append(open, seg{dim, " connections"})...), append(r, open...))
}

func halfHealth(hf session.Half, w int) line {
	switch {
	case hf.Sick == 0:
		return line{{turq | bold, "✓ "}, {text, "healthy"}}
	case hf.Sick > 0:
		return line{{red | bold, "✗ "}, {red | bold, strconv.Itoa(hf.Sick) + " sick"}}
	}
	why := clean(hf.Unhealthy)
	if why == "" {
		why = "health unknown"
	}
	return line{{amber | bold, "? "}, {amber, why}}.fit(w)
}

func halvesRow(th *Theme, s session.Snapshot, w, h int, f bool) []line {
	cw, rw := w*27/100, w*19/100
	bw := (w - cw - rw) / 2
	return beside(halfTile(th, s, 0, bw, h, f), halfTile(th, s, 1, w-cw-rw-bw, h, f), outageOrNot(th, s, cw, h), routerTile(th, s, rw, h, f, false))
}

// halvesColumn is the right column of the widest layout.
func halvesColumn(th *Theme, s session.Snapshot, w, h int, f bool) []line {
	col := halfTile(th, s, 0, w, instrumentsH, f)
	col = append(col, halfTile(th, s, 1, w, instrumentsH, f)...)
	col = append(col, outageOrNot(th, s, w, instrumentsH)...)
	col = append(col, routerTile(th, s, w, max(h-3*instrumentsH-wayH, 3), f, false)...)
	return append(col, wayTile(th, s, w, wayH)...)
}

// halvesStrip is both halves in one line.
func halvesStrip(s session.Snapshot, w int) line {
	out := line{}
	for i, hf := range s.Halves {
		c, _ := sideTok(s.Sides[i].Colour)
		if i > 0 {
			out = append(out, seg{faint, " │ "})
		}
		out = append(append(append(out, seg{c | bold, " " + clean(string(s.Sides[i].Target)) + " "}), halfLoad(hf, 24)...), seg{text, "  "})
		out = append(out, halfHealth(hf, 20)...)
		if hf.Stale {
			out = append(out, seg{fillAmber, " STALE " + age(hf.Age) + " "})
		}
	}
	if s.Outage != nil {
		gap := line{{faint, " │ "}, {dim, "gap "}, {text | bold, brief(s.Outage.LongestGap)}}
		if out.width()+gap.width() <= w {
			out = append(out, gap...)
		}
	}
	return out.fit(w)
}
