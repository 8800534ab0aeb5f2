package postgres_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/postgres"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// session is a client's own session on one side; text is what it does first.
func (s *sides) session(dsn, text string) *pgx.Conn {
	s.t.Helper()
	c, err := pgx.Connect(s.t.Context(), dsn)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close(context.Background()) })
	if _, err := c.PgConn().Exec(s.t.Context(), text).ReadAll(); err != nil {
		s.t.Fatalf("%s: %v", text, err)
	}
	return c
}

// until asks a check until it says so. The test's own limit ends a wait that
// never does.
func (s *sides) until(on engines.TargetID, id string, level engines.Level) {
	s.t.Helper()
	for s.t.Context().Err() == nil {
		if s.one(on, id).Level == level {
			return
		}
	}
}

func (s *sides) end(c *pgx.Conn) {
	s.t.Helper()
	if err := c.Close(s.t.Context()); err != nil {
		s.t.Error(err)
	}
}

// TestSightChecks: whom we talk to, who else drives.
func TestSightChecks(t *testing.T) {
	s := newSides(t, 15, 17)
	for _, id := range []string{"G01", "G02", "G03", "G04", "G06"} {
		s.expect("blue", id, engines.Pass, "")
	}
	s.params["database"] = "orders"
	s.expect("blue", "G02", block, "database {name}, not orders")
	delete(s.params, "database")
	s.params["own_role"] = "turquoise"
	s.expect("green", "G02", block, "role postgres, not turquoise")
	s.params["own_role"] = lab.Superuser

	if _, err := postgres.OpenReader(engines.OpenRequest{Ctx: t.Context(), Target: "blue", DSN: s.db["blue"].DSN, Run: "diff", Person: "bob"}); err != nil {
		t.Fatal(err)
	}
	s.expect("blue", "G06", engines.Pass, "0")
	other, err := postgres.Open(engines.OpenRequest{Ctx: t.Context(), Target: "blue", DSN: s.db["blue"].DSN, Run: "r10", Person: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	s.expect("blue", "G06", block, "turquoise/r10/bob from 127.0.0.1")
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	s.until("blue", "G06", engines.Pass)

	s.open("green", s.db["blue"].DSN)
	s.expect("blue", "G03", block, "both are postgres 15.")
	delete(s.read, "green")
	s.expect("blue", "G03", engines.Blind, "the other side cannot be read")
	s.expect("blue", "PG02", engines.Blind, "the other side cannot be read")
}

// TestBlindWhenTheServerIsGone: no check passes on a server that does not answer.
func TestBlindWhenTheServerIsGone(t *testing.T) {
	db := labtest.Postgres(t, 17)
	r, err := postgresReader(t, db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	in := engines.Scope{Run: "r1", On: "green", From: "blue", To: "green"}
	if err := db.Server.Exec(t.Context(), "postgres", "alter database "+db.Name+" allow_connections false"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Server.Exec(context.WithoutCancel(t.Context()), "postgres", "alter database "+db.Name+" allow_connections true"); err != nil {
			t.Error(err)
		}
	}()
	fs := r.Inspect(t.Context(), in)
	if len(fs) < 30 {
		t.Errorf("%d findings", len(fs))
	}
	for _, f := range fs {
		if f.Level != engines.Blind || f.Next == "" {
			t.Errorf("%s: %s: %q; next %q", f.ID, levels[f.Level], f.Is, f.Next)
		}
	}
}

// TestSessionChecks: who is at work, in this database and in others.
func TestSessionChecks(t *testing.T) {
	s := newSides(t, 15, 17)
	s.exec("blue", "create role a_{name} login password 'x'", keyed, "grant all on public.t to a_{name}")
	defer s.exec("blue", "drop owned by a_{name}", "drop role a_{name}")
	dsn := fmt.Sprintf("postgres://a_%s:x@127.0.0.1:%d/%s?sslmode=disable", s.db["blue"].Name, s.db["blue"].Server.Port, s.db["blue"].Name)

	s.expect("blue", "PG27", engines.Pass, "0")
	writer := s.session(dsn, "begin; insert into public.t values (1)")
	s.expect("blue", "PG27", engines.Pass, "0")
	s.params["long_writer"] = "1ms"
	s.expect("blue", "PG27", caution, "1: a_{name} (, pid ")
	s.expect("blue", "PG27", caution, " writes since ")
	s.end(writer)

	s.expect("blue", "PG37", engines.Pass, "0")
	s.session(s.db["blue"].DSN, "listen news")
	s.session(s.db["blue"].DSN, "select pg_advisory_lock(1)")
	s.exec("blue", "create function public.e() returns event_trigger language plpgsql as 'begin end'", "create event trigger ev_{name} on ddl_command_end execute function public.e()")
	s.expect("blue", "PG37", engines.Info, "3: advisory locks of postgres, event trigger ev_{name}, listener postgres")

	s.expect("blue", "PG05/databases", engines.Pass, "0")
	other := labtest.Postgres(t, 15)
	c := s.session(fmt.Sprintf("postgres://a_%s:x@127.0.0.1:%d/%s?sslmode=disable", s.db["blue"].Name, other.Server.Port, other.Name), "select 1")
	s.expect("blue", "PG05/databases", caution, "1: "+other.Name+" (a_{name} 1)")
	s.lists["app_roles"] = []string{"a_" + s.db["blue"].Name}
	s.expect("blue", "PG05/databases", block, "the application's roles work there too, 1: "+other.Name+" (a_{name} 1)")
	s.end(c)
	s.until("blue", "PG05/databases", engines.Pass)
}

// TestServerChecks needs a server of its own: its settings take a restart.
func TestServerChecks(t *testing.T) {
	programs, err := lab.OpenServers(t.Output())
	if err != nil {
		t.Fatal(err)
	}
	s := newSides(t, 15, 17)
	set := func(p *lab.Postgres, texts ...string) {
		t.Helper()
		if err := p.Exec(t.Context(), "postgres", texts...); err != nil {
			t.Fatal(err)
		}
	}
	shared := s.db["blue"].Server
	s.expect("blue", "PG01", engines.Pass, "logical")
	s.expect("blue", "PG39", caution, "archiving is off")
	set(shared, "alter system set max_connections = 201", "select pg_reload_conf()")
	s.until("blue", "PG01", caution)
	s.expect("blue", "PG01", caution, "a restart is due for max_connections")
	set(shared, "alter system reset max_connections", "select pg_reload_conf()")
	s.until("blue", "PG01", engines.Pass)

	weak, err := lab.StartSingle(t.Context(), programs, 17, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := weak.Close(); err != nil {
			t.Error(err)
		}
	}()
	set(weak.Postgres, "alter system set wal_level = replica", "alter system set max_prepared_transactions = 5", "alter system set archive_mode = on", "alter system set archive_command = 'false'")
	if err := weak.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.open("blue", weak.DSN(lab.Superuser, "postgres"))
	s.expect("blue", "PG01", block, "replica")
	s.expect("blue", "PG26", engines.Pass, "0")
	set(weak.Postgres, "create table t (id int); begin; insert into t values (1); prepare transaction 'batch 7'")
	s.expect("blue", "PG26", block, "1: 'batch 7' of postgres since ")

	set(weak.Postgres, "rollback prepared 'batch 7'", "create table u as select 1", "select pg_switch_wal()")
	s.until("blue", "PG39", block)
	s.expect("blue", "PG39", block, "the last try failed at 20")
	set(weak.Postgres, "alter system set archive_command = 'true'", "select pg_reload_conf()", "select pg_switch_wal()")
	s.until("blue", "PG39", engines.Pass)

	if err := os.WriteFile(filepath.Join(weak.Data, "standby.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	set(weak.Postgres, "checkpoint")
	if err := weak.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.open("blue", weak.DSN(lab.Superuser, "postgres"))
	s.expect("blue", "G02", block, "in recovery: a standby")
}

// TestLinkChecks runs a real subscription and takes it apart piece by piece.
func TestLinkChecks(t *testing.T) {
	s := newSides(t, 15, 17)
	for _, id := range []engines.TargetID{"blue", "green"} {
		s.exec(id, keyed)
	}
	s.expect("green", "PG07", engines.Info, "no subscription {subscription} yet")
	s.expect("blue", "PG08", engines.Info, "no slot {slot} yet")
	s.exec("blue", "create publication {publication} for all tables")
	s.exec("green", "create subscription {subscription} connection '{blue_dsn}' publication {publication} with (slot_name = '{slot}', origin = none)")
	defer func() {
		s.exec("blue", "drop subscription if exists {rev_subscription}")
		s.exec("green", "drop subscription {subscription}")
	}()
	s.until("green", "PG07", engines.Pass)
	for _, id := range []string{"PG05/subscribed", "PG31", "PG28"} {
		s.expect("green", id, engines.Pass, "")
	}
	s.expect("blue", "PG08", engines.Pass, "WAL reserved")
	s.expect("blue", "PG33", engines.Pass, "0 transactions")

	for _, id := range []engines.TargetID{"green", "blue"} {
		s.exec(id, "create table public.late (id int primary key)")
	}
	s.expect("green", "PG05/subscribed", block, "1: public.late")
	s.exec("green", "alter subscription {subscription} refresh publication")
	s.until("green", "PG07", engines.Pass)
	s.expect("green", "PG05/subscribed", engines.Pass, "0")

	c := s.session(s.db["green"].DSN+"&application_name=psql", "select 1")
	s.expect("green", "PG28", caution, "applications are connected, 1: postgres (1)")
	if _, err := c.Exec(t.Context(), "begin"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec(t.Context(), "insert into public.t values (900)"); err != nil {
		t.Fatal(err)
	}
	s.expect("green", "PG28", block, "1: postgres (psql from 127.0.0.1)")
	s.end(c)

	s.exec("blue", "alter system set logical_decoding_work_mem = '64kB'", "select pg_reload_conf()")
	defer s.exec("blue", "alter system reset logical_decoding_work_mem", "select pg_reload_conf()")
	s.exec("blue", "insert into public.late select g from generate_series(1, 20000) g")
	s.until("blue", "PG33", caution)
	s.circle()
	s.disabled()
	s.conflict()
}

// circle: both directions on, or one that would send on what it got.
func (s *sides) circle() {
	s.t.Helper()
	s.exec("green", "alter subscription {subscription} set (origin = any)", "create publication {rev_publication} for all tables")
	s.expect("green", "PG31", engines.Pass, "one direction")
	s.exec("blue", "create subscription {rev_subscription} connection '{green_dsn}' publication {rev_publication} with (slot_name = '{rev_slot}', copy_data = false)",
		"alter subscription {rev_subscription} disable")
	s.expect("green", "PG31", block, "{subscription} has origin = any")
	s.exec("green", "alter subscription {subscription} set (origin = none)")
	s.expect("green", "PG31", engines.Pass, "one direction")
	s.exec("blue", "alter subscription {rev_subscription} enable")
	s.expect("green", "PG31", block, "both directions are on")
	s.exec("blue", "drop subscription {rev_subscription}")
	s.expect("green", "PG31", engines.Pass, "one direction")
}

// disabled: the worker stops, and nobody reads the slot.
func (s *sides) disabled() {
	s.t.Helper()
	s.exec("green", "alter subscription {subscription} disable")
	s.expect("green", "PG07", block, "disabled")
	s.until("blue", "PG08", block)
	s.expect("blue", "PG08", block, "nobody reads it")
	s.exec("green", "alter subscription {subscription} enable")
	s.until("green", "PG07", engines.Pass)
}

// conflict: a row that green already has stops the worker; when it is gone the
// error stays counted.
func (s *sides) conflict() {
	s.t.Helper()
	s.exec("green", "insert into public.t values (1)", "alter subscription {subscription} set (disable_on_error = true)")
	s.exec("blue", "insert into public.t values (1)")
	s.until("green", "PG07", block)
	s.exec("green", "delete from public.t where id = 1", "alter subscription {subscription} enable")
	s.until("green", "PG07", caution)
	s.expect("green", "PG07", caution, "apply_error_count = ")
}
