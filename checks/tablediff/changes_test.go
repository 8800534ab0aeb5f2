package tablediff_test

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/engines"
)

func tracked() []engines.TableDigest {
	return []engines.TableDigest{{Schema: "public", Name: "t", Key: []string{"id"}, Tracked: true}, {Schema: "public", Name: "bare"},
		{Schema: "public", Name: "unlogged", Key: []string{"id"}}}
}

func wrote(pos uint64, keys ...string) engines.Transaction {
	tx := engines.Transaction{Before: pos - 1, Position: pos}
	for _, k := range keys {
		tx.Rows = append(tx.Rows, engines.RowChange{Table: "public.t", Key: engines.Key{k}})
	}
	return tx
}

// TestAKeyWaitsForGreen: a change is looked at when green has applied it, and is
// clean when it was equal and not written again.
func TestAKeyWaitsForGreen(t *testing.T) {
	c := tablediff.NewChanges(tracked())
	c.Blue(wrote(100, "1"))
	if c.Open() != 1 || len(c.Due("public.t", 10, false)) != 0 || len(c.Due("public.t", 10, true)) != 1 {
		t.Fatal("a key that green has not had is due")
	}
	through := wrote(900, "1")
	through.Origin, through.From = "pg_1", 100
	c.Green(through)
	due := c.Due("public.t", 10, false)
	if len(due) != 1 {
		t.Fatal("green has had it, and it is not due")
	}
	c.Blue(wrote(110, "1"))
	c.Looked("public.t", due[0], true)
	if c.Open() != 1 {
		t.Error("a verdict on an older change cleaned a newer one")
	}
	through.From = 110
	c.Green(through)
	due = c.Due("public.t", 10, false)
	c.Looked("public.t", due[0], false)
	if got := c.Failing(1, 5); len(got) != 1 || got[0].Key[0] != "1" {
		t.Errorf("failing %v", got)
	}
	c.Looked("public.t", due[0], true)
	if c.Open() != 0 {
		t.Error("an equal key stays dirty")
	}
	if n, _ := c.Foreign(); n != 0 {
		t.Error("what came through replication is foreign")
	}
	c.Green(wrote(950, "7"))
	if n, rows := c.Foreign(); n != 1 || rows[0].Key[0] != "7" || c.Open() != 1 {
		t.Errorf("a write of green's own: %d %v", n, rows)
	}
}

// TestWhatHasNoNameMakesTheTableWhole: truncation, other columns, rows without a
// key, and tables whose changes cannot be followed.
func TestWhatHasNoNameMakesTheTableWhole(t *testing.T) {
	c := tablediff.NewChanges(tracked())
	if w := c.Wholes(); len(w) != 1 || w["public.unlogged"] == "" {
		t.Fatalf("%v", w)
	}
	c.Blue(engines.Transaction{Position: 5, Truncated: []string{"public.t"}, Rows: []engines.RowChange{{Table: "public.bare"}}})
	turn := c.Turn()
	if w := c.Wholes(); len(w) != 3 {
		t.Errorf("%v", w)
	}
	c.Blue(engines.Transaction{Position: 6, Rows: []engines.RowChange{{Table: "public.bare"}}})
	if c.LookedWhole("public.bare", turn, true) {
		t.Error("a look from before the last write counted")
	}
	if !c.LookedWhole("public.t", turn, true) || !c.LookedWhole("public.bare", c.Turn(), true) || len(c.Wholes()) != 1 {
		t.Errorf("%v", c.Wholes())
	}
	c.Green(engines.Transaction{Reshaped: []string{"public.t"}})
	if c.Wholes()["public.t"] == "" {
		t.Error("other columns went unseen")
	}
}

