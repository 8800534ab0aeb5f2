package command

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

func requests() []engines.Request {
	sum := strings.Repeat("0123456789abcdef", 4)
	var out []engines.Request
	for _, way := range [][2]engines.TargetID{{"blue", "green"}, {"green", "blue"}} {
		for _, kind := range []string{"capture", "freeze", "route", "open", "switch"} {
			out = append(out, engines.Request{Kind: kind, Run: "s00c7", On: "router", From: way[0], To: way[1], Vars: map[string]string{sumVar + "1": sum},
				Params: map[string]string{"status": `["/opt/ops/lb","status","--json"]`, "switch_blue": `["/opt/ops/lb","to","blue"]`, "switch_green": `["/opt/ops/lb","to","green"]`,
					"hold": `["/opt/ops/lb","hold"]`, "release": `["/opt/ops/lb","go"]`}})
		}
	}
	return out
}

// TestPlansThatAreRefused: a command without its sum, or of another form, is not planned.
func TestPlansThatAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		kind   string
		change func(*engines.Request)
		why    string
	}{
		"no sum":       {"route", func(r *engines.Request) { r.Vars = nil }, "was not read"},
		"a wrong sum":  {"route", func(r *engines.Request) { r.Vars[sumVar+"1"] = "x" }, "was not read"},
		"no command":   {"route", func(r *engines.Request) { delete(r.Params, "switch_green") }, "no command switch_green"},
		"unknown kind": {"reverse", func(*engines.Request) {}, "no such kind"},
	} {
		for _, r := range requests() {
			if r.Kind != "route" || r.From != "blue" {
				continue
			}
			r.Kind = tt.kind
			tt.change(&r)
			_, err := Planner{}.Plan(r)
			var e *engines.Error
			if !errors.As(err, &e) || e.Next == "" || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("%s: %v; want a refusal with %q and a next move", name, err, tt.why)
			}
		}
	}
}

// TestWithoutHold: commands that cannot hold leave the freeze to the database, and
// open says where traffic goes.
func TestWithoutHold(t *testing.T) {
	for _, r := range requests() {
		if r.From != "blue" || r.Kind != "freeze" && r.Kind != "open" && r.Kind != "route" {
			continue
		}
		delete(r.Params, "hold")
		delete(r.Params, "release")
		p, err := Planner{}.Plan(r)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "nohold-"+r.Kind+".txt", shows(p))
	}
}
