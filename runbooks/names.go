package runbooks

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// stepForm is how a step is numbered: phase and place, in a way back with the
// way's letter in front.
var stepForm = regexp.MustCompile(`^([A-Z]?)([1-9][0-9]{0,2})\.([1-9][0-9]{0,2})$`)

// password finds a literal password in a connection string or URI.
var password = regexp.MustCompile(`(?i)(password|passwd|pwd)\s*=\s*[^\s$]|://[^/\s:@]*:[^$@/\s][^@\s]*@`)

func holdsPassword(s string) bool { return password.MatchString(s) }

// names checks what one place says about another: ids, targets, parameters.
func (d *decoder) names(b *Runbook, v *value) {
	if v == nil {
		return
	}
	d.targets(b, v)
	d.releaseNames(b)
	ids := d.stepIDs(b)
	seen := make(map[StepID]int)
	d.walk(b, b.Phases, "", ids, seen)
	letters := make(map[string]string)
	for i := range b.Back {
		w := &b.Back[i]
		letter := wayLetter(w)
		at := d.marks[w.path+".name"]
		if letter == "" && len(w.Phases) > 0 {
			d.refuse(at, `number its steps "B1.1", "B1.2" with a letter that no other way has`, "way back %s: its steps have no letter", w.Name)
		} else if other, taken := letters[letter]; taken {
			d.refuse(at, "take another letter", "way back %s: letter %s is taken by way back %s", w.Name, letter, other)
		}
		letters[letter] = w.Name
		d.bound(b, w, "after", w.After)
		d.bound(b, w, "until", w.Until)
		if !b.side(engines.TargetID(w.Ends)) && w.Ends != "" && !b.colour(w.Ends) {
			d.refuse(d.marks[w.path+".ends"], suggest(w.Ends, b.targetNames()), "way back %s: unknown target %q", w.Name, w.Ends)
		}
		d.walk(b, w.Phases, letter, ids, seen)
	}
}

func wayLetter(w *WayBack) string {
	for _, p := range w.Phases {
		for _, s := range p.Steps {
			if m := stepForm.FindStringSubmatch(string(s.ID)); m != nil {
				return m[1]
			}
		}
	}
	return ""
}

func (d *decoder) bound(b *Runbook, w *WayBack, key string, id StepID) {
	if id != "" && !slices.Contains(stepNames(b.Phases), string(id)) {
		d.refuse(d.marks[w.path+"."+key], suggest(string(id), stepNames(b.Phases)), "way back %s: %s names no step of the walk: %q", w.Name, key, id)
	}
}

func stepNames(ps []Phase) []string {
	var ids []string
	for _, p := range ps {
		for _, s := range p.Steps {
			ids = append(ids, string(s.ID))
		}
	}
	return ids
}

func (d *decoder) stepIDs(b *Runbook) []string {
	ids := stepNames(b.Phases)
	for _, w := range b.Back {
		ids = append(ids, stepNames(w.Phases)...)
	}
	return ids
}

func (b *Runbook) targetNames() []string {
	names := make([]string, len(b.Targets))
	for i, t := range b.Targets {
		names[i] = string(t.ID)
	}
	return names
}

func (b *Runbook) paramNames() []string {
	names := make([]string, len(b.Params))
	for i, p := range b.Params {
		names[i] = p.Name
	}
	return names
}

func (b *Runbook) param(name string) (Param, bool) {
	i := slices.IndexFunc(b.Params, func(p Param) bool { return p.Name == name })
	if i < 0 {
		return Param{}, false
	}
	return b.Params[i], true
}

// side reports whether traffic can be on it: a target, or blue and green as the
// two halves behind a router in a book that binds no servers of them.
func (b *Runbook) side(id engines.TargetID) bool {
	_, ok := b.Target(id)
	return ok || (id == "blue" || id == "green") && slices.ContainsFunc(b.Targets, func(t Target) bool { return t.Colour == "router" })
}

// targets fills engines named by a parameter and refuses passwords in settings.
func (d *decoder) targets(b *Runbook, v *value) {
	for i := range b.Targets {
		t := &b.Targets[i]
		if t.engineParam != "" {
			p, ok := b.param(t.engineParam)
			if !ok {
				d.refuse(d.marks[t.path+".engine"], suggest(t.engineParam, b.paramNames()), "target %s: unknown parameter %q", t.ID, t.engineParam)
			}
			t.Engine = p.Default
		}
		for _, k := range keys(v.get("targets").get(string(t.ID)).get("params")) {
			if holdsPassword(t.Params[k]) {
				d.refuseSecret(d.marks[t.path+".params."+k], "name where it is kept, in dsn or secrets",
					fmt.Sprintf("target %s: a password is never written into a runbook", t.ID))
			}
		}
		if (t.DSN.Kind == "file" || t.DSN.Kind == "passfile") && !strings.HasPrefix(t.DSN.Name, "/") {
			d.refuse(d.marks[t.path+".dsn."+t.DSN.Kind], "write the absolute path", "target %s: %q is not an absolute path", t.ID, t.DSN.Name)
		}
	}
}

