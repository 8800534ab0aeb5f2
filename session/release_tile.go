package session

import (
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// Release is where a release on a shared database stands, for the screen. There
// is one database, so no lag, and its rows are held against each other in two
// shapes.
type Release struct {
	State    string        // release_state: "S2", "S2→S3", "CONFLICT", "unknown"
	Shape    string        // engines.ShapeOld, …; empty where the catalog was not read
	Soak     time.Duration // how long green has served without a break
	Age      time.Duration // of the oldest fact of these and of the versions
	Stale    bool
	Versions [3]Version
	Rows     ShapeRows
}

// Version is one version of the application.
type Version struct {
	Colour   string
	Serves   bool   // new requests go to it
	Sessions int    // on the database, or -1
	Active   int    // of these, or -1
	Login    string // open, shut, missing; empty where it is not known
	Health   string // as the router sees it: up, down, maint; empty where it is not known
}

// ShapeRows counts rows by their two shapes; Why is why nobody counted.
type ShapeRows struct {
	Left, Mismatch, Detail int64
	Why                    string
	Age                    time.Duration
	Stale                  bool
}

// releaseTile fills it from the newest gauges. s.mu is held.
func (s *Session) releaseTile(r *release, snap *Snapshot) *Release {
	c := s.cfg.Book.Change
	out := &Release{State: "unknown", Stale: true}
	if r != nil {
		out.State, out.Shape, out.Stale = r.reading.Word(), r.facts.Generation, false
		if !r.soak.IsZero() {
			out.Soak = r.at.Sub(r.soak)
		}
	}
	read := func(t engines.TargetID, name string) (Gauge, bool) {
		g, ok := snap.Gauges[engines.Gauge(t, name)]
		if ok && !g.Never {
			out.Age, out.Stale = max(out.Age, g.Age), out.Stale || g.Stale
		}
		return g, ok && !g.Never && !g.Stale
	}
	number := func(name string) int {
		if g, ok := read(c.On, name); ok {
			return int(g.Value)
		}
		return -1
	}
	live, _ := read(c.Router, "live_colour")
	for i, k := range engines.Colours() {
		v := Version{Colour: string(k), Serves: live.Text == string(k), Sessions: number(string(k) + "_sessions_count"), Active: number(string(k) + "_active_count")}
		if g, ok := read(c.On, string(k)+"_login"); ok {
			v.Login = g.Text
		}
		if g, ok := read(c.Router, string(k)+"_health"); ok {
			v.Health = g.Text
		}
		out.Versions[i] = v
	}
	for name, to := range map[string]*int64{"left_count": &out.Rows.Left, "mismatch_count": &out.Rows.Mismatch, "detail_count": &out.Rows.Detail} {
		g, ok := snap.Gauges[engines.Gauge(c.On, name)]
		switch {
		case !ok:
			out.Rows.Why = "not read yet"
		case g.Never || g.Err != "":
			out.Rows.Why = g.Err
		default:
			*to, out.Rows.Age, out.Rows.Stale = int64(g.Value), g.Age, g.Age > countsAge
		}
	}
	return out
}
