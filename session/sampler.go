package session

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
)

// sampler reads all gauges of all targets, each target in its own goroutine on
// its own connection: a server that hangs delays nobody else, least of all the
// running step.
type sampler struct {
	every   time.Duration
	now     func() time.Time
	readers map[engines.TargetID]engines.Reader
	scope   func(engines.TargetID) engines.Scope
	tick    func()                                   // after each round
	more    func(engines.TargetID) []engines.Reading // what the session itself knows of a target; may be nil

	mu      sync.Mutex
	hist    map[engines.GaugeID]*checks.History
	clients map[engines.TargetID]clientSample
	ident   map[engines.TargetID]engines.Identity
	lost    map[engines.TargetID]error
}

type clientSample struct {
	at     time.Time
	groups []engines.ClientGroup
	err    error
}

// probeLimit bounds one round of probes of one target. A server that is slower
// than this shows as stale, which closes its gates.
const probeLimit = 3 * time.Second

func newSampler(every time.Duration, now func() time.Time, readers map[engines.TargetID]engines.Reader) *sampler {
	return &sampler{every: every, now: now, readers: readers,
		hist: map[engines.GaugeID]*checks.History{}, clients: map[engines.TargetID]clientSample{},
		ident: map[engines.TargetID]engines.Identity{}, lost: map[engines.TargetID]error{}}
}

// run samples until ctx ends.
func (p *sampler) run(ctx context.Context, wg *sync.WaitGroup) {
	for id, r := range p.readers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			t := time.NewTicker(p.every)
			defer t.Stop()
			for {
				p.round(ctx, id, r)
				p.tick()
				select {
				case <-t.C:
				case <-ctx.Done():
					return
				}
			}
		}()
	}
}

func (p *sampler) round(ctx context.Context, id engines.TargetID, r engines.Reader) {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	in := p.scope(id)
	who, err := r.Identify(ctx)
	var readings []engines.Reading
	var groups []engines.ClientGroup
	var cerr error
	if err == nil {
		readings = r.Gauges(ctx, in)
		if p.more != nil {
			readings = append(readings, p.more(id)...)
		}
		groups, cerr = r.Clients(ctx, in)
	}
	at := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost[id] = err
	if err != nil {
		return // nothing is added: the gauges grow stale, and their gates close
	}
	p.ident[id] = who
	p.clients[id] = clientSample{at, groups, cerr}
	for _, g := range readings {
		h := p.hist[g.Gauge]
		if h == nil {
			h = checks.NewHistory(historyLen)
			p.hist[g.Gauge] = h
		}
		h.Add(checks.Sample{Gauge: g.Gauge, At: g.At, Took: g.Took, Value: g.Value, Unit: g.Unit, Text: g.Text, Err: g.Err})
	}
}

// historyLen holds ten minutes and a little: the longest dwell a gate
// of the catalogue asks for.
const historyLen = 11 * time.Minute

// eval answers a gate on what was sampled.
func (p *sampler) eval(g runbooks.Gate, now time.Time) checks.Verdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	return checks.Eval(g, p.hist[g.Gauge], now, p.every)
}

// changed compares the servers that answer now with the bound ones.
func (p *sampler) changed(bound map[engines.TargetID]engines.Identity) map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]string{}
	for id, b := range bound {
		if p.readers[id] == nil {
			continue
		}
		if err := p.lost[id]; err != nil {
			out[string(id)] = "does not answer: " + err.Error()
			continue
		}
		if is, ok := p.ident[id]; ok && !is.Same(b) {
			out[string(id)] = difference(b, is)
		}
	}
	return out
}

// difference names what is not the same about two identities.
func difference(was, is engines.Identity) string {
	switch {
	case was.System != is.System:
		return fmt.Sprintf("another server answers: system identifier was %s, is %s", was.System, is.System)
	case was.Started != is.Started:
		return fmt.Sprintf("it was restarted: start time was %s, is %s", was.Started, is.Started)
	}
	return fmt.Sprintf("was %s, is %s", was, is)
}

// gauge returns the history of one gauge as values for the screen.
func (p *sampler) gauge(id engines.GaugeID, now time.Time) (Gauge, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hist[id]
	if h == nil {
		return Gauge{}, false
	}
	return gaugeOf(id, h, now, p.every), true
}

// ids lists all gauges seen so far.
func (p *sampler) ids() []engines.GaugeID {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]engines.GaugeID, 0, len(p.hist))
	for id := range p.hist {
		out = append(out, id)
	}
	return out
}

func (p *sampler) clientsOf(id engines.TargetID) clientSample {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clients[id]
}

func (p *sampler) lostWhy(id engines.TargetID) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost[id]
}
