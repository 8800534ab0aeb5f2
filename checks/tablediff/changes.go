package tablediff

import (
	"cmp"
	"slices"

	"github.com/turquoise-db/turquoise/engines"
)

// mostDirty is how many keys of one table are held before the table is taken as
// changed as a whole: some 100 MB at most.
const mostDirty = 1_000_000

// Changes is what has to be verified again: every row that was written on either
// side and has not been seen equal since. It is fed by the logs of both sides.
type Changes struct {
	tables  map[string]*changed
	applied uint64 // position of blue that green has applied, by green's own log
	foreign []engines.RowChange
	strange int                // writes on green that did not come from blue
	tokens  [2]map[string]bool // by the log of which side
	turn    uint64
	counts  bool      // rows that come and go are counted
	from    [2]uint64 // positions of blue and green behind which they are
}

// changed is one table's part.
type changed struct {
	keys   map[string]*Dirty
	whole  string             // why the table has to be compared as a whole; empty if not
	blind  string             // why its changes cannot be followed; empty if they are
	since  uint64             // turn of the newest change of a table whose rows have no names
	at     uint64             // position of that change on blue
	hidden [2]map[uint64]bool // transactions of blue and green that wrote to it and that nobody has seen the servers show
	moved  int                // looks at the whole of it during which it was written
	stood  int                // looks in a row at which it stood still, green had everything, and it differed
	tally  [2]tally           // rows that came and went, on blue and green
	// uncounted says that the tally does not hold all.
	uncounted bool
}

// Dirty is a key that has to be verified.
type Dirty struct {
	Key      engines.Key
	Position uint64    // on blue: green must have applied it before a difference means anything
	Blue     uint64    // before the newest change on blue since it was clean, 0: none
	Green    uint64    // before the newest change on green since it was clean, 0: none
	TX       [2]uint64 // newest transactions of blue and green, as the servers number them; 0: unknown
	Turn     uint64    // of the newest change: a verdict on an older one does not count
	Failed   int       // looks in which it differed since
	Doubt    [2]uint64 // where both servers were after a look in which it differed; it counts once both logs are read up to there and do not name it. 0: none
}

// NewChanges begins with everything clean. Tables that are not tracked are
// whole from the start.
func NewChanges(tables []engines.TableDigest) *Changes {
	c := &Changes{tables: map[string]*changed{}, tokens: [2]map[string]bool{{}, {}}}
	for _, t := range tables {
		x := &changed{keys: map[string]*Dirty{}}
		if t.Silent || !t.Tracked && len(t.Key) > 0 {
			x.blind = "its changes cannot be followed"
			x.whole = x.blind
		}
		c.tables[t.Label()] = x
	}
	return c
}

// Blue takes a transaction of blue's log.
func (c *Changes) Blue(tx engines.Transaction) {
	c.take(tx, 0)
	for _, r := range tx.Rows {
		c.hide(r.Table, 0, tx.ID)
		c.counted(r, 0, tx.Position, 0)
		d := c.mark(r)
		if d != nil {
			d.Position, d.Blue, d.TX[0] = tx.Position, tx.Before, tx.ID
		} else if t := c.tables[r.Table]; t != nil {
			t.at = tx.Position
		}
	}
}

// Green takes a transaction of green's log. What came through replication says
// how far green is; what did not is a write that blue does not know.
func (c *Changes) Green(tx engines.Transaction) {
	c.take(tx, 1)
	if tx.Origin != "" {
		c.applied = max(c.applied, tx.From)
	}
	at, of := tx.From, 0
	if tx.Origin == "" {
		at, of = tx.Position, 1
	}
	for _, r := range tx.Rows {
		c.hide(r.Table, 1, tx.ID)
		c.counted(r, 1, at, of)
		if d := c.mark(r); d != nil {
			d.Green, d.TX[1] = tx.Before, tx.ID
			if tx.Origin != "" {
				d.Position = max(d.Position, tx.From)
			}
		}
		if tx.Origin == "" && c.tables[r.Table] != nil {
			c.strange++
			if len(c.foreign) < 100 {
				c.foreign = append(c.foreign, r)
			}
		}
	}
}

