package mysql_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	driver "github.com/go-sql-driver/mysql"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/enginetest"
	"github.com/turquoise-db/turquoise/engines/mysql"
	"github.com/turquoise-db/turquoise/lab"
)

// TestContract holds what every engine promises against both products.
func TestContract(t *testing.T) {
	flavours(t, func(t *testing.T, l *lab.MySQLPairLab) {
		cfg, err := driver.ParseDSN(l.BlueDSN())
		if err != nil {
			t.Fatal(err)
		}
		look := plain(t, l.BlueDSN(), "")
		enginetest.Exercise(t, enginetest.Subject{
			Engine: mysql.Engine(), Addr: cfg.Addr, Other: l.GreenDSN(), Secret: cfg.Passwd, Value: "hunter2-value", Start: true,
			Open:   engines.OpenRequest{Target: "blue", Run: "r1", Person: "ann"},
			DSN:    func(at string) string { return strings.Replace(l.BlueDSN(), cfg.Addr, at, 1) },
			Bad:    []string{"u:" + cfg.Passwd + "@tcp(x", "mysql://u:" + cfg.Passwd + "@x:port/app", "postgres://u:" + cfg.Passwd + "@x/app", "u:" + cfg.Passwd + "@unix(/tmp/x)/"},
			Change: func(i int) engines.Statement { return statement("CREATE TABLE shop.made_%d (id INT)", i) },
			Applied: func(t *testing.T, i int) bool {
				var n int
				if err := look.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = ?", fmt.Sprintf("made_%d", i)).Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n == 1
			},
			Echo:     statement("SELECT CAST($1 AS CHAR)"),
			Reads:    statement("SELECT 1"),
			Refused:  []engines.Statement{statement("SELECT * FROM shop.nowhere"), statement("SELECT 1; SELECT 2"), statement("SIGNAL SQLSTATE '45000'")},
			SQLState: true,
			Hostile: []engines.Statement{
				statement("SELECT * FROM shop.`\x1b[31m\u202e\u200bx`"), statement("SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'hunter2-value \x1b[2J'"),
				statement("CREATE TABLE hunter2-value hunter2-value"), statement("SELECT CAST('hunter2-value' AS SIGNED), hunter2_value()"),
			},
			Lasts: statement("SELECT 1 FROM (SELECT 1) t WHERE SLEEP(60)"), Late: engines.Refused,
			Client: func(t *testing.T, name string) { plain(t, l.Blue.DSN(lab.RoleApp, lab.MySQLDatabase), name) },
			Scopes: []engines.Scope{{Run: "r1", On: "blue", From: "blue", To: "green"}, {Run: "r1", On: "blue", From: "green", To: "blue"},
				{Run: "r1", On: "blue", From: "blue", To: "green", Change: mysql.SharedTable()}},
			Plans:     mysql.Requests(),
			Conninfos: []string{"blue_conninfo", "green_conninfo"},
			ReadsOnly: mysql.Reads,
		})
	})
}

func statement(format string, args ...any) engines.Statement {
	return engines.Statement{Verb: engines.SQL, Text: fmt.Sprintf(format, args...)}
}

// plain is an open connection of an application under a name, until the test ends.
func plain(t *testing.T, dsn, name string) *sql.Conn {
	t.Helper()
	cfg, err := driver.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Logger = &driver.NopLogger{}
	if name != "" {
		cfg.ConnectionAttributes = "program_name:" + name
	}
	con, err := driver.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(con)
	t.Cleanup(func() { _ = db.Close() })
	c, err := db.Conn(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return c
}
