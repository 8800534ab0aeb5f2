package postgres

import (
	"slices"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// Repair is the statement that makes one row of the table like the given one.
// Values are untyped literals: the server reads them as the column's type.
func Repair(d engines.TableDigest, k engines.Key, values map[string]*string, exists bool) string {
	name := ident(d.Schema) + "." + ident(d.Name)
	var which, set, cols, vals []string
	for i, c := range d.Key {
		which = append(which, ident(c)+" = "+typed(k[i], d.Types[i]))
	}
	if values == nil {
		return "DELETE FROM " + name + " WHERE " + strings.Join(which, " AND ") + ";"
	}
	for _, c := range d.Columns {
		v := "NULL"
		if s := values[c]; s != nil {
			v = lit(*s)
		}
		cols, vals = append(cols, ident(c)), append(vals, v)
		if !slices.Contains(d.Key, c) {
			set = append(set, ident(c)+" = "+v)
		}
	}
	if exists {
		return "UPDATE " + name + " SET " + strings.Join(set, ", ") + " WHERE " + strings.Join(which, " AND ") + ";"
	}
	return "INSERT INTO " + name + " (" + strings.Join(cols, ", ") + ") OVERRIDING SYSTEM VALUE VALUES (" + strings.Join(vals, ", ") + ");"
}
