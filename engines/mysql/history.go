package mysql

import (
	"errors"
	"sort"
	"time"
)

var errFirst = errors.New("needs an earlier reading")

// keepPlaces is how many places a reader keeps: an hour at one a second. A lag
// that is longer shows as at least that.
const keepPlaces = 3600

// stamp is a place and when it was first seen, by our clock.
type stamp struct {
	at time.Time
	p  place
}

type reading struct {
	at time.Time
	v  float64
}

// history turns places and counters into time and rates. It writes nothing to a
// server and trusts no server's clock. Seconds_Behind does: it says 0 while the
// line is dead.
type history struct {
	ring []stamp
	last map[string]reading
	seen map[string]heard
}

// heard is when a counter moved last.
type heard struct {
	v     string
	since time.Time
}

func newHistory() history {
	return history{last: map[string]reading{}, seen: map[string]heard{}}
}

// place keeps where this server stands, once for as long as it stands there.
func (h *history) place(at time.Time, p place) {
	if n := len(h.ring); n > 0 {
		switch newest := h.ring[n-1].p; {
		case newest.same(p):
			return
		case !newest.in(p):
			h.ring = h.ring[:0] // another server answers, or its log was emptied
		}
	}
	if len(h.ring) == keepPlaces {
		h.ring = append(h.ring[:0], h.ring[1:]...)
	}
	h.ring = append(h.ring, stamp{at, p})
}

// lag is the age of the oldest place that the other side has not reached. After
// a start it is a lower bound until the first place is reached.
func (h *history) lag(now time.Time, reached place) float64 {
	i := sort.Search(len(h.ring), func(i int) bool { return !h.ring[i].p.in(reached) })
	if i == len(h.ring) {
		return 0
	}
	return now.Sub(h.ring[i].at).Seconds()
}

// silent is how long a counter has not moved.
func (h *history) silent(name string, at time.Time, v string) float64 {
	old, ok := h.seen[name]
	if !ok || old.v != v {
		h.seen[name] = heard{v, at}
		return 0
	}
	return at.Sub(old.since).Seconds()
}

// rate is the change per second since the reading before.
func (h *history) rate(name string, at time.Time, v float64) (float64, error) {
	old, ok := h.last[name]
	h.last[name] = reading{at, v}
	if dt := at.Sub(old.at).Seconds(); ok && dt > 0 && v >= old.v {
		return (v - old.v) / dt, nil
	}
	return 0, errFirst
}