func (c *Changes) take(tx engines.Transaction, side int) {
	c.turn++
	for _, t := range tx.Truncated {
		c.Whole(t, "it was truncated")
	}
	for _, t := range tx.Reshaped {
		c.Whole(t, "its columns changed")
	}
	for _, t := range tx.Tokens {
		c.tokens[side][t] = true
	}
}

func (c *Changes) mark(r engines.RowChange) *Dirty {
	t := c.tables[r.Table]
	if t == nil {
		return nil
	}
	if r.Key == nil {
		t.since, t.stood = c.turn, 0
		if t.whole == "" {
			t.whole = "rows without a name were written"
		}
		return nil
	}
	return c.Mark(r.Table, r.Key, 0)
}

// Mark makes a key dirty that no log named: a comparison of the table saw it differ,
// when blue was at a position.
func (c *Changes) Mark(table string, k engines.Key, position uint64) *Dirty {
	t := c.tables[table]
	if t == nil {
		return nil
	}
	id := ID(k)
	d := t.keys[id]
	if d == nil {
		if len(t.keys) >= mostDirty {
			c.Whole(table, "more rows changed than are held by key")
			return nil
		}
		d = &Dirty{Key: k}
		t.keys[id] = d
	}
	d.Turn, d.Failed, d.Doubt = c.turn, 0, [2]uint64{}
	d.Position = max(d.Position, position)
	return d
}

// Whole says that a table has to be compared as a whole.
func (c *Changes) Whole(table, why string) {
	t := c.tables[table]
	if t == nil {
		return
	}
	t.since, t.uncounted = c.turn, true
	t.whole, t.keys = why, map[string]*Dirty{}
}

// Applied says that green has applied a position of blue, by another way of
// knowing than green's log.
func (c *Changes) Applied(position uint64) { c.applied = max(c.applied, position) }

// Newest is the highest position of blue that a dirty key waits for.
func (c *Changes) Newest() uint64 {
	n := uint64(0)
	for _, t := range c.tables {
		if t.whole != "" {
			n = max(n, t.at)
		}
		for _, d := range t.keys {
			n = max(n, d.Position)
		}
	}
	return max(n, c.applied)
}

// Due lists keys of a table that may be looked at: green has had their change, or
// all is set. At most n, those that were never looked at first: a difference that
// stays must not keep new changes waiting. Among them those that were written last
// come last, where the ones on their way lie together.
func (c *Changes) Due(table string, n int, all bool) []Dirty {
	keys := c.tables[table].keys
	if len(keys) == 0 {
		return nil
	}
	var out []Dirty
	fresh := 0
	for _, d := range keys {
		if all || d.Position <= c.applied && d.Doubt == [2]uint64{} {
			out = append(out, *d)
			if d.Failed == 0 {
				fresh++
			}
		}
		if fresh > n { // of very many there is no need to look at all
			break
		}
	}
	slices.SortFunc(out, func(a, b Dirty) int { return cmp.Or(a.Failed-b.Failed, cmp.Compare(a.Turn, b.Turn)) })
	if len(out) > n {
		out = out[:n]
	}
	return out
}

// Stuck reports whether a table waits for green and none of its keys is due: its log
// says nothing of a commit of blue that left no trace there.
func (c *Changes) Stuck() bool {
	for _, t := range c.tables {
		if t.whole != "" && t.at > c.applied {
			return true
		}
		due := len(t.keys) == 0
		for _, d := range t.keys {
			if due = d.Position <= c.applied; due {
				break
			}
		}
		if !due {
			return true
		}
	}
	return false
}

