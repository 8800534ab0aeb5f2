package session_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
)

// shop is a fake shared database and its router: what their gauges read.
type shop struct {
	mu   sync.Mutex
	word map[string]string
	n    map[string]float64
}

func (s *shop) set(name, word string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.word[name] = word
}

func (s *shop) count(name string, n float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n[name] = n
}

// forget makes a gauge fail.
func (s *shop) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.word, name)
	delete(s.n, name)
}

type shopReader struct {
	door
	s *shop
}

func (r shopReader) Gauges(_ context.Context, in engines.Scope) []engines.Reading {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if in.Change == nil {
		return nil
	}
	var out []engines.Reading
	add := func(name, word string, v float64) {
		on := "db"
		if name == "live_colour" {
			on = "router"
		}
		if string(in.On) == on {
			out = append(out, engines.Reading{Gauge: engines.Gauge(in.On, name), At: r.v.now(), Text: word, Value: v, Unit: engines.Count})
		}
	}
	for name, w := range r.s.word {
		add(name, w, 0)
	}
	for name, v := range r.s.n {
		add(name, "", v)
	}
	return out
}

func newShopNight(t *testing.T) (*shop, *night) {
	t.Helper()
	v := newServers()
	s := &shop{word: map[string]string{"live_colour": "turquoise", "generation": "B", "blue_login": "shut", "turquoise_login": "open", "green_login": "open"},
		n: map[string]float64{"blue_sessions_count": 0, "turquoise_sessions_count": 3, "green_sessions_count": 0, "unvalidated_count": 0, "unknown_sessions_count": 0}}
	cfg := config(v, t.TempDir())
	step := runbooks.Step{ID: "1.1", Title: "look", Kind: "probe", On: "db", From: "blue", To: "green"}
	cfg.Book = &runbooks.Runbook{Name: "small", Title: "small", Source: cfg.Book.Source, Digest: cfg.Book.Digest,
		Targets: []runbooks.Target{{ID: "db", Engine: "fake"}, {ID: "router", Engine: "fake", Colour: "router"}},
		Phases:  []runbooks.Phase{{Number: 1, Name: "look", Steps: []runbooks.Step{step}}},
		Change:  &engines.SchemaChange{On: "db", Router: "router", Table: "shop.customer", Roles: map[engines.Colour]string{"blue": "shop_blue"}}}
	cfg.Engines = map[string]engines.Engine{"fake": {Name: "fake", Planner: planner{},
		Open:       func(o engines.OpenRequest) (engines.Conn, error) { return door{v, o.Target}, nil },
		OpenReader: func(o engines.OpenRequest) (engines.Reader, error) { return shopReader{door{v, o.Target}, s}, nil }}}
	cfg.Every = 300 * time.Millisecond
	return s, begin(t, v, cfg)
}

// state waits until the computed state reads a word.
func (n *night) state(want string) session.Snapshot {
	n.t.Helper()
	var last session.Snapshot
	n.until(func(s session.Snapshot) bool { last = s; return s.Gauges["db/release_state"].Text == want })
	return last
}

// TestTheStateOfAReleaseIsComputed from what the gauges read, each tick anew: up
// the states, into a contradiction and out of it, and into not knowing.
func TestTheStateOfAReleaseIsComputed(t *testing.T) {
	s, n := newShopNight(t)
	snap := n.state("S2")
	if snap.Sides[0].Badge != "closed" || snap.Sides[1].Badge != "WRITES" || snap.Sides[1].Name != "turquoise" {
		t.Errorf("sides: %+v", snap.Sides)
	}
	if w := snap.Way; !strings.Contains(w.Now, "let blue log in") || w.Loses != "nothing" {
		t.Errorf("way back in S2: %+v", w)
	}
	s.set("generation", "partial")
	n.state("S2→S3")
	s.set("generation", "B+G")
	n.state("unknown") // nobody has counted rows
	s.count("left_count", 7)
	s.count("mismatch_count", 0)
	s.count("detail_count", 2)
	if w := n.state("S3").Way; !strings.Contains(w.Loses, "detail of 2 rows") {
		t.Errorf("way back in S3: %+v", w)
	}
	s.count("left_count", 0)
	n.state("S4")
	s.count("blue_sessions_count", 1)
	n.state("CONFLICT")
	n.until(func(s session.Snapshot) bool {
		return s.Gauges["db/conflicts_count"].Value == 1 && s.Way.State == "LOSES DATA" &&
			slices.ContainsFunc(s.Alarms, func(a session.Alarm) bool { return strings.Contains(a.Text, "1 sessions of blue") })
	})
	s.count("blue_sessions_count", 0)
	s.set("live_colour", "green")
	n.state("S5")
	n.until(func(s session.Snapshot) bool { return s.Gauges["db/soak_seconds"].Value > 0.5 })
	s.count("mismatch_count", 1)
	n.until(func(s session.Snapshot) bool {
		return s.Gauges["db/soak_seconds"].Value == 0 && strings.Contains(s.Way.Loses, "what differs in 1 rows")
	})
	s.count("unknown_sessions_count", 4)
	n.until(func(s session.Snapshot) bool {
		return slices.ContainsFunc(s.Alarms, func(a session.Alarm) bool { return strings.Contains(a.Text, "4 SESSIONS OF ROLES") })
	})
	s.forget("live_colour")
	n.state("unknown")
}
