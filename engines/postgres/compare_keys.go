package postgres

import (
	"cmp"
	"context"
	"slices"
	"strconv"
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
	return "SELECT " + what + " FROM " + joined(d, from), lists(d, keys, inOrder(d, keys))
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

// lists are the keys' columns, each as an array, in an order.
func lists(d engines.TableDigest, keys []engines.Key, order []int) []string {
	args, vs := make([]string, len(d.Key)), make([]string, len(keys))
	for j := range args {
		for at, i := range order {
			vs[at] = keys[i][j]
		}
		args[j] = arrayText(vs)
	}
	return args
}

// inOrder are the places of the keys in about the order of their index: exactly for
// numbers from 0 and for text in the C collation.
func inOrder(d engines.TableDigest, keys []engines.Key) []int {
	order := make([]int, len(keys))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		for j := range d.Key {
			x, y := keys[a][j], keys[b][j]
			c := 0
			switch d.Types[j] {
			case "smallint", "integer", "bigint", "numeric", "oid":
				c = cmp.Compare(len(x), len(y))
			}
			if c = cmp.Or(c, strings.Compare(x, y)); c != 0 {
				return c
			}
		}
		return 0
	})
	return order
}

// SumsByKey is number and sum of the rows of each group of keys. Groups are summed one
// after the other: grouping rows that come together costs a fifth more.
func (c *Comparer) SumsByKey(ctx context.Context, d engines.TableDigest, keys []engines.Key, group int) ([]engines.Sum, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	n := itoa(group)
	from := make([]string, len(d.Key))
	for j := range from {
		from[j] = "(" + asked(d, j) + ")[g.o * " + n + " + 1 : g.o * " + n + " + " + n + "]"
	}
	order := make([]int, 0, len(keys))
	for at := 0; at < len(keys); at += group {
		for _, i := range inOrder(d, keys[at:min(at+group, len(keys))]) {
			order = append(order, at+i)
		}
	}
	rows, err := c.query(ctx, "sum rows of "+d.Label()+" by key", "SELECT g.o, s.* FROM generate_series(0, "+itoa((len(keys)-1)/group)+") g(o), LATERAL (SELECT "+total(d)+
		" FROM "+joined(d, from)+") s", lists(d, keys, order)...)
	if err != nil {
		return nil, err
	}
	out := make([]engines.Sum, (len(keys)+group-1)/group)
	for _, r := range rows {
		i, err := strconv.Atoi(text(r, 0))
		if err != nil || i < 0 || i >= len(out) {
			return nil, c.fail("sum rows of "+d.Label()+" by key", errNumber)
		}
		if out[i], err = c.sum(d, r, 1); err != nil {
			return nil, err
		}
	}
	return out, nil
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