// TestATableWithoutAKeyIsNotLookedAtForEver: one that differs at rest is a
// difference, one that is never at rest is known as that.
func TestATableWithoutAKeyIsNotLookedAtForEver(t *testing.T) {
	c := tablediff.NewChanges(tracked())
	nameless := func(pos uint64) engines.Transaction {
		return engines.Transaction{Before: pos - 1, Position: pos, Rows: []engines.RowChange{{Table: "public.bare"}}}
	}
	c.Blue(nameless(10))
	if !c.Stuck() || c.Newest() != 10 {
		t.Error("nobody asks how far green is")
	}
	c.LookedWhole("public.bare", c.Turn(), false)
	if len(c.Failing(1, 5)) != 0 {
		t.Error("it differs, and green has not had what was written")
	}
	c.Applied(10)
	for range 4 {
		turn := c.Turn()
		c.Blue(nameless(20))
		if c.LookedWhole("public.bare", turn, false) {
			t.Error("written during the look, and clean")
		}
	}
	if got := c.Restless(4); len(got) != 1 || got[0] != "public.bare" || len(c.Failing(1, 5)) != 0 {
		t.Errorf("written during every look: %v", got)
	}
	c.Applied(20)
	c.LookedWhole("public.bare", c.Turn(), false)
	if got := c.Failing(1, 5); len(got) != 1 || got[0].Table != "public.bare" || got[0].Key != nil {
		t.Errorf("differs at rest: %v", got)
	}
	c.Green(engines.Transaction{Position: 5, Rows: []engines.RowChange{{Table: "public.bare"}}})
	if got := c.Failing(1, 5); len(got) != 0 {
		t.Errorf("written since: %v", got)
	}
	if !c.LookedWhole("public.bare", c.Turn(), true) || len(c.Restless(1)) != 0 {
		t.Error("equal at rest, and not clean")
	}
}

// TestATokenIsOfOneLog: the token comes to green through replication too, and says
// there that green has everything, not that blue's own log was read.
func TestATokenIsOfOneLog(t *testing.T) {
	c := tablediff.NewChanges(tracked())
	c.Green(engines.Transaction{Position: 9, Origin: "pg_1", From: 5, Tokens: []string{"fence t"}})
	c.Green(engines.Transaction{Position: 10, Tokens: []string{"ack t"}})
	if c.SawFence("t") || !c.SawAck("t") {
		t.Error("blue's log was not read, and counts as read")
	}
	c.Blue(engines.Transaction{Position: 5, Tokens: []string{"fence t"}})
	if !c.SawFence("t") {
		t.Error("blue's log was read up to the token")
	}
}

// TestWhatIsNotFollowedIsNeverTrusted: a table whose changes cannot be followed
// was equal when it was looked at, and has to be looked at again at the freeze.
func TestWhatIsNotFollowedIsNeverTrusted(t *testing.T) {
	c := tablediff.NewChanges(tracked())
	c.LookedWhole("public.unlogged", c.Turn(), true)
	if w := c.Wholes(); w["public.unlogged"] != "" {
		t.Fatalf("seen equal, and yet %v", w)
	}
	c.Distrust()
	if w := c.Wholes(); len(w) != 1 || w["public.unlogged"] == "" {
		t.Errorf("at the freeze nobody looks at it again: %v", w)
	}
	if n := c.Unfollowed(); len(n) != 1 || n["public.unlogged"] == "" {
		t.Errorf("not named: %v", n)
	}
}

// TestTheFloorKeepsWhatIsNotVerified: a log is needed from the first change on
// that has not been seen equal.
func TestTheFloorKeepsWhatIsNotVerified(t *testing.T) {
	c := tablediff.NewChanges(tracked())
	c.Blue(wrote(100, "1"))
	c.Blue(wrote(200, "1", "2"))
	if b, g := c.Floor(300, 400); b != 199 || g != 400 {
		t.Errorf("%d %d: the newest change names a row again, and an older one is not needed for that", b, g)
	}
	if w := c.Carried(); len(w) != 1 || w["public.unlogged"] == "" {
		t.Errorf("the logs tell everything of the others: %v", w)
	}
	c.Blue(engines.Transaction{Before: 209, Position: 210, Truncated: []string{"public.t"}})
	c.Green(engines.Transaction{Before: 349, Position: 350, Rows: []engines.RowChange{{Table: "public.bare"}}})
	if b, g := c.Floor(300, 400); b != 300 || g != 400 {
		t.Errorf("logs are kept for tables that are compared as a whole: %d %d", b, g)
	}
	if w := c.Carried(); w["public.t"] == "" || w["public.bare"] == "" {
		t.Errorf("the logs are let go, and a later life knows nothing: %v", w)
	}
	next := tablediff.NewChanges(tracked())
	next.Carry(c.Carried(), 300)
	if w := next.Wholes(); len(w) != 3 {
		t.Errorf("a later life: %v", w)
	}
	next.LookedWhole("public.bare", next.Turn(), false)
	if f := next.Failing(1, 5); len(f) > 0 {
		t.Errorf("green has not had everything yet: %v", f)
	}
	c.LookedWhole("public.t", c.Turn(), true)
	c.Mark("public.t", engines.Key{"5"}, 0)
	c.LookedWhole("public.bare", c.Turn(), true)
	if w := c.Carried(); len(w) != 2 || w["public.t"] == "" {
		t.Errorf("no log names the row that was found: %v", w)
	}
	c.Looked("public.t", c.Due("public.t", 10, true)[0], true)
	c.Blue(wrote(500, "7"))
	if b, _ := c.Floor(600, 400); b != 499 {
		t.Errorf("%d", b)
	}
	for _, d := range c.Due("public.t", 10, true) {
		c.Looked("public.t", d, true)
	}
	if b, _ := c.Floor(600, 400); b != 600 {
		t.Errorf("%d", b)
	}
}

