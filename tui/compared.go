package tui

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/session"
)

// comparedPane is the comparison with all its tables: what is proven, up to where,
// what is not, and how hard it drives the servers.
func comparedPane(th *Theme, s session.Snapshot, k look, w, h int, way line) []line {
	c := s.Compared
	head := comparedHead(s, w-4)
	list := comparedList(c, w-4)
	room := max(h-2-len(head)-1, 1)
	from := min(k.scroll, max(len(list)-room, 0))
	body := append(head, one(faint, strings.Repeat("─", w-4)))
	if from > 0 && len(list) > 0 {
		list[from] = one(dim, "… "+count(int64(from+1))+" lines above; ↑ shows them")
	}
	if end := from + room; end < len(list) {
		list[end-1] = one(dim, "… "+count(int64(len(list)-end+1))+" lines below; ↓ shows them")
		list = list[:end]
	}
	body = append(body, list[from:]...)
	return panel{title: one(turq|bold, "DATA COMPARISON"), right: comparedAge(s), focus: true, foot: way}.draw(th, w, h, body)
}

// comparedAge is when the newest verdict was given.
func comparedAge(s session.Snapshot) line {
	c := s.Compared
	switch {
	case c.Lost != "":
		return one(fillAmber, " STALE ")
	case c.Reading || c.VerifiedAt.IsZero():
		return one(dim, "no verdict yet")
	}
	return freshness(s.Now.Sub(c.VerifiedAt), s.Now.Sub(c.VerifiedAt) > staleVerdict+c.Every)
}

// staleVerdict is some rounds of verification: after that nobody knows why there
// was none.
const staleVerdict = 10 * time.Second

// comparedHead is what a person must know first: the verdict, up to where it
// holds, and the pace.
func comparedHead(s session.Snapshot, w int) []line {
	c := s.Compared
	out := []line{comparedVerdict(c)}
	if c.Reading {
		share := 0.0
		if c.Total > 0 {
			share = float64(c.Rows) / float64(c.Total)
		}
		out = append(out, bar(turq, "━", share, w), pick(w,
			line{{dim, "rows "}, {text | bold, count(c.Rows)}, {dim, " of about "}, {text, count(c.Total)}, {dim, "   "}, {text | bold, count(int64(c.Rate))}, {dim, " rows/s   left "}, {text | bold, left(c)}, {dim, "   since "}, {text, clock(c.Elapsed)}},
			line{{dim, "rows "}, {text | bold, count(c.Rows)}, {dim, " of ~"}, {text, count(c.Total)}, {dim, "  "}, {text | bold, count(int64(c.Rate))}, {dim, "/s  left "}, {text | bold, left(c)}}))
	} else {
		from, to := "blue", "green"
		if c.Back {
			from, to = to, from
		}
		at := line{{dim, "verified up to "}, {text | bold, dashed(c.Verified)}, {dim, " of " + from}}
		if !c.VerifiedAt.IsZero() {
			at = append(at, seg{dim, " at "}, seg{text, utc(c.VerifiedAt)})
		}
		switch {
		case c.Behind > staleVerdict/2+c.Every:
			at = append(at, seg{amber | bold, "   logs read " + brief(c.Behind) + " late"})
		case c.Every > 0:
			at = append(at, seg{dim, "   busy: read every "}, seg{text, brief(c.Every)})
		}
		out = append(out, at, pick(w,
			line{{dim, "rows "}, {text | bold, count(c.Rows)}, {dim, " in "}, {text, count(int64(len(c.Tables)))}, {dim, " tables   on their way "}, {text | bold, count(int64(c.Dirty))}, {dim, "   written on " + to + " by others "}, {foreignTok(c), count(int64(c.Foreign))}},
			line{{dim, "rows "}, {text | bold, count(c.Rows)}, {dim, "  on their way "}, {text | bold, count(int64(c.Dirty))}, {dim, "  others on " + to + " "}, {foreignTok(c), count(int64(c.Foreign))}}))
	}
	pace := pick(w, line{{dim, "pace "}, {text, c.Pace}, {dim, "   "}, {turq | bold, "w"}, {dim, " changes it"}},
		line{{dim, "pace "}, {text, c.Pace}, {dim, "   "}, {turq | bold, "w"}}, line{{turq | bold, "w "}, {text, c.Pace}})
	if c.Held != "" {
		pace = line{{amber | bold, "▲ HELD "}, {amber, c.Held}, {dim, "   "}, {turq | bold, "w"}, {dim, " pace"}}
	}
	return append(out, pace)
}

func foreignTok(c *session.Compared) tok {
	if c.Foreign > 0 {
		return amber | bold
	}
	return text | bold
}

