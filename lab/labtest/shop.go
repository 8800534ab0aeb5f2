package labtest

import (
	"testing"

	"github.com/turquoise-db/turquoise/lab"
)

// ShopDB starts the database of a shop for the test, without application and
// router, and stops it when the test ends.
func ShopDB(t testing.TB, flavor string, rows int) lab.ShopDB {
	t.Helper()
	skipShort(t)
	return started(t, lab.ShopOptions{Flavor: flavor, Rows: rows, Log: t.Output()}, lab.StartShopDB)
}
