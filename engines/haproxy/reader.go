package haproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// Reader asks over sessions of its own.
type Reader struct {
	mu sync.Mutex // one question at a time: preflight asks while the gauges tick
	c  *Conn

	late engines.LateAnswers // owned by the caller of Gauges, one goroutine
}

var _ engines.Reader = (*Reader)(nil)

// readLimit keeps a process that hangs from holding up the tick after it.
const readLimit = 800 * time.Millisecond

// OpenReader connects a reader.
func OpenReader(o engines.OpenRequest) (*Reader, error) {
	c, err := Open(o)
	if err != nil {
		return nil, err
	}
	return &Reader{c: c}, nil
}

// Identify asks every process who it is.
func (r *Reader) Identify(ctx context.Context) (engines.Identity, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.c.Identify(ctx)
}

// Close ends the sessions, after the question that is under way.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.c.Close()
}

// all asks every process the same; a lost session is opened again first.
func (r *Reader) all(ctx context.Context, command string) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	if slices.ContainsFunc(r.c.nodes, func(s *socket) bool { return s.c == nil }) {
		if err := r.c.connect(ctx); err != nil {
			return nil, err
		}
	}
	answers, err := engines.Each(r.c.nodes, func(_ int, s *socket) (string, error) {
		a, err := s.ask(ctx, command)
		if err == nil && severity.MatchString(a) {
			err = refusal(a)
		}
		return a, err
	})
	if err != nil {
		return nil, &engines.Error{Op: "read " + command, Object: r.c.object(), Err: err}
	}
	return answers, nil
}

// tables asks for tables.
func (r *Reader) tables(ctx context.Context, command string) ([]table, error) {
	answers, err := r.all(ctx, command)
	if err != nil {
		return nil, err
	}
	out := make([]table, len(answers))
	for i, a := range answers {
		if out[i], err = readTable(a); err != nil {
			return nil, fmt.Errorf("%s: %w", command, err)
		}
	}
	return out, nil
}

// snapshot is what one look at the backend gives.
type snapshot struct {
	states, stats []table
	serr, terr    error
}

// Gauges reads all gauges of the router. Where processes differ the worse value
// counts, and words stand side by side.
func (r *Reader) Gauges(ctx context.Context, in engines.Scope) []engines.Reading {
	start := time.Now()
	n, nerr := namesOf(r.c.params)
	var s snapshot
	if nerr == nil {
		s.states, s.serr = r.tables(ctx, "show servers state "+n.backend)
		s.stats, s.terr = r.tables(ctx, showStat(n.backend))
	}
	at, took := time.Now(), time.Since(start)
	var out []engines.Reading
	add := func(name string, unit engines.Unit, before error, f func(g *engines.Reading) error) {
		g := engines.Reading{Gauge: engines.Gauge(in.On, name), At: at, Took: took, Unit: unit, Err: errors.Join(nerr, before)}
		if g.Err == nil {
			if err := f(&g); err != nil {
				g.Value, g.Text, g.Err = 0, "", err
			}
		}
		out = append(out, g)
	}
	number := func(f func() (float64, error)) func(*engines.Reading) error {
		return func(g *engines.Reading) (err error) { g.Value, err = f(); return err }
	}
	add("paused_count", engines.Count, s.serr, number(func() (float64, error) { return closedCount(s.states) }))
	add("serves_side", engines.Bool, s.serr, func(g *engines.Reading) (err error) {
		g.Text, err = word(s.states, func(t table) (string, error) { return t.side(n) })
		return err
	})
	add("waiting_clients_count", engines.Count, s.terr, number(func() (float64, error) { return total(s.stats, []string{"BACKEND"}, "qcur") }))
	add("client_connections_count", engines.Count, s.terr, number(func() (float64, error) { return total(s.stats, []string{"BACKEND"}, "scur") }))
	add("errors_count", engines.Count, s.terr, number(func() (float64, error) { return total(s.stats, []string{"BACKEND"}, "econ", "eresp") }))
	add("server_connections_count", engines.Count, s.terr, number(func() (float64, error) { return total(s.stats, []string{n.server["blue"], n.server["green"]}, "scur") }))
	for _, side := range []engines.TargetID{"blue", "green"} {
		add(string(side)+"_state", engines.Bool, s.serr, func(g *engines.Reading) (err error) {
			g.Text, err = word(s.states, func(t table) (string, error) {
				row, err := t.server(n.server[side])
				if err != nil {
					return "", err
				}
				return t.state(row)
			})
			return err
		})
		for name, columns := range map[string][]string{"connections": {"scur"}, "requests": {"stot"}, "errors": {"econ", "eresp"}} {
			add(string(side)+"_"+name+"_count", engines.Count, s.terr, number(func() (float64, error) { return total(s.stats, []string{n.server[side]}, columns...) }))
		}
	}
	add("old_workers_count", engines.Count, s.serr, number(func() (float64, error) { return oldWorkers(ctx, r.c.params["master"]) }))
	if in.Change != nil {
		r.release(s, add)
	}
	return out
}

