package runbooks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// build turns checked values into the types. What was refused stays zero.
func (d *decoder) build(v *value) *Runbook {
	b := &Runbook{Name: v.str("name"), Title: v.str("title"), Why: v.str("why"), Author: v.str("author")}
	for _, name := range keys(v.get("params")) {
		b.Params = append(b.Params, d.param(name, v.get("params").get(name)))
	}
	for _, name := range keys(v.get("secrets")) {
		b.Secrets = append(b.Secrets, Secret{Name: name, From: ref(v.get("secrets").get(name))})
	}
	for _, id := range keys(v.get("targets")) {
		b.Targets = append(b.Targets, target(id, v.get("targets").get(id)))
	}
	b.Change = d.change(v)
	b.Phases = d.phases(v.get("phases"))
	for _, w := range items(v.get("ways_back")) {
		b.Back = append(b.Back, WayBack{
			Name: w.str("name"), Title: w.str("title"), After: StepID(w.str("after")), Until: StepID(w.str("until")),
			Loses: w.str("loses"), Ends: w.str("ends"), Phases: d.phases(w.get("phases")), path: w.path,
		})
	}
	return b
}

func keys(v *value) []string {
	if v == nil {
		return nil
	}
	return v.keys
}

func items(v *value) []*value {
	if v == nil {
		return nil
	}
	return v.items
}

func number(v *value) int {
	if v == nil {
		return 0
	}
	n, _ := strconv.Atoi(v.text) // the decoder let only whole numbers through
	return n
}

func span(v *value) time.Duration {
	if v == nil {
		return 0
	}
	t, _ := time.ParseDuration(v.text) // the decoder let only durations and $parameters through
	return t
}

func truth(v *value) bool { return v != nil && v.text == "true" }

func risk(v *value) Risk {
	if v == nil {
		return Read
	}
	if i := slices.Index(riskWords(), v.text); i >= 0 {
		return Risk(i)
	}
	return NoReturn
}

func ref(v *value) Ref {
	if v == nil || len(v.keys) == 0 {
		return Ref{}
	}
	return Ref{Kind: v.keys[0], Name: v.str(v.keys[0])}
}

func texts(v *value) map[string]string {
	m := make(map[string]string, len(keys(v)))
	for _, k := range keys(v) {
		m[k] = v.str(k)
	}
	return m
}

func (d *decoder) param(name string, v *value) Param {
	p := Param{Name: name, Type: v.str("type"), Doc: v.str("doc"), Required: truth(v.get("required")), Secret: truth(v.get("secret"))}
	def := v.get("default")
	if def == nil {
		return p
	}
	if def.isList != (p.Type == "list") && p.Type != "" {
		d.refuse(def.pos, `write a list for type list, one value for any other`, "parameter %s: the default does not fit type %s", name, p.Type)
		return p
	}
	for _, i := range def.items {
		p.List = append(p.List, i.text)
	}
	p.Default = def.text
	if p.Type == "dsn" || holdsPassword(def.text) {
		d.refuseSecret(def.pos, "leave the password out; it is taken from secrets", "parameter "+name+": a connection string with a password is never written into a runbook")
		return p
	}
	if !p.isList() && !strings.Contains(p.Default, "${env:") {
		if why := fits(p.Type, p.Default); why != "" {
			d.refuse(def.pos, why, "parameter %s: the default %q does not fit type %s", name, p.Default, p.Type)
		}
	}
	return p
}

func (p Param) isList() bool { return p.Type == "list" }

func target(id string, v *value) Target {
	t := Target{ID: engines.TargetID(id), Engine: v.str("engine"), Colour: v.str("colour"), DSN: ref(v.get("dsn"))}
	if v != nil {
		t.path, t.Params = v.path, texts(v.get("params"))
	}
	if t.Colour == "" {
		t.Colour = id
	}
	if name, ok := strings.CutPrefix(t.Engine, "$"); ok {
		t.Engine, t.engineParam = "", name
	}
	return t
}

func (d *decoder) phases(v *value) []Phase {
	var ps []Phase
	for i, w := range items(v) {
		p := Phase{
			Number: number(w.get("number")), Name: w.str("name"), Block: truth(w.get("block")), Budget: span(w.get("budget")),
			Risk: risk(w.get("risk")), Word: w.str("word"), Title: w.str("title"), Why: w.str("why"), path: w.path,
			Edge: Edge(w.str("edge")),
		}
		if p.Number == 0 {
			p.Number = i + 1
		}
		if b := w.get("budget"); b != nil {
			p.budgetParam, _ = strings.CutPrefix(b.text, "$")
			if p.Budget > 0 {
				p.budgetParam = ""
			}
		}
		for _, s := range items(w.get("steps")) {
			p.Steps = append(p.Steps, d.step(s))
		}
		ps = append(ps, p)
	}
	return ps
}

