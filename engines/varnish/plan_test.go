package varnish

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
		name := fmt.Sprintf("%s-%s.txt", r.From, strings.Trim(r.Kind+"-"+r.Stage, "-"))
		t.Run(name, func(t *testing.T) {
			p, err := Planner{}.Plan(r)
			if err != nil {
				t.Fatal(err)
			}
			enginetest.Golden(t, name, p)
		})
	}
}

// TestPlansThatAreRefused: what would lead elsewhere, or be two commands, is not planned.
func TestPlansThatAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		kind   string
		change func(*engines.Request)
		why    string
	}{
		"no fronts":        {"switch", func(r *engines.Request) { delete(r.Params, "fronts") }, "is not host:port"},
		"two commands":     {"load", func(r *engines.Request) { r.Params["green_vcl"] = "/g.vcl\nstop" }, "green_vcl"},
		"a path with dots": {"load", func(r *engines.Request) { r.Params["green_vcl"] = "/etc/../g.vcl" }, "not an absolute path"},
		"a ban of two":     {"switch", func(r *engines.Request) { r.Params["ban"] = "obj.status != 0\nstop" }, "ban"},
		"no capture":       {"switch", func(r *engines.Request) { r.Vars = nil }, "was not read"},
		"nodes differ":     {"switch", func(r *engines.Request) { r.Vars[activeVar] = "a:1: boot; b:1: x" }, "no plain name"},
		"a label unnamed":  {"switch", func(r *engines.Request) { r.Vars[activeVar] = "boot by label live" }, "label"},
		"no label":         {"switch", func(r *engines.Request) { r.Params["label"] = "live" }, "label"},
		"alike":            {"switch", func(r *engines.Request) { r.Params["green_colour"] = "blue" }, "alike"},
		"unknown kind":     {"freeze", func(*engines.Request) {}, "no such kind"},
		"no link":          {"persist", func(r *engines.Request) { delete(r.Params, "link") }, "start-up link"},
		"links apart":      {"persist", func(r *engines.Request) { delete(r.Params, "link_shared") }, "several Varnishes"},
	} {
		r := request(tt.kind, "", "blue", "green")
		tt.change(&r)
		_, err := Planner{}.Plan(r)
		var e *engines.Error
		if !errors.As(err, &e) || e.Next == "" || !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%s: %v; want a refusal with %q and a next move", name, err, tt.why)
		}
	}
}

// TestALabelIsMoved: where a label is active the label is moved, and shown.
func TestALabelIsMoved(t *testing.T) {
	r := request("switch", "", "blue", "green")
	r.Params["label"], r.Vars[activeVar] = "live", "v41 by label live"
	p, err := Planner{}.Plan(r)
	if err != nil {
		t.Fatal(err)
	}
	enginetest.Golden(t, "label-switch.txt", p)
}