// Looked takes the verdict of a look at a key. One that was written since the
// look began stays dirty.
func (c *Changes) Looked(table string, d Dirty, equal bool) {
	t := c.tables[table]
	is := t.keys[ID(d.Key)]
	switch {
	case is == nil || is.Turn != d.Turn:
	case equal:
		delete(t.keys, ID(d.Key))
	default:
		is.Failed++
		is.TX = [2]uint64{} // it was shown
	}
}

// Doubted takes a look in which a key differed, after which blue and green were at
// positions that their logs have not been read up to: it may have been written since.
func (c *Changes) Doubted(table string, d Dirty, at [2]uint64) {
	if is := c.tables[table].keys[ID(d.Key)]; is != nil && is.Turn == d.Turn {
		is.Doubt, is.TX = at, [2]uint64{}
	}
}

// Heard says up to where the logs were read. A key that was doubted before and that
// they did not name differs: that counts as so many looks.
func (c *Changes) Heard(at [2]uint64, looks int) {
	for _, t := range c.tables {
		for _, d := range t.keys {
			if d.Doubt != [2]uint64{} && d.Doubt[0] <= at[0] && d.Doubt[1] <= at[1] {
				d.Failed, d.Doubt = d.Failed+looks, [2]uint64{}
			}
		}
	}
}

// Turn is the number of transactions taken: a look at a whole table counts only
// if none of that table came since.
func (c *Changes) Turn() uint64 { return c.turn }

// OpenBefore is how many keys were last written up to a turn and are not verified.
func (c *Changes) OpenBefore(turn uint64) int {
	n := 0
	for _, t := range c.tables {
		for _, d := range t.keys {
			if d.Turn <= turn {
				n++
			}
		}
	}
	return n
}

// OpenOf is how many keys of each table are not verified.
func (c *Changes) OpenOf() map[string]int {
	out := make(map[string]int, len(c.tables))
	for n, t := range c.tables {
		out[n] = len(t.keys)
	}
	return out
}

// Unlooked is how many keys nobody has looked at since they were written last, or
// since Distrust.
func (c *Changes) Unlooked() int {
	n := 0
	for _, t := range c.tables {
		for _, d := range t.keys {
			if d.Failed == 0 {
				n++
			}
		}
	}
	return n
}

// Open is how many keys are not verified.
func (c *Changes) Open() int {
	n := 0
	for _, t := range c.tables {
		n += len(t.keys)
	}
	return n
}

// Failing lists keys that differed in at least so many looks.
func (c *Changes) Failing(looks, most int) []engines.RowChange {
	var out []engines.RowChange
	for n, t := range c.tables {
		if t.whole != "" && t.stood >= looks && len(out) < most {
			out = append(out, engines.RowChange{Table: n})
		}
		for _, d := range t.keys {
			if d.Failed >= looks && len(out) < most {
				out = append(out, engines.RowChange{Table: n, Key: d.Key})
			}
		}
	}
	return out
}

// Foreign are writes on green that did not come from blue: how many, and some.
func (c *Changes) Foreign() (int, []engines.RowChange) { return c.strange, c.foreign }

// SawFence reports whether blue's log was read up to a token. The token is in green's
// log too, and says nothing of how far blue's was read.
func (c *Changes) SawFence(token string) bool { return c.tokens[0]["fence "+token] }

// SawAck reports whether green's log was read up to the acknowledgement of a token.
func (c *Changes) SawAck(token string) bool { return c.tokens[1]["ack "+token] }

// Floor is up to where each log is no longer needed: every row that it names before
// was verified or is named again behind it, and what has to be compared as a whole is
// Carried. One row that is written all the time holds no log. blue and green are the
// positions that were read so far.
func (c *Changes) Floor(blue, green uint64) (uint64, uint64) {
	for _, t := range c.tables {
		for _, d := range t.keys {
			if d.Blue > 0 {
				blue = min(blue, d.Blue)
			}
			if d.Green > 0 {
				green = min(green, d.Green)
			}
		}
	}
	return blue, green
}
