package postgres

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// byKey joins the table with lists of the key's columns. They are looked up in the
// order of the key: what lies side by side in the index is read from one page.
func byKey(d engines.TableDigest, keys []engines.Key, what string) (string, []string) {
	from := make([]string, len(d.Key))
	for j := range from {
		from[j] = asked(d, j)
	}
	return "SELECT " + what + " FROM " + joined(d, from), lists(d, inOrder(d, keys))
}

// joined are the rows of the table that have one of the keys of lists.
func joined(d engines.TableDigest, from []string) string {
	names, on := make([]string, len(d.Key)), make([]string, len(d.Key))
	for j, k := range d.Key {
		names[j] = "k" + itoa(j)
		on[j] = col(k) + " = q." + names[j]
		if !listed(d.Types[j]) {
			on[j] += "::" + d.Types[j]
		}
	}
	return "unnest(" + strings.Join(from, ", ") + ") q(" + strings.Join(names, ", ") + ") JOIN " + source(d) + " ON " + strings.Join(on, " AND ")
}

// asked is the list of the values of a key's column, as a parameter.
func asked(d engines.TableDigest, j int) string {
	typ := "text"
	if listed(d.Types[j]) {
		typ = d.Types[j]
	}
	return "$" + itoa(j+1) + "::" + typ + "[]"
}

// listed are types whose values are read once, as a list of their own type; a text of
// another would have to be read for each row. All of them print as they are asked for.
func listed(typ string) bool {
	switch typ {
	case "smallint", "integer", "bigint", "uuid":
		return true
	}
	return false
}

// lists are the keys' columns, each as an array.
func lists(d engines.TableDigest, keys []engines.Key) []string {
	args, vs := make([]string, len(d.Key)), make([]string, len(keys))
	for j := range args {
		for i, k := range keys {
			vs[i] = k[j]
		}
		args[j] = arrayText(vs)
	}
	return args
}

// inOrder are the keys in about the order of their index: exactly for numbers from 0
// and for text in the C collation.
func inOrder(d engines.TableDigest, keys []engines.Key) []engines.Key {
	keys = slices.Clone(keys)
	slices.SortStableFunc(keys, func(x, y engines.Key) int {
		for j := range d.Key {
			c := 0
			switch d.Types[j] {
			case "smallint", "integer", "bigint", "numeric", "oid":
				c = cmp.Compare(len(x[j]), len(y[j]))
			}
			if c = cmp.Or(c, strings.Compare(x[j], y[j])); c != 0 {
				return c
			}
		}
		return 0
	})
	return keys
}

// ByKey lists key and hash of the rows that have one of the keys.
func (c *Comparer) ByKey(ctx context.Context, d engines.TableDigest, keys []engines.Key) ([]engines.RowHash, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	sql, args := byKey(d, keys, named(d))
	rows, err := c.query(ctx, "read rows of "+d.Label()+" by key", sql, args...)
	if err != nil {
		return nil, err
	}
	return hashes(d, rows), nil
}
