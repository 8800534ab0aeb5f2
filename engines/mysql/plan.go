package mysql

import (
	"errors"
	"fmt"
	"slices"

	"github.com/turquoise-db/turquoise/engines"
)

// Planner plans every kind of step on MySQL and MariaDB. It holds nothing.
type Planner struct{}

var _ engines.Planner = Planner{}

var (
	// errStage is a request for something this engine has no statements for.
	errStage = errors.New("kind and stage are not planned by this engine")
	// errProduct is a server whose product is not known, or two that differ.
	errProduct = errors.New("the product of the server is not known")
	errPair    = errors.New("the two sides are not of one product")
)

// planFunc plans one kind and stage.
type planFunc func(p plan) (engines.Parts, error)

// kinds is the table of what is planned: one row per kind and stage.
func kinds() map[string]planFunc {
	return map[string]planFunc{
		"control/create": plan.controlCreate, "control/drop": plan.controlDrop,
		"role/create": plan.roleCreate, "role/drop": plan.roleDrop,
		"retain/": plan.retain, "seed/copy": plan.seed, "attach/start": plan.attach, "attach/drop": plan.attachDrop,
		"steady/on": plan.steady, "guard/on": plan.guardOn, "guard/off": plan.guardOff,
		"reverse/define": plan.reverseDefine, "reverse/start": plan.reverseStart, "reverse/drop": plan.reverseDrop,
		"quiet/on": plan.quietOn, "quiet/off": plan.quietOff,
		"capture/": plan.capture, "freeze/": plan.freeze, "catchup/": plan.catchup, "sequences/": plan.sequences,
		"route/": plan.route, "open/": plan.open, "lock/": plan.lock, "persist/": plan.persist,
		"compare/track": plan.compareTrack, "compare/prove": plan.compareProve, "compare/drop": plan.compareDrop,
		"detach/drop": plan.detach, "close/": plan.closeWay,
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

// Plan turns a request into actions. The words are those of the product that
// answered when the servers were asked who they are; before that there is none.
func (Planner) Plan(r engines.Request) (engines.Parts, error) {
	f, ok := kinds()[key(r.Kind, r.Stage)]
	if !ok {
		return engines.Parts{}, &engines.Error{Op: "plan " + key(r.Kind, r.Stage), Object: string(r.On), Err: errStage,
			Next: "correct kind and stage in the runbook"}
	}
	p := newPlan(r)
	if p.err != nil && !idle(r.Kind) {
		return engines.Parts{}, p.err
	}
	return f(p)
}

// idle kinds send nothing of their own.
func idle(kind string) bool { return slices.Contains([]string{"hold", "probe", "preflight"}, kind) }

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
	app  []string // accounts of the application
	own  string   // our own account
	repl string   // the replication's
	keep []string // accounts whose sessions are never ended
	d    dialect  // of both sides
	mode string   // how the links count
	err  error    // why nothing can be planned
}

func newPlan(r engines.Request) plan {
	p := plan{Request: r, own: r.Param("own_user", "turquoise"), repl: r.Param("repl_user", "repl"), app: r.Lists["app_users"], keep: r.Lists["keep_users"]}
	if len(p.app) == 0 {
		p.app = []string{"app", "batch"}
	}
	p.learn()
	return p
}

// learn takes product and mode from who the servers said they are.
func (p *plan) learn() {
	from, ok := known(p.Known[p.From])
	to, ok2 := known(p.Known[p.To])
	if p.Change != nil { // the sides are versions of one application
		from, ok = known(p.Known[p.On])
		to, ok2 = from, ok
	}
	refused := func(err error, next string) {
		p.err = &engines.Error{Op: "plan " + key(p.Kind, p.Stage), Object: string(p.On), Err: err, Next: next}
	}
	switch {
	case !ok || !ok2:
		refused(errProduct, "let the servers be asked who they are: plan without --offline")
	case from.maria != to.maria:
		refused(fmt.Errorf("%w: %s is %s, %s is %s", errPair, p.From, from.title(), p.To, to.title()), "take two servers of the same product")
	}
	p.d = from
	if p.On == p.To {
		p.d = to
	}
	p.mode = modePosition
	if p.Known[p.From].Extra[extraGTID] == "1" && p.Known[p.To].Extra[extraGTID] == "1" {
		p.mode = modeGTID
	}
}

// of is the dialect of one side.
func (p plan) of(t engines.TargetID) dialect {
	d, _ := known(p.Known[t])
	return d
}

// byID reports whether links count by transaction ids.
func (p plan) byID() bool { return p.mode == modeGTID }

// spared are the accounts whose sessions are not ended: ours, the
// replication's, and those that the runbook keeps.
func (p plan) spared() []string { return append([]string{p.own, p.repl}, p.keep...) }

// routed reports whether clients are turned away at a router, which then opens
// and freezes.
func (p plan) routed() bool {
	switch p.Param("router", "haproxy") {
	case "manual", "none":
		return false
	}
	return true
}

// bound gives a read and its proof the same bound values.
func bound(a engines.Action, bs ...engines.Bind) engines.Action {
	a.Binds = bs
	if a.Proof != nil {
		pr := *a.Proof
		pr.Binds = bs
		a.Proof = &pr
	}
	return a
}

// procLock is held by our procedures while they run.
const procLock = "tqctl.procedure"
