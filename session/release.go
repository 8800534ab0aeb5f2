package session

import (
	"fmt"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/checks/colours"
	"github.com/turquoise-db/turquoise/engines"
)

// ReleaseGauges are the gauges of a shared database that no server gives: the
// state is computed from what several of them say.
//
// release_state is a state (S2), what lies between two (S2→S3), CONFLICT or
// unknown; conflicts_count is how many pairs of facts contradict each other.
// soak_seconds is how long green has served without a break in which a row
// disagreed, blue was connected, or nobody looked; it begins anew with a process.
func ReleaseGauges() []string { return []string{"release_state", "conflicts_count", "soak_seconds"} }

// countsAge is how old a count of rows may be to count. The job rests for up to a
// minute between two looks; what a look itself takes comes on top.
const countsAge = 3 * time.Minute

// release is the reading of a release, kept by the sampler of its database.
type release struct {
	at      time.Time
	facts   colours.Facts
	reading colours.Reading
	way     string
	safe    bool

	mixed time.Time // since when the router serves more than one version
	soak  time.Time // since when green serves and nothing was wrong
}

// releaseReadings computes where the release stands, once a tick.
func (s *Session) releaseReadings(t engines.TargetID) []engines.Reading {
	c := s.cfg.Book.Change
	if c == nil || t != c.On {
		return nil
	}
	now := s.cfg.Now()
	next := release{at: now}
	if was := s.released.Load(); was != nil {
		next.mixed, next.soak = was.mixed, was.soak
	}
	next.facts = s.releaseFacts(c, now)
	switch {
	case next.facts.Live != colours.Mixed:
		next.mixed = time.Time{}
	case next.mixed.IsZero():
		next.mixed = now
	default:
		next.facts.MixedFor = now.Sub(next.mixed)
	}
	next.reading = colours.Classify(next.facts)
	next.way, next.safe = colours.WayBack(next.reading, next.facts, c.NoDown)
	calm := next.reading.Word() == string(colours.S5) && next.facts.Mismatch == (colours.Number{Known: true}) && next.facts.Clients[engines.Blue].Sessions == (colours.Number{Known: true})
	switch {
	case !calm:
		next.soak = time.Time{}
	case next.soak.IsZero():
		next.soak = now
	}
	s.released.Store(&next)
	return next.readings(t)
}

func (r *release) readings(t engines.TargetID) []engines.Reading {
	out := make([]engines.Reading, 3)
	for i, name := range ReleaseGauges() {
		out[i] = engines.Reading{Gauge: engines.Gauge(t, name), At: r.at, Unit: engines.Count}
	}
	out[0].Text = r.reading.Word()
	out[1].Value = float64(len(r.reading.Conflicts))
	out[2].Unit = engines.Seconds
	if !r.soak.IsZero() {
		out[2].Value = r.at.Sub(r.soak).Seconds()
	}
	return out
}

// releaseFacts takes the newest samples. What is stale or failed is not known.
func (s *Session) releaseFacts(c *engines.SchemaChange, now time.Time) colours.Facts {
	word := func(t engines.TargetID, name string) string {
		if g, ok := s.sampler.fresh(engines.Gauge(t, name), now, 0); ok {
			return g.Text
		}
		return ""
	}
	number := func(name string, age time.Duration) colours.Number {
		if g, ok := s.sampler.fresh(engines.Gauge(c.On, name), now, age); ok {
			return colours.Number{N: int64(g.Value), Known: true}
		}
		return colours.Number{}
	}
	f := colours.Facts{Live: word(c.Router, "live_colour"), Generation: word(c.On, "generation"), Clients: map[engines.Colour]colours.Client{},
		Left: number("left_count", countsAge), Mismatch: number("mismatch_count", countsAge), Detail: number("detail_count", countsAge),
		Unproven: number("unvalidated_count", 0)}
	for _, k := range engines.Colours() {
		login := colours.Login(word(c.On, string(k)+"_login"))
		if login != colours.LoginOpen && login != colours.LoginShut {
			login = colours.LoginUnknown
		}
		f.Clients[k] = colours.Client{Sessions: number(string(k)+"_sessions_count", 0), Login: login}
	}
	return f
}

// fresh is the newest sample of a gauge if it can be used. age 0 is three
// sampling intervals; a longer one is for jobs, and what the look took is added.
func (p *sampler) fresh(id engines.GaugeID, now time.Time, age time.Duration) (checks.Sample, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hist[id]
	if h == nil {
		return checks.Sample{}, false
	}
	last, ok := h.Newest()
	if age == 0 {
		age = 3 * p.every
	} else {
		age += 3 * last.Took
	}
	return last, ok && last.Err == nil && now.Sub(last.At) <= age
}

// releaseWay is the tile of the way back with what was computed: how safe it is
// now, and what it costs. s.mu is held.
func (s *Session) releaseWay(v WayBack, fits bool) WayBack {
	r := s.released.Load()
	if r == nil {
		return v
	}
	v.Now, v.Loses = r.way, colours.Loses(r.reading, r.facts)
	switch {
	case r.reading.State == colours.S6 || r.reading.Between == "S5→S6":
		v.State = "CLOSED"
	case len(r.reading.Unknown) > 0 && len(r.reading.Conflicts) == 0:
		v.State = "UNKNOWN"
	case !r.safe:
		v.State = "LOSES DATA"
	case !fits && r.reading.State != colours.S0:
		v.Now += "; the runbook has no walk for it here"
	}
	return v
}

// watchRelease tells of facts that contradict each other, and of sessions whose
// role nobody has named. s.mu is held.
func (s *Session) watchRelease(now time.Time) {
	r := s.released.Load()
	if r == nil {
		return
	}
	s.alarm(now, len(r.reading.Conflicts) > 0, Alarm{ID: "conflict", Level: WarningLevel, Text: "CONFLICT: " + strings.Join(r.reading.Conflicts, "; "),
		Consequence: "nothing that changes runs before it is gone; the way back may"})
	g, ok := s.sampler.gauge(engines.Gauge(s.cfg.Book.Change.On, "unknown_sessions_count"), now)
	s.alarm(now, ok && !g.Stale && g.Value > 0, Alarm{ID: "unknown-sessions", Level: CautionLevel,
		Text: fmt.Sprintf("%.0f SESSIONS OF ROLES THAT THE RUNBOOK DOES NOT NAME", g.Value), Consequence: "name them in colours or schema.others, or end them"})
}

// releaseSides are the two versions that matter now: the one that serves and the
// one beside it that comes next, or came before.
func (s *Session) releaseSides(snap *Snapshot) {
	r, c := s.released.Load(), s.cfg.Book.Change
	snap.Link = Link{State: "none"} // one database: nothing is copied
	snap.Release = s.releaseTile(r, snap)
	pair := [2]engines.Colour{engines.Blue, engines.Turquoise}
	if r != nil && (r.facts.Live == string(engines.Green) || r.facts.Generation != engines.ShapeOld && r.facts.Generation != "") {
		pair = [2]engines.Colour{engines.Turquoise, engines.Green}
	}
	for i, k := range pair {
		v := s.side(c.On, snap)
		v.Name, v.Colour, v.Badge = string(k), string(k), "standby"
		role, _ := c.Role(k)
		v.Login = "as " + role
		switch {
		case !v.Reached:
			v.Badge = "unreachable"
		case r == nil:
		case r.facts.Live == string(k):
			v.Badge = "WRITES"
		case r.facts.Clients[k].Login == colours.LoginShut:
			v.Badge = "closed"
		}
		snap.Sides[i] = v
	}
}
