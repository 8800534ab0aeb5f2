package varnish

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

const patience = 20 * time.Second

func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-ctx.Done():
			t.Fatalf("not in time: %s", what)
		case <-tick.C:
		}
	}
}

// rig is a web lab with a connection as the executor has one.
type rig struct {
	t      *testing.T
	l      *lab.WebLab
	c      *Conn
	vars   map[string]string
	params map[string]string
}

func newRig(t *testing.T, nodes int) *rig {
	l := labtest.Web(t, lab.WebOptions{Nodes: nodes})
	r := &rig{t: t, l: l, vars: map[string]string{}, params: params(l)}
	r.c = r.open()
	return r
}

func params(l *lab.WebLab) map[string]string {
	env := l.Env()
	return map[string]string{"secret_file": env["TURQUOISE_VARNISH_SECRET_FILE"], "fronts": env["TURQUOISE_VARNISH_FRONTS"],
		"green_vcl": env["TURQUOISE_GREEN_VCL"], "varnishstat": env["TURQUOISE_VARNISHSTAT"], "workdirs": env["TURQUOISE_VARNISH_WORKDIRS"],
		"link": env["TURQUOISE_VARNISH_LINK"], "link_shared": "true", "cached_path": "/page/1"}
}

func (r *rig) request() engines.OpenRequest {
	return engines.OpenRequest{Ctx: r.t.Context(), Target: "router", DSN: r.l.Env()["TURQUOISE_ROUTER_DSN"], Params: r.params, Run: "t1", Person: "tester"}
}

func (r *rig) open() *Conn {
	r.t.Helper()
	c, err := Open(r.request())
	if err != nil {
		var e *engines.Error
		errors.As(err, &e)
		r.t.Fatalf("%v; %s", err, e.Next)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (r *rig) reader() *Reader {
	r.t.Helper()
	rd, err := OpenReader(r.request())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = rd.Close() })
	return rd
}

func (r *rig) scope() engines.Scope {
	return engines.Scope{Run: "t1", On: "router", From: "blue", To: "green", Vars: r.vars}
}

func (r *rig) plan(kind, stage string, from, to engines.TargetID) engines.Parts {
	r.t.Helper()
	p, err := Planner{}.Plan(engines.Request{Kind: kind, Stage: stage, Run: "t1", On: "router", From: from, To: to, Params: r.params, Vars: r.vars})
	if err != nil {
		r.t.Fatalf("plan %s: %v", kind, err)
	}
	return p
}

// run runs actions as the executor does, and returns why it stopped.
func (r *rig) run(as []engines.Action) error {
	r.t.Helper()
	for _, a := range as {
		res, err := r.c.Do(r.t.Context(), engines.Statement{Verb: a.Verb, Text: a.Text, Limit: a.Limit})
		if err != nil && (a.Proof == nil || r.c.Classify(err) == engines.Unclear) {
			return err
		}
		for _, cp := range a.Captures {
			r.vars[cp.Var] = *res.Rows[0][cp.Column]
		}
		if a.Proof != nil {
			if perr := r.prove(*a.Proof); perr != nil {
				return errors.Join(err, perr)
			}
		}
	}
	return nil
}

func (r *rig) must(as []engines.Action) {
	r.t.Helper()
	if err := r.run(as); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) prove(p engines.Proof) error {
	r.t.Helper()
	over := time.Now().Add(p.Limit)
	for {
		res, err := r.c.Do(r.t.Context(), engines.Statement{Verb: p.Verb, Text: p.Text})
		if err != nil {
			return err
		}
		is, _ := res.First()
		if is == p.Want {
			return nil
		}
		if p.Every == 0 || time.Now().After(over) {
			return errors.New(p.Title + ": is " + is + ", wanted " + p.Want)
		}
		tick := time.NewTimer(p.Every)
		select {
		case <-tick.C:
		case <-r.t.Context().Done():
			return r.t.Context().Err()
		}
	}
}

// ready captures, loads, and waits until green's probes have all been answered.
func (r *rig) ready() {
	r.t.Helper()
	r.must(r.plan("capture", "", "blue", "green").Actions)
	r.must(r.plan("load", "", "blue", "green").Actions)
	until(r.t, "green is healthy", func() bool { return r.asks(askFailing("green_t1")) == none })
}

func (r *rig) asks(text string) string {
	r.t.Helper()
	res, err := r.c.Do(r.t.Context(), vcl(text))
	if err != nil {
		return err.Error()
	}
	is, _ := res.First()
	return is
}

func vcl(text string) engines.Statement { return engines.Statement{Verb: engines.VCL, Text: text} }

func gauge(t *testing.T, r *Reader, in engines.Scope, name string) engines.Reading {
	t.Helper()
	for _, g := range r.Gauges(t.Context(), in) {
		if _, n := g.Gauge.Split(); n == name {
			return g
		}
	}
	t.Fatalf("no gauge %s", name)
	return engines.Reading{}
}

func contains(err error, text string) bool {
	return err != nil && strings.Contains(err.Error(), text)
}
