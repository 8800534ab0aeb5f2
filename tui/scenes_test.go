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
	return map[string]session.Snapshot{
		"ready": ready(), "frozen": frozen(), "stale": stale(), "block": windowBlock(), "over": over(), "armed": armed(ready()),
		"reads": reads(), "followed": followed(), "failed": failed, "unclear": unclear, "hold": hold, "no-plan": noPlan, "empty": {Seq: 1},
		"read": withRisk(ready(), runbooks.Read, "y"), "noreturn": withRisk(ready(), runbooks.NoReturn, "drop turq_back"),
	}
}
