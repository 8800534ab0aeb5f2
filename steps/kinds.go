package steps

import (
	"fmt"
	"slices"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
)

// Kind is one sort of step. The same name means the same thing on every engine.
type Kind struct {
	Name   string
	Doc    string
	Stages []string // allowed stages; empty: none
	Needs  []string // arguments that must be given
	plan   func(in Inputs, s runbooks.Step) (engines.Parts, error)
}

// Kinds is the table of all kinds, in the order of a cutover.
func Kinds() []Kind {
	return []Kind{
		{Name: KindPreflight, Doc: "Runs every read-only check on all targets; done when none blocks and none is blind, or a second person signed for it.", plan: planNothing},
		{Name: "probe", Doc: "Reads gauges only; done when its gates hold.", plan: planNothing},
		{Name: KindHold, Doc: "A planned stop; goes on when a person says so and its gates hold.", plan: planNothing},
		{Name: "control", Doc: "Control tables that carry the fence token and the acknowledgement.", Stages: []string{"create", "drop"}, plan: planOn},
		{Name: "role", Doc: "The replication role.", Stages: []string{"create", "drop"}, plan: planOn},
		{Name: "publish", Doc: "What the side with the writes offers to the link.", Stages: []string{"create", "drop"}, plan: planOn},
		{Name: "seed", Doc: "What the side that gets the writes holds before the link: its schema, or a copy with coordinates.", Stages: []string{"schema", "copy"}, plan: planOn},
		{Name: "attach", Doc: "The link from the side with the writes to the other: the other side takes its changes.", Stages: []string{"copy", "define", "start", "drop"}, plan: planOn},
		{Name: "steady", Doc: "Settings that keep the catch-up short and the link alive.", Stages: []string{"on"}, plan: planOn},
		{Name: "retain", Doc: "The log is kept for as long as the copy, the window and the way back may need it.", plan: planOn},
		{Name: "quiet", Doc: "Jobs of the server itself stand still while writes move.", Stages: []string{"on", "off"}, plan: planOn},
		{Name: "guard", Doc: "Applications cannot write on the side that does not have the writes.", Stages: []string{"on", "off"}, plan: planOn},
		{Name: "reverse", Doc: "The link back, for the way back without loss.", Stages: []string{"publish", "define", "slot", "start", "enable", "drop"}, plan: planOn},
		{Name: "capture", Doc: "Reads what later plans need: roles, sequences, the router's lines.", plan: planCapture},
		{Name: "freeze", Doc: "Clients wait or are refused, sessions end, no writer is left: proven.", plan: planFreeze},
		{Name: "catchup", Doc: "The other side has applied everything up to the freeze position: proven by token and position.", plan: planOn},
		{Name: "compare", Doc: "Every row of both sides is compared, changes since are followed and verified, and all of it is proven at the freeze.", Stages: []string{"track", "prove", "drop"}, plan: planOn},
		{Name: "sequences", Doc: "Sequences are raised to those of the side that had the writes, never backwards.", Stages: []string{"", "margin"}, plan: planOn},
		{Name: "load", Doc: "The other half's configuration stands in the router beside the one that serves, and both are kept ready.", Stages: []string{"", "drop"}, plan: planOn},
		{Name: "switch", Doc: "New requests go to the other half; both serve, nothing is held, and each ends what it began.", plan: planOn},
		{Name: "flush", Doc: "What the router kept of the half that served before is served no more.", plan: planOn},
		{Name: "route", Doc: "Traffic points at the other side, still held.", plan: planRoute},
		{Name: "open", Doc: "Clients go on: writes are open on the other side.", plan: planOpen},
		{Name: "detach", Doc: "Replication of the link ends.", Stages: []string{"disable", "drop"}, plan: planOn},
		{Name: "lock", Doc: "The side that had the writes stays closed for applications.", plan: planOn},
		{Name: "persist", Doc: "What the window has set survives a restart.", plan: planOn},
		{Name: "close", Doc: "Gives up the way back.", plan: planOn},
		{Name: "ddl", Doc: "A change of the catalog on a database that versions of an application share; it waits briefly for its lock, gives up, and tries again.", Needs: []string{runbooks.ArgText, runbooks.ArgLeaves}, plan: planOn},
		{Name: "roundtrip", Doc: "Every stored row survives the way to the new shape and back: counted on the data.", plan: planOn},
		{Name: "backfill", Doc: "Rows get their new shape in batches; a checkpoint moves with each, in the same transaction.", Needs: []string{runbooks.ArgBatch, runbooks.ArgCheckpoint}, plan: planOn},
		{Name: "sessions", Doc: "No session and no prepared transaction of a version is left.", Needs: []string{runbooks.ArgColour}, plan: planOn},
		{Name: "fence-role", Doc: "A version cannot log in and has no session, or may log in again.", Stages: []string{"on", "off"}, Needs: []string{runbooks.ArgColour}, plan: planOn},
		{Name: "shift", Doc: "Requests go to another version of the application; the database stays.", plan: planOn},
		{Name: "manual", Doc: "A person does it outside of Turquoise; done when its gates hold.", plan: planManual},
		{Name: "sql", Doc: "A statement of the runbook's author.", Needs: []string{"text"}, plan: planSQL},
	}
}

