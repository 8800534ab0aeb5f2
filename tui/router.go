package tui

import (
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/session"
)

// routerH is the height of the tile with all of its lines.
const routerH = 5

// routerTile is what moves the traffic: where it leads, who waits, what it holds
// open. seq stands in it where the sequences have no tile of their own.
func routerTile(th *Theme, s session.Snapshot, w, h int, focus, seq bool) []line {
	r, inner := s.Router, w-4
	body := []line{routerHead(s, inner), routerClients(r, inner), routerServers(r, inner)}
	if seq {
		body = append(body[:min(len(body), max(h-3, 0))], seqLine(s.Seqs, inner))
	}
	return tile(th, []string{"ROUTER"}, freshness(r.Age, r.Stale), w, h, focus, body)
}

// routerHead says where clients are sent. The side is the one that the newest
// proof showed: a line in a router's file proves nothing.
func routerHead(s session.Snapshot, w int) line {
	r := s.Router
	switch {
	case r.Stale:
		return line{{amber | bold, "? "}, {amber, "unknown now"}}
	case r.Paused && r.Refuses:
		return pick(w, line{{fillAmber, " REFUSES "}, {text, " clients are turned away"}}, line{{fillAmber, " REFUSES "}})
	case r.Paused:
		return pick(w, line{{fillAmber, " PAUSED "}, {text, " " + strconv.Itoa(r.Waiting) + " clients wait"}}, line{{fillAmber, " PAUSED "}})
	}
	to := line{{dim, "to "}, {dim, "nobody"}}
	if sg, ok := targetSeg(s, r.Writes); ok {
		sg.s = strings.Replace(sg.s, "on ", "", 1)
		to = line{{dim, "to "}, sg}
	}
	if r.Moved.IsZero() {
		return pick(w, append(append(line{}, to...), seg{dim, " not moved yet"}), to)
	}
	return pick(w, append(append(line{}, to...), seg{dim, " since " + utc(r.Moved)}), to)
}

func routerClients(r session.RouterTile, w int) line {
	t := text
	if r.Waiting > 0 {
		t = amber | bold
	}
	long := line{{dim, "clients "}, {text, count(int64(r.Clients))}, {dim, "  waiting "}, {t, count(int64(r.Waiting))}}
	return pick(w, long, line{{text, count(int64(r.Clients))}, {dim, " clients "}, {t, count(int64(r.Waiting))}, {dim, " wait"}}, line{{dim, "wait "}, {t, count(int64(r.Waiting))}})
}

func routerServers(r session.RouterTile, w int) line {
	l := line{{dim, "servers "}, {text, count(int64(r.Servers))}}
	return pick(w, append(append(line{}, l...), seg{dim, "  longest wait "}, seg{text, brief(r.MaxWait)}), append(append(line{}, l...), seg{dim, "  " + brief(r.MaxWait)}), l)
}

// seqLine is the tile of the sequences in one line, with its own age.
func seqLine(q session.SeqTile, w int) line {
	if q.Stale {
		return line{{dim, "seq "}, {fillAmber, " STALE " + age(q.Age) + " "}}
	}
	n, of := strconv.Itoa(q.Behind), strconv.Itoa(q.Known)
	old := seg{dim, " " + age(q.Age)}
	return pick(w, line{{dim, "seq "}, {text | bold, n}, {dim, " of " + of + " behind"}, old},
		line{{dim, "seq "}, {text | bold, n}, {dim, "/" + of + " behind"}, old}, line{{dim, "seq "}, {text | bold, n}, {dim, "/" + of}, old})
}

// lastTile is the fourth instrument of the strip: the router takes the place of
// the sequences and says theirs in its last line.
func lastTile(th *Theme, s session.Snapshot, w, h int, focus bool) []line {
	if s.Router.Target == "" {
		return seqTile(th, s, w, h, focus)
	}
	return routerTile(th, s, w, h, focus, true)
}

func routerOrNot(th *Theme, s session.Snapshot, w, h int) []line {
	if s.Router.Target == "" {
		return panel{title: one(dim|bold, "ROUTER")}.draw(th, w, h, []line{one(dim, "none in this runbook")})
	}
	return routerTile(th, s, w, h, true, false)
}

func outageOrNot(th *Theme, s session.Snapshot, w, h int) []line {
	if s.Outage == nil {
		return panel{title: one(dim|bold, "WHAT CLIENTS SAW")}.draw(th, w, h, []line{one(dim, "no meter at the clients")})
	}
	return outageTile(th, s, w, h)
}

// column is what the right column of the widest layout can hold: heights of the
// tiles, 0 for one that gives way. Connections get what is left, at least 4.
type column struct{ lag, conn, outage, router, diff, seq int }

func columnOf(s session.Snapshot, rows int) column {
	c := column{lag: instrumentsH, diff: 5, seq: 4}
	if s.Outage != nil {
		c.outage = 6
	}
	if s.Router.Target != "" {
		c.router = routerH
	}
	left := func() int { return rows - wayH - c.lag - c.outage - c.router - c.diff - c.seq }
	if left() < 4 {
		c.outage = 0 // its line stands among the connections then
	}
	if left() < 4 && c.router > 0 {
		c.seq = 0 // its line stands in the router's tile then
	}
	c.conn = left()
	return c
}
