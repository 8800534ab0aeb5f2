package session_test

import (
	"testing"

	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// closing is the small book with a step that ends the way back.
func closing(cfg session.Config) session.Config {
	b := cfg.Book
	sql := map[string]string{"text": "DROP y", "proof": "is y gone", "want": "t"}
	step := func(id runbooks.StepID, risk runbooks.Risk) runbooks.Step {
		return runbooks.Step{ID: id, Title: "step " + string(id), Kind: "sql", On: "green", From: "blue", To: "green", Risk: risk, Args: sql, UndoNone: "test"}
	}
	b.Phases = append(b.Phases, runbooks.Phase{Number: 3, Name: "close", Steps: []runbooks.Step{step("3.1", runbooks.Change), step("3.2", runbooks.NoReturn)}})
	b.Back = []runbooks.WayBack{
		{Name: "abandon", Title: "Leave blue", After: "1.1", Until: "2.1", Loses: "nothing", Phases: []runbooks.Phase{{Number: 1, Name: "down", Steps: []runbooks.Step{step("A1", runbooks.Change)}}}},
		{Name: "back", Title: "Move back", After: "2.3", Until: "3.2", Loses: "nothing", Phases: []runbooks.Phase{{Number: 1, Name: "back", Steps: []runbooks.Step{step("B1", runbooks.Change)}}}},
	}
	return cfg
}

// TestTheTileSaysWhereTheWayBackCloses: at the last step before which the runbook
// leads back, and nowhere before; what loses data or is unknown is said first.
func TestTheTileSaysWhereTheWayBackCloses(t *testing.T) {
	v := newServers()
	v.slot = "active"
	n := begin(t, v, closing(config(v, t.TempDir())))
	at := func(id runbooks.StepID, want string) {
		t.Helper()
		n.shown()
		if snap := n.s.Snapshot(); snap.Current != id || snap.Way.State != want {
			t.Errorf("at %s the way back is %+v, want %s at %s", snap.Current, snap.Way, want, id)
		}
	}
	at("1.1", "OPEN")
	n.run("1.1", steps.Done)
	at("2", "OPEN")
	n.run("2", steps.Done)
	at("3.1", "OPEN")
	n.run("3.1", steps.Done)
	at("3.2", "CLOSES HERE")
	if after := n.s.Snapshot().Way.After; after != "3.2 restore only" {
		t.Errorf("after it: %q", after)
	}
	v.mu.Lock()
	v.slot = "lost"
	v.mu.Unlock()
	n.until(func(s session.Snapshot) bool { return s.Way.State == "LOSES DATA" })
}
