package steps

import (
	"fmt"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
)

// planManual is a person's work. What it has to leave behind in the record is
// given as a parameter: without a value there is no plan.
func planManual(in Inputs, s runbooks.Step) (engines.Parts, error) {
	if name := s.Args[runbooks.ArgAnswer]; name != "" && in.Values.Text[name] == "" {
		return engines.Parts{}, &ErrKind{s.ID, s.Kind, s.Stage, fmt.Sprintf("parameter %s has no value", name)}
	}
	none := s.UndoNone
	if none == "" {
		none = "a person did it"
	}
	return engines.Parts{UndoNone: none}, nil
}

// mostRows of a batch: one transaction that replicas and vacuum have to bear.
const mostRows = 1000000

// decidePace changes the size of the batches of a job that runs.
func decidePace(s State, c Pace, ev Evidence) ([]Event, error) {
	it, ok := s.Current()
	switch {
	case !ok || !s.Busy() || it.Step.ID != c.Step:
		return nil, refuse("", "step %s is not running", c.Step)
	case it.Step.Kind != "backfill":
		return nil, refuse("", "step %s does not work in batches", c.Step)
	case c.Rows < 1 || c.Rows > mostRows:
		return nil, refuse(fmt.Sprintf("type a number from 1 to %d", mostRows), "a batch of %d rows", c.Rows)
	case s.Steps[c.Step].Batch == c.Rows:
		return nil, ErrNothing
	}
	x := s.Steps[c.Step]
	e := event(ev.By, c.Step, x.Attempt, entries.StepPace{Rows: int64(c.Rows)})
	e.Ref = audit.Ref(x.IntentSeq)
	return []Event{e}, nil
}
