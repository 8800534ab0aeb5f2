package postgres

import (
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// inSchema is a name in the schema of a table.
func inSchema(of, name string) string {
	schema, _ := splitTable(of)
	return ident(schema) + "." + ident(name)
}

// usual is the state of an object that the author gave none.
func usual(o engines.Object) string {
	switch {
	case o.State != "":
		return o.State
	case o.Kind == "index":
		return "valid"
	case o.Kind == "trigger":
		return "enabled"
	}
	return "present"
}

// stateOf is an expression that gives an object's state as one word or type. A
// column, constraint or other thing that no state is asked of is just present.
func stateOf(of string, o engines.Object) string {
	rel := "to_regclass(" + lit(table(of)) + ")"
	var from, state string
	switch o.Kind {
	case "column":
		state = "format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END"
		from = "pg_catalog.pg_attribute WHERE attrelid = " + rel + " AND attname = " + lit(o.Name) + " AND attnum > 0 AND NOT attisdropped"
	case "constraint":
		state = "CASE WHEN convalidated THEN 'valid' ELSE 'not valid' END"
		from = "pg_catalog.pg_constraint WHERE conrelid = " + rel + " AND conname = " + lit(o.Name)
	case "index":
		state = "CASE WHEN indisvalid AND indisready AND indislive THEN 'valid' ELSE 'invalid' END"
		from = "pg_catalog.pg_index WHERE indexrelid = to_regclass(" + lit(inSchema(of, o.Name)) + ")"
	case "trigger":
		state = "CASE WHEN tgenabled IN ('O', 'A') THEN 'enabled' ELSE 'disabled' END"
		from = "pg_catalog.pg_trigger WHERE tgrelid = " + rel + " AND tgname = " + lit(o.Name) + " AND NOT tgisinternal"
	case "function", "procedure":
		from = "pg_catalog.pg_proc WHERE oid = to_regprocedure(" + lit(o.Name) + ")"
	case "table":
		from = "pg_catalog.pg_class WHERE oid = to_regclass(" + lit(table(o.Name)) + ")"
	case "schema":
		from = "pg_catalog.pg_namespace WHERE nspname = " + lit(o.Name)
	}
	if state == "" || usual(o) == "present" {
		state = "'present'"
	}
	return "coalesce((SELECT " + state + " FROM " + from + "), '" + engines.ObjectAbsent + "')"
}

// leaves is the proof that objects are in the states that a statement leaves.
func leaves(t engines.TargetID, c *engines.SchemaChange, os []engines.Object) *engines.Proof {
	states, want, names := make([]string, len(os)), make([]string, len(os)), make([]string, len(os))
	for i, o := range os {
		states[i], want[i], names[i] = stateOf(c.Table, o), usual(o), o.String()
		if o.Not {
			states[i], want[i] = states[i]+" <> "+lit(want[i]), "t"
		}
	}
	return engines.Ask(t, strings.Join(names, ", "), "SELECT "+strings.Join(states, ",\n "), strings.Join(want, " / "))
}

// readingOf is an expression that gives the state of an object as a reading and
// the hash of its definition, in two columns.
func readingOf(of string, o engines.Object) string {
	rel := "to_regclass(" + lit(table(of)) + ")"
	def := "''"
	switch o.Kind {
	case "column":
		def = "(SELECT format_type(atttypid, atttypmod) || attnotnull || coalesce((SELECT pg_get_expr(adbin, adrelid) FROM pg_catalog.pg_attrdef WHERE adrelid = attrelid AND adnum = attnum), '')" +
			" FROM pg_catalog.pg_attribute WHERE attrelid = " + rel + " AND attname = " + lit(o.Name) + " AND attnum > 0 AND NOT attisdropped)"
	case "constraint":
		def = "(SELECT pg_get_constraintdef(oid) FROM pg_catalog.pg_constraint WHERE conrelid = " + rel + " AND conname = " + lit(o.Name) + ")"
	case "index":
		def = "(SELECT pg_get_indexdef(indexrelid) FROM pg_catalog.pg_index WHERE indexrelid = to_regclass(" + lit(inSchema(of, o.Name)) + "))"
	case "trigger":
		def = "(SELECT pg_get_triggerdef(t.oid) || p.prosrc FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid WHERE t.tgrelid = " + rel + " AND t.tgname = " + lit(o.Name) + " AND NOT t.tgisinternal)"
	case "function", "procedure":
		def = "(SELECT prosrc FROM pg_catalog.pg_proc WHERE oid = to_regprocedure(" + lit(o.Name) + "))"
	}
	return stateOf(of, o) + ", md5(" + def + ")"
}