func dashed(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func left(c *session.Compared) string {
	if c.ETA == 0 {
		return "-"
	}
	return clock(c.ETA)
}

func comparedVerdict(c *session.Compared) line {
	switch {
	case c.Lost != "":
		return line{{amber | bold, "? UNKNOWN NOW  "}, {amber, c.Lost}}
	case len(c.Differ) > 0:
		if len(c.Differ) == 1 {
			return line{{red | bold, "✗ 1 row differs"}, {red, " and does not move: named below"}}
		}
		return line{{red | bold, "✗ " + count(int64(len(c.Differ))) + " rows differ"}, {red, " and do not move: named below"}}
	case c.Reading:
		return line{{turq | bold, "comparing every row for the first time"}, {dim, "; nothing is proven yet"}}
	case len(c.Unvouched) > 0:
		return line{{text | bold, "✓ every followed row is equal"}, {amber, "; not all is followed: below"}}
	}
	return line{{text | bold, "✓ every row is equal"}, {dim, ", but for those on their way"}}
}

// comparedList is the tables, those that need a person first, then rows by key and
// what nobody vouches for.
func comparedList(c *session.Compared, w int) []line {
	var out []line
	section := func(t tok, title string, rows []string) {
		if len(rows) == 0 {
			return
		}
		out = append(out, one(t|bold, title))
		for _, r := range rows {
			for i, l := range words(r, w-2) {
				out = append(out, one(text, map[bool]string{true: "  ", false: "    "}[i == 0]+l))
			}
		}
	}
	section(red, "DIFFERENT: K SHOWS THE KEYS", c.Differ)
	section(amber, "WRITTEN ON GREEN, NOT BY REPLICATION", c.Strangers)
	section(text, "KEYS, SHOWN ON REQUEST AND ON RECORD", c.Keys)
	section(amber, "NOT VOUCHED FOR BY FOLLOWING", c.Unvouched)
	tables := slices.Clone(c.Tables)
	slices.SortStableFunc(tables, func(a, b session.ComparedTable) int { return cmp.Compare(tableRank(a), tableRank(b)) })
	name := 5
	for _, t := range tables {
		name = max(name, width(clean(t.Table)))
	}
	name = min(name, max(w-44, 12))
	wide := w >= name+62
	head := line{{dim, padRight("TABLE", name) + "  " + padRight("STATE", 24) + padLeft("ROWS", 15)}}
	if wide {
		head = append(head, seg{dim, padLeft("ROWS/S", 12) + padLeft("ON WAY", 9)})
	}
	out = append(out, head)
	for _, t := range tables {
		tk, mark, state := tableState(c, t)
		l := append(line{}, line{{text, t.Table}}.fit(name)...)
		l = append(l, seg{text, "  "})
		l = append(l, line{{tk | bold, mark}, {tk, state}}.fit(24)...)
		rows := count(t.Rows)
		if t.Done < t.Parts {
			rows = "~" + count(t.Total)
		}
		l = append(l, seg{text, padLeft(rows, 15)})
		if wide {
			rate := "-"
			if t.Rate > 0 {
				rate = count(int64(t.Rate))
			}
			l = append(l, seg{dim, padLeft(rate, 12)}, seg{text, padLeft(count(int64(t.Dirty)), 9)})
		}
		out = append(out, l)
	}
	return out
}

func padRight(s string, w int) string { return s + blanks(max(w-width(s), 0)) }

// tableRank puts what differs first, then what is being read, then the rest by name.
func tableRank(t session.ComparedTable) int {
	switch {
	case t.Differ > 0:
		return 0
	case t.Whole != "":
		return 1
	case t.Done > 0 && t.Done < t.Parts:
		return 2
	case t.Done < t.Parts:
		return 3
	}
	return 4
}

func tableState(c *session.Compared, t session.ComparedTable) (tok, string, string) {
	switch {
	case c.Lost != "":
		return amber, "? ", "unknown now"
	case t.Differ > 0:
		return red, "✗ ", count(int64(t.Differ)) + " differ"
	case t.Parts == 0:
		return amber, "? ", "not read"
	case t.Done == 0:
		return dim, "○ ", "waits"
	case t.Done < t.Parts:
		return turq, "◐ ", "part " + strconv.Itoa(t.Done) + " of " + strconv.Itoa(t.Parts)
	case c.Reading && t.Suspects > 0:
		return amber, "? ", count(int64(t.Suspects)) + " looked at again"
	case t.Whole != "":
		return amber, "? ", "as a whole, later"
	case c.Reading:
		return text, "✓ ", "equal when read"
	}
	return text, "✓ ", "equal"
}
