package mysql_test

import (
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/mysql"
	"github.com/turquoise-db/turquoise/lab"
)

// reader opens a reader of one side until the test ends.
func reader(t *testing.T, target engines.TargetID, dsn string) *mysql.Reader {
	t.Helper()
	r, err := mysql.OpenReader(engines.OpenRequest{Ctx: t.Context(), Target: target, DSN: dsn, Run: "s7f3", Sid: "20261121-orders-7f3a", Person: "ann", Role: "sampler"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// sides are both readers, and a scope for each.
func sides(t *testing.T, l *lab.MySQLPairLab) (blue, green *mysql.Reader, onBlue, onGreen engines.Scope) {
	t.Helper()
	blue, green = reader(t, "blue", l.BlueDSN()), reader(t, "green", l.GreenDSN())
	peers := map[engines.TargetID]engines.Reader{"blue": blue, "green": green}
	s := engines.Scope{Run: "s7f3", From: "blue", To: "green", Peer: peers}
	onBlue, onGreen = s, s
	onBlue.On, onGreen.On = "blue", "green"
	return blue, green, onBlue, onGreen
}

// finding asks one check.
func finding(t *testing.T, r *mysql.Reader, in engines.Scope, id string) engines.Finding {
	t.Helper()
	fs := r.InspectOnly(t.Context(), in, id)
	if len(fs) != 1 {
		t.Fatalf("%s: %d findings", id, len(fs))
	}
	return fs[0]
}

func TestTheBinaryLogIsOn(t *testing.T) {
	flavours(t, func(t *testing.T, l *lab.MySQLPairLab) {
		blue, green, onBlue, onGreen := sides(t, l)
		for _, f := range []engines.Finding{finding(t, blue, onBlue, "MY01"), finding(t, green, onGreen, "MY01")} {
			if f.Level != engines.Pass {
				t.Errorf("%+v", f)
			}
		}
	})
}
