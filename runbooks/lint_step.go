package runbooks

import (
	"fmt"
	"slices"
	"strings"
)

// minSigners of a step that has no way back: the operator and one more.
const minSigners = 2

// checkStep looks at one step by itself.
func (l *linter) checkStep(s Step) {
	k, ok := l.cat.kind(s.Kind)
	if !ok {
		l.step(s, "kind", suggest(s.Kind, l.cat.kindNames()), "unknown kind %q", s.Kind)
	} else {
		l.stage(s, k)
		for _, need := range k.Needs {
			if s.Args[need] == "" {
				l.step(s, "args", fmt.Sprintf("add args: {%s: …}", need), "kind %s needs the argument %q", s.Kind, need)
			}
		}
	}
	for name, gs := range map[string][]Gate{"before": s.Before, "after": s.After} {
		for i, g := range gs {
			l.gauge(s, fmt.Sprintf("%s[%d].gauge", name, i), g)
		}
	}
	l.risk(s)
	l.sql(s)
}

func (l *linter) stage(s Step, k KindInfo) {
	switch {
	case len(k.Stages) == 0 && s.Stage != "":
		l.step(s, "stage", "leave the stage out", "kind %s has no stages", s.Kind)
		return
	case len(k.Stages) > 0 && s.Stage == "" && !slices.Contains(k.Stages, ""):
		l.step(s, "kind", "add stage: "+strings.Join(k.Stages, " | "), "kind %s needs a stage", s.Kind)
		return
	case len(k.Stages) > 0 && !slices.Contains(k.Stages, s.Stage):
		l.step(s, "stage", suggest(s.Stage, k.Stages), "kind %s: unknown stage %q", s.Kind, s.Stage)
		return
	}
	if idle(s.Kind) || !l.cat.planned(s.Kind, s.Stage) {
		return // reads gauges, waits for a person, or brings its own statement
	}
	for _, t := range l.book.Targets {
		if e, ok := l.cat.engine(t.Engine); ok && e.Supports != nil && e.Supports(s.Kind, s.Stage) && (t.ID == s.On || composed(s.Kind)) {
			return
		}
	}
	t, _ := l.book.Target(s.On)
	l.step(s, "on", "name a target whose engine plans it", "engine %s of target %s does not plan %s", t.Engine, s.On, kindStage(s))
}

// idle kinds send nothing of their own; any target will do.
func idle(kind string) bool { return slices.Contains([]string{"preflight", "probe", "hold"}, kind) }

// composed kinds are planned by the router and the database together: it is
// enough that one target of the book plans them.
func composed(kind string) bool {
	return slices.Contains([]string{"freeze", "route", "open", "capture"}, kind)
}

func kindStage(s Step) string {
	if s.Stage == "" {
		return s.Kind
	}
	return s.Kind + "/" + s.Stage
}

func (l *linter) gauge(s Step, key string, g Gate) {
	id, name := g.Gauge.Split()
	for part, why := range noGate() {
		if strings.Contains(name, part) {
			l.step(s, key, "gate on lag_seconds of the side with the writes and on link_seconds of the other", "gauge %q %s", g.Gauge, why)
			return
		}
	}
	if g.Op == Equal && strings.Contains(name, "lag_seconds") && strings.Trim(g.Want, "0ms") == "" {
		l.step(s, key, "write op: \"<\", want: 2s", "a gate on a lag of exactly 0: it flickers, and never holds for long")
	}
	t, _ := l.book.Target(id)
	e, ok := l.cat.engine(t.Engine)
	if !ok || slices.Contains(e.Gauges, name) {
		return
	}
	full := make([]string, len(e.Gauges))
	for i, n := range e.Gauges {
		full[i] = string(id) + "/" + n
	}
	l.step(s, key, suggest(string(g.Gauge), full), "unknown gauge %q", g.Gauge)
}

// leastRisk of kinds that touch traffic or end the way back. A lower one would
// let a single letter confirm them.
func leastRisk(kind string) Risk {
	switch kind {
	case "freeze", "route", "open", "switch", "shift":
		return Traffic
	case "close":
		return NoReturn
	case "preflight", "probe", "hold", "capture", "sql", "manual", "sessions", "roundtrip":
		return Read
	}
	return Change
}

// signatures looks at what a step says of its second person.
func (l *linter) signatures(s Step) {
	needs := s.Signers >= minSigners
	switch {
	case s.Ahead && s.Risk == NoReturn:
		l.step(s, "signers", "leave ahead out: the plan and its checks must be before whoever signs", "NO RETURN is never approved ahead")
	case s.Ahead && !needs:
		l.step(s, "signers", "add signers: 2, or leave ahead out", "ahead without a second signature")
	case len(s.Approvers) > 0 && !needs:
		l.step(s, "signers", "add signers: 2, or leave approvers out", "approvers without a second signature")
	case len(s.Approvers) > 0 && len(s.Approvers) < s.Signers-1:
		l.step(s, "signers", "name more of them, or lower signers", "%d approvers for %d signatures", len(s.Approvers), s.Signers-1)
	}
}

func (l *linter) risk(s Step) {
	if least := leastRisk(s.Kind); s.Risk < least {
		if _, known := l.cat.kind(s.Kind); known {
			l.step(s, "risk", "write risk: "+riskWords()[least], "kind %s is at least %s", s.Kind, least)
		}
	}
	if (s.Risk == Change || s.Risk == Traffic) && len(s.Undo) == 0 && s.UndoNone == "" && s.Args["undo_text"] == "" {
		l.step(s, "risk", "name the steps that take it back under undo, or write undo: none and undo_reason", "%s without undo", s.Risk)
	}
	l.signatures(s)
	if s.Risk != NoReturn {
		return
	}
	if s.Phrase == "" {
		l.step(s, "risk", "add phrase: what the operator types", "NO RETURN without a phrase")
	}
	if s.Signers < minSigners {
		l.step(s, "risk", "add signers: 2", "NO RETURN needs a second person")
	}
}