// walk checks the phases of the main walk or of a way back.
func (d *decoder) walk(b *Runbook, ps []Phase, letter string, ids []string, seen map[StepID]int) {
	last := 0
	for i := range ps {
		p := &ps[i]
		if p.Number <= last {
			d.refuse(d.marks[p.path], "number phases upwards", "phase %s: number %d does not follow %d", p.Name, p.Number, last)
		}
		last = p.Number
		if p.budgetParam != "" {
			q, ok := b.param(p.budgetParam)
			switch {
			case !ok:
				d.refuse(d.marks[p.path+".budget"], suggest(p.budgetParam, b.paramNames()), "phase %s: unknown parameter %q", p.Name, p.budgetParam)
			case q.Type != "duration":
				d.refuse(d.marks[p.path+".budget"], "make it a parameter of type duration", "phase %s: parameter %s is no duration", p.Name, q.Name)
			default:
				p.Budget = durationOf(q.Default)
			}
		}
		for j := range p.Steps {
			d.stepNames(b, p, &p.Steps[j], letter, ids, seen)
		}
	}
}

func (d *decoder) stepNames(b *Runbook, p *Phase, s *Step, letter string, ids []string, seen map[StepID]int) {
	at := d.marks[s.path+".id"]
	m := stepForm.FindStringSubmatch(string(s.ID))
	switch {
	case s.ID == "":
	case m == nil:
		d.refuse(at, fmt.Sprintf(`write phase and place: "%s%d.1"`, letter, p.Number), "step %s: bad id", s.ID)
	case m[1] != letter || m[2] != fmt.Sprint(p.Number):
		d.refuse(at, fmt.Sprintf(`ids here begin with "%s%d."`, letter, p.Number), "step %s: the id does not belong to phase %s%d", s.ID, letter, p.Number)
	case seen[s.ID] > 0:
		d.refuse(at, "give each step its own id", "duplicate step id %q: first in line %d", s.ID, seen[s.ID])
	}
	if seen[s.ID] == 0 {
		seen[s.ID] = s.Line
	}
	for _, k := range []struct {
		key string
		id  engines.TargetID
	}{{"on", s.On}, {"from", s.From}, {"to", s.To}} {
		at, given := d.marks[s.path+"."+k.key]
		if _, ok := b.Target(k.id); !ok && given && k.id != "" && (k.key == "on" || !b.side(k.id) && !b.colour(string(k.id))) {
			d.refuse(at, suggest(string(k.id), b.targetNames()), "step %s: unknown target %q", s.ID, k.id)
		}
	}
	if s.From == s.To {
		d.refuse(d.marks[s.path], "name two sides", "step %s: from and to are the same side", s.ID)
	}
	for i, u := range s.Undo {
		if !slices.Contains(ids, string(u)) {
			d.refuse(d.marks[fmt.Sprintf("%s.undo[%d]", s.path, i)], suggest(string(u), ids), "step %s: undo names no step: %q", s.ID, u)
		}
	}
	for name, gs := range map[string][]Gate{"before": s.Before, "after": s.After} {
		for i := range gs {
			d.gateParams(b, &gs[i], fmt.Sprintf("%s.%s[%d]", s.path, name, i), s.ID)
			g := gs[i]
			t, _ := g.Gauge.Split()
			if _, ok := b.Target(t); !ok && g.Gauge != "" {
				d.refuse(d.marks[fmt.Sprintf("%s.%s[%d].gauge", s.path, name, i)], suggest(string(t), b.targetNames()),
					"step %s: gauge %q is of no target", s.ID, g.Gauge)
			}
		}
	}
}

// gateParams gives what a gate takes from a parameter its default, and refuses
// one that could never fit.
func (d *decoder) gateParams(b *Runbook, g *Gate, path string, id StepID) {
	if g.forParam != "" {
		if p, ok := b.param(g.forParam); !ok || p.Type != "duration" {
			d.refuse(d.marks[path+".for"], suggest(g.forParam, b.paramNames()), "step %s: %q is no parameter of type duration", id, g.forParam)
		}
	}
	if g.wantParam != "" {
		p, ok := b.param(g.wantParam)
		if !ok || p.isList() {
			d.refuse(d.marks[path+".want"], suggest(g.wantParam, b.paramNames()), "step %s: %q is no parameter with one value", id, g.wantParam)
			return
		}
		if with := g.with(Values{Text: map[string]string{p.Name: p.Default}}); p.Default != "" && !strings.Contains(p.Default, "${env:") {
			if why := with.wrong(); why != "" {
				d.refuse(d.marks[path+".want"], why, "step %s: the default %q of parameter %s cannot be compared with %s", id, p.Default, p.Name, g.Gauge)
			}
		}
	}
	*g = g.with(Values{Text: map[string]string{g.forParam: b.defaultOf(g.forParam), g.wantParam: b.defaultOf(g.wantParam)}})
}

func (b *Runbook) defaultOf(name string) string {
	p, _ := b.param(name)
	return p.Default
}
