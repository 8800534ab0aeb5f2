package tablediff

import "slices"

// LookedWhole takes what a look at the whole of a table found, which began at a
// turn. Rows that differ and have names are no difference here: they are marked. It
// reports whether the table need not be compared as a whole any more.
func (c *Changes) LookedWhole(table string, turn uint64, equal bool) bool {
	t := c.tables[table]
	switch {
	case t.since > turn:
		t.moved++
	case equal:
		t.whole, t.from, t.moved, t.stood = "", [2]uint64{}, 0, 0
		return true
	case t.at <= c.applied:
		t.stood++
	}
	return false
}

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
// would say so.
func (c *Changes) Distrust() {
	for _, t := range c.tables {
		if t.blind != "" {
			t.whole = t.blind
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