// KindByName returns a kind of the table.
func KindByName(name string) (Kind, bool) {
	for _, k := range Kinds() {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

// ErrKind is a step whose kind or stage nobody can plan.
type ErrKind struct {
	Step        runbooks.StepID
	Kind, Stage string
	Why         string
}

// Error names step, kind and cause.
func (e *ErrKind) Error() string {
	return fmt.Sprintf("plan step %s: kind %s/%s: %s", e.Step, e.Kind, e.Stage, e.Why)
}

func planNothing(Inputs, runbooks.Step) (engines.Parts, error) {
	return engines.Parts{UndoNone: "reads only"}, nil
}

// planOn asks the planner of the step's own target.
func planOn(in Inputs, s runbooks.Step) (engines.Parts, error) {
	return in.ask(s, s.On)
}

// planCapture asks every target that can capture; the step's own must.
func planCapture(in Inputs, s runbooks.Step) (engines.Parts, error) {
	var p engines.Parts
	for _, t := range in.Book.Targets {
		pl := in.Planners[t.Engine]
		if pl == nil || !pl.Supports(s.Kind, s.Stage) {
			continue
		}
		q, err := in.ask(s, t.ID)
		if err != nil {
			return p, err
		}
		p.Append(q)
	}
	if len(p.Actions) == 0 {
		return p, &ErrKind{s.ID, s.Kind, s.Stage, "no target can capture anything"}
	}
	p.Undo, p.UndoNone = nil, "reads only"
	return p, nil
}

// planFreeze holds the clients at the router first, then closes the database:
// a client that waits gets no error, and the database's own lock does not
// depend on the router.
func planFreeze(in Inputs, s runbooks.Step) (engines.Parts, error) {
	return in.both(s, s.From)
}

// planRoute moves the router's line, then lets the applications into the side
// that gets the writes. The router still holds them.
func planRoute(in Inputs, s runbooks.Step) (engines.Parts, error) {
	return in.both(s, s.To)
}

func planOpen(in Inputs, s runbooks.Step) (engines.Parts, error) {
	r, ok := in.router(s)
	if !ok {
		return in.ask(s, s.To)
	}
	return in.ask(s, r)
}

// planSQL takes the author's own statement.
func planSQL(_ Inputs, s runbooks.Step) (engines.Parts, error) {
	a := engines.Action{Target: s.On, Verb: engines.SQL, Title: s.Title, Text: s.Args["text"]}
	if t := s.Args["proof"]; t != "" {
		a.Proof = &engines.Proof{Target: s.On, Verb: engines.SQL, Title: s.Title, Text: t, Want: s.Args["want"]}
	}
	p := engines.Parts{Actions: []engines.Action{a}, UndoNone: s.UndoNone}
	if t := s.Args["undo_text"]; t != "" {
		p.Undo = []engines.Action{{Target: s.On, Verb: engines.SQL, Title: "undo: " + s.Title, Text: t, Undoes: 1}}
	}
	return p, nil
}

// router returns the target that moves traffic: the step's own if it plans the
// kind, else the only one that does.
func (in Inputs) router(s runbooks.Step) (engines.TargetID, bool) {
	for _, t := range in.Book.Targets {
		pl := in.Planners[t.Engine]
		if t.Colour == "router" && pl != nil && pl.Supports(s.Kind, s.Stage) {
			return t.ID, true
		}
	}
	return "", false
}

// both joins the router's part and the database's.
func (in Inputs) both(s runbooks.Step, db engines.TargetID) (engines.Parts, error) {
	var p engines.Parts
	if r, ok := in.router(s); ok {
		q, err := in.ask(s, r)
		if err != nil {
			return p, err
		}
		p.Append(q)
	}
	q, err := in.ask(s, db)
	if err != nil {
		return p, err
	}
	p.Append(q)
	return p, nil
}

// ask puts the request to the planner of a target.
func (in Inputs) ask(s runbooks.Step, on engines.TargetID) (engines.Parts, error) {
	t, ok := in.Book.Target(on)
	if !ok {
		return engines.Parts{}, &ErrKind{s.ID, s.Kind, s.Stage, fmt.Sprintf("no target %q in the runbook", on)}
	}
	pl := in.Planners[t.Engine]
	if pl == nil || !pl.Supports(s.Kind, s.Stage) {
		return engines.Parts{}, &ErrKind{s.ID, s.Kind, s.Stage, fmt.Sprintf("engine %s of target %s does not plan it", t.Engine, on)}
	}
	k, _ := KindByName(s.Kind)
	if len(k.Stages) > 0 && !slices.Contains(k.Stages, s.Stage) {
		return engines.Parts{}, &ErrKind{s.ID, s.Kind, s.Stage, "unknown stage"}
	}
	params := make(map[string]string, len(in.Values.Text)+len(t.Params))
	for k, v := range in.Values.Text {
		params[k] = v
	}
	for k, v := range t.Params {
		params[k] = v
	}
	for id, w := range in.Known { // where the sides are, for lines of a router
		if w.Port != 0 {
			params[string(id)+"_host"], params[string(id)+"_port"] = w.Host, fmt.Sprint(w.Port)
		}
	}
	return pl.Plan(engines.Request{
		Kind: s.Kind, Stage: s.Stage, Run: in.Run, Attempt: in.Attempt, On: on,
		From: s.From, To: s.To, Params: params, Lists: in.Values.Lists, Args: s.Args,
		Vars: in.Vars, Known: in.Known, InBlock: in.InBlock, Change: in.Book.Change, Limit: s.Timeout,
	})
}
