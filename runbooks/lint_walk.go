package runbooks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// direction is where the writes go.
type direction struct{ from, to engines.TargetID }

// walk looks at phases in their order. main: the walk itself, not a way back.
func (l *linter) walk(ps []Phase, main bool) {
	var all []Step
	for _, p := range ps {
		for _, s := range p.Steps {
			l.checkStep(s)
			if s.Kind == "freeze" && p.Budget <= 0 {
				l.step(s, "", fmt.Sprintf("add budget: 20s to phase %s", p.Name), "freeze in a phase without a budget: clients would wait without a limit")
			}
			all = append(all, s)
		}
		if p.Block {
			l.block(p)
		} else if p.Budget > 0 && !slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Kind == "freeze" }) {
			l.refuse(p.path+".budget", 0, "leave the budget out", "phase %s: a budget without a freeze limits nothing", p.Name)
		}
	}
	l.order(all)
	l.dropped(all)
	if main {
		l.returns(all)
	}
}

// block looks at a phase that is confirmed once.
func (l *linter) block(p Phase) {
	say := func(key, next, format string, args ...any) {
		l.refuse(p.path+key, 0, next, "phase %s: "+format, append([]any{p.Name}, args...)...)
	}
	kinds := make(map[string]bool)
	most := Read
	for i, s := range p.Steps {
		kinds[s.Kind] = true
		most = max(most, s.Risk)
		if s.Risk == NoReturn {
			l.step(s, "risk", "give it an own phase with an own confirmation", "NO RETURN inside a block: its abort plan could not take it back")
		}
		if i > 0 && len(s.Before) > 0 {
			l.step(s, "before", "put the gate at the block's first step", "gates of a block are evaluated before it begins")
		}
		if i < len(p.Steps)-1 && len(s.After) > 0 {
			l.step(s, "after", "put the gate at the block's last step; inside, proofs decide", "gates after a step inside a block are not evaluated")
		}
		if s.From != p.Steps[0].From || s.To != p.Steps[0].To {
			l.step(s, "from", "split the block", "a block moves the writes in one direction")
		}
	}
	if !kinds["freeze"] || !kinds["open"] {
		say(".block", "put freeze, catchup, route and open into it, or leave block out", "a block without freeze or without open: clients could be left waiting")
	}
	if slices.Contains(p.step().Approvers, nobody) {
		say(".block", "name somebody in all lists", "nobody is among the approvers of every step of the block")
	}
	if p.Budget <= 0 {
		say(".block", "add budget: 20s", "a block without a budget")
	}
	if p.Risk < most && most < NoReturn {
		say(".risk", "write risk: "+riskWords()[most], "the block is %s, a step of it is %s", p.Risk, most)
	}
}

// order looks at the sequence that keeps every commit: freeze, catch-up, then
// all that relies on it, and open last.
func (l *linter) order(steps []Step) {
	done := make(map[direction]map[string]bool)
	for _, s := range steps {
		d := direction{s.From, s.To}
		if done[d] == nil {
			done[d] = make(map[string]bool)
		}
		frozen, caught := done[d]["freeze"], done[d]["catchup"]
		switch {
		case s.Kind == "catchup" && !frozen:
			l.step(s, "kind", "put a freeze of "+string(s.From)+" before it", "catchup before the freeze: a writer could still commit behind the position")
		case s.Kind == "sequences" && s.Stage == "" && !caught:
			l.step(s, "kind", "put it after catchup; use stage margin to raise them ahead of the window", "sequences before catchup: numbers could be handed out twice")
		case s.Kind == "reverse" && s.Stage == "slot" && !caught:
			l.step(s, "stage", "put it after freeze and catchup", "the reverse slot before freeze and catchup: the way back would send rows that %s already has", s.From)
		case s.Kind == "reverse" && s.Stage == "start" && !caught:
			l.step(s, "stage", "put it after freeze and catchup", "the way back is started before freeze and catchup: it would miss what %s has not applied yet", s.To)
		case (s.Kind == "route" || s.Kind == "open") && !caught:
			why := "nothing proves that " + string(s.To) + " has everything"
			if gatedOnLag(s) {
				why = "lag alone does not prove that " + string(s.To) + " has everything"
			}
			l.step(s, "kind", "put freeze and catchup before it", "%s without a catchup before it: %s", s.Kind, why)
		case s.Kind == "open" && !done[d]["route"]:
			l.step(s, "kind", "put route before it", "open before route: clients would go on against %s", s.From)
		}
		done[d][kindStage(s)] = true
	}
}

