package steps

import (
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/runbooks"
)

// Policies is what each step of a runbook asks of people, the ways back
// included. The session fixes it in the record before the first step; verify
// makes it again from the runbook that was approved.
func Policies(book *runbooks.Runbook, stepwise bool) []entries.StepPolicy {
	var rows []entries.StepPolicy
	add := func(items []runbooks.Item) {
		for _, it := range items {
			n := Policy(it.Step)
			rows = append(rows, entries.StepPolicy{Ahead: n.Ahead, Anchor: n.Anchor, BreakGlass: n.BreakGlass, FreshS: n.FreshS,
				From: n.From, Need: n.Need, Not: n.Not, Risk: it.Step.Risk.String(), Step: string(it.Step.ID)})
		}
	}
	add(runbooks.Sequence(book, stepwise))
	for _, w := range book.Back {
		add(runbooks.SequenceBack(w, stepwise))
	}
	return rows
}