func (d *decoder) step(v *value) Step {
	s := Step{
		ID: StepID(v.str("id")), Title: v.str("title"), Why: v.str("why"), Kind: v.str("kind"), Stage: v.str("stage"),
		Args: texts(v.get("args")), On: engines.TargetID(v.str("on")), From: "blue", To: "green", Risk: risk(v.get("risk")),
		Before: d.gates(v.get("before")), After: d.gates(v.get("after")), Expect: v.str("expect"), UndoNone: v.str("undo_reason"),
		Planned: span(v.get("planned")), Timeout: span(v.get("timeout")), Signers: number(v.get("signers")),
		Phrase: v.str("phrase"), Word: v.str("word"), Line: v.line, path: v.path, BreakGlass: truth(v.get("break_glass")),
		Ahead: truth(v.get("ahead")), Anchor: v.str("anchor"),
	}
	for _, who := range items(v.get("approvers")) {
		s.Approvers = append(s.Approvers, who.text)
	}
	for _, d := range items(v.get("desks")) {
		s.Desks = append(s.Desks, d.text)
	}
	if f := v.str("from"); f != "" {
		s.From = engines.TargetID(f)
	}
	if t := v.str("to"); t != "" {
		s.To = engines.TargetID(t)
	}
	for _, u := range items(v.get("undo")) {
		if u.text != "none" {
			s.Undo = append(s.Undo, StepID(u.text))
		}
	}
	if len(items(v.get("undo"))) > 1 && len(s.Undo) < len(items(v.get("undo"))) {
		d.refuse(v.get("undo").pos, `write "none" alone or the steps alone`, "step %s: undo names steps and none", s.ID)
	}
	if len(s.Undo) > 0 && s.UndoNone != "" {
		d.refuse(v.get("undo_reason").pos, "keep undo or undo_reason", "step %s: undo names steps, undo_reason says that there is nothing to undo", s.ID)
	}
	return s
}

func (d *decoder) gates(v *value) []Gate {
	var gs []Gate
	for _, w := range items(v) {
		g := Gate{
			Gauge: engines.GaugeID(w.str("gauge")), Op: Op(w.str("op")), Want: w.str("want"),
			For: span(w.get("for")), MaxAge: span(w.get("max_age")),
		}
		g.wantParam, _ = strings.CutPrefix(g.Want, "$")
		if g.wantParam == g.Want {
			g.wantParam = ""
		}
		if f := w.str("for"); g.For == 0 {
			if name, ok := strings.CutPrefix(f, "$"); ok {
				g.forParam = name
			}
		}
		if why := g.wrong(); why != "" && w.get("want") != nil && g.wantParam == "" {
			d.refuse(w.get("want").pos, why, "gate %s: %q cannot be compared by %s", g.Gauge, g.Want, g.Op)
		}
		gs = append(gs, g)
	}
	return gs
}

// wrong says how to write a wanted value that its gauge could never be compared
// with; empty if it can.
func (g Gate) wrong() string {
	_, name := g.Gauge.Split()
	unit := name[strings.LastIndexByte(name, '_')+1:]
	num := strings.TrimRightFunc(g.Want, func(r rune) bool { return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' })
	suffix := strings.TrimPrefix(g.Want, num)
	n, err := strconv.ParseFloat(strings.TrimSpace(num), 64)
	numeric := err == nil && n >= 0
	switch unit {
	case "seconds", "minutes":
		if !numeric || !slices.Contains([]string{"", "ms", "s", "min", "m", "h"}, suffix) {
			return fmt.Sprintf(`write a time: "2s", "500ms", "5min", "0"; %s is measured in %s`, g.Gauge, unit)
		}
	case "bytes":
		if !numeric || !slices.Contains([]string{"", "B", "KiB", "MiB", "GiB"}, suffix) {
			return fmt.Sprintf(`write bytes: "65536", "64KiB", "1MiB"; %s is measured in bytes`, g.Gauge)
		}
	case "count", "rate":
		if !numeric || suffix != "" {
			return fmt.Sprintf("write a number; %s is a %s", g.Gauge, unit)
		}
	default:
		if g.Want == "" || g.Op != "" && g.Op != Equal && g.Op != NotEqual {
			return `compare a word with "==" or "!="`
		}
	}
	return ""
}
