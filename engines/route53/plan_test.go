package route53

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
