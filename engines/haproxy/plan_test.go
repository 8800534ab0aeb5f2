package haproxy

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/enginetest"
)

// TestGoldenPlans holds every command of the router, there and back.
func TestGoldenPlans(t *testing.T) {
	for _, r := range requests() {
		name := fmt.Sprintf("%s-%s.txt", r.From, r.Kind)
		t.Run(name, func(t *testing.T) {
			p, err := Planner{}.Plan(r)
			if err != nil {
				t.Fatal(err)
			}
			enginetest.Golden(t, name, p)
		})
	}
}

// TestPlansThatAreRefused: what would lead elsewhere is not planned.
func TestPlansThatAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		kind   string
		change func(*engines.Request)
		why    string
	}{
		"no frontend":      {"freeze", func(r *engines.Request) { delete(r.Params, "frontend") }, "names no frontend"},
		"odd frontend":     {"freeze", func(r *engines.Request) { r.Params["frontend"] = "orders" }, "is not host:port"},
		"two commands":     {"freeze", func(r *engines.Request) { r.Params["backend"] = "be;quit" }, "no name of a backend"},
		"one server":       {"freeze", func(r *engines.Request) { r.Params["green_server"] = "blue" }, "the same server"},
		"no capture":       {"freeze", func(r *engines.Request) { r.Vars = nil }, "were not read"},
		"leads elsewhere":  {"open", func(r *engines.Request) { r.Params["green_host"] = "10.0.0.9" }, "leads to 10.0.0.2:3306"},
		"unknown kind":     {"reverse", func(*engines.Request) {}, "no such kind"},
		"no file":          {"persist", func(r *engines.Request) { delete(r.Params, "file") }, "names no file"},
		"lines not read":   {"persist", func(r *engines.Request) { delete(r.Vars, linesVar) }, "lines of both servers"},
		"several machines": {"persist", func(r *engines.Request) { r.Params["frontend"] = "a:1,b:1" }, "several processes"},
	} {
		r := request(tt.kind, "blue", "green")
		tt.change(&r)
		_, err := Planner{}.Plan(r)
		var e *engines.Error
		if !errors.As(err, &e) || e.Next == "" || !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%s: %v; want a refusal with %q and a next move", name, err, tt.why)
		}
	}
}
