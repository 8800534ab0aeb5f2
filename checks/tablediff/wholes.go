package tablediff

import (
	"maps"
	"slices"
)

// LookedWhole takes what a look at the whole of a table found, which began at a
// turn. Rows that differ and have names are no difference here: they are marked. It
// reports whether the table need not be compared as a whole any more.
func (c *Changes) LookedWhole(table string, turn uint64, equal bool) bool {
	t := c.tables[table]
	switch {
	case t.since > turn:
		t.moved++
	case equal:
		t.whole, t.moved, t.stood = "", 0, 0
		return true
	case t.at <= c.applied:
		t.stood++
	}
	return false
}

// Written is the turn of the newest change of a table whose rows have no names.
func (c *Changes) Written(table string) uint64 { return c.tables[table].since }

// hide notes a transaction that is told and may not be shown yet.
func (c *Changes) hide(table string, side int, id uint64) {
	t := c.tables[table]
	if t == nil || id == 0 {
		return
	}
	if t.hidden[side] == nil {
		t.hidden[side] = map[uint64]bool{}
	}
	t.hidden[side][id] = true
}

// Shown forgets transactions of a side that its server shows.
func (c *Changes) Shown(side int, unseen func(id uint64) bool) {
	for _, t := range c.tables {
		maps.DeleteFunc(t.hidden[side], func(id uint64, _ bool) bool { return !unseen(id) })
	}
}

// Hidden are the transactions of blue and green that wrote to a table and that nobody
// has seen the servers show.
func (c *Changes) Hidden(table string) [2][]uint64 {
	h := c.tables[table].hidden
	return [2][]uint64{slices.Collect(maps.Keys(h[0])), slices.Collect(maps.Keys(h[1]))}
}

// Moved says that a look at the whole of a table was left out, for it is being written.
func (c *Changes) Moved(table string) { c.tables[table].moved++ }

// Restless names the tables that were written during so many looks at the whole of
// them, and at none stood still.
func (c *Changes) Restless(looks int) []string {
	var out []string
	for n, t := range c.tables {
		if t.whole != "" && t.moved >= looks {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// Distrust says that time has passed: what is not followed may have changed
// since it was seen equal, and has to be looked at again. Nothing in the logs
// would say so. And no key has been looked at since.
func (c *Changes) Distrust() {
	for _, t := range c.tables {
		if t.blind != "" {
			t.whole = t.blind
		}
		for _, d := range t.keys {
			d.Failed, d.Doubt = 0, [2]uint64{}
		}
	}
}

// Unfollowed are the tables whose changes cannot be followed, with the reason.
func (c *Changes) Unfollowed() map[string]string {
	out := map[string]string{}
	for n, t := range c.tables {
		if t.blind != "" {
			out[n] = t.blind
		}
	}
	return out
}

// Wholes are the tables that have to be compared as a whole, with the reason.
func (c *Changes) Wholes() map[string]string {
	out := map[string]string{}
	for n, t := range c.tables {
		if t.whole != "" {
			out[n] = t.whole
		}
	}
	return out
}

// Carried are the tables that a later follower has to compare as a whole, with the
// reason: the logs from the Floor on do not tell what is not verified of them.
func (c *Changes) Carried() map[string]string {
	out := c.Wholes()
	for n, t := range c.tables {
		for _, d := range t.keys {
			if d.Blue == 0 && d.Green == 0 && out[n] == "" {
				out[n] = "rows of it differed that no log names"
			}
		}
	}
	return out
}

// Carry takes what an earlier follower has Carried. Green has not had all of it before
// it has applied a position of blue.
func (c *Changes) Carry(tables map[string]string, position uint64) {
	for n, why := range tables {
		if t := c.tables[n]; t != nil {
			t.whole, t.at = why, max(t.at, position)
		}
	}
}
