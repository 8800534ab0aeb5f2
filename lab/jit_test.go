package lab_test

import (
	"testing"

	"github.com/turquoise-db/turquoise/lab/labtest"
)

// A fetched server must start its compiler with the libraries it was fetched
// with: the machine's are of another age, or not there. An expensive query
// would fail, a cheap one would never show it.
func TestAFetchedServerCompilesQueries(t *testing.T) {
	for _, major := range []int{13, 15, 17} { // 18 has its compiler in a package of its own
		db := labtest.Postgres(t, major)
		conn := connect(t, db.DSN)
		if !value[bool](t, db.DSN, "select pg_jit_available()") {
			t.Logf("PostgreSQL %d: installed without its compiler", major)
			continue
		}
		for _, sql := range []string{"set jit = on", "set jit_above_cost = 0", "set jit_optimize_above_cost = 0"} {
			if _, err := conn.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
		var n int64
		if err := conn.QueryRow(t.Context(), "select sum(g) from generate_series(1, 1000) g").Scan(&n); err != nil || n != 500500 {
			t.Errorf("PostgreSQL %d: a compiled query gave %d, %v", major, n, err)
		}
	}
}
