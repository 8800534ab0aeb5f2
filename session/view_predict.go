package session

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
)

// predict says how long clients will wait in a block: the worst of its
// rehearsals or what the gauges make of it, whichever is longer. A gauge that it
// needs and that nobody could read leaves it open, so that no old number is
// taken for a promise. s.mu is held.
func (s *Session) predict(it runbooks.Item, as []engines.Action, now time.Time) Prediction {
	byGauges, why, missing := s.byGauges(it, as, now)
	if missing != "" {
		return Prediction{Why: missing}
	}
	p := Prediction{For: byGauges, By: "gauges", Why: why}
	var worst time.Duration
	n := 0
	for _, r := range s.cfg.Rehearsed {
		if r.Book == s.state.Book.Digest {
			n, worst = n+1, max(worst, r.Took)
		}
	}
	if n == 0 {
		return p
	}
	p.Why = fmt.Sprintf("worst of %d rehearsed %s; gauges: %s, %s", n, worst.Round(time.Millisecond), byGauges.Round(time.Millisecond), why)
	if worst >= byGauges {
		p.For, p.By = worst, fmt.Sprintf("%d %s", n, map[bool]string{true: "rehearsal", false: "rehearsals"}[n == 1])
	}
	return p
}

// byGauges adds up what clients will wait for: the oldest transaction that may
// still write, what the other side has not applied yet, and two questions to a
// server for each statement: itself and its proof. The gauges are those that the
// block's own gates watch, so that they are of the side that has the writes.
func (s *Session) byGauges(it runbooks.Item, as []engines.Action, now time.Time) (d time.Duration, why, missing string) {
	read := func(name string) (time.Duration, string) {
		for _, gate := range it.Gates() {
			if _, n := gate.Gauge.Split(); !strings.HasSuffix(n, name) {
				continue
			}
			g, ok := s.sampler.gauge(gate.Gauge, now)
			if !ok || g.Stale {
				return 0, string(gate.Gauge) + " is unknown now"
			}
			return time.Duration(g.Value * float64(time.Second)), ""
		}
		return 0, "no gate of this block watches " + name
	}
	lag, missing := read("lag_seconds")
	if missing != "" {
		return 0, "", missing
	}
	writer, missing := read("oldest_writer_seconds")
	if missing != "" {
		return 0, "", missing
	}
	trip := map[engines.TargetID]time.Duration{}
	for _, a := range as {
		if _, ok := trip[a.Target]; ok {
			continue
		}
		t, ok := s.roundTrip(a.Target, now)
		if !ok {
			return 0, "", "no fresh answer of " + string(a.Target)
		}
		trip[a.Target] = t
	}
	for _, a := range as {
		d += 2 * trip[a.Target]
	}
	why = fmt.Sprintf("%d statements and their proofs %s, oldest writer %.2f s, lag %.2f s", len(as), d.Round(time.Millisecond), writer.Seconds(), lag.Seconds())
	return d + writer + lag, why, ""
}

// roundTrip is the quickest answer among the newest readings of a target: it
// holds a question over the network and little work.
func (s *Session) roundTrip(id engines.TargetID, now time.Time) (time.Duration, bool) {
	var took []time.Duration
	for _, gid := range s.sampler.ids() {
		if on, _ := gid.Split(); on != id {
			continue
		}
		if g, ok := s.sampler.gauge(gid, now); ok && !g.Stale && g.Took > 0 {
			took = append(took, g.Took)
		}
	}
	if len(took) == 0 {
		return 0, false
	}
	return slices.Min(took), true
}
