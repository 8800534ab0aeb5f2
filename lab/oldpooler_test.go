package lab_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// The old pooler serves the same pair: clients that keep nothing on the server
// lose nothing behind it. Its version is what tells the two apart.
func TestAPairBehindAnOldPooler(t *testing.T) {
	for _, tt := range []struct {
		old  bool
		want string
	}{{true, "PgBouncer 1.18"}, {false, "PgBouncer 1.2"}} {
		l := labtest.Pair(t, lab.Options{OldPooler: tt.old})
		c, err := pgx.ParseConfig(l.PoolerAdminDSN())
		if err != nil {
			t.Fatal(err)
		}
		c.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
		conn, err := pgx.ConnectConfig(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		var version string
		if err := conn.QueryRow(t.Context(), "SHOW VERSION").Scan(&version); err != nil || !strings.HasPrefix(version, tt.want) {
			t.Errorf("version %q, %v; want %s", version, err, tt.want)
		}
		_ = conn.Close(t.Context())
		if !tt.old {
			continue
		}
		led := run(t, l, lab.LedgerOptions{}, 50)
		admin(t, l, "PAUSE "+lab.Database)
		admin(t, l, "RESUME "+lab.Database)
		n := led.Meter().Acked
		until(t, func() bool { return led.Meter().Acked > n+20 })
		stop(t, led)
		if r := check(t, led, l.BlueDSN()); !r.Clean() || r.Failed+r.Unknown+r.Refused != 0 {
			t.Errorf("behind the old pooler: %v", r)
		}
	}
}
