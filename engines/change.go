package engines

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Colour is a version of an application that shares its database with the
// version before and the one after it.
type Colour string

// The colours. Blue knows the old shape of the table, turquoise runs on the old
// one and on both, green knows the new one.
const (
	Blue      Colour = "blue"
	Turquoise Colour = "turquoise"
	Green     Colour = "green"
)

// Colours lists the colours in the order of a release.
func Colours() []Colour { return []Colour{Blue, Turquoise, Green} }

// SchemaChange says how a table gets from its old shape to its new one while
// versions of an application use it. It is data of the runbook; planners and
// readers take it from their request or scope, and nil means that there is none.
type SchemaChange struct {
	On     TargetID          // the database that is shared
	Router TargetID          // what sends requests to a colour
	Table  string            // schema.table
	Key    string            // integer column, unique, along which rows are filled
	Old    []Object          // what only the old shape has
	New    []Object          // what only the new shape has
	Both   []Object          // what is there only as long as both shapes are: the trigger that keeps them equal
	Up     []Mapped          // new columns, each made from the old ones
	Down   []Mapped          // old columns, each made from the new ones
	Filled string            // new column that is NULL in a row that was not filled yet, and in no other
	Roles  map[Colour]string // login role of each colour; one without a role cannot be told from others
	Others map[string]string // roles of clients besides, each with its owner
	NoDown []string          // features of green whose data the old shape cannot hold
}

// Mapped is a column and the expression that makes it.
type Mapped struct{ Column, Expr string }

// Role returns the login role of a colour, and whether it has one.
func (c *SchemaChange) Role(k Colour) (string, bool) {
	r, ok := c.Roles[k]
	return r, ok && r != ""
}

// Object is something of the catalog in a state: "column given_name text",
// "index customer_family_i valid", "no trigger customer_sync".
type Object struct {
	Kind  string // column, constraint, index, trigger, function, procedure, table, schema
	Name  string // of column, constraint, trigger and index: within the table of the change
	State string // as the engine prints it; empty: its usual one, "absent": it is not there
	Not   bool   // it is not in that state: in another, or not there
}

// ObjectAbsent is the state of an object that is not there.
const ObjectAbsent = "absent"

// ObjectKinds are the kinds that can be named.
func ObjectKinds() []string {
	return []string{"column", "constraint", "index", "trigger", "function", "procedure", "table", "schema"}
}

var errObject = errors.New(`write "kind name" or "kind name state", with "no" in front for one that is gone, or not in that state`)

// ParseObject reads one object. The name of a function or procedure takes its
// arguments along.
func ParseObject(s string) (Object, error) {
	rest, gone := strings.CutPrefix(strings.TrimSpace(s), "no ")
	kind, rest, _ := strings.Cut(strings.TrimSpace(rest), " ")
	rest = strings.TrimSpace(rest)
	if !slices.Contains(ObjectKinds(), kind) {
		return Object{}, fmt.Errorf("unknown kind of object %q", kind)
	}
	name, state := rest, ""
	if kind == "function" || kind == "procedure" {
		if i := strings.IndexByte(rest, ')'); i >= 0 {
			name, state = rest[:i+1], rest[i+1:]
		}
		if !strings.HasSuffix(name, ")") || !strings.Contains(name, "(") {
			return Object{}, fmt.Errorf("%s %q: write its arguments: name(text, text)", kind, rest)
		}
	} else {
		name, state, _ = strings.Cut(rest, " ")
	}
	state = strings.TrimSpace(state)
	switch {
	case name == "":
		return Object{}, errObject
	case gone && state == "":
		return Object{Kind: kind, Name: name, State: ObjectAbsent}, nil
	}
	return Object{Kind: kind, Name: name, State: state, Not: gone}, nil
}

// ParseObjects reads a list whose items are separated by semicolons.
func ParseObjects(s string) ([]Object, error) {
	var out []Object
	for _, item := range strings.Split(s, ";") {
		if strings.TrimSpace(item) == "" {
			continue
		}
		o, err := ParseObject(item)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	if len(out) == 0 {
		return nil, errObject
	}
	return out, nil
}

// String writes the object as ParseObject reads it.
func (o Object) String() string {
	switch {
	case o.State == "":
		return o.Kind + " " + o.Name
	case o.State == ObjectAbsent:
		return "no " + o.Kind + " " + o.Name
	case o.Not:
		return "no " + o.Kind + " " + o.Name + " " + o.State
	}
	return o.Kind + " " + o.Name + " " + o.State
}

// ObjectReading is what the catalog says of one object.
type ObjectReading struct {
	Object  Object
	Present bool
	Valid   bool   // present and of use: an index that is built, a trigger that is enabled
	Hash    string // of its definition; empty if it is absent
}

// The generations of a table: its old shape, both, its new one; or some of it.
const (
	ShapeOld     = "B"
	ShapeBoth    = "B+G"
	ShapeNew     = "G"
	ShapePartial = "partial"
)

// Generation says which shape a table has. Anything that is neither the old
// shape, nor the new one, nor both whole is partial.
func Generation(old, new, both []ObjectReading) string {
	all := func(rs []ObjectReading) bool {
		return !slices.ContainsFunc(rs, func(r ObjectReading) bool { return !r.Present || !r.Valid })
	}
	none := func(rs []ObjectReading) bool {
		return !slices.ContainsFunc(rs, func(r ObjectReading) bool { return r.Present })
	}
	switch {
	case len(old) == 0 || len(new) == 0:
		return ShapePartial // nobody looked
	case all(old) && none(new) && none(both):
		return ShapeOld
	case all(old) && all(new) && all(both):
		return ShapeBoth
	case none(old) && all(new) && none(both):
		return ShapeNew
	}
	return ShapePartial
}

// ShapeHash changes whenever anybody changes one of the objects.
func ShapeHash(old, new, both []ObjectReading) string {
	sum := sha256.New()
	for _, o := range slices.Concat(old, new, both) {
		_, _ = fmt.Fprintf(sum, "%s %v %v %s\n", o.Object, o.Present, o.Valid, o.Hash) // a hash takes all
	}
	return hex.EncodeToString(sum.Sum(nil))[:12]
}

// Named reports whether the runbook says whose role it is.
func (c *SchemaChange) Named(role string) bool {
	for _, r := range c.Roles {
		if r == role {
			return true
		}
	}
	_, other := c.Others[role]
	return other
}
