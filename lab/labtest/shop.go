package labtest

import (
	"context"
	"testing"

	"github.com/turquoise-db/turquoise/lab"
)

// ShopDB starts the database of a shop for the test, without application and
// router, and stops it when the test ends.
func ShopDB(t testing.TB, flavor string, rows int) lab.ShopDB {
	t.Helper()
	skipShort(t)
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	db, err := lab.StartShopDB(ctx, lab.ShopOptions{Flavor: flavor, Rows: rows, Log: t.Output()})
	need(t, err)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("stop the shop's database: %v", err)
		}
	})
	return db
}
