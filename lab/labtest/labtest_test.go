package labtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/lab"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// connect opens a connection that ends with the test.
func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestTwoTestsShareAServerAndNoDatabase(t *testing.T) {
	one, other := Postgres(t, 17), Postgres(t, 17)
	if one.Server.Pid() != other.Server.Pid() {
		t.Errorf("two servers, pid %d and %d; want one", one.Server.Pid(), other.Server.Pid())
	}
	if one.Name == other.Name {
		t.Errorf("both got the database %s", one.Name)
	}
}

func TestADatabaseIsGoneAfterItsTest(t *testing.T) {
	var name string
	t.Run("inner", func(t *testing.T) {
		db := Postgres(t, 17)
		name = db.Name
		// Left open on purpose: an open session must not keep the database.
		if _, err := connect(t, db.DSN).Exec(t.Context(), "create table leftover (id int)"); err != nil {
			t.Fatal(err)
		}
	})
	db := Postgres(t, 17)
	conn := connect(t, db.Server.DSN(lab.Superuser, db.Name))
	defer func() { _ = conn.Close(t.Context()) }()
	var n int
	if err := conn.QueryRow(t.Context(), "select count(*) from pg_database where datname = $1", name).Scan(&n); err != nil {
		t.Fatal(err)
	}
	if n != 0 {
		t.Errorf("database %s is still there", name)
	}
}

func TestTheServerIsOfTheMajorVersionAsked(t *testing.T) {
	conn := connect(t, Postgres(t, 15).DSN)
	defer func() { _ = conn.Close(t.Context()) }()
	var version int
	if err := conn.QueryRow(t.Context(), "select current_setting('server_version_num')::int").Scan(&version); err != nil {
		t.Fatal(err)
	}
	if version/10000 != 15 {
		t.Errorf("server version %d, want 15", version)
	}
}

func TestASkippedServerIsNotedForTheEndOfTheRun(t *testing.T) {
	const inner = "TURQUOISE_TEST_INNER" // make test sets the other one as well
	if os.Getenv(inner) == "" {
		file := filepath.Join(t.TempDir(), "skips")
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), inner+"=1", "TURQUOISE_LAB_SKIPS="+file, "TURQUOISE_LAB_PG15=/nowhere", "TURQUOISE_LAB_REQUIRE=")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "SKIPPED FOR WANT OF PostgreSQL 15") {
			t.Fatalf("%v: %s", err, out)
		}
		noted, err := os.ReadFile(file)
		if want := "PostgreSQL 15; point TURQUOISE_LAB_PG15 at"; err != nil || strings.Count(string(noted), "\n") != 2 || !strings.HasPrefix(string(noted), want) {
			t.Errorf("noted %q, %v; want two lines that start %q", noted, err, want)
		}
		cmd = exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), inner+"=1", "TURQUOISE_LAB_SKIPS="+file, "TURQUOISE_LAB_PG15=/nowhere", "TURQUOISE_LAB_REQUIRE=1")
		if out, err := cmd.CombinedOutput(); err == nil {
			t.Errorf("a missing server that is required did not fail: %s", out)
		}
		return
	}
	t.Run("one", func(t *testing.T) { Postgres(t, 15) })
	t.Run("other", func(t *testing.T) { Postgres(t, 15) })
}