// closedCount is the number of processes that let no new client in.
func closedCount(ts []table) (float64, error) {
	var n float64
	for _, t := range ts {
		who, err := t.takes()
		if err != nil {
			return 0, err
		}
		if who == nobody {
			n++
		}
	}
	return n, nil
}

// side says which half new clients get: blue, green, both, nobody, or another
// server's name.
func (t table) side(n names) (string, error) {
	who, err := t.takes()
	if err != nil {
		return "", err
	}
	switch who {
	case n.server["blue"]:
		return "blue", nil
	case n.server["green"]:
		return "green", nil
	}
	if slices.Equal(strings.Split(who, ", "), n.both()) {
		return "both", nil
	}
	return who, nil
}

// word is the answer of all processes.
func word(ts []table, f func(table) (string, error)) (string, error) {
	var words []string
	for _, t := range ts {
		w, err := f(t)
		if err != nil {
			return "", err
		}
		if !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	return strings.Join(words, " and "), nil
}

// total adds columns of some lines of show stat over all processes.
func total(ts []table, lines []string, columns ...string) (float64, error) {
	var sum float64
	for _, t := range ts {
		for _, line := range lines {
			row, err := t.stat(line)
			if err != nil {
				return 0, err
			}
			for _, c := range columns {
				v, err := t.number(row, c)
				if err != nil {
					return 0, err
				}
				sum += float64(v)
			}
		}
	}
	return sum, nil
}

var errNoMaster = errors.New("the target names no master socket; a reload's old workers cannot be seen")

// oldWorkers counts the workers that a reload left behind with their clients:
// nothing that the runtime socket is told reaches them.
func oldWorkers(ctx context.Context, master string) (float64, error) {
	if master == "" {
		return 0, errNoMaster
	}
	at, err := places(master)
	if err != nil || len(at) != 1 {
		return 0, errors.New("parameter master is not one socket")
	}
	text, err := procs(ctx, at[0])
	if err != nil {
		return 0, err
	}
	_, old, found := strings.Cut(text, "# old workers")
	if !found {
		return 0, nil
	}
	var n float64
	for _, l := range strings.Split(old, "\n") {
		if f := strings.Fields(l); len(f) > 1 && f[1] == "worker" {
			n++
		} else if strings.HasPrefix(l, "#") {
			break
		}
	}
	return n, nil
}

// procs asks the master process.
func procs(ctx context.Context, at place) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, at.network, at.addr)
	if err != nil {
		return "", mask(err)
	}
	s := &socket{at: at, c: c, end: masterPrompt, most: answerMost}
	defer s.close()
	if _, err := s.ask(ctx, "prompt"); err != nil {
		return "", err
	}
	text, err := s.ask(ctx, "show proc")
	if err == nil && !strings.Contains(text, "# workers") {
		err = errors.New("show proc of the master says nothing of workers")
	}
	return text, err
}

// Clients lists who is connected through the backend. HAProxy knows addresses,
// not names.
func (r *Reader) Clients(ctx context.Context, _ engines.Scope) ([]engines.ClientGroup, error) {
	n, err := namesOf(r.c.params)
	if err != nil {
		return nil, &engines.Error{Op: "list clients", Object: r.c.object(), Err: err}
	}
	answers, err := r.all(ctx, "show sess")
	if err != nil {
		return nil, err
	}
	var out []engines.ClientGroup
	for _, l := range strings.Split(strings.Join(answers, "\n"), "\n") {
		kv := map[string]string{}
		for _, w := range strings.Fields(l) {
			k, v, _ := strings.Cut(w, "=")
			kv[k] = engines.Clean(v)
		}
		if kv["be"] != n.backend {
			continue
		}
		host, _, err := net.SplitHostPort(kv["src"])
		if err != nil {
			host = kv["src"]
		}
		g := engines.ClientGroup{Addr: host, State: "on " + kv["srv"]}
		i := slices.IndexFunc(out, func(o engines.ClientGroup) bool { return o.Addr == g.Addr && o.State == g.State })
		if i < 0 {
			out = append(out, g)
			i = len(out) - 1
		}
		out[i].Count++
	}
	return out, nil
}
