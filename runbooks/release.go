package runbooks

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/turquoise-db/turquoise/engines"
)

// Edge is a way between two states of a release on a shared database: "S2-S3".
type Edge string

var edgeForm = regexp.MustCompile(`^S([0-6])-S([0-6])$`)

// ends gives the numbers of the states; ok is false if it is no edge.
func (e Edge) ends() (from, to int, ok bool) {
	m := edgeForm.FindStringSubmatch(string(e))
	if m == nil || m[1] == m[2] {
		return 0, 0, false
	}
	return int(m[1][0] - '0'), int(m[2][0] - '0'), true
}

// colour reports whether a name is a version of the application. Where a
// database is shared, from and to of a step name versions, not servers.
func (b *Runbook) colour(name string) bool {
	return b.Change != nil && slices.Contains(engines.Colours(), engines.Colour(name))
}

// change builds what the source says of a shared database; nil if nothing.
func (d *decoder) change(v *value) *engines.SchemaChange {
	s := v.get("schema")
	if s == nil {
		if c := v.get("colours"); c != nil {
			d.refuse(c.pos, "add schema, or leave colours out", "colours without a schema: nothing says what they share")
		}
		return nil
	}
	c := &engines.SchemaChange{
		On: engines.TargetID(s.str("on")), Router: engines.TargetID(s.str("router")), Table: s.str("table"), Key: s.str("key"),
		Filled: s.str("filled"), Old: d.objects(s.get("old")), New: d.objects(s.get("new")), Both: d.objects(s.get("both")),
		Up: mapped(s.get("map").get("up")), Down: mapped(s.get("map").get("down")),
		Roles: map[engines.Colour]string{}, Others: texts(s.get("others")),
	}
	for _, f := range items(s.get("no_down")) {
		c.NoDown = append(c.NoDown, f.text)
	}
	for _, k := range keys(v.get("colours")) {
		w := v.get("colours").get(k)
		if !slices.Contains(engines.Colours(), engines.Colour(k)) {
			d.refuse(d.marks[".colours."+k], "name blue, turquoise or green; other clients stand in schema.others", "unknown colour %q", k)
			continue
		}
		c.Roles[engines.Colour(k)] = w.str("role")
	}
	return c
}

func mapped(v *value) []engines.Mapped {
	var out []engines.Mapped
	for _, k := range keys(v) {
		out = append(out, engines.Mapped{Column: k, Expr: v.str(k)})
	}
	return out
}

func (d *decoder) objects(v *value) []engines.Object {
	var out []engines.Object
	for _, w := range items(v) {
		o, err := engines.ParseObject(w.text)
		if err != nil {
			d.refuse(w.pos, `write "column name", "trigger name", "index name"`, "object %q: %v", w.text, err)
			continue
		}
		if o.State != "" {
			d.refuse(w.pos, "leave the state out: "+o.Kind+" "+o.Name, "object %q: here it is named alone", w.text)
		}
		out = append(out, engines.Object{Kind: o.Kind, Name: o.Name})
	}
	return out
}

// plainTable is what is put into statements: a schema and a table that need no quotes.
var plainTable = regexp.MustCompile(`^[a-z_][a-z0-9_$]*\.[a-z_][a-z0-9_$]*$`)

// releaseNames checks what the schema says about targets, columns and states.
func (d *decoder) releaseNames(b *Runbook) {
	b.eachPhase(func(p Phase, _ bool) {
		if p.Edge == "" {
			return
		}
		at := d.marks[p.path+".edge"]
		if _, _, ok := p.Edge.ends(); !ok {
			d.refuse(at, `write two states of S0 to S6: "S2-S3"`, "phase %s: %q is no way between two states", p.Name, p.Edge)
		} else if b.Change == nil {
			d.refuse(at, "add schema and colours, or leave the edge out", "phase %s: an edge without a schema", p.Name)
		}
	})
	c := b.Change
	if c == nil {
		return
	}
	for _, t := range []struct {
		key string
		id  engines.TargetID
	}{{"on", c.On}, {"router", c.Router}} {
		if _, ok := b.Target(t.id); !ok && t.id != "" {
			d.refuse(d.marks[".schema."+t.key], suggest(string(t.id), b.targetNames()), "schema: unknown target %q", t.id)
		}
	}
	if c.Table != "" && !plainTable.MatchString(c.Table) {
		d.refuse(d.marks[".schema.table"], "write schema.table in small letters", "schema: table %q", c.Table)
	}
	d.columns(".schema.map.up", c.Up, c.New, "new")
	d.columns(".schema.map.down", c.Down, c.Old, "old")
	if c.Filled != "" && !slices.ContainsFunc(c.Up, func(m engines.Mapped) bool { return m.Column == c.Filled }) {
		d.refuse(d.marks[".schema.filled"], "name a column that schema.map.up fills", "schema: nothing fills column %q", c.Filled)
	}
}

// columns asks that a mapping makes every column of the shape it leads to, and
// no other.
func (d *decoder) columns(path string, ms []engines.Mapped, shape []engines.Object, which string) {
	at := d.marks[path]
	for _, m := range ms {
		if !slices.Contains(shape, engines.Object{Kind: "column", Name: m.Column}) {
			d.refuse(at, fmt.Sprintf("add column %s to schema.%s, or leave it out", m.Column, which), "schema: %q is no %s column", m.Column, which)
		}
	}
	for _, o := range shape {
		if o.Kind == "column" && !slices.ContainsFunc(ms, func(m engines.Mapped) bool { return m.Column == o.Name }) {
			d.refuse(at, "add the expression that makes it", "schema: nothing makes the %s column %s", which, o.Name)
		}
	}
}

// eachPhase visits the phases of the walk and of the ways back.
func (b *Runbook) eachPhase(f func(p Phase, back bool)) {
	for _, p := range b.Phases {
		f(p, false)
	}
	for _, w := range b.Back {
		for _, p := range w.Phases {
			f(p, true)
		}
	}
}
