package postgres

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// byKey joins the table with lists of the key's columns; q.o is which key of the
// request a row belongs to, from 0. They are looked up in the order of the key: what
// lies side by side in the index is read from one page.
func byKey(d engines.TableDigest, keys []engines.Key, what string) (string, []string) {
	n := len(d.Key)
	from, names, on, args := make([]string, n+1), make([]string, n+1), make([]string, n), make([]string, n+1)
	order := inOrder(d, keys)
	column := func(j int, name, typ string, value func(i int) string) {
		names[j], from[j] = name, "$"+itoa(j+1)+"::"+typ+"[]"
		vs := make([]string, len(order))
		for at, i := range order {
			vs[at] = value(i)
		}
		args[j] = arrayText(vs)
	}
	for j, k := range d.Key {
		column(j, "k"+itoa(j), "text", func(i int) string { return keys[i][j] })
		on[j] = col(k) + " = q." + names[j] + "::" + d.Types[j]
	}
	column(n, "o", "int", itoa)
	return "SELECT " + what + " FROM unnest(" + strings.Join(from, ", ") + ") q(" + strings.Join(names, ", ") + ") JOIN " + source(d) +
		" ON " + strings.Join(on, " AND "), args
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

// SumsByKey is number and sum of the rows of each group of keys.
func (c *Comparer) SumsByKey(ctx context.Context, d engines.TableDigest, keys []engines.Key, group int) ([]engines.Sum, error) {
	sql, args := byKey(d, keys, "q.o / "+itoa(group)+", "+total(d))
	rows, err := c.query(ctx, "sum rows of "+d.Label()+" by key", sql+" GROUP BY 1", args...)
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
