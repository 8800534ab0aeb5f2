package lab_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// A pair under load whose green has caught up with the initial copy.
func pairUnderLoad(t *testing.T) (*lab.PairLab, *lab.Ledger) {
	t.Helper()
	l := labtest.Pair(t, lab.Options{})
	if err := l.SeedSchema(t.Context()); err != nil {
		t.Fatal(err)
	}
	led := run(t, l, lab.LedgerOptions{}, 50)
	replicate(t, l)
	until(t, func() bool {
		return value[bool](t, l.GreenDSN(), "select count(*) > 0 and bool_and(srsubstate = 'r') from pg_subscription_rel")
	})
	return l, led
}

// admin sends commands to the pooler.
func admin(t *testing.T, l *lab.PairLab, command string) {
	t.Helper()
	if err := l.Pooler.Admin(t.Context(), command); err != nil {
		t.Fatal(err)
	}
}

// carrySequences gives green the state of each of blue's sequences.
func carrySequences(t *testing.T, l *lab.PairLab) {
	t.Helper()
	rows, err := connect(t, l.BlueDSN()).Query(t.Context(),
		"select format('select setval(%L, %s)', format('%I.%I', schemaname, sequencename), last_value) from pg_sequences where last_value is not null")
	if err != nil {
		t.Fatal(err)
	}
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range texts {
		exec(t, l.GreenDSN(), sql)
	}
}

func TestACutoverThatWaitsLosesNothing(t *testing.T) {
	l, led := pairUnderLoad(t)
	admin(t, l, "PAUSE "+lab.Database)
	want := value[int64](t, l.BlueDSN(), "select count(*) from ledger")
	until(t, func() bool { return value[int64](t, l.GreenDSN(), "select count(*) from ledger") == want })
	carrySequences(t, l)
	pointAtGreen(t, l)
	admin(t, l, "RESUME "+lab.Database)
	n := led.Meter().Acked
	until(t, func() bool { return led.Meter().Acked > n+100 })
	stop(t, led)
	r := check(t, led, l.GreenDSN(), l.BlueDSN())
	if !r.Clean() || r.Failed+r.Unknown+r.Refused != 0 {
		t.Errorf("blue was silent and green had everything: %v", r)
	}
}

// The same rig must notice a cutover that does not wait, or the test above
// proves nothing. Green is made to lag for certain: its subscription is off.
func TestACutoverThatDoesNotWaitIsFoundOut(t *testing.T) {
	l, led := pairUnderLoad(t)
	exec(t, l.GreenDSN(), "alter subscription s disable")
	until(t, func() bool {
		return value[bool](t, l.GreenDSN(), "select not exists (select from pg_stat_subscription where pid is not null)")
	})
	n := led.Meter().Acked
	until(t, func() bool { return led.Meter().Acked > n+20 })
	admin(t, l, "PAUSE "+lab.Database)
	carrySequences(t, l)
	pointAtGreen(t, l)
	admin(t, l, "RESUME "+lab.Database)
	n = led.Meter().Acked
	until(t, func() bool { return led.Meter().Acked > n+20 })
	stop(t, led)
	if r := check(t, led, l.GreenDSN(), l.BlueDSN()); r.Lost < 20 || r.Stranded < r.Lost || r.Clean() {
		t.Errorf("rows stayed behind on blue and the ledger did not notice: %v", r)
	}
}
