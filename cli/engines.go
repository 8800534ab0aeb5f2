package cli

import (
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/command"
	"github.com/turquoise-db/turquoise/engines/haproxy"
	"github.com/turquoise-db/turquoise/engines/mysql"
	"github.com/turquoise-db/turquoise/engines/pgbouncer"
	"github.com/turquoise-db/turquoise/engines/postgres"
	"github.com/turquoise-db/turquoise/engines/route53"
	"github.com/turquoise-db/turquoise/engines/varnish"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// registry names the engines. A new engine is its folder and one line here.
func registry() map[string]engines.Engine {
	out := map[string]engines.Engine{}
	for _, e := range []engines.Engine{
		postgres.Engine(),
		mysql.Engine(),
		pgbouncer.Engine(),
		haproxy.Engine(),
		varnish.Engine(),
		route53.Engine(),
		command.Engine(),
	} {
		out[e.Name] = e
	}
	return out
}

// catalog is what lint must know of kinds and engines.
func catalog() runbooks.Catalog {
	var c runbooks.Catalog
	for _, k := range steps.Kinds() {
		c.Kinds = append(c.Kinds, runbooks.KindInfo{Name: k.Name, Doc: k.Doc, Stages: k.Stages, Needs: k.Needs})
	}
	for _, e := range registry() {
		gauges := e.Planner.GaugeNames()
		if e.OpenComparer != nil {
			gauges = append(gauges, session.CompareGauges()...)
		}
		if e.Planner.Supports("ddl", "") {
			gauges = append(gauges, session.ReleaseGauges()...)
		}
		c.Engines = append(c.Engines, runbooks.EngineInfo{Name: e.Name, Supports: e.Planner.Supports, Gauges: gauges})
	}
	return c
}
