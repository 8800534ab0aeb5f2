package varnish

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

var update = flag.Bool("update", false, "write the golden plans anew")

// TestGoldenPlans holds every command of the router, there and back.
func TestGoldenPlans(t *testing.T) {
	for _, r := range requests() {
		name := fmt.Sprintf("%s-%s.txt", r.From, strings.Trim(r.Kind+"-"+r.Stage, "-"))
		t.Run(name, func(t *testing.T) {
			p, err := Planner{}.Plan(r)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, shows(p))
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "plans", name)
	if *update {
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != got {
		t.Errorf("differs from %s (%v); look at the change, then write it with -update:\n%s", file, err, got)
	}
}

// shows prints parts as a card would.
func shows(p engines.Parts) string {
	var b strings.Builder
	list := func(what string, as []engines.Action) {
		for i, a := range as {
			fmt.Fprintf(&b, "%s %d: %s %s: %s\n%s\nlimit %s, clock %d, undoes %d\n", what, i+1, a.Target, a.Verb, a.Title, indent(a.Text), a.Limit, a.Starts, a.Undoes)
			for _, c := range a.Captures {
				fmt.Fprintf(&b, "captures %s from column %d\n", c.Var, c.Column)
			}
			if p := a.Proof; p != nil {
				fmt.Fprintf(&b, "proof %s %s: %s\n%s\nwants %q, every %s, limit %s\n", p.Target, p.Verb, p.Title, indent(p.Text), p.Want, p.Every, p.Limit)
			}
		}
	}
	list("action", p.Actions)
	list("undo", p.Undo)
	list("abort", p.Abort)
	if p.UndoNone != "" {
		fmt.Fprintf(&b, "no undo: %s\n", p.UndoNone)
	}
	return b.String()
}

func indent(s string) string { return "  | " + strings.ReplaceAll(s, "\n", "\n  | ") }

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
	golden(t, "label-switch.txt", shows(p))
}
