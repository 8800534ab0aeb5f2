package varnish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// Reader asks over management connections of its own.
type Reader struct {
	mu sync.Mutex // one question at a time: preflight asks while the gauges tick
	c  *Conn

	late engines.LateAnswers // owned by the caller of Gauges, one goroutine
}

var _ engines.Reader = (*Reader)(nil)

// readLimit keeps a manager that is busy from holding up the tick after it.
const readLimit = 800 * time.Millisecond

var errClients = errors.New("varnish keeps no list of its clients; varnishlog on its machine shows requests")

// OpenReader connects a reader.
func OpenReader(o engines.OpenRequest) (*Reader, error) {
	c, err := Open(o)
	if err != nil {
		return nil, err
	}
	return &Reader{c: c}, nil
}

// Identify asks every Varnish who it is, on new connections where one was lost.
func (r *Reader) Identify(ctx context.Context) (engines.Identity, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.again(ctx); err != nil {
		return engines.Identity{}, err
	}
	return r.c.Identify(ctx)
}

func (r *Reader) again(ctx context.Context) error {
	if slices.ContainsFunc(r.c.nodes, func(n *node) bool { return n.c == nil }) {
		return r.c.connect(ctx)
	}
	return nil
}

// Close ends the connections, after the question that is under way.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.c.Close()
}

// Clients says that nobody can say.
func (r *Reader) Clients(context.Context, engines.Scope) ([]engines.ClientGroup, error) {
	return nil, &engines.Error{Op: "list clients", Object: r.c.object(), Err: errClients}
}

// ask puts one question to every Varnish.
func (r *Reader) ask(ctx context.Context, command string) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	if err := r.again(ctx); err != nil {
		return nil, err
	}
	answers, err := engines.Each(r.c.nodes, func(_ int, n *node) (string, error) { return n.ask(ctx, command) })
	if err != nil {
		return nil, &engines.Error{Op: "ask " + command, Object: r.c.object(), Err: err}
	}
	return answers, nil
}

// look is one look at all Varnishes.
type look struct {
	lists    [][]loaded
	lerr     error
	statuses []string
	serr     error
	backends map[engines.TargetID][][]backend
	berr     map[engines.TargetID]error
	counters []map[string]float64
	cerr     error
	vcls     map[engines.TargetID]string
	verr     error
}

func (r *Reader) look(ctx context.Context, in engines.Scope) look {
	l := look{backends: map[engines.TargetID][][]backend{}, berr: map[engines.TargetID]error{}}
	s, err := siteOf(r.c.params)
	if err == nil {
		l.vcls, err = vclsOf(in.Run, in.Vars, s)
	}
	l.verr = err
	texts, err := r.ask(ctx, "vcl.list -j")
	for _, t := range texts {
		vs, verr := parseList(t)
		l.lists, err = append(l.lists, vs), errors.Join(err, verr)
	}
	l.lerr = err
	texts, l.serr = r.ask(ctx, "status -j")
	for _, t := range texts {
		var word string
		l.serr = errors.Join(l.serr, item(t, 0, &word))
		l.statuses = append(l.statuses, engines.Clean(word))
	}
	for _, side := range []engines.TargetID{"blue", "green"} {
		l.berr[side] = errors.Join(l.verr, l.lerr)
		if l.berr[side] == nil {
			l.backends[side], l.berr[side] = r.health(ctx, l.lists, l.vcls[side])
		}
	}
	if l.lerr == nil { // a reader that reaches no Varnish shows no counters of one
		l.counters, l.cerr = r.counters(ctx)
	} else {
		l.cerr = l.lerr
	}
	return l
}

