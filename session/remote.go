package session

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"sync"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/steps"
)

// frame is one line on the socket.
type frame struct {
	Snapshot *wireSnapshot `json:",omitempty"`
	Error    string        `json:",omitempty"` // instead of a snapshot: why there is none
}

// wireSnapshot is a snapshot as JSON can hold it: a figure that is no number
// (a gap in a history) has no form there.
type wireSnapshot struct {
	Snapshot
	Gauges map[engines.GaugeID]wireGauge
}

type wireGauge struct {
	Gauge
	Value   *float64
	History []*float64
}

func toWire(s Snapshot) *wireSnapshot {
	w := &wireSnapshot{Snapshot: s, Gauges: make(map[engines.GaugeID]wireGauge, len(s.Gauges))}
	for id, g := range s.Gauges {
		x := wireGauge{Gauge: g, Value: number(g.Value), History: make([]*float64, len(g.History))}
		for i, v := range g.History {
			x.History[i] = number(v)
		}
		w.Gauges[id] = x
	}
	return w
}

func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

func (w *wireSnapshot) snapshot() Snapshot {
	s := w.Snapshot
	s.Gauges = make(map[engines.GaugeID]Gauge, len(w.Gauges))
	orNaN := func(v *float64) float64 {
		if v == nil {
			return math.NaN()
		}
		return *v
	}
	for id, x := range w.Gauges {
		g := x.Gauge
		g.Value, g.History = orNaN(x.Value), nil
		if x.History != nil {
			g.History = make([]float64, len(x.History))
		}
		for i, v := range x.History {
			g.History[i] = orNaN(v)
		}
		s.Gauges[id] = g
	}
	return s
}

// Remote is a session that another process runs, seen over its socket. It gives
// the same snapshots and takes no command.
type Remote struct {
	conn net.Conn

	mu   sync.Mutex
	last Snapshot
	subs map[chan Snapshot]struct{}
	err  error
	over bool
}

// mostFrame bounds a line on the socket; a whole runbook with its plans is a
// few hundred kilobytes.
const mostFrame = 16 << 20

// Watch looks on at the session behind a connection. It returns when the first
// snapshot is there.
func Watch(conn net.Conn) (*Remote, error) {
	r := &Remote{conn: conn, subs: map[chan Snapshot]struct{}{}}
	lines := bufio.NewScanner(conn)
	lines.Buffer(make([]byte, 0, 64<<10), mostFrame)
	first, err := next(lines)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	r.last = first
	go r.read(lines)
	return r, nil
}

func next(lines *bufio.Scanner) (Snapshot, error) {
	if !lines.Scan() {
		if err := lines.Err(); err != nil {
			return Snapshot{}, err
		}
		return Snapshot{}, io.EOF
	}
	var f frame
	if err := json.Unmarshal(lines.Bytes(), &f); err != nil {
		return Snapshot{}, err
	}
	if f.Snapshot == nil {
		return Snapshot{}, errors.New(f.Error)
	}
	return f.Snapshot.snapshot(), nil
}

func (r *Remote) read(lines *bufio.Scanner) {
	for {
		s, err := next(lines)
		r.mu.Lock()
		if err != nil {
			r.over = true
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				r.err = err
			}
			for c := range r.subs {
				delete(r.subs, c)
				close(c)
			}
			r.mu.Unlock()
			return
		}
		r.last = s
		for c := range r.subs {
			select {
			case <-c: // the frame that nobody took
			default:
			}
			c <- s
		}
		r.mu.Unlock()
	}
}

// Do refuses: whoever acts does so at the session's own cockpit.
func (r *Remote) Do(context.Context, Intent) error {
	return &steps.Refusal{Why: "this screen only looks on", Next: "act at the cockpit of " + r.Snapshot().Operator}
}

// Subscribe gives the snapshots as they come, the newest only; the channel is
// closed when the session ends or the function is called.
func (r *Remote) Subscribe() (<-chan Snapshot, func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ch := make(chan Snapshot, 1)
	ch <- r.last
	if r.over {
		close(ch)
		return ch, func() {}
	}
	r.subs[ch] = struct{}{}
	return ch, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if _, ok := r.subs[ch]; ok {
			delete(r.subs, ch)
			close(ch)
		}
	}
}

// Snapshot is the newest one that came.
func (r *Remote) Snapshot() Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// Ended reports whether the session has ended the stream, and why if it was not
// on purpose.
func (r *Remote) Ended() (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.over, r.err
}

// Close ends looking on.
func (r *Remote) Close() error { return r.conn.Close() }
