package tablediff_test

import (
	"slices"
	"testing"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/engines"
)

func did(pos uint64, op engines.RowOp, key string) engines.Transaction {
	return engines.Transaction{Before: pos - 1, Position: pos, Rows: []engines.RowChange{{Table: "public.t", Key: engines.Key{key}, Op: op}}}
}

// TestRowsThatComeAndGo counts on both sides what blue committed behind a position.
func TestRowsThatComeAndGo(t *testing.T) {
	through := func(tx engines.Transaction, from uint64) engines.Transaction {
		tx.Origin, tx.From = "pg_1", from
		return tx
	}
	following := func() *tablediff.Changes {
		c := tablediff.NewChanges([]engines.TableDigest{{Schema: "public", Name: "t", Key: []string{"id"}, Tracked: true}, {Schema: "public", Name: "bare"}})
		c.CountFrom(100, 880)
		c.Blue(did(100, engines.Inserted, "0")) // green may have had it before its log was opened
		c.Blue(did(110, engines.Inserted, "1"))
		c.Blue(did(120, engines.Deleted, "2"))
		c.Blue(did(130, engines.Inserted, "3"))
		c.Blue(did(140, engines.Updated, "3"))
		c.Green(through(did(900, engines.Inserted, "1"), 110))
		c.Green(through(did(910, engines.Deleted, "2"), 120))
		return c
	}
	for _, tt := range []struct {
		name   string
		green  []engines.Transaction
		blue   []engines.Transaction
		unlike bool
		all    bool
	}{
		{"alike", []engines.Transaction{through(did(920, engines.Inserted, "3"), 130)}, nil, false, true},
		{"a row lost on the way", nil, nil, true, true},
		{"a row of green's own", []engines.Transaction{through(did(920, engines.Inserted, "3"), 130), did(930, engines.Inserted, "9")}, nil, true, true},
		{"one of green's own that is gone again", []engines.Transaction{through(did(920, engines.Inserted, "3"), 130), did(930, engines.Inserted, "9"), did(940, engines.Deleted, "9")}, nil, false, true},
		{"one that green had before", []engines.Transaction{through(did(890, engines.Inserted, "0"), 100), through(did(920, engines.Inserted, "3"), 130)}, nil, false, true},
		{"one that green wrote before", []engines.Transaction{did(880, engines.Inserted, "8"), through(did(920, engines.Inserted, "3"), 130)}, nil, false, true},
		{"replaced as a whole", nil, []engines.Transaction{{Position: 150, Truncated: []string{"public.t"}}}, false, false},
		{"a log that does not say what was done", nil, []engines.Transaction{did(150, engines.Written, "4")}, false, false},
	} {
		c := following()
		for _, tx := range tt.green {
			c.Green(tx)
		}
		for _, tx := range tt.blue {
			c.Blue(tx)
		}
		in, out, unlike, all := c.Tally()
		if all != tt.all || (len(unlike) > 0) != tt.unlike || all && (in != 2 || out != 1) || tt.unlike && !slices.Equal(unlike, []string{"public.t"}) {
			t.Errorf("%s: %d came, %d went, unlike %v, all counted %t", tt.name, in, out, unlike, all)
		}
	}
}
