package mysql

import (
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// splitName takes schema.name apart; a bare name is of the session's database.
func splitName(name string) (schema, rest string) {
	if s, n, ok := strings.Cut(name, "."); ok {
		return lit(s), n
	}
	return "DATABASE()", name
}

// qualified is schema.name, quoted.
func qualified(name string) string {
	if s, n, ok := strings.Cut(name, "."); ok {
		return ident(s) + "." + ident(n)
	}
	return ident(name)
}

// inTable picks the rows of a table in a view of information_schema.
func inTable(of string) string {
	schema, name := splitName(of)
	return "table_schema = " + schema + " AND table_name = " + lit(name)
}

// usual is the state of an object that the author gave none.
func usual(o engines.Object) string {
	switch {
	case o.State != "":
		return o.State
	case o.Kind == "index":
		return "visible"
	}
	return "present"
}

// columnState is a column as a statement would define it: type, not null,
// default. MariaDB writes a default as it stands in a statement, and the word NULL
// where there is none.
func (d dialect) columnState() string {
	return "CONCAT(column_type, IF(is_nullable = 'NO', ' not null', ''), " +
		d.pick("IF(column_default IS NULL, '', CONCAT(' default ', QUOTE(column_default)))",
			"IF(column_default IS NULL OR column_default = 'NULL', '', CONCAT(' default ', column_default))") + ")"
}

// sourceOfObject is where the catalog has an object of a kind, and the condition that
// picks it.
func (d dialect) sourceOfObject(of string, o engines.Object) string {
	schema, _ := splitName(of)
	name, _, _ := strings.Cut(o.Name, "(")
	switch o.Kind {
	case "column":
		return "columns WHERE " + inTable(of) + " AND column_name = " + lit(o.Name)
	case "constraint":
		return "table_constraints WHERE " + inTable(of) + " AND constraint_name = " + lit(o.Name)
	case "index":
		return "statistics WHERE " + inTable(of) + " AND index_name = " + lit(o.Name)
	case "trigger":
		return "triggers WHERE trigger_schema = " + schema + " AND event_object_table = " + lit(tableOf(of)) + " AND trigger_name = " + lit(o.Name)
	case "function", "procedure":
		in, short := splitName(name)
		return "routines WHERE routine_type = " + lit(strings.ToUpper(o.Kind)) + " AND routine_schema = " + in + " AND routine_name = " + lit(short)
	case "table":
		return "tables WHERE " + inTable(o.Name)
	}
	return "schemata WHERE schema_name = " + lit(o.Name)
}

func tableOf(of string) string {
	_, name := splitName(of)
	return name
}

// stateOf is an expression that gives an object's state as one word or type. A
// column or other thing that no state is asked of is just present.
func (d dialect) stateOf(of string, o engines.Object) string {
	state := "'present'"
	switch {
	case o.Kind == "index":
		state = "IF(" + d.pick("MIN(is_visible) = 'YES'", "MAX(ignored) = 'NO'") + ", 'visible', 'invisible')"
	case o.Kind == "column" && usual(o) != "present":
		state = d.columnState()
	case o.Kind == "constraint" && !d.maria:
		state = "IF(enforced = 'YES', 'present', 'not enforced')"
	}
	return "COALESCE((SELECT " + state + " FROM information_schema." + d.sourceOfObject(of, o) + having(o) + "), '" + engines.ObjectAbsent + "')"
}

// having leaves no row where an aggregate would make one of nothing.
func having(o engines.Object) string {
	if o.Kind == "index" {
		return " HAVING COUNT(*) > 0"
	}
	return ""
}

// holds is a condition: the object is in the state that is asked for.
func (d dialect) holds(of string, o engines.Object) string {
	op := " = "
	if o.Not {
		op = " <> "
	}
	return d.stateOf(of, o) + op + lit(usual(o))
}

// leaves is the proof that objects are in the states that a statement leaves. It
// shows the state that each is in.
func (p plan) leaves(c *engines.SchemaChange, os []engines.Object) *engines.Proof {
	states, want, names := make([]string, len(os)), make([]string, len(os)), make([]string, len(os))
	for i, o := range os {
		states[i], want[i], names[i] = p.d.stateOf(c.Table, o), usual(o), o.String()
		if o.Not {
			states[i], want[i] = p.d.holds(c.Table, o), "1"
		}
	}
	return engines.Ask(p.On, strings.Join(names, ", "), "SELECT "+strings.Join(states, ",\n "), strings.Join(want, " / "))
}

// undone asks whether a statement has anything to do: IF NOT EXISTS and IF EXISTS
// are not known to every statement of both products, and would take another
// definition for the wanted one.
func (p plan) undone(c *engines.SchemaChange, os []engines.Object) *engines.Proof {
	same, names := make([]string, len(os)), make([]string, len(os))
	for i, o := range os {
		same[i], names[i] = p.d.holds(c.Table, o), o.String()
	}
	return engines.Ask(p.On, "there already: "+strings.Join(names, ", "), "SELECT "+strings.Join(same, "\n AND "), "0")
}

// readingOf is an expression that gives the state of an object as a reading and
// the hash of its definition, in two columns.
func (d dialect) readingOf(of string, o engines.Object) string {
	def := "''"
	switch o.Kind {
	case "column":
		def = "CONCAT(" + d.columnState() + ", COALESCE(generation_expression, ''), COALESCE(collation_name, ''), extra)"
	case "index":
		def = "GROUP_CONCAT(CONCAT(non_unique, column_name) ORDER BY seq_in_index)"
	case "trigger":
		def = "CONCAT(action_timing, event_manipulation, action_statement)"
	case "function", "procedure":
		def = "routine_definition"
	case "constraint":
		def = "constraint_type"
	}
	return d.stateOf(of, o) + ", SHA2((SELECT " + def + " FROM information_schema." + d.sourceOfObject(of, o) + "), 256)"
}
