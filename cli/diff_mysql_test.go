package cli

import (
	"bytes"
	"strings"
	"testing"

	driver "github.com/go-sql-driver/mysql"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// TestDiffOfMySQLSaysWhatItFound runs the verb as it is typed between two servers
// of each product, by addresses, and runs what it printed to repair green.
func TestDiffOfMySQLSaysWhatItFound(t *testing.T) {
	t.Parallel()
	for _, flavour := range []string{lab.FlavorMySQL, lab.FlavorMariaDB} {
		t.Run(flavour, func(t *testing.T) {
			pair := labtest.MySQLPair(t, lab.MySQLOptions{Flavor: flavour})
			for _, m := range []*lab.MySQL{pair.Blue, pair.Green} {
				onServer(t, m, "create database app", `create table app.accounts (id bigint primary key auto_increment, owner varchar(40), raw blob, seen timestamp null, balance decimal(12,2))`,
					`insert into app.accounts with recursive s(g) as (select 1 union all select g + 1 from s where g < 500) select g, concat('owner ', g, ' ''\\'), unhex('00ff'), '2026-01-01 00:00:00', g from s`)
			}
			run := func(args ...string) (string, int) {
				var out, errs bytes.Buffer
				code := Main(append([]string{"diff", "--quiet", "--tables", "app.*", "--blue", address(t, pair.Blue), "--green", address(t, pair.Green)}, args...), strings.NewReader(""), &out, &errs)
				return out.String() + errs.String(), code
			}
			for _, strength := range []string{"64", "sha256"} {
				if all, code := run("--data-only", "--json", "--strength", strength); code != exitEqual || !strings.Contains(all, `"rows": 500`) || !strings.Contains(all, `"verdict": "equal"`) {
					t.Errorf("equal: status %d\n%s", code, all)
				}
			}
			onServer(t, pair.Green, "update app.accounts set owner = 'someone' where id = 7", "delete from app.accounts where id = 8", "insert into app.accounts values (900, null, null, null, 1)")
			all, code := run()
			if code != exitDiffers || !strings.Contains(all, "different    id=7") || !strings.Contains(all, "missing      id=8") || !strings.Contains(all, "extra        id=900") || strings.Contains(all, "someone") {
				t.Errorf("different: status %d\n%s", code, all)
			}
			if all, _ := run("--show-values"); !strings.Contains(all, "green owner = someone") {
				t.Errorf("values were asked for:\n%s", all)
			}
			all, _ = run("--repair-sql", "green", "--data-only")
			if !strings.Contains(all, "UPDATE `app`.`accounts` SET") || !strings.Contains(all, "turquoise never runs them") {
				t.Fatalf("repair:\n%s", all)
			}
			for _, line := range strings.Split(all, "\n") {
				if strings.HasPrefix(line, "SET time_zone") {
					onServer(t, pair.Green, strings.SplitAfter(line, "; ")...)
				}
			}
			if all, code := run("--data-only"); code != exitEqual {
				t.Errorf("after the printed statements: status %d\n%s", code, all)
			}
			if all, code := run("--tables", "nothing", "--data-only"); code != exitEqual || strings.Contains(all, "nothing") {
				t.Errorf("a second list adds to the first: status %d\n%s", code, all)
			}
		})
	}
}

// TestDiffTellsTheEngineByTheConnectionStrings: two engines are no pair.
func TestDiffTellsTheEngineByTheConnectionStrings(t *testing.T) {
	for dsn, want := range map[string]string{"mysql://u@h/": "mysql", "mariadb://h:3307": "mysql", "u:p@tcp(h:1)/x": "mysql", "host=a": "postgres", "postgres://u@h/d": "postgres"} {
		if got := engineOf(dsn); got != want {
			t.Errorf("%s is %s", dsn, got)
		}
	}
	if _, err := (diff{blue: "mysql://h", green: "host=b"}).compares(); err == nil || !strings.Contains(err.Error(), "cannot be compared") {
		t.Errorf("%v", err)
	}
}

func onServer(t *testing.T, m *lab.MySQL, statements ...string) {
	t.Helper()
	if err := m.Exec(t.Context(), "", statements...); err != nil {
		t.Fatal(err)
	}
}

// address is a server as an address, root's password in it.
func address(t *testing.T, m *lab.MySQL) string {
	t.Helper()
	cfg, err := driver.ParseDSN(m.DSN(lab.MySQLRoot, ""))
	if err != nil {
		t.Fatal(err)
	}
	return "mysql://" + cfg.User + ":" + cfg.Passwd + "@" + cfg.Addr + "/"
}

// TestTheWindowOfMySQLMovesNothingThatIsNotEqual spoils a row of green in a way
// that no log tells before the comparison, which names it; then one behind the
// comparison, and wants the window taken back by the proof inside it.
func TestTheWindowOfMySQLMovesNothingThatIsNotEqual(t *testing.T) {
	t.Parallel()
	for _, c := range courses()[1:] {
		t.Run(c.name, func(t *testing.T) {
			n := newNightOn(t, c)
			pair, ok := n.bench.(*lab.MySQLPairLab)
			if !ok {
				t.Fatalf("the bench is %T", n.bench)
			}
			onServer(t, pair.Blue, "create table shop.bare (a int)", "insert into shop.bare values (1), (2)")
			s := n.open(nil)
			if err := n.walk(s, lab.WalkOptions{Until: "3.2"}); err != nil {
				t.Fatal(err)
			}
			open, shut := "set global read_only = off", "set global read_only = on"
			if c.name == "mysql" {
				shut = "set global super_read_only = on"
			}
			onServer(t, pair.Green, open, "set session sql_log_bin = 0", "update shop.notes set body = concat(body, ' spoilt') where id = 7", shut)
			// What goes into the record names the row, and not by its key.
			if err := n.walk(s, lab.WalkOptions{Until: "3.3"}); err == nil || !strings.Contains(err.Error(), "shop.notes (key ") || strings.Contains(err.Error(), "(7)") {
				t.Fatalf("the comparison says %v", err)
			}
			onServer(t, pair.Green, open, "set session sql_log_bin = 0", "update shop.notes set body = replace(body, ' spoilt', '') where id = 7", shut)
			if err := n.walk(s, lab.WalkOptions{Until: "4.5"}); err != nil {
				t.Fatal(err)
			}
			if rows := s.State().Vars["compared_rows"]; number(rows) < 7000 {
				t.Fatalf("the comparison read %q rows", rows)
			}
			// A table without a key is compared as a whole once it was written to.
			onServer(t, pair.Green, open, "set session sql_log_bin = 0", "delete from shop.bare where a = 2", shut)
			onServer(t, pair.Blue, "insert into shop.bare values (3)")
			if err := n.walk(s, lab.WalkOptions{Until: "5"}); err == nil || !strings.Contains(err.Error(), "shop.bare") {
				t.Fatalf("the window moved a table that differs: %v", err)
			}
			if st := s.State(); st.Writes != "blue" || st.Freeze.On {
				t.Fatalf("writes on %s, freeze %+v", st.Writes, st.Freeze)
			}
			n.flows("after the window was refused or taken back")
		})
	}
}
