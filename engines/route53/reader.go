package route53

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// Reader asks with a client of its own.
type Reader struct {
	mu sync.Mutex // one question at a time: preflight asks while the gauges tick
	c  *Conn
}

var _ engines.Reader = (*Reader)(nil)

// readLimit keeps a service that hangs from holding up the tick after it.
const readLimit = 2 * time.Second

var errClients = errors.New("DNS knows no clients; the databases list theirs")

// OpenReader opens a reader.
func OpenReader(o engines.OpenRequest) (*Reader, error) {
	c, err := Open(o)
	if err != nil {
		return nil, err
	}
	return &Reader{c: c}, nil
}

// Identify asks the service which zone this is.
func (r *Reader) Identify(ctx context.Context) (engines.Identity, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.c.lost {
		if err := r.c.connect(ctx); err != nil {
			return engines.Identity{}, err
		}
	}
	return r.c.Identify(ctx)
}

// Close gives the client up, after the question that is under way.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.c.Close()
}

// Clients says that nobody can say.
func (r *Reader) Clients(context.Context, engines.Scope) ([]engines.ClientGroup, error) {
	return nil, &engines.Error{Op: "list clients", Object: r.c.object(), Err: errClients}
}

// sets reads the record from the service.
func (r *Reader) sets(ctx context.Context, n names) ([]set, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	if r.c.lost {
		if err := r.c.connect(ctx); err != nil {
			return nil, err
		}
	}
	sets, err := r.c.list(ctx, n.record, n.kind)
	if err != nil {
		err = mask(err)
		var api *apiError
		var ke *engines.KnownError
		r.c.lost = !errors.As(err, &api) && !errors.As(err, &ke)
		return nil, &engines.Error{Op: "read the record", Object: r.c.object(), Err: err}
	}
	return sets, nil
}

// zoneSide is the half that the sets lead to.
func (n names) zoneSide(sets []set) string {
	var on []string
	for _, s := range sets {
		if s.id == "" || s.weight > 0 {
			for _, v := range s.values {
				on = append(on, n.side(answerOf(v, n.kind)))
			}
		}
	}
	slices.Sort(on)
	if len(on) == 0 {
		return "all alike" // weights of 0 everywhere: the service uses all of them
	}
	return strings.Join(slices.Compact(on), " and ")
}

// Gauges reads all gauges of the router.
func (r *Reader) Gauges(ctx context.Context, in engines.Scope) []engines.Reading {
	start := time.Now()
	n, nerr := namesOf(r.c.params)
	var sets []set
	var own, seen []answer
	serr, oerr, rerr := nerr, nerr, nerr
	if nerr == nil {
		if sets, serr = r.sets(ctx, n); serr == nil {
			own, oerr = lookups(ctx, n.record, n.kind, n.authority, true)
			seen, rerr = lookups(ctx, n.record, n.kind, n.clients, false)
		} else {
			oerr, rerr = serr, serr
		}
	}
	at, took := time.Now(), time.Since(start)
	reading := func(name string, unit engines.Unit, err error, f func(*engines.Reading)) engines.Reading {
		g := engines.Reading{Gauge: engines.Gauge(in.On, name), At: at, Took: took, Unit: unit, Err: err}
		if err == nil {
			f(&g)
		}
		return g
	}
	sides := func(as []answer) string {
		var words []string
		for _, a := range as {
			if w := n.side(a.value); !slices.Contains(words, w) {
				words = append(words, w)
			}
		}
		return strings.Join(words, " and ")
	}
	return []engines.Reading{
		reading("zone_side", engines.Bool, serr, func(g *engines.Reading) { g.Text = n.zoneSide(sets) }),
		reading("name_servers_side", engines.Bool, oerr, func(g *engines.Reading) { g.Text = sides(own) }),
		reading("resolvers_side", engines.Bool, rerr, func(g *engines.Reading) { g.Text = sides(seen) }),
		reading("ttl_seconds", engines.Seconds, serr, func(g *engines.Reading) {
			for _, s := range sets {
				g.Value = max(g.Value, float64(s.ttl))
			}
		}),
		reading("resolver_ttl_seconds", engines.Seconds, rerr, func(g *engines.Reading) {
			for _, a := range seen {
				g.Value = max(g.Value, float64(a.ttl))
			}
		}),
	}
}

// Inspect asks whether the record can be moved and who would not see it.
func (r *Reader) Inspect(ctx context.Context, in engines.Scope) []engines.Finding {
	n, nerr := namesOf(r.c.params)
	var sets []set
	serr := nerr
	if nerr == nil {
		sets, serr = r.sets(ctx, n)
	}
	out := []engines.Finding{recordFinding(n, sets, serr, in), ttlFinding(n, sets, serr)}
	for _, l := range []struct {
		title, cause string
		list         []string
		own          bool
	}{
		{"the zone's name servers answer the side with the writes", "the proof of the switch asks them, and an answer for another zone proves nothing", n.authority, true},
		{"the applications' resolvers answer the side with the writes", "what these servers say is what a new connection gets; a resolver that is not listed is not looked at", n.clients, false},
	} {
		f := engines.Finding{Title: l.title, Want: string(in.From), Cause: l.cause}
		if serr != nil {
			out = append(out, blind(f, serr))
			continue
		}
		as, err := lookups(ctx, n.record, n.kind, l.list, l.own)
		if err != nil {
			out = append(out, blind(f, err))
			continue
		}
		f.Level, f.Is = engines.Pass, n.side(engines.Agreed(l.list, values(as)))
		if f.Is != f.Want {
			f.Level, f.Next = engines.Block, "find out why they differ from the zone before the night"
		}
		out = append(out, f)
	}
	for i := range out {
		out[i].ID, out[i].Target = "G15", in.On
	}
	return out
}

func blind(f engines.Finding, err error) engines.Finding {
	f.Level, f.Is = engines.Blind, "unknown: "+err.Error()
	f.Next = "check the target's parameters, the AWS credentials, and that the DNS servers are reached from here"
	return f
}

func recordFinding(n names, sets []set, err error, in engines.Scope) engines.Finding {
	f := engines.Finding{Title: "the record leads to the side with the writes", Want: string(in.From),
		Cause: "a record of another form or value is not the one that this runbook moves"}
	if err != nil {
		return blind(f, err)
	}
	f.Level, f.Is = engines.Pass, n.zoneSide(sets)
	if _, err := n.pointed(sets, in.To); err != nil {
		f.Level, f.Is, f.Next = engines.Block, err.Error(), "make the record what the target's parameters say"
	} else if f.Is != f.Want {
		f.Level, f.Next = engines.Block, "find out who moved it"
	}
	return f
}

func ttlFinding(n names, sets []set, err error) engines.Finding {
	f := engines.Finding{Title: "the record is kept for a moment only", Want: fmt.Sprintf("TTL at most %d s", n.maxTTL),
		Cause: "resolvers answer the old side for as long as the TTL was when they asked"}
	if err != nil {
		return blind(f, err)
	}
	var ttl int64
	for _, s := range sets {
		ttl = max(ttl, s.ttl)
	}
	f.Level, f.Is = engines.Pass, fmt.Sprintf("%d s", ttl)
	if ttl > n.maxTTL {
		f.Level, f.Next = engines.Block, fmt.Sprintf("set it to %d and wait %d s, the old TTL, before the window", n.maxTTL, ttl)
	}
	return f
}
