package postgres_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/enginetest"
	"github.com/turquoise-db/turquoise/engines/postgres"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// TestContract holds what every engine promises against PostgreSQL.
func TestContract(t *testing.T) {
	db, other := labtest.Postgres(t, 15), labtest.Postgres(t, 15)
	addr := fmt.Sprintf("127.0.0.1:%d", db.Server.Port)
	look, err := pgx.Connect(t.Context(), db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = look.Close(t.Context()) })
	u, err := url.Parse(db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := u.User.Password()
	enginetest.Exercise(t, enginetest.Subject{
		Engine: postgres.Engine(), Addr: addr, Other: other.DSN, Secret: secret, Value: "hunter2-value", Start: true,
		Open: engines.OpenRequest{Target: "blue", Run: "r1", Person: "ann"},
		DSN: func(at string) string {
			return strings.Replace(db.DSN, addr, at, 1)
		},
		Bad:    []string{"postgres://u:" + secret + "@%zz/", "host=x port=none password=" + secret},
		Change: func(i int) engines.Statement { return sql("CREATE SCHEMA made_%d", i) },
		Applied: func(t *testing.T, i int) bool {
			var n int
			if err := look.QueryRow(t.Context(), "SELECT count(*) FROM pg_namespace WHERE nspname = $1", fmt.Sprintf("made_%d", i)).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n == 1
		},
		Echo:     sql("SELECT $1::text"),
		Reads:    sql("SELECT 1"),
		Refused:  []engines.Statement{sql("SELECT * FROM nowhere"), sql("SELECT 1; SELECT 2"), sql("SELECT 1/0")},
		SQLState: true,
		Hostile: []engines.Statement{
			sql("SELECT * FROM \"\x1b[31m\u202e\u200bx\""), sql("SELECT 'hunter2-value'::int"), sql("CREATE TABLE hunter2-value hunter2-value"),
			sql("DO $$ BEGIN RAISE EXCEPTION 'hunter2-value'; END $$"), sql("DO $$ BEGIN RAISE NOTICE E'hunter2-value \\x1b[2J'; END $$"),
		},
		Lasts: sql("SELECT pg_sleep(60)"), Late: engines.Refused,
		Client: func(t *testing.T, name string) { client(t, db.DSN, name) },
		Scopes: []engines.Scope{{Run: "r1", On: "blue", From: "blue", To: "green"}, {Run: "r1", On: "blue", From: "green", To: "blue"},
			{Run: "r1", On: "blue", From: "blue", To: "green", Change: postgres.SharedTable()}},
		Plans: postgres.Requests(), Conninfos: []string{"blue_conninfo", "green_conninfo"},
		ReadsOnly: func(a engines.Action) bool {
			return a.Verb == engines.Compare || strings.HasPrefix(a.Text, "SELECT") || strings.HasPrefix(a.Text, "WITH")
		},
	})
}

func sql(format string, args ...any) engines.Statement {
	return engines.Statement{Verb: engines.SQL, Text: fmt.Sprintf(format, args...)}
}

// client is a session of an application under a name.
func client(t *testing.T, dsn, name string) {
	t.Helper()
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.RuntimeParams["application_name"] = name
	c, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(t.Context()) })
}
