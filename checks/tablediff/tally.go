package tablediff

import (
	"slices"

	"github.com/turquoise-db/turquoise/engines"
)

// tally counts what came to a table and went from it on one side.
type tally struct{ in, out int64 }

func (t *tally) count(op engines.RowOp) {
	switch op {
	case engines.Inserted:
		t.in++
	case engines.Deleted:
		t.out++
	}
}

// CountFrom counts rows that come and go behind a position of blue, on both sides:
// what green got through replication by where it was committed on blue, its own
// writes behind a position of green. Both logs have to tell everything since. It is a
// second look, at the logs themselves: a key that was read wrongly is missing on both
// sides, and equal. An unlike balance proves nothing yet, for a difference that stood
// at the beginning may have been repaired since.
func (c *Changes) CountFrom(blue, green uint64) { c.counts, c.from = true, [2]uint64{blue, green} }

// counted takes one change of a side, that was committed at a position of one.
func (c *Changes) counted(r engines.RowChange, side int, at uint64, of int) {
	t := c.tables[r.Table]
	if t == nil || !c.counts || at <= c.from[of] {
		return
	}
	if r.Op == engines.Written {
		t.uncounted = true
	}
	t.tally[side].count(r.Op)
}

// Tally is how many rows came and went on blue since CountFrom, and which tables have
// not the same balance on both sides. ok is false if nothing was counted, or not all:
// a log does not say what was done to a row, or a table was replaced as a whole.
// Tables that cannot be counted are no unlike ones: they are compared as a whole.
func (c *Changes) Tally() (in, out int64, unlike []string, ok bool) {
	ok = c.counts
	for n, t := range c.tables {
		if t.uncounted || t.blind != "" {
			ok = false
			continue
		}
		in, out = in+t.tally[0].in, out+t.tally[0].out
		if t.tally[0].in-t.tally[0].out != t.tally[1].in-t.tally[1].out {
			unlike = append(unlike, n)
		}
	}
	if !c.counts {
		unlike = nil
	}
	slices.Sort(unlike)
	return in, out, unlike, ok
}
