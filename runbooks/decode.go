package runbooks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// value is a checked piece of the source. A value of the wrong form is nil, so
// that building goes on and everything wrong is told at once.
type value struct {
	pos
	path   string
	text   string
	items  []*value
	isList bool
	keys   []string // of a map or object, in the order of the source
	fields map[string]*value
}

// get returns a key's value; nil if it is absent or was refused.
func (v *value) get(key string) *value {
	if v == nil {
		return nil
	}
	return v.fields[key]
}

// str returns a key's text.
func (v *value) str(key string) string {
	if w := v.get(key); w != nil {
		return w.text
	}
	return ""
}

// decoder walks the syntax tree along the shapes and collects findings.
type decoder struct {
	file  string
	lines []string
	found []Finding
	marks map[string]pos
}

func (d *decoder) refuse(at pos, next, format string, args ...any) {
	d.found = append(d.found, Finding{
		File: d.file, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...),
		Next: next, Excerpt: excerpt(d.lines, at, 0),
	})
}

// refuseSecret is refuse without showing the value that stands at the place.
func (d *decoder) refuseSecret(at pos, next, message string) {
	d.found = append(d.found, Finding{
		File: d.file, Line: at.line, Column: at.column, Message: message,
		Next: next, Excerpt: excerpt(d.lines, at, at.column),
	})
}

// place returns where a node begins.
func place(n ast.Node) pos {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return place(m.Values[0].Key)
	}
	if m, ok := n.(*ast.MappingValueNode); ok {
		return place(m.Key)
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return pos{t.Position.Line, t.Position.Column}
	}
	return pos{1, 1}
}

// word says what a node is, in an author's words.
func word(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a map"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "nothing"
	case *ast.BoolNode:
		return "true or false"
	case *ast.IntegerNode, *ast.FloatNode:
		return "a number"
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return "an anchor or alias"
	case *ast.TagNode:
		return "a tag"
	}
	return "text"
}

// formWords say what was wanted.
func (s *shape) want() string {
	switch s.form {
	case formInt:
		return "a whole number"
	case formBool:
		return "true or false"
	case formDuration:
		return `a duration such as "30s"`
	case formEnum:
		return "one of: " + strings.Join(s.words, ", ")
	case formList:
		return "a list"
	case formMap, formObject:
		return "a map"
	}
	return "text"
}

// value checks one node. where names the piece for findings, what the key.
func (d *decoder) value(n ast.Node, s *shape, path, where, what string) *value {
	at := place(n)
	d.marks[path] = at
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		d.refuse(at, "write the value out: what is read must stand where it is read",
			"%s%s: anchors, aliases and tags are not part of the language", where, what)
		return nil
	}
	v := &value{pos: at, path: path}
	switch s.form {
	case formObject:
		return d.object(n, s, v, where, what)
	case formMap:
		return d.mapping(n, s, v, where, what)
	case formList:
		return d.list(n, s, v, where, what)
	}
	if q, ok := n.(*ast.SequenceNode); ok && s.form == formScalar && s.single {
		return d.list(q, list(s.of), v, where, what)
	}
	return d.scalar(n, s, v, where, what)
}

func (d *decoder) wrong(n ast.Node, s *shape, where, what string) *value {
	d.refuse(place(n), "write "+s.want(), "%s%s must be %s, not %s", where, what, s.want(), word(n))
	return nil
}

