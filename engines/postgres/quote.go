package postgres

import "strings"

// ident quotes a name. The server cuts names at 63 bytes; that is left to it,
// and the proof after the action would not find a cut name.
func ident(s string) string { return `"` + strings.ReplaceAll(nul(s), `"`, `""`) + `"` }

// lit quotes a text value. Backslashes need the E form, which is read the same
// whatever standard_conforming_strings says.
func lit(s string) string {
	s = strings.ReplaceAll(nul(s), `'`, `''`)
	if strings.Contains(s, `\`) {
		return `E'` + strings.ReplaceAll(s, `\`, `\\`) + `'`
	}
	return `'` + s + `'`
}

// list is an array literal of names.
func list(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = lit(n)
	}
	return "ARRAY[" + strings.Join(q, ", ") + "]::name[]"
}

// nul drops the one byte that no text of PostgreSQL can hold.
func nul(s string) string { return strings.ReplaceAll(s, "\x00", "") }

// body puts a block of PL/pgSQL between dollar quotes whose tag is not in it.
func body(s string) string {
	tag := "$tq$"
	for strings.Contains(s, tag) {
		tag = tag[:len(tag)-1] + "q$"
	}
	return "DO " + tag + "\n" + s + "\n" + tag
}

// table quotes schema.table; a name without a schema is in public, for our
// search_path holds no schema of users.
func table(s string) string {
	schema, name := splitTable(s)
	return ident(schema) + "." + ident(name)
}

func splitTable(s string) (schema, name string) {
	schema, name, ok := strings.Cut(s, ".")
	if !ok {
		return "public", s
	}
	return schema, name
}
