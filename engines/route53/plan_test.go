package route53

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
	weighted := func(r *engines.Request) { r.Params["blue_id"], r.Params["green_id"] = "b", "g" }
	for name, tt := range map[string]struct {
		kind   string
		change func(*engines.Request)
		why    string
	}{
		"no record":       {"route", func(r *engines.Request) { delete(r.Params, "record") }, "cannot be changed"},
		"no servers":      {"route", func(r *engines.Request) { delete(r.Params, "name_servers") }, "name_servers"},
		"no resolvers":    {"open", func(r *engines.Request) { delete(r.Params, "resolvers") }, "resolvers"},
		"alike":           {"route", func(r *engines.Request) { r.Params["green_value"] = "ORDERS-blue.shop.example" }, "the same"},
		"no capture":      {"route", func(r *engines.Request) { r.Vars = nil }, "was not read"},
		"leads elsewhere": {"route", func(r *engines.Request) { r.Vars[setsVar] = "db.shop.example. CNAME ttl 5 x." }, "neither to blue"},
		"long TTL":        {"route", func(r *engines.Request) { r.Vars[setsVar] = "db.shop.example. CNAME ttl 300 orders-blue.shop.example." }, "TTL is 300"},
		"one of a pair":   {"route", weighted, "wanted blue's and green's"},
		"a second line":   {"route", func(r *engines.Request) { r.Params["green_value"] = "x.\nupsert: y" }, "no single value"},
		"unknown kind":    {"freeze", func(*engines.Request) {}, "no such kind"},
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