// TestNothingIsEverForgotten plays random histories against a plain model: a key
// is clean only if its newest change was followed by a look that saw it equal.
func TestNothingIsEverForgotten(t *testing.T) {
	for round := range 200 {
		rng := rand.New(rand.NewPCG(uint64(round), 1))
		c := tablediff.NewChanges(tracked())
		model := map[string]bool{}
		var looks []tablediff.Dirty
		changed := map[string]int{}
		at := map[string]int{}
		for pos := uint64(1); pos < 200; pos++ {
			k := strconv.Itoa(rng.IntN(8))
			switch rng.IntN(5) {
			case 0, 1:
				c.Blue(wrote(pos, k))
				model[k] = true
				changed[k]++
			case 2:
				tx := wrote(pos, k)
				tx.Origin, tx.From = "pg_1", pos
				c.Green(tx)
				model[k] = true
				changed[k]++
			case 3: // a look begins
				looks = c.Due("public.t", 100, rng.IntN(2) == 0)
				at = map[string]int{}
				for _, d := range looks {
					at[d.Key[0]] = changed[d.Key[0]]
				}
			case 4: // and ends, later
				for _, d := range looks {
					equal := rng.IntN(2) == 0
					c.Looked("public.t", d, equal)
					if equal && at[d.Key[0]] == changed[d.Key[0]] {
						delete(model, d.Key[0])
					}
				}
				looks = nil
			}
			if c.Open() != len(model) {
				t.Fatalf("round %d at %d: %d open, the model has %d", round, pos, c.Open(), len(model))
			}
		}
	}
}

// TestARowThatIsAlwaysWrittenHoldsNoLog: it is never at rest when somebody looks.
func TestARowThatIsAlwaysWrittenHoldsNoLog(t *testing.T) {
	c := tablediff.NewChanges(tracked())
	for pos := uint64(100); pos <= 1000; pos += 100 {
		c.Blue(wrote(pos, "1"))
		tx := wrote(pos+7, "1")
		tx.Origin, tx.From = "pg_1", pos
		c.Green(tx)
		due := c.Due("public.t", 10, false)
		c.Blue(wrote(pos+50, "1"))
		c.Looked("public.t", due[0], true)
		if c.Open() != 1 {
			t.Fatal("it was written during the look, and counts as seen")
		}
	}
	if b, g := c.Floor(2000, 2000); b != 1049 || g != 1006 {
		t.Errorf("%d %d", b, g)
	}
}

// TestADoubtCountsWhenTheLogsAreRead: a log that is read late may name the row still.
func TestADoubtCountsWhenTheLogsAreRead(t *testing.T) {
	c := tablediff.NewChanges(tracked())
	c.Blue(wrote(100, "1", "2"))
	c.Applied(100)
	for _, d := range c.Due("public.t", 10, false) {
		c.Doubted("public.t", d, [2]uint64{500, 600})
	}
	if due := c.Due("public.t", 10, false); len(due) > 0 {
		t.Errorf("looked at again before anybody can tell: %v", due)
	}
	c.Blue(wrote(400, "2"))
	c.Heard([2]uint64{500, 599}, 4)
	if f := c.Failing(1, 5); len(f) > 0 {
		t.Errorf("green's log may name it yet: %v", f)
	}
	c.Heard([2]uint64{500, 600}, 4)
	if f := c.Failing(4, 5); len(f) != 1 || f[0].Key[0] != "1" {
		t.Errorf("one was written before the look, and one was not: %v", f)
	}
	c.Distrust()
	if due := c.Due("public.t", 10, true); len(due) != 2 || c.Unlooked() != 2 {
		t.Errorf("at the freeze each is looked at anew: %v", due)
	}
}
