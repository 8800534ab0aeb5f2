package tui

import (
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// scenes are the states that rules must hold in.
func scenes() map[string]session.Snapshot {
	failed := edited(ready(), func(c *session.Card) { c.Phase, c.Outcome = steps.Failed, "refused: 42501 permission denied" })
	unclear := edited(ready(), func(c *session.Card) {
		c.Phase, c.Outcome, c.CanVerify, c.CanDecide = steps.Unclear, "connection lost", true, true
	})
	hold := ready()
	hold.Holding = `03:12 by ada: "waiting for network team"`
	noPlan := edited(ready(), func(c *session.Card) { c.Statements, c.PlanText, c.PlanErr = nil, "", "green is not there yet" })
	unasked := halves()
	unasked.Halves = &[2]session.Half{{Stale: true, Sick: -1, Open: -1, Unhealthy: "connect to 127.0.0.1:6082: connection refused, and this goes on for longer than a tile is wide"}, {Stale: true, Sick: -1, Open: -1}}
	return map[string]session.Snapshot{
		"halves": halves(), "halves unknown": unasked,
		"ready": ready(), "frozen": frozen(), "stale": stale(), "block": windowBlock(), "over": over(), "armed": armed(ready()),
		"reads": reads(), "followed": followed(), "failed": failed, "unclear": unclear, "hold": hold, "no-plan": noPlan, "empty": {Seq: 1},
		"read": withRisk(ready(), runbooks.Read, "y"), "noreturn": withRisk(ready(), runbooks.NoReturn, "drop turq_back"),
	}
}

// halves is a switch between two halves behind a router: no server of the
// runbook has a colour.
func halves() session.Snapshot {
	s := ready()
	s.Sides = [2]session.Side{{Target: "blue", Name: "blue", Colour: "blue", Badge: "SERVES", Reached: true}, {Target: "green", Name: "green", Colour: "green", Badge: "idle", Reached: true}}
	s.Link, s.Gauges = session.Link{State: "none"}, nil
	s.Clients, s.Rows, s.Seqs = [2]session.ClientTable{}, session.RowTile{}, session.SeqTile{Stale: true}
	s.Halves = &[2]session.Half{{Serves: true, Rate: 412, Rated: true, Open: 31, State: "warm"}, {Rated: true, Open: 0, Sick: 2, State: "cold"}}
	s.Router = session.RouterTile{Side: session.Side{Target: "router", Name: "varnish", Colour: "router", Badge: "routing", Reached: true}, Writes: "blue", Clients: 96, Servers: 31}
	s.Outage = &session.Outage{Acked: 20113, TPS: 412, LongestGap: 40e6, Worst: 210e6}
	return s
}
