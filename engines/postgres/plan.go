package postgres

import (
	"errors"
	"slices"

	"github.com/turquoise-db/turquoise/engines"
)

// Planner plans every kind of step on PostgreSQL. It holds nothing.
type Planner struct{}

var _ engines.Planner = Planner{}

// errStage is a request for something this engine has no statements for.
var errStage = errors.New("kind and stage are not planned by this engine")

// planFunc plans one kind and stage.
type planFunc func(p plan) (engines.Parts, error)

// kinds is the table of what is planned: one row per kind and stage.
func kinds() map[string]planFunc {
	return map[string]planFunc{
		"control/create": plan.controlCreate, "control/drop": plan.controlDrop,
		"role/create": plan.roleCreate, "role/drop": plan.roleDrop,
		"publish/create": plan.publishCreate, "publish/drop": plan.publishDrop,
		"seed/schema": plan.seed,
		"attach/copy": plan.attachCopy, "attach/define": plan.attachDefine, "attach/drop": plan.attachDrop,
		"steady/on": plan.steady, "guard/on": plan.guardOn, "guard/off": plan.guardOff,
		"reverse/publish": plan.reversePublish, "reverse/define": plan.reverseDefine, "reverse/slot": plan.reverseSlot,
		"reverse/enable": plan.reverseEnable, "reverse/drop": plan.reverseDrop,
		"capture/": plan.capture, "freeze/": plan.freeze, "catchup/": plan.catchup,
		"sequences/": plan.sequences, "sequences/margin": plan.sequencesMargin,
		"route/": plan.route, "open/": plan.open, "lock/": plan.lock,
		"detach/disable": plan.detachDisable, "detach/drop": plan.detachDrop, "close/": plan.closeWay,
		"compare/track": plan.compareTrack, "compare/prove": plan.compareProve, "compare/drop": plan.compareDrop,
		"ddl/": plan.ddl, "roundtrip/": plan.roundtrip, "backfill/": plan.backfill, "sessions/": plan.sessionsGone,
		"fence-role/on": plan.fenceOn, "fence-role/off": plan.fenceOff,
		"hold/": nothing, "probe/": nothing, "preflight/": nothing,
	}
}

// Supports reports whether the kind and stage are planned. "-" is no stage.
func (Planner) Supports(kind, stage string) bool {
	_, ok := kinds()[key(kind, stage)]
	return ok
}

// Plan turns a request into actions.
func (Planner) Plan(r engines.Request) (engines.Parts, error) {
	f, ok := kinds()[key(r.Kind, r.Stage)]
	if !ok {
		return engines.Parts{}, &engines.Error{Op: "plan " + key(r.Kind, r.Stage), Object: string(r.On), Err: errStage,
			Next: "correct kind and stage in the runbook"}
	}
	return f(newPlan(r))
}

func key(kind, stage string) string {
	if stage == "-" {
		stage = ""
	}
	return kind + "/" + stage
}

func nothing(plan) (engines.Parts, error) { return engines.Parts{UndoNone: "reads only"}, nil }

// plan is a request with its defaults filled in.
type plan struct {
	engines.Request
	app  []string // roles of the application
	own  string   // our own role
	repl string   // the replication's
	keep []string // roles that are never shut out nor ended
}

func newPlan(r engines.Request) plan {
	p := plan{Request: r, own: r.Param("own_role", "turquoise"), repl: r.Param("repl_role", "repl")}
	p.app, p.keep = r.Lists["app_roles"], r.Lists["keep_roles"]
	if len(p.app) == 0 {
		p.app = []string{"app", "batch"}
	}
	// A role that is to be kept is not shut out, even if both lists name it.
	p.app = slices.DeleteFunc(slices.Clone(p.app), func(s string) bool { return slices.Contains(p.keep, s) })
	return p
}

// spared are the roles whose sessions are not ended. Of our own role only the
// sessions that carry our name are spared.
func (p plan) spared() []string { return append([]string{p.repl, "rdsadmin"}, p.keep...) }

// routed reports whether clients wait at a router, which then opens and freezes.
func (p plan) routed() bool {
	switch p.Param("router", "pgbouncer") {
	case "manual", "none":
		return false
	}
	return true
}

// link is one direction of replication.
type link struct {
	from, to       engines.TargetID
	pub, slot, sub string
}

func linkOf(params map[string]string, from, to engines.TargetID) link {
	get := func(name, fallback string) string {
		if v := params[name]; v != "" {
			return v
		}
		return fallback
	}
	if from == engines.GreenSide {
		return link{from, to, get("rev_publication", "tq_pub_rev"), get("rev_slot", "tq_rev"), get("rev_subscription", "tq_rev")}
	}
	return link{from, to, get("publication", "tq_pub"), get("slot", "tq_fwd"), get("subscription", "tq_sub")}
}

// ahead is the link that runs before the switch, behind the one after it.
func (p plan) ahead() link { return linkOf(p.Params, p.From, p.To) }
func (p plan) back() link  { return linkOf(p.Params, p.To, p.From) }
