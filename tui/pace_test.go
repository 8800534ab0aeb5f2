package tui

import (
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// TestRowsOfABatch: W sets them while a job of batches runs, and is off otherwise.
func TestRowsOfABatch(t *testing.T) {
	job := edited(ready(), func(c *session.Card) { c.Phase, c.Batch = steps.Running, 10000 })
	r := newRig(t, job, 120, 40)
	r.pass(time.Second)
	r.shows("RUNNING batches", "W rows a batch…", "h hold…", "ctrl+c interrupt…")
	r.typed("W")
	r.shows("ROWS A BATCH?", "at most 10000 rows now", "Rows:")
	r.pass(time.Second)
	r.typed("500")
	r.enter()
	if p, ok := r.last().Command.(steps.Pace); !ok || p.Rows != 500 || p.Step != job.Current {
		t.Errorf("sent %+v", r.last().Command)
	}
	for name, s := range map[string]session.Snapshot{"nothing runs": edited(job, func(c *session.Card) { c.Phase = steps.Pending }),
		"no batches": edited(job, func(c *session.Card) { c.Batch = 0 })} {
		r := newRig(t, s, 120, 40)
		r.pass(time.Second)
		r.typed("W")
		if r.m.mode != looking {
			t.Errorf("%s: W opens a box", name)
		}
	}
}
