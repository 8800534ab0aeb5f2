package session

import (
	"math"
	"slices"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
)

// Half is one half of what a router serves. It stands on the screen where the
// sides of a walk are no database servers: there is no lag then, no rows and no
// sequences, and what counts is who gets the requests and who could.
type Half struct {
	Serves    bool          // new requests go here
	Rate      float64       // requests a second that it answered of late
	Rated     bool          // whether Rate is known
	Open      int           // connections the router holds open to it, or -1 where nobody can tell
	Sick      int           // backends that do not answer their probes, or -1
	State     string        // what the router calls it: "warm", "cold"; empty if it does not say
	Age       time.Duration // of the oldest of these
	Stale     bool          // who gets the requests is not known now
	Unhealthy string        // why the health could not be read, in words; empty if it was
}

// halves looks at the router's halves; nil where the sides are servers of the
// runbook. s.mu is held.
func (s *Session) halves(snap *Snapshot) *[2]Half {
	router, ok := routerOf(s.state.Book)
	if !ok || isTarget(s.state.Book, "blue") || isTarget(s.state.Book, "green") {
		return nil
	}
	var out [2]Half
	for i, side := range []string{"blue", "green"} {
		h := &out[i]
		read := func(name string) (Gauge, bool) {
			g, ok := snap.Gauges[engines.Gauge(router, name)]
			ok = ok && !g.Stale && !g.Never
			if ok {
				h.Age = max(h.Age, g.Age)
			}
			return g, ok
		}
		number := func(name string) int {
			if g, ok := read(name); ok {
				return int(g.Value)
			}
			return -1
		}
		active, ok := read("active_side")
		h.Stale, h.Serves = !ok, ok && active.Text == side
		h.Open, h.Sick = number(side+"_connections_count"), number(side+"_sick_count")
		if g, ok := read(side + "_requests_count"); ok {
			h.Rate, h.Rated = rate(g.History, s.cfg.every())
		}
		if g, ok := read(side + "_temperature"); ok {
			h.State = g.Text
		}
		if h.Sick < 0 {
			h.Unhealthy = snap.Gauges[engines.Gauge(router, side+"_sick_count")].Err
		}
	}
	return &out
}

// rate is how fast a counter grew between its last two samples, in 1/s. One that
// fell was set back by a restart and says nothing.
func rate(h []float64, every time.Duration) (float64, bool) {
	if len(h) < 2 || every <= 0 {
		return 0, false
	}
	d := h[len(h)-1] - h[len(h)-2]
	if math.IsNaN(d) || d < 0 {
		return 0, false
	}
	return d / every.Seconds(), true
}

func routerOf(b *runbooks.Runbook) (engines.TargetID, bool) {
	i := slices.IndexFunc(b.Targets, func(t runbooks.Target) bool { return t.Colour == "router" })
	if i < 0 {
		return "", false
	}
	return b.Targets[i].ID, true
}

func isTarget(b *runbooks.Runbook, id engines.TargetID) bool {
	_, ok := b.Target(id)
	return ok
}
