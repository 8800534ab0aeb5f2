package haproxy

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
		name := fmt.Sprintf("%s-%s.txt", r.From, r.Kind)
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
