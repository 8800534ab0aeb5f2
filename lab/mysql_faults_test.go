package lab_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines/enginetest"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// A server that is killed in the middle of the traffic keeps every promise, its
// replica goes on where it was, and the clients come back by themselves.
func TestAKilledMySQLServerKeepsItsPromises(t *testing.T) {
	for _, flavor := range []string{lab.FlavorMySQL, lab.FlavorMariaDB} {
		t.Run(flavor, func(t *testing.T) {
			l := labtest.MySQLPair(t, lab.MySQLOptions{Flavor: flavor})
			labtest.Follow(t, l, "")
			led, err := lab.StartLedger(t.Context(), l.AppDSN(), 6, lab.LedgerOptions{TPS: 200})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = led.Stop() })
			until(t, func() bool { return led.Meter().Acked >= 100 })
			if err := l.Blue.Kill(); err != nil {
				t.Fatal(err)
			}
			until(t, func() bool { return led.Meter().Refused > 0 })
			if err := l.Blue.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			n := led.Meter().Acked
			until(t, func() bool { return led.Meter().Acked > n+50 })
			stop(t, led)
			if r := check(t, led, l.LedgerDSN("blue")); !r.Clean() || r.WorstClient > 1 {
				t.Errorf("a killed server breaks one transaction of each client, and no promise: %v", r)
			}
			const count = "select count(*) from shop.ledger"
			until(t, func() bool { return mustOne(t, l.GreenDSN(), count) == mustOne(t, l.BlueDSN(), count) })
		})
	}
}

// While the link between the servers is frozen both threads of the replica say
// that they run and that it is 0 seconds behind: nothing may be built on that.
func TestAFrozenLinkLooksHealthy(t *testing.T) {
	for _, flavor := range []string{lab.FlavorMySQL, lab.FlavorMariaDB} {
		t.Run(flavor, func(t *testing.T) {
			l := labtest.MySQLPair(t, lab.MySQLOptions{Flavor: flavor})
			w := enginetest.NewWire(t, l.Blue.Address())
			labtest.Follow(t, l, w.Addr)
			mark := func(n int) {
				t.Helper()
				if err := l.Blue.Exec(t.Context(), lab.MySQLDatabase, fmt.Sprintf("insert into ledger (client, seq) values (99, %d)", n)); err != nil {
					t.Fatal(err)
				}
			}
			rows := func() string { return mustOne(t, l.GreenDSN(), "select count(*) from shop.ledger where client = 99") }
			mark(1)
			until(t, func() bool { return rows() == "1" && workedOff(labtest.ReplicaStatus(t, l.Green)) })
			w.Hold("")
			mark(2)
			st := labtest.ReplicaStatus(t, l.Green)
			for _, c := range []string{"IO_Running", "SQL_Running"} {
				if st[c] != "Yes" {
					t.Errorf("%s is %q while the link is frozen", c, st[c])
				}
			}
			if st["Seconds_Behind"] != "0" || rows() != "1" {
				t.Errorf("green says it is %s seconds behind and holds %s of 2 rows: %s", st["Seconds_Behind"], rows(), strings.Join(strings.Fields(fmt.Sprint(st)), " "))
			}
			w.Up()
			until(t, func() bool { return rows() == "2" })
		})
	}
}

// workedOff says whether a replica has executed all that it has read. A row is
// seen a moment before its position is: a link that freezes in that moment leaves
// a replica that says it is behind.
func workedOff(st map[string]string) bool {
	for _, word := range []string{"Source", "Master"} {
		if read := st["Read_"+word+"_Log_Pos"]; read != "" {
			return read == st["Exec_"+word+"_Log_Pos"] && st[word+"_Log_File"] == st["Relay_"+word+"_Log_File"]
		}
	}
	return false
}
