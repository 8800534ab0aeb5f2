package lab_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		crashChild()
	}
	code := labtest.Main(m) // ends the shared servers, whose goroutines would count as leaks
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// connect opens a connection that ends with the test.
func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// value asks one question with one answer.
func value[T any](t *testing.T, dsn, sql string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var v T
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func exec(t *testing.T, dsn, sql string) {
	t.Helper()
	if _, err := connect(t, dsn).Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func TestAPairIsWhatARunbookExpects(t *testing.T) {
	l := labtest.Pair(t, lab.Options{})
	for side, dsn := range map[string]string{"blue": l.BlueDSN(), "green": l.GreenDSN()} {
		if got := value[string](t, dsn, "select current_setting('"+lab.Marker+"', true)"); got != l.RunID {
			t.Errorf("%s: marker %q, want %q", side, got, l.RunID)
		}
		if !value[bool](t, dsn, "select rolsuper from pg_roles where rolname = current_user") {
			t.Errorf("%s: our role is no superuser", side)
		}
		if n := value[int](t, dsn, "select count(*) from pg_roles where rolname in ('app', 'batch') and rolcanlogin and not rolsuper"); n != 2 {
			t.Errorf("%s: %d application roles, want 2", side, n)
		}
	}
	const tables = "select count(*) from pg_class where relkind = 'r' and relowner = 'app'::regrole"
	if n := value[int](t, l.BlueDSN(), tables); n != 5 {
		t.Errorf("blue: %d tables of the application, want 5", n)
	}
	if n := value[int](t, l.GreenDSN(), tables); n != 0 {
		t.Errorf("green: %d tables before the schema was loaded, want 0", n)
	}
	if err := l.SeedSchema(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := value[int](t, l.GreenDSN(), tables); n != 5 {
		t.Errorf("green: %d tables of the application, want 5", n)
	}
	if !value[bool](t, l.GreenDSN(), "select has_table_privilege('batch', 'orders', 'insert') and has_table_privilege('repl', '\"Billing\".\"Invoices\"', 'select')") {
		t.Error("green: grants did not come along")
	}
	if n := value[int](t, l.AppDSN(), "select current_setting('server_version_num')::int / 10000"); n != 15 {
		t.Errorf("the pooler sends the application to a PostgreSQL %d, want blue's 15", n)
	}
}

func TestAPairReplicatesOverTheReplicationRole(t *testing.T) {
	l := labtest.Pair(t, lab.Options{})
	if err := l.SeedSchema(t.Context()); err != nil {
		t.Fatal(err)
	}
	replicate(t, l)
	want := value[int](t, l.BlueDSN(), "select count(*) from orders")
	until(t, func() bool { return value[int](t, l.GreenDSN(), "select count(*) from orders") == want })
}

func TestTheSettingsFileOfThePoolerCanBeSwitched(t *testing.T) {
	l := labtest.Pair(t, lab.Options{})
	pointAtGreen(t, l)
	until(t, func() bool {
		return value[int](t, l.AppDSN(), "select current_setting('server_version_num')::int / 10000") == 17
	})
}

// replicate starts the replication from blue to green.
func replicate(t *testing.T, l *lab.PairLab) {
	t.Helper()
	exec(t, l.BlueDSN(), "create publication p for all tables")
	_, err := connect(t, l.GreenDSN()).Exec(t.Context(), "create subscription s connection 'host=127.0.0.1 port="+strconv.Itoa(l.Blue.Port)+
		" dbname=app user=repl password="+l.Env()["TURQUOISE_REPL_PASSWORD"]+"' publication p")
	if err != nil {
		t.Fatalf("create the subscription: %v", err) // its text holds a password
	}
}

// pointAtGreen rewrites the pooler's file and makes it read it.
func pointAtGreen(t *testing.T, l *lab.PairLab) {
	t.Helper()
	ini, err := os.ReadFile(l.Pooler.IniPath)
	if err != nil {
		t.Fatal(err)
	}
	next := strings.Replace(string(ini), "port="+strconv.Itoa(l.Blue.Port), "port="+strconv.Itoa(l.Green.Port), 1)
	tmp := filepath.Join(filepath.Dir(l.Pooler.IniPath), "next.ini")
	if err := os.WriteFile(tmp, []byte(next), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, l.Pooler.IniPath); err != nil {
		t.Fatal(err)
	}
	if err := l.Pooler.Admin(t.Context(), "RELOAD"); err != nil {
		t.Fatal(err)
	}
}

func TestCloseLeavesNoProcessAndNoFolder(t *testing.T) {
	l := labtest.Pair(t, lab.Options{})
	if n := len(inFolder(t, l.Dir)); n < 3 {
		t.Fatalf("%d processes work in the run folder of a running lab; want the servers and their children", n)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{l.Blue.Pid(), l.Green.Pid(), l.Pooler.Pid()} {
		if _, err := os.Stat("/proc/" + strconv.Itoa(pid)); err == nil {
			t.Errorf("process %d is still there", pid)
		}
	}
	if left := inFolder(t, l.Dir); len(left) > 0 {
		t.Errorf("processes %v still work in the run folder", left)
	}
	if _, err := os.Stat(l.Dir); !os.IsNotExist(err) {
		t.Errorf("the run folder is still there: %v", err)
	}
}

func TestAServerThatIsKilledIsNoticedAndTheRestStillStops(t *testing.T) {
	l := labtest.Pair(t, lab.Options{})
	if err := l.Blue.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := pgx.Connect(t.Context(), l.BlueDSN()); err == nil {
		t.Error("a killed server still answers")
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// inFolder lists the processes whose working folder lies in dir: a server's
// children carry it too, under names of their own.
func inFolder(t *testing.T, dir string) []string {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	var pids []string
	for _, link := range links {
		if at, err := os.Readlink(link); err == nil && strings.HasPrefix(at, dir) {
			pids = append(pids, link)
		}
	}
	return pids
}

// until asks again until the answer is yes, at most for 30 s.
func until(t *testing.T, yes func() bool) {
	t.Helper()
	limit, tick := time.NewTimer(30*time.Second), time.NewTicker(20*time.Millisecond)
	defer limit.Stop()
	defer tick.Stop()
	for !yes() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatal("gave up waiting after 30 s")
		}
	}
}
