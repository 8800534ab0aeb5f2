package mysql

import (
	"slices"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// Repair is the statement that makes one row of the table like the given one. It
// means the same whatever the session's sql_mode and character set; where a time
// depends on the session's zone, it sets that first.
func Repair(d engines.TableDigest, k engines.Key, values map[string]*string, exists bool) string {
	zone := ""
	if slices.Contains(d.Kinds, kindStamp) {
		zone = "SET time_zone = '+00:00'; "
	}
	which := strings.ReplaceAll(matches(d, k), "t.`", "`")
	if values == nil {
		return zone + "DELETE FROM " + table(d) + " WHERE " + which + ";"
	}
	var set, cols, vals []string
	for i, c := range d.Columns {
		if d.Kinds[i] == kindComputed {
			continue
		}
		v := "NULL"
		if s := values[c]; s != nil {
			v = literal(*s, d.Kinds[i])
		}
		cols, vals = append(cols, ident(c)), append(vals, v)
		if !slices.Contains(d.Key, c) {
			set = append(set, ident(c)+" = "+v)
		}
	}
	if exists {
		return zone + "UPDATE " + table(d) + " SET " + strings.Join(set, ", ") + " WHERE " + which + ";"
	}
	return zone + "INSERT INTO " + table(d) + " (" + strings.Join(cols, ", ") + ") VALUES (" + strings.Join(vals, ", ") + ");"
}
