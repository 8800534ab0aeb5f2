package postgres_test

import (
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/postgres"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// TestEveryStatementCarriesTheSession asks the server what it was sent: a step's
// statement with its own tag, everything else with that of its connection.
func TestEveryStatementCarriesTheSession(t *testing.T) {
	db := labtest.Postgres(t, 17)
	c, err := postgres.Open(engines.OpenRequest{Ctx: t.Context(), Target: "blue", DSN: db.DSN, Run: "s7f3a", Sid: "20261121-orders-7f3a", Person: "alice", Role: "executor"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	const own = "SELECT query FROM pg_catalog.pg_stat_activity WHERE pid = pg_backend_pid()"
	for tag, want := range map[string]string{
		"": "/* tq s=20261121-orders-7f3a g=executor */ " + own,
		"/* tq s=20261121-orders-7f3a n=12 i=1 h=00 */": "/* tq s=20261121-orders-7f3a n=12 i=1 h=00 */ " + own,
	} {
		res, err := c.Do(t.Context(), engines.Statement{Text: own, Tag: tag, Limit: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := res.First(); got != want {
			t.Errorf("the server was sent %q, want %q", got, want)
		}
	}
}