func gatedOnLag(s Step) bool {
	return slices.ContainsFunc(s.Before, func(g Gate) bool { return strings.Contains(string(g.Gauge), "lag") })
}

// dropped refuses to take the link down before the writes have moved: an abort
// would need a new green.
func (l *linter) dropped(steps []Step) {
	for i, s := range steps {
		if s.Kind != "open" {
			continue
		}
		for _, e := range steps[:i] {
			same := e.From == s.From && e.To == s.To
			link := e.Kind == "detach" || e.Stage == "drop" && slices.Contains([]string{"attach", "publish", "control", "role"}, e.Kind)
			if same && link || e.Kind == "sql" && drops.MatchString(strings.TrimSpace(e.statement())) {
				l.step(e, "kind", "put it after step "+string(s.ID), "takes the replication down before writes are open on %s: an abort would lose green", s.To)
			}
			if e.Kind == "close" {
				l.step(e, "kind", "put it after step "+string(s.ID), "gives up the way back before writes are open on %s", s.To)
			}
		}
	}
}

// returns asks that the way back begins before writes open.
func (l *linter) returns(steps []Step) {
	begun := false
	for _, s := range steps {
		begun = begun || s.Kind == "reverse" && (s.Stage == "slot" || s.Stage == "start")
		if s.Kind == "open" && !begun && s.Risk != NoReturn {
			l.step(s, "kind", "put reverse with stage "+l.beginsWith(s)+" before it, or write risk: no_return in a phase without block",
				"open without a reverse "+l.beginsWith(s)+": there is no way back from the first write on")
		}
	}
}

// beginsWith is the stage by which the way back begins on the engine of the side
// that had the writes: a slot that keeps them, or a link that runs.
func (l *linter) beginsWith(s Step) string {
	t, _ := l.book.Target(s.From)
	if e, ok := l.cat.engine(t.Engine); ok && e.Supports != nil && !e.Supports("reverse", "slot") && e.Supports("reverse", "start") {
		return "start"
	}
	return "slot"
}

// cover asks that from the first change to the point of no return some way back
// is the right one.
func (l *linter) cover() {
	first, freeze, open, end, n := -1, -1, -1, -1, 0
	for _, p := range l.book.Phases {
		for _, s := range p.Steps {
			if s.Risk >= Change && first < 0 {
				first = n
			}
			if (s.Kind == "freeze" || s.Kind == "switch") && freeze < 0 {
				freeze = n
			}
			if (s.Kind == "open" || s.Kind == "switch") && open < 0 && s.Risk < NoReturn {
				open = n
			}
			if s.Risk == NoReturn && end < 0 {
				end = n
			}
			n++
		}
	}
	if end < 0 {
		end = n
	}
	if open < 0 {
		return
	}
	covered := func(from, until int) bool {
		return slices.ContainsFunc(l.book.Back, func(w WayBack) bool {
			u := l.book.place(w.Until)
			if w.Until == "" {
				u = n
			}
			return l.book.place(w.After) <= from && u >= until
		})
	}
	if freeze >= 0 && first < freeze && !covered(first, freeze) {
		l.refuse(".ways_back", 0, "add a way back from the first change until the freeze", "no way back covers the steps from the first change to the window")
	}
	if open < end && !covered(open, end) {
		l.refuse(".ways_back", 0, "add a way back from the step that opens writes until the point of no return", "no way back covers the steps after writes are open")
	}
}
