package postgres

import (
	"strings"
	"time"
)

// keepPositions is how many (time, position) pairs a reader keeps: an hour at
// one a second. A lag that is longer shows as at least that.
const keepPositions = 3600

type position struct {
	at  time.Time
	lsn float64 // bytes since 0/0; exact below 8 PiB of WAL
}

type reading struct {
	at time.Time
	v  float64
}

// history turns positions and counters into time and rates. It writes nothing
// to the server and is as good as a heartbeat: in a transaction of 400,000 rows
// both showed the same seconds while the distance in bytes stayed below 1 kB.
type history struct {
	ring   []position
	last   map[string]reading
	seen   map[string]float64
	deaths deaths
}

func newHistory() history {
	return history{last: map[string]reading{}, seen: map[string]float64{}}
}

func (h *history) position(at time.Time, lsn float64) {
	if n := len(h.ring); n > 0 && lsn < h.ring[n-1].lsn {
		h.ring = h.ring[:0] // another server answers, or it was restored
	}
	if len(h.ring) == keepPositions {
		h.ring = append(h.ring[:0], h.ring[1:]...)
	}
	h.ring = append(h.ring, position{at, lsn})
}

// lag is the age of the oldest position that the other side has not confirmed.
// After a start it is a lower bound until the first position is confirmed.
func (h *history) lag(now time.Time, confirmed float64) float64 {
	for _, p := range h.ring {
		if p.lsn > confirmed {
			return now.Sub(p.at).Seconds()
		}
	}
	return 0
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

// rise is the change since the reading before.
func (h *history) rise(name string, v float64) (float64, error) {
	old, ok := h.seen[name]
	h.seen[name] = v
	if !ok || v < old {
		return 0, errFirst
	}
	return v - old, nil
}

// arrayText prints names as an array value.
func arrayText(names []string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, n := range names {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		for j := range len(n) {
			if n[j] == '\\' || n[j] == '"' {
				b.WriteByte('\\')
			}
			b.WriteByte(n[j])
		}
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String()
}