// scalarText returns the text of a scalar as it was written: 1.10 stays 1.10.
func scalarText(n ast.Node) (string, bool) {
	switch x := n.(type) {
	case *ast.StringNode:
		return x.Value, true
	case *ast.LiteralNode:
		if x.Value == nil {
			return "", true
		}
		return x.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func (d *decoder) scalar(n ast.Node, s *shape, v *value, where, what string) *value {
	t, ok := scalarText(n)
	if !ok {
		return d.wrong(n, s, where, what)
	}
	v.text = t
	_, isBool := n.(*ast.BoolNode)
	if s.param && strings.HasPrefix(t, "$") {
		return v
	}
	switch s.form {
	case formText:
		if isBool {
			return d.wrong(n, s, where, what)
		}
	case formBool:
		if !isBool {
			return d.wrong(n, s, where, what)
		}
	case formInt:
		if i, err := strconv.Atoi(t); err != nil || i < 0 || word(n) != "a number" {
			return d.wrong(n, s, where, what)
		}
	case formDuration:
		if x, err := time.ParseDuration(t); err != nil || x <= 0 {
			d.refuse(v.pos, `write a number with a unit: "500ms", "30s", "5m"`, "%s%s: bad duration %q", where, what, t)
			return nil
		}
	case formEnum:
		if !slices.Contains(s.words, t) {
			d.refuse(v.pos, suggest(t, s.words), "%sunknown %s %q", where, what, t)
			return nil
		}
	}
	return v
}

func (d *decoder) list(n ast.Node, s *shape, v *value, where, what string) *value {
	q, ok := n.(*ast.SequenceNode)
	if !ok {
		if _, isText := scalarText(n); isText && s.single {
			if w := d.value(n, s.of, v.path+"[0]", where, what); w != nil {
				v.items, v.isList = []*value{w}, true
				return v
			}
			return nil
		}
		return d.wrong(n, s, where, what)
	}
	v.isList = true
	for i, item := range q.Values {
		if w := d.value(item, s.of, fmt.Sprintf("%s[%d]", v.path, i), where, what); w != nil {
			v.items = append(v.items, w)
		}
	}
	return v
}

// pairs returns the entries of a map; ok is false if the node is none. An empty
// value is taken for an empty map only where nothing is required.
func pairs(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, true
	}
	return nil, false
}

// entries calls f for each key that is new, and refuses the others.
func (d *decoder) entries(ps []*ast.MappingValueNode, where string, f func(key string, at pos, n ast.Node)) {
	first := make(map[string]pos)
	for _, p := range ps {
		at := place(p.Key)
		key, ok := scalarText(p.Key)
		if !ok {
			d.refuse(at, "write a plain word before the colon", "%sa key must be text", where)
			continue
		}
		if was, twice := first[key]; twice {
			d.refuse(at, "keep one of the two", "%sduplicate key %q: first in line %d", where, key, was.line)
			continue
		}
		first[key] = at
		f(key, at, p.Value)
	}
}

func (d *decoder) mapping(n ast.Node, s *shape, v *value, where, what string) *value {
	ps, ok := pairs(n)
	if !ok {
		return d.wrong(n, s, where, what)
	}
	v.fields = make(map[string]*value)
	d.entries(ps, where, func(key string, at pos, n ast.Node) {
		path := v.path + "." + key
		w := d.value(n, s.of, path, where, what+"."+key)
		d.marks[path+"#key"] = at
		v.keys = append(v.keys, key)
		v.fields[key] = w
	})
	return v
}

func (d *decoder) object(n ast.Node, s *shape, v *value, where, what string) *value {
	ps, ok := pairs(n)
	if !ok && s.noun == "reference" {
		d.refuseSecret(v.pos, "write where it is kept: {env: NAME}, {file: /path}, {service: NAME} or {passfile: /path}",
			where+what+" is never written into a runbook")
		return nil
	}
	if !ok {
		return d.wrong(n, s, where, what)
	}
	v.fields = make(map[string]*value)
	where = inside(s, ps, where, what)
	d.entries(ps, where, func(key string, at pos, n ast.Node) {
		i := slices.IndexFunc(s.fields, func(f field) bool { return f.name == key })
		if i < 0 {
			d.refuse(at, suggest(key, fieldNames(s)), "%sunknown key %q", where, key)
			return
		}
		v.keys = append(v.keys, key)
		v.fields[key] = d.value(n, s.fields[i].shape, v.path+"."+key, where, key)
	})
	for _, f := range s.fields {
		if f.required && !slices.Contains(v.keys, f.name) {
			d.refuse(v.pos, fmt.Sprintf("add %q: %s", f.name, f.doc), "%smissing key %q", where, f.name)
		}
	}
	if s.single && len(v.keys) != 1 {
		d.refuse(v.pos, "name one of: "+strings.Join(fieldNames(s), ", "), "%smust have exactly one key", where)
		return nil
	}
	return v
}

// inside extends the words that name the piece: "step 3.2: ".
func inside(s *shape, ps []*ast.MappingValueNode, where, what string) string {
	switch s.noun {
	case "step", "phase", "way back":
		key := "name"
		if s.noun == "step" {
			key = "id"
		}
		for _, p := range ps {
			if k, _ := scalarText(p.Key); k == key {
				if t, ok := scalarText(p.Value); ok {
					return s.noun + " " + t + ": "
				}
			}
		}
		return s.noun + ": "
	case "runbook", "":
		return ""
	case "gate":
		return where + "gate: "
	}
	return where + what + ": "
}

func fieldNames(s *shape) []string {
	names := make([]string, len(s.fields))
	for i, f := range s.fields {
		names[i] = f.name
	}
	return names
}
