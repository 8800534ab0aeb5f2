package runbooks

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

func durationOf(s string) time.Duration {
	t, err := time.ParseDuration(s)
	if err != nil {
		return 0
	}
	return t
}

// fits says how a value of a type is written; empty if it is written so.
func fits(typ, v string) string {
	switch typ {
	case "int":
		if _, err := strconv.ParseInt(v, 10, 64); err != nil {
			return "write a whole number"
		}
	case "duration":
		if durationOf(v) <= 0 {
			return `write a number with a unit: "500ms", "30s", "5m"`
		}
	case "bool":
		if v != "true" && v != "false" {
			return "write true or false"
		}
	case "text", "phrase", "dsn":
		if strings.ContainsAny(v, "\x00\r\n") {
			return "keep it on one line"
		}
	}
	return ""
}

// Resolve gives every parameter its value: what was given, else the default.
// ${env:NAME} in defaults and in settings of targets is filled in from env.
func Resolve(b *Runbook, given map[string]string, env func(string) (string, bool)) (Values, []Finding) {
	v := Values{Text: map[string]string{}, Lists: map[string][]string{}, Targets: map[engines.TargetID]map[string]string{}}
	var fs []Finding
	refuse := func(path, next, format string, args ...any) {
		f := b.finding(path, 0, next, format, args...)
		f.Excerpt = "" // the value comes from the command line, not from the file
		fs = append(fs, f)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, ok := b.param(name); !ok {
			refuse(".params", suggest(name, b.paramNames()), "unknown parameter %q", name)
		}
	}
	for _, p := range b.Params {
		path := ".params." + p.Name
		got, ok := given[p.Name]
		switch {
		case p.isList() && ok:
			v.Lists[p.Name] = splitList(got)
			continue
		case p.isList():
			v.Lists[p.Name] = slices.Clone(p.List)
			continue
		case !ok:
			var err error
			if got, err = Expand(p.Default, env); err != nil {
				refuse(path, "set the variable or give the parameter", "parameter %s: %v", p.Name, err)
				continue
			}
		}
		if got == "" {
			if p.Required {
				refuse(path, fmt.Sprintf("give it: --param %s=… (%s)", p.Name, p.Doc), "parameter %s has no value", p.Name)
			}
			v.Text[p.Name] = ""
			continue
		}
		if holdsPassword(got) {
			refuse(path, "leave the password out; it is taken from secrets", "parameter %s: holds a password", p.Name)
			continue
		}
		if why := fits(p.Type, got); why != "" {
			refuse(path, why, "parameter %s does not fit its type %s", p.Name, p.Type)
			continue
		}
		v.Text[p.Name] = got
	}
	for _, t := range b.Targets {
		m := make(map[string]string, len(t.Params))
		for _, k := range slices.Sorted(maps.Keys(t.Params)) {
			x, err := Expand(t.Params[k], env)
			if err != nil {
				refuse(t.path+".params."+k, "set the variable", "target %s: %s: %v", t.ID, k, err)
			}
			m[k] = x
		}
		v.Targets[t.ID] = m
	}
	return v, fs
}

func splitList(s string) []string {
	var l []string
	for _, x := range strings.Split(s, ",") {
		if x = strings.TrimSpace(x); x != "" {
			l = append(l, x)
		}
	}
	return l
}

// Expand fills ${env:NAME} in. A variable that is not set is an error: an empty
// value would point at another place than the author meant.
func Expand(s string, env func(string) (string, bool)) (string, error) {
	var out strings.Builder
	for {
		head, rest, found := strings.Cut(s, "${env:")
		out.WriteString(head)
		if !found {
			return out.String(), nil
		}
		name, tail, closed := strings.Cut(rest, "}")
		if !closed || name == "" {
			return "", fmt.Errorf("%q is not closed", "${env:")
		}
		x, ok := env(name)
		if !ok {
			return "", fmt.Errorf("environment variable %s is not set", name)
		}
		out.WriteString(x)
		s = tail
	}
}

// With returns the book for one run: engines, budgets and settings of targets
// that depend on parameters are filled in. Source and digest stay.
func (b *Runbook) With(v Values) *Runbook {
	c := *b
	c.Targets = slices.Clone(b.Targets)
	for i := range c.Targets {
		t := &c.Targets[i]
		if e := v.Text[t.engineParam]; t.engineParam != "" && e != "" {
			t.Engine = e
		}
		if m, ok := v.Targets[t.ID]; ok {
			t.Params = maps.Clone(m)
		}
	}
	c.Phases = budgets(b.Phases, v)
	c.Back = slices.Clone(b.Back)
	for i := range c.Back {
		c.Back[i].Phases = budgets(c.Back[i].Phases, v)
	}
	return &c
}

func budgets(ps []Phase, v Values) []Phase {
	ps = slices.Clone(ps)
	for i := range ps {
		if t := durationOf(v.Text[ps[i].budgetParam]); ps[i].budgetParam != "" && t > 0 {
			ps[i].Budget = t
		}
		ps[i].Steps = slices.Clone(ps[i].Steps)
		for j := range ps[i].Steps {
			ps[i].Steps[j].Before = gatesWith(ps[i].Steps[j].Before, v)
			ps[i].Steps[j].After = gatesWith(ps[i].Steps[j].After, v)
		}
	}
	return ps
}

func gatesWith(gs []Gate, v Values) []Gate {
	gs = slices.Clone(gs)
	for i := range gs {
		gs[i] = gs[i].with(v)
	}
	return gs
}

// with fills in what the gate takes from parameters.
func (g Gate) with(v Values) Gate {
	if t := durationOf(v.Text[g.forParam]); g.forParam != "" && t > 0 {
		g.For = t
	}
	if w := v.Text[g.wantParam]; g.wantParam != "" && w != "" {
		g.Want = w
	}
	return g
}
