package command

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
		enginetest.Golden(t, "nohold-"+r.Kind+".txt", p)
	}
}
