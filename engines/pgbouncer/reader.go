package pgbouncer

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// Reader asks the console's SHOW commands over its own session.
type Reader struct {
	mu sync.Mutex // one question at a time: preflight asks while the gauges tick
	c  *Conn
}

var _ engines.Reader = (*Reader)(nil)

// readLimit keeps a hanging pooler from holding up the tick after it.
const readLimit = 800 * time.Millisecond

// OpenReader connects a reader.
func OpenReader(o engines.OpenRequest) (*Reader, error) {
	c, err := Open(o)
	if err != nil {
		return nil, err
	}
	return &Reader{c: c}, nil
}

// Identify asks the pooler who it is.
func (r *Reader) Identify(ctx context.Context) (engines.Identity, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.c.Identify(ctx)
}

// Close ends the session, after the question that is under way.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.c.Close()
}

// table is an answer read by column name: columns move from version to version.
type table struct {
	columns []string
	rows    [][]*string
}

func (r *Reader) show(ctx context.Context, what string) (table, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	res, err := r.c.Do(ctx, engines.Statement{Verb: engines.SQL, Text: "SHOW " + what, Limit: readLimit})
	return table{res.Columns, res.Rows}, err
}

func (t table) text(row []*string, column string) (string, bool) {
	i := slices.Index(t.columns, column)
	if i < 0 || row[i] == nil {
		return "", false
	}
	return *row[i], true
}

func (t table) number(row []*string, column string) (float64, error) {
	s, ok := t.text(row, column)
	if !ok {
		return 0, fmt.Errorf("answer has no column %s", column)
	}
	return strconv.ParseFloat(s, 64)
}

// sum adds up columns over all databases but the console's own.
func (t table) sum(of string, columns ...string) (float64, error) {
	var total float64
	for _, row := range t.rows {
		if name, ok := t.text(row, of); !ok {
			return 0, fmt.Errorf("answer has no column %s", of)
		} else if name == "pgbouncer" {
			continue
		}
		for _, c := range columns {
			v, err := t.number(row, c)
			if err != nil {
				return 0, err
			}
			total += v
		}
	}
	return total, nil
}

// longest is the longest wait of a client, in seconds.
func (t table) longest() (float64, error) {
	var worst float64
	for _, row := range t.rows {
		if name, _ := t.text(row, "database"); name == "pgbouncer" {
			continue
		}
		s, err := t.number(row, "maxwait")
		if err != nil {
			return 0, err
		}
		us, err := t.number(row, "maxwait_us")
		if err != nil {
			return 0, err
		}
		worst = max(worst, s+us/1e6)
	}
	return worst, nil
}

// setting returns a value of SHOW CONFIG.
func (t table) setting(key string) (string, error) {
	for _, row := range t.rows {
		if k, _ := t.text(row, "key"); k == key {
			if v, ok := t.text(row, "value"); ok {
				return v, nil
			}
		}
	}
	return "", fmt.Errorf("pooler does not tell %s", key)
}

// Gauges reads all gauges of the router.
func (r *Reader) Gauges(ctx context.Context, in engines.Scope) []engines.Reading {
	start := time.Now()
	dbs, derr := r.show(ctx, "DATABASES")
	pools, perr := r.show(ctx, "POOLS")
	cfg, cerr := r.show(ctx, "CONFIG")
	at, took := time.Now(), time.Since(start)
	var out []engines.Reading
	add := func(name string, unit engines.Unit, before error, f func() (float64, error)) {
		g := engines.Reading{Gauge: engines.Gauge(in.On, name), At: at, Took: took, Unit: unit, Err: before}
		if before == nil {
			g.Value, g.Err = f()
		}
		out = append(out, g)
	}
	add("paused_count", engines.Count, derr, func() (float64, error) { return dbs.sum("name", "paused") })
	add("query_wait_seconds", engines.Seconds, cerr, func() (float64, error) {
		v, err := cfg.setting("query_wait_timeout")
		if err != nil {
			return 0, err
		}
		return strconv.ParseFloat(v, 64)
	})
	add("waiting_clients_count", engines.Count, perr, func() (float64, error) { return pools.sum("database", "cl_waiting") })
	add("max_wait_seconds", engines.Seconds, perr, pools.longest)
	add("server_connections_count", engines.Count, perr, func() (float64, error) {
		return pools.sum("database", "sv_active", "sv_idle", "sv_used", "sv_tested", "sv_login")
	})
	add("client_connections_count", engines.Count, perr, func() (float64, error) {
		return pools.sum("database", "cl_active", "cl_waiting")
	})
	return out
}

// Clients lists who is connected to the pooler.
func (r *Reader) Clients(ctx context.Context, _ engines.Scope) ([]engines.ClientGroup, error) {
	t, err := r.show(ctx, "CLIENTS")
	if err != nil {
		return nil, err
	}
	var out []engines.ClientGroup
	for _, row := range t.rows {
		if db, _ := t.text(row, "database"); db == "pgbouncer" {
			continue
		}
		var g engines.ClientGroup
		for column, to := range map[string]*string{"user": &g.User, "application_name": &g.App, "addr": &g.Addr, "state": &g.State} {
			text, _ := t.text(row, column)
			*to = engines.Clean(text)
		}
		same := func(o engines.ClientGroup) bool {
			return o.User == g.User && o.App == g.App && o.Addr == g.Addr && o.State == g.State
		}
		if i := slices.IndexFunc(out, same); i >= 0 {
			out[i].Count++
			continue
		}
		g.Count = 1
		out = append(out, g)
	}
	return out, nil
}
