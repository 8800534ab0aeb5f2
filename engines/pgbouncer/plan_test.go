package pgbouncer

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/enginetest"
)

// pooled is a request against a pooler that has these entries.
func pooled(t *testing.T, kind string, from, to engines.TargetID, version string, lines ...string) engines.Request {
	t.Helper()
	text, err := encodeLines(lines)
	if err != nil {
		t.Fatal(err)
	}
	return engines.Request{Kind: kind, Run: "s00c7", On: "router", From: from, To: to, Vars: map[string]string{linesVar: text},
		Known: map[engines.TargetID]engines.Identity{"blue": {Major: 15}, "green": {Major: 17}, "router": {Version: version}},
		Params: map[string]string{"file": "/etc/pgbouncer/pgbouncer.ini",
			"blue_host": "orders-blue", "blue_port": "5432", "green_host": "orders-green", "green_port": "5433"}}
}

// TestGoldenPlans holds every statement of the router, there and back.
func TestGoldenPlans(t *testing.T) {
	blue := []string{"app = host=orders-blue port=5432 dbname=app", "reports = host=orders-blue port=5432 dbname=app pool_size=5 password=***",
		"* = host=orders-blue", "other = host=elsewhere port=5432"}
	for _, way := range []struct {
		name     string
		from, to engines.TargetID
	}{{"there", "blue", "green"}, {"back", "green", "blue"}} {
		for _, version := range []string{"1.18.0", "1.26.1"} {
			for _, kind := range []string{"capture", "freeze", "route", "open"} {
				name := fmt.Sprintf("%s-%s-%s.txt", way.name, version, kind)
				t.Run(name, func(t *testing.T) {
					r := pooled(t, kind, way.from, way.to, version, blue...)
					p, err := Planner{}.Plan(r)
					if err != nil {
						t.Fatal(err)
					}
					again, err := Planner{}.Plan(r)
					if err != nil || enginetest.Show(again) != enginetest.Show(p) {
						t.Errorf("the same request gives another plan: %v", err)
					}
					enginetest.Golden(t, name, p)
				})
			}
		}
	}
}

// TestPlansThatAreRefused: what cannot be switched whole is not switched at all.
func TestPlansThatAreRefused(t *testing.T) {
	app := "app = host=orders-blue port=5432 dbname=app"
	for name, tt := range map[string]struct {
		change func(*engines.Request)
		why    string
	}{
		"no capture":    {func(r *engines.Request) { r.Vars = nil }, "were not read"},
		"bad capture":   {func(r *engines.Request) { r.Vars = map[string]string{linesVar: "x"} }, "captured entries"},
		"no file":       {func(r *engines.Request) { r.Params["file"] = "" }, "names no file"},
		"unknown kind":  {func(r *engines.Request) { r.Kind = "reverse" }, "no such kind"},
		"no address":    {func(r *engines.Request) { r.Params["green_host"] = "" }, "address of green is not known"},
		"no entry":      {func(r *engines.Request) { r.Params["router_database"] = "nope" }, "no entry nope"},
		"leads away":    {func(r *engines.Request) { r.Vars = entriesVar(t, "app = host=elsewhere port=1") }, "leads to elsewhere:1"},
		"two of them":   {func(r *engines.Request) { r.Vars = entriesVar(t, app, app) }, "stands there twice"},
		"several hosts": {func(r *engines.Request) { r.Vars = entriesVar(t, app, "b = host=orders-blue,orders-2 port=5432") }, "several hosts"},
		"odd name":      {func(r *engines.Request) { r.Vars = entriesVar(t, app, "a-b = host=orders-blue port=5432") }, "letters, digits and underscores"},
	} {
		r := pooled(t, "freeze", "blue", "green", "1.26.1", app)
		tt.change(&r)
		_, err := Planner{}.Plan(r)
		var e *engines.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%s: %v; want a refusal with %q", name, err, tt.why)
		}
	}
}

func entriesVar(t *testing.T, lines ...string) map[string]string {
	t.Helper()
	text, err := encodeLines(lines)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{linesVar: text}
}
