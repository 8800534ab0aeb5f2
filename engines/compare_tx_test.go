package engines_test

import (
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

// TestATransactionOfVeryManyRowsIsNamedByItsTables: a load of a night in one commit
// must not fill the memory of the cockpit.
func TestATransactionOfVeryManyRowsIsNamedByItsTables(t *testing.T) {
	var tx engines.Transaction
	key := engines.Key{"1"}
	for range 1_000_000 {
		tx.Add(engines.RowChange{Table: "public.t", Key: key, Op: engines.Inserted})
	}
	for range 3 {
		tx.Add(engines.RowChange{Table: "public.t", Key: key, Op: engines.Inserted})
		tx.Add(engines.RowChange{Table: "public.u", Key: key, Op: engines.Deleted})
	}
	if len(tx.Rows) != 1_000_002 {
		t.Fatalf("%d rows", len(tx.Rows))
	}
	for i, want := range []string{"public.t", "public.u"} {
		if r := tx.Rows[1_000_000+i]; r.Table != want || r.Key != nil || r.Op != engines.Written {
			t.Errorf("%+v: nobody would compare the whole of %s", r, want)
		}
	}
}
