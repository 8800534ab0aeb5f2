package lab_test

import (
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// one asks a MySQL server one question with one answer.
func one(t *testing.T, dsn, text string) (string, error) {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var v sql.NullString
	err = db.QueryRowContext(t.Context(), text).Scan(&v)
	return v.String, err
}

func mustOne(t *testing.T, dsn, text string) string {
	t.Helper()
	v, err := one(t, dsn, text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func TestAMySQLPairFollowsAndIsSwitched(t *testing.T) {
	for _, tt := range []struct {
		flavor, product string
		noGTID          bool
	}{{lab.FlavorMySQL, "9.", false}, {lab.FlavorMariaDB, "10.11.", false}, {lab.FlavorMySQL, "9.", true}, {lab.FlavorMariaDB, "10.11.", true}} {
		t.Run(fmt.Sprintf("%s without GTID %t", tt.flavor, tt.noGTID), func(t *testing.T) {
			l := labtest.MySQLPair(t, lab.MySQLOptions{Flavor: tt.flavor, NoGTID: tt.noGTID})
			if v := mustOne(t, l.BlueDSN(), "select version()"); !strings.HasPrefix(v, tt.product) {
				t.Errorf("version %s, want %s", v, tt.product)
			}
			if v := mustOne(t, l.GreenDSN(), "select run from "+lab.MySQLMarker); v != l.RunID {
				t.Errorf("marker %q, want %q", v, l.RunID)
			}
			if v := mustOne(t, l.BlueDSN(), "select (select sum(n) from shop.accounts) - (select count(*) from shop.orders)"); v != "0" {
				t.Errorf("accounts and orders of a fresh blue differ by %s", v)
			}
			labtest.Follow(t, l, "")
			if err := l.Blue.Exec(t.Context(), lab.MySQLDatabase, "insert into ledger (client, seq) values (1, 1)"); err != nil {
				t.Fatal(err)
			}
			until(t, func() bool {
				return mustOne(t, l.GreenDSN(), "select count(*) from shop.ledger where client = 1") == "1"
			})
			if tt.flavor == lab.FlavorMariaDB {
				// Green logs what it applies: what is in the copy must not come again.
				const commits = "select variable_value from information_schema.global_status where variable_name = 'Binlog_commits'"
				if v := mustOne(t, l.GreenDSN(), commits); v != "1" {
					t.Errorf("green applied %s transactions after its copy, blue wrote 1", v)
				}
			}
			if v := mustOne(t, l.AppDSN(), "select @@port"); v != fmt.Sprint(l.Blue.Port) {
				t.Errorf("clients reach port %s, want blue's %d", v, l.Blue.Port)
			}
			led, err := lab.StartLedger(t.Context(), l.AppDSN(), 6, lab.LedgerOptions{TPS: 100})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = led.Stop() })
			until(t, func() bool { return led.Meter().Acked >= 50 })
			cutOverMySQL(t, l)
			n := led.Meter().Acked
			until(t, func() bool { return led.Meter().Acked > n+20 })
			stop(t, led)
			serves, before := l.Green.DSN(lab.RoleApp, lab.MySQLDatabase), l.Blue.DSN(lab.RoleApp, lab.MySQLDatabase)
			r := check(t, led, serves, before)
			if !r.Clean() || r.Failed+r.Refused+r.Reconnected == 0 {
				t.Errorf("blue was closed and green had everything; clients lose connections or transactions by it, and no promise: %v", r)
			}
			if err := l.Green.Exec(t.Context(), lab.MySQLDatabase, "delete from ledger where client > 1 limit 1"); err != nil {
				t.Fatal(err)
			}
			if r := check(t, led, serves); r.Lost != 1 {
				t.Errorf("one promised row was deleted: %v", r)
			}
			if _, err := one(t, strings.Replace(l.AppDSN(), "app:", "app:x", 1), "select 1"); err == nil {
				t.Error("a wrong password is let in")
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(l.Dir); !os.IsNotExist(err) || len(inFolder(t, l.Dir)) > 0 {
				t.Errorf("the run folder or a process in it is left: %v", err)
			}
		})
	}
}

// cutOverMySQL closes blue, waits until green has all of it and moves the clients.
func cutOverMySQL(t *testing.T, l *lab.MySQLPairLab) {
	t.Helper()
	if err := l.Blue.Exec(t.Context(), "", "set global read_only = on"); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool {
		const count = "select count(*) from shop.ledger"
		return mustOne(t, l.GreenDSN(), count) == mustOne(t, l.BlueDSN(), count)
	})
	for _, command := range []string{"disable server be/blue", "enable server be/green", "shutdown sessions server be/blue"} {
		if said, err := l.Router.Command(t.Context(), command); err != nil || said != "" {
			t.Fatalf("%s: %q, %v", command, said, err)
		}
	}
	if v := mustOne(t, l.AppDSN(), "select @@port"); v != fmt.Sprint(l.Green.Port) {
		t.Errorf("after the switch clients reach port %s, want green's %d", v, l.Green.Port)
	}
}
