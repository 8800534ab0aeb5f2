package session

import (
	"math"
	"slices"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/steps"
)

const (
	// readingsBusy is how often the readings go into the record while a step runs
	// or clients are held: the night is judged by these.
	readingsBusy = time.Second
	// readingsIdle is how often they do otherwise. A soak of a day stays a record
	// that a person can open.
	readingsIdle = 15 * time.Second
	// stateUnit marks a reading that is a word; the word stands behind it, the
	// value is 1.
	stateUnit = "state "
	micro     = 1e6
)

// noteReadings puts what the gauges read into the record, thinned. The lines are
// not durable by themselves: the next one that is takes them along. s.mu is held.
func (s *Session) noteReadings(now time.Time) {
	every := readingsIdle
	if s.state.Busy() || s.state.Freeze.On {
		every = readingsBusy
	}
	// Half a sampling interval of grace, or a tick that comes a moment early would
	// double the distance.
	if now.Sub(s.read) < every-s.cfg.every()/2 || s.log.Fault() != nil || s.state.Result != "" || s.leaving != "" {
		return
	}
	body := entries.GaugeSample{From: now.UTC().Format(time.RFC3339Nano), EveryMS: every.Milliseconds()}
	ids := s.sampler.ids()
	slices.Sort(ids)
	for _, id := range ids {
		if g, ok := s.sampler.gauge(id, now); ok {
			body.Series = append(body.Series, series(g))
		}
	}
	if len(body.Series) == 0 {
		return
	}
	s.read = now
	_, _ = s.commit(steps.Event{Meta: audit.Meta{By: audit.System}, Body: body}) // commit itself shows a fault
}

// series is one reading in base units: microseconds, bytes, counts. One that is
// stale or failed is null, never its last value.
func series(g Gauge) entries.Series {
	out := entries.Series{Gauge: string(g.ID), Unit: string(g.Unit), V: entries.List[*int64]{nil}}
	v := g.Value
	switch {
	case g.Text != "":
		out.Unit, v = stateUnit+g.Text, 1
	case g.Unit == engines.Seconds:
		out.Unit, v = "µs", v*micro
	}
	if !g.Stale && !math.IsNaN(v) && math.Abs(v) < 1<<53 {
		n := int64(math.Round(v))
		out.V[0] = &n
	}
	return out
}
