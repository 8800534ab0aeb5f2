package steps_test

import (
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/haproxy"
	"github.com/turquoise-db/turquoise/engines/mysql"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// binlogInputs are the fixed servers and values of mysql-binlog, for one product.
func binlogInputs(t *testing.T, product, version string) steps.Inputs {
	t.Helper()
	src, ok := runbooks.Builtin("mysql-binlog")
	if !ok {
		t.Fatal("the catalogue has no mysql-binlog")
	}
	book, fs := runbooks.Parse("mysql-binlog.yaml", src)
	if book == nil {
		t.Fatalf("parse: %v", fs)
	}
	env := map[string]string{"TURQUOISE_ROUTER_FILE": "/etc/haproxy/haproxy.cfg", "TURQUOISE_ROUTER_FRONTEND": "orders-router:3306", "TURQUOISE_ROUTER_PROGRAM": "/usr/sbin/haproxy"}
	v, fs := runbooks.Resolve(book, map[string]string{"blue_conninfo": "host=orders-blue port=3306", "green_conninfo": "host=orders-green port=3306"},
		func(n string) (string, bool) { e, ok := env[n]; return e, ok })
	if runbooks.Refused(fs) {
		t.Fatalf("resolve: %v", fs)
	}
	b := *book
	b.Digest = "the-digest-of-the-runbook"
	b.Targets = append([]runbooks.Target(nil), book.Targets...)
	for i, tg := range b.Targets {
		b.Targets[i].Params = v.Targets[tg.ID]
		if tg.ID == "router" {
			b.Targets[i].Engine = haproxy.Name
		}
	}
	server := func(host, system string) engines.Identity {
		return engines.Identity{Engine: mysql.Name, Version: version, System: system, Host: host, Port: 3306, Login: "turquoise@%",
			Started: "2026-03-01 00:00:00", Writable: true, Extra: map[string]string{"product": product, "gtid": "1"}}
	}
	return steps.Inputs{
		Book: &b, Values: v, Run: "s7f2", Attempt: 1,
		Planners: map[string]engines.Planner{mysql.Name: mysql.Engine().Planner, haproxy.Name: haproxy.Engine().Planner},
		Known: map[engines.TargetID]engines.Identity{"blue": server("orders-blue", "system-of-blue"), "green": server("orders-green", "system-of-green"),
			"router": {Engine: haproxy.Name, Version: "2.6.12", System: "router", Host: "orders-router"}},
		Vars: map[string]string{"events_before_blue": "ON", "events_before_green": "ON", "router_blue_address": "orders-blue:3306", "router_green_address": "orders-green:3306",
			"router_lines": `["server blue orders-blue:3306 check","server green orders-green:3306 check disabled"]`},
	}
}
