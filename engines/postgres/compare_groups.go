package postgres

import (
	"context"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// sideBySide is how many numbers a group of keys may span for each of its keys to be
// read as a range. A row that is looked up costs four to five times what the next one of
// an index does; but each row between the keys is one more that may be on its way, and
// may be wide.
const sideBySide = 2

// groups are keys of several groups, one behind the other.
type groups struct {
	keys     []engines.Key
	of, a, z []string // number of each group, and where it begins and ends among the keys, from 1
}

func (g *groups) add(number int, keys ...engines.Key) {
	g.of = append(g.of, itoa(number))
	g.a = append(g.a, itoa(len(g.keys)+1))
	g.keys = append(g.keys, keys...)
	g.z = append(g.z, itoa(len(g.keys)))
}

// SumsByKey is number and sum of the rows of each group of keys, or, where these lie side
// by side, of all rows from the least to the greatest of them. Groups are summed one
// after the other: grouping rows that come together costs a fifth more.
func (c *Comparer) SumsByKey(ctx context.Context, d engines.TableDigest, keys []engines.Key, group int) ([]engines.Sum, error) {
	var looked, ranged groups
	for at := 0; at < len(keys); at += group {
		some := keys[at:min(at+group, len(keys))]
		if ends := ends(d, some); ends != nil {
			ranged.add(at/group, ends...)
		} else {
			looked.add(at/group, inOrder(d, some)...)
		}
	}
	out := make([]engines.Sum, (len(keys)+group-1)/group)
	if err := c.sumGroups(ctx, d, looked, inGroup, out); err != nil {
		return nil, err
	}
	return out, c.sumGroups(ctx, d, ranged, inRange, out)
}

// ends are the least and the greatest of keys that lie side by side.
func ends(d engines.TableDigest, keys []engines.Key) []engines.Key {
	if len(keys) < 2 || len(d.Key) != 1 || d.Types[0] == "uuid" || !listed(d.Types[0]) {
		return nil
	}
	var low, high int64
	for i, k := range keys {
		n, err := strconv.ParseInt(k[0], 10, 64)
		if err != nil {
			return nil
		}
		if i == 0 {
			low, high = n, n
		}
		low, high = min(low, n), max(high, n)
	}
	if span := uint64(high) - uint64(low); span >= uint64(sideBySide*len(keys)) { // of bigint too
		return nil
	}
	return []engines.Key{{strconv.FormatInt(low, 10)}, {strconv.FormatInt(high, 10)}}
}

// inGroup are the rows of group g that have one of its keys.
func inGroup(d engines.TableDigest) string {
	from := make([]string, len(d.Key))
	for j := range from {
		from[j] = "(" + asked(d, j) + ")[g.a : g.z]"
	}
	return joined(d, from)
}

// inRange are the rows of group g from its first key to its last.
func inRange(d engines.TableDigest) string {
	return source(d) + " WHERE " + col(d.Key[0]) + " BETWEEN (" + asked(d, 0) + ")[g.a] AND (" + asked(d, 0) + ")[g.z]"
}

func (c *Comparer) sumGroups(ctx context.Context, d engines.TableDigest, g groups, rowsOf func(engines.TableDigest) string, out []engines.Sum) error {
	if len(g.of) == 0 {
		return nil
	}
	var of [3]string
	for i := range of {
		of[i] = "$" + itoa(len(d.Key)+i+1) + "::int[]"
	}
	op := "sum rows of " + d.Label() + " by key"
	rows, err := c.query(ctx, op, "SELECT g.o, s.* FROM unnest("+strings.Join(of[:], ", ")+") g(o, a, z), LATERAL (SELECT "+total(d)+" FROM "+rowsOf(d)+") s",
		append(lists(d, g.keys), arrayText(g.of), arrayText(g.a), arrayText(g.z))...)
	if err != nil {
		return err
	}
	for _, r := range rows {
		i, err := strconv.Atoi(text(r, 0))
		if err != nil || i < 0 || i >= len(out) {
			return c.fail(op, errNumber)
		}
		if out[i], err = c.sum(d, r, 1); err != nil {
			return err
		}
	}
	return nil
}