// health reads the backends of a VCL on every Varnish.
func (r *Reader) health(ctx context.Context, lists [][]loaded, vcl string) ([][]backend, error) {
	for i, vs := range lists {
		if !slices.ContainsFunc(vs, func(v loaded) bool { return v.Name == vcl }) {
			return nil, fmt.Errorf("%s: %s is %s", r.c.addrs[i], vcl, absent)
		}
	}
	texts, err := r.ask(ctx, "backend.list -j "+vcl+".*")
	if err != nil {
		return nil, err
	}
	out := make([][]backend, len(texts))
	for i, t := range texts {
		if out[i], err = parseBackends(t); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sick counts the backends that do not answer all probes. A probe that nobody has
// answered yet counts as missing while it waits, whatever .initial says.
func sick(bs [][]backend) (n float64) {
	for _, on := range bs {
		for _, b := range on {
			if b.probed() && !b.passes() || b.Admin == "sick" {
				n++
			}
		}
		if len(on) == 0 {
			n++
		}
	}
	return n
}

func unprobed(bs [][]backend) (n float64) {
	for _, on := range bs {
		for _, b := range on {
			if !b.probed() {
				n++
			}
		}
	}
	return n
}

// Gauges reads all gauges of the router.
func (r *Reader) Gauges(ctx context.Context, in engines.Scope) []engines.Reading {
	start := time.Now()
	l := r.look(ctx, in)
	at, took := time.Now(), time.Since(start)
	var out []engines.Reading
	add := func(name string, unit engines.Unit, before error, f func(g *engines.Reading) error) {
		g := engines.Reading{Gauge: engines.Gauge(in.On, name), At: at, Took: took, Unit: unit, Err: before}
		if before == nil {
			if err := f(&g); err != nil {
				g.Value, g.Text, g.Err = 0, "", err
			}
		}
		out = append(out, g)
	}
	value := func(v func() float64) func(*engines.Reading) error {
		return func(g *engines.Reading) error { g.Value = v(); return nil }
	}
	add("active_side", engines.Bool, errors.Join(l.lerr, l.verr), func(g *engines.Reading) (err error) { g.Text, err = l.side(); return err })
	add("paused_count", engines.Count, l.serr, value(func() (n float64) {
		for _, s := range l.statuses {
			if s != "running" {
				n++
			}
		}
		return n
	}))
	for _, side := range []engines.TargetID{"blue", "green"} {
		vcl := l.vcls[side]
		add(string(side)+"_sick_count", engines.Count, l.berr[side], value(func() float64 { return sick(l.backends[side]) }))
		add(string(side)+"_unprobed_count", engines.Count, l.berr[side], value(func() float64 { return unprobed(l.backends[side]) }))
		add(string(side)+"_temperature", engines.Bool, errors.Join(l.lerr, l.verr), func(g *engines.Reading) (err error) {
			g.Text, err = l.temperature(vcl)
			return err
		})
		for name, fields := range map[string][]string{"connections": {"conn"}, "requests": {"req"}, "errors": {"fail", "unhealthy", "busy"}} {
			add(string(side)+"_"+name+"_count", engines.Count, errors.Join(l.cerr, l.verr, l.berr[side]), value(func() float64 {
				return sum(l.counters, func(k string) bool {
					return strings.HasPrefix(k, "VBE."+vcl+".") && slices.Contains(fields, k[strings.LastIndexByte(k, '.')+1:])
				})
			}))
		}
		add(string(side)+"_failing_rate", engines.Count, errors.Join(l.cerr, l.verr, l.berr[side]), func(g *engines.Reading) (err error) {
			g.Value, err = r.failing(l, vcl, at)
			return err
		})
	}
	for name, is := range map[string]func(string) bool{
		"client_connections_count": func(k string) bool { return strings.HasPrefix(k, "MEMPOOL.sess") && strings.HasSuffix(k, ".live") },
		"server_connections_count": func(k string) bool { return strings.HasPrefix(k, "VBE.") && strings.HasSuffix(k, ".conn") },
		"waiting_clients_count":    func(k string) bool { return k == "MAIN.thread_queue_len" },
		"errors_count":             func(k string) bool { return k == "MAIN.backend_fail" || k == "MAIN.backend_unhealthy" },
	} {
		add(name, engines.Count, l.cerr, value(func() float64 { return sum(l.counters, is) }))
	}
	return out
}

var errNoFetch = errors.New("no request to this half in the last half minute")

// failing is how many requests in a hundred of the last half minute found no
// backend of a half: none healthy, no connection, no room. What a backend answered
// is not counted by Varnish, and how long it took neither; both are in its log.
func (r *Reader) failing(l look, vcl string, at time.Time) (float64, error) {
	of := func(fields ...string) float64 {
		return sum(l.counters, func(k string) bool {
			return strings.HasPrefix(k, "VBE."+vcl+".") && slices.Contains(fields, k[strings.LastIndexByte(k, '.')+1:])
		})
	}
	failed := of("fail", "unhealthy", "busy")
	late := r.late.Since(vcl, engines.Answers{At: at, All: of("req") + failed, Failed: failed})
	if late.All == 0 {
		return 0, errNoFetch
	}
	return late.Percent(), nil
}

// side says which half new requests get on every Varnish.
func (l look) side() (string, error) {
	var words []string
	for _, vs := range l.lists {
		is, err := active(vs)
		if err != nil {
			return "", err
		}
		name, _, _ := strings.Cut(is, " by label ")
		switch name {
		case l.vcls["blue"]:
			name = "blue"
		case l.vcls["green"]:
			name = "green"
		}
		if !slices.Contains(words, name) {
			words = append(words, name)
		}
	}
	return strings.Join(words, " and "), nil
}

// temperature of a VCL, the coldest of all Varnishes.
func (l look) temperature(vcl string) (string, error) {
	worst := "warm"
	for _, vs := range l.lists {
		i := slices.IndexFunc(vs, func(v loaded) bool { return v.Name == vcl })
		if i < 0 {
			return "", fmt.Errorf("%s is %s", vcl, absent)
		}
		if vs[i].Temperature != "warm" {
			worst = engines.Clean(vs[i].Temperature)
		}
	}
	return worst, nil
}

var errNoStat = errors.New("the target names no varnishstat with a folder for each Varnish; counters of backends are not told")

// counters runs varnishstat once for each Varnish: the management protocol tells
// no counters.
func (r *Reader) counters(ctx context.Context) ([]map[string]float64, error) {
	program, dirs := r.c.params["varnishstat"], strings.Split(r.c.params["workdirs"], ",")
	if program == "" || len(dirs) != len(r.c.addrs) || dirs[0] == "" {
		return nil, errNoStat
	}
	if !filepath.IsAbs(program) {
		return nil, fmt.Errorf("%s is not an absolute path", engines.Clean(program))
	}
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	return engines.Each(dirs, func(_ int, dir string) (map[string]float64, error) {
		cmd := exec.CommandContext(ctx, program, "-j", "-t", "0", "-n", strings.TrimSpace(dir))
		cmd.Env = []string{"LC_ALL=C"}
		cmd.WaitDelay = readLimit
		text, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("varnishstat: %w", err)
		}
		return parseCounters(text)
	})
}

func parseCounters(text []byte) (map[string]float64, error) {
	var in struct {
		Counters map[string]struct{ Value float64 }
	}
	if err := json.Unmarshal(text, &in); err != nil || len(in.Counters) == 0 {
		return nil, errors.New("varnishstat gave no counters")
	}
	out := make(map[string]float64, len(in.Counters))
	for k, v := range in.Counters {
		out[k] = v.Value
	}
	return out, nil
}

func sum(all []map[string]float64, is func(string) bool) (n float64) {
	for _, m := range all {
		for k, v := range m {
			if is(k) {
				n += v
			}
		}
	}
	return n
}
