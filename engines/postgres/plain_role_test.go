package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/postgres"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// grants are what a role of ours needs from PostgreSQL 16 on.
func grants(role string) []string {
	return []string{
		"create role " + role + " login replication createrole password 'x'",
		"grant pg_monitor, pg_signal_backend, pg_create_subscription to " + role,
		"grant create on database app to " + role,
		"grant app to " + role + " with admin true, inherit true, set true",
		"grant batch, repl to " + role + " with admin true",
	}
}

func plainDSN(p *lab.Postgres, role string) string {
	return fmt.Sprintf("postgres://%s:x@127.0.0.1:%d/app?sslmode=disable", role, p.Port)
}

// TestThereAndBackWithoutASuperuser walks everything as a role with the grants
// above and nothing else: on both sides, and on green alone, for before 16 only
// a superuser creates subscriptions.
func TestThereAndBackWithoutASuperuser(t *testing.T) {
	for _, blue := range []struct {
		major int
		super string
		make  []string
	}{
		{17, "f", grants("pilot")},
		{15, "t", []string{"create role pilot login superuser password 'x'"}},
	} {
		t.Run(fmt.Sprintf("%d to 17", blue.major), func(t *testing.T) {
			t.Parallel()
			l := labtest.Pair(t, lab.Options{BlueMajor: blue.major, GreenMajor: 17})
			if err := errors.Join(l.Blue.Exec(t.Context(), "app", blue.make...), l.Green.Exec(t.Context(), "app", grants("pilot")...)); err != nil {
				t.Fatal(err)
			}
			w := newWalkerAs(t, l, map[engines.TargetID]string{"blue": plainDSN(l.Blue, "pilot"), "green": plainDSN(l.Green, "pilot")})
			if b, g := w.known["blue"].Extra["superuser"], w.known["green"].Extra["superuser"]; b != blue.super || g != "f" {
				t.Fatalf("superuser on blue %q, on green %q", b, g)
			}
			walkPlain(t, l, w)
		})
	}
}

func walkPlain(t *testing.T, l *lab.PairLab, w *walker) {
	t.Helper()
	w.params["own_role"] = "pilot"
	w.unhindered("blue", "green")
	w.build()
	w.ready()
	w.unhindered("blue", "green")
	mustExec(t, l.Blue.DSN(lab.RoleApp, "app"), "insert into notes (body) values ('before')")
	w.window("blue", "green")
	mustExec(t, l.Green.DSN(lab.RoleApp, "app"), "insert into notes (body) values ('on green')")
	refused(t, l.Blue.DSN(lab.RoleApp, "app"))
	w.untilGauge("blue/rev_worker_state", "blue", "green", func(r engines.Reading) bool { return r.Text == "running" })
	w.attempt++
	w.step("reverse", "publish", "blue", "green", "blue")
	w.step("reverse", "define", "green", "green", "blue")
	w.step("capture", "", "green", "green", "blue")
	w.window("green", "blue")
	if got := one(t, l.BlueDSN(), "select string_agg(body, ', ' order by id) from public.notes where id > 200"); got != "before, on green" {
		t.Errorf("notes on blue: %s", got)
	}
	w.takeDown(l)
	if got := one(t, l.BlueDSN(), "select count(*) from pg_roles where rolname = 'repl'"); got != "0" {
		t.Error("the replication role is still there")
	}
}

// right is one right taken away: what the check says then, and the statement it
// names. also gives back what that statement leaves.
type right struct {
	id, take string
	level    engines.Level
	next     string
	also     string
}

func rights() []right {
	return []right{
		{"G01", "revoke pg_monitor from pilot", engines.Block, `GRANT pg_monitor TO "pilot"`, ""},
		{"G06", "revoke pg_monitor from pilot", engines.Blind, `GRANT pg_monitor TO "pilot"`, ""},
		{"PG28", "revoke pg_monitor from pilot", engines.Blind, `GRANT pg_monitor TO "pilot"`, ""},
		{"G10/subscribe", "revoke pg_create_subscription from pilot", engines.Block, `GRANT pg_create_subscription TO "pilot"`, ""},
		{"G10/replicate", "alter role pilot noreplication", engines.Block, `ALTER ROLE "pilot" REPLICATION`, ""},
		{"G10/create", "revoke create on database {db} from pilot, {app}", engines.Block, `GRANT CREATE ON DATABASE "{db}" TO "pilot"`, ""},
		{"G10/database", "revoke inherit option for {app} from pilot", engines.Block, `GRANT {app} TO "pilot"`, "grant {app} to pilot with inherit true"},
		{"G10/roles", "alter role pilot nocreaterole", engines.Block, `ALTER ROLE "pilot" CREATEROLE`, ""},
		{"G10/roles", "revoke admin option for {app} from pilot", engines.Block, `GRANT {app} TO "pilot" WITH ADMIN OPTION`, ""},
		{"G10/replication_role", "alter role pilot noreplication", engines.Block, `ALTER ROLE "pilot" CREATEROLE REPLICATION`, ""},
		{"G10/replication_role", "revoke admin option for {repl} from pilot", engines.Block, `GRANT "{repl}" TO "pilot" WITH ADMIN OPTION`, ""},
		{"G10/signal", "revoke pg_signal_backend from pilot", engines.Block, `GRANT pg_signal_backend TO "pilot"`, ""},
		{"G10/signal", "revoke pg_monitor from pilot", engines.Blind, `GRANT pg_monitor TO "pilot"`, ""},
		{"G10/owners", "revoke set option for {app} from pilot", engines.Block, `GRANT {app} TO "pilot" WITH INHERIT TRUE, SET TRUE`, ""},
		{"PG12", "revoke inherit option for {app} from pilot", engines.Block, `GRANT SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA … TO "pilot"`, "grant {app} to pilot with inherit true"},
	}
}

// pilot is a role of ours without superuser, with every right, on a database of
// its own. Roles belong to the server, which other tests use: they are named
// after the database.
type pilot struct {
	t     *testing.T
	db    labtest.DB
	named *strings.Replacer
	in    engines.Scope
	read  *postgres.Reader
}

func (p *pilot) must(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		if err := p.db.Server.Exec(context.WithoutCancel(p.t.Context()), p.db.Name, p.named.Replace(text)); err != nil {
			p.t.Fatalf("%s: %v", p.named.Replace(text), err)
		}
	}
}

func (p *pilot) find(id string) engines.Finding {
	p.t.Helper()
	fs := p.read.InspectOnly(p.t.Context(), p.in, id)
	if len(fs) != 1 {
		p.t.Fatalf("%s: %d findings", id, len(fs))
	}
	return fs[0]
}

func newPilot(t *testing.T) *pilot {
	t.Helper()
	db := labtest.Postgres(t, 17)
	n := db.Name
	p := &pilot{t: t, db: db, named: strings.NewReplacer("pilot", "p"+n, "{app}", "a"+n, "{repl}", "r"+n, "{db}", n),
		in: engines.Scope{Run: "r1", On: "green", From: "blue", To: "green", Params: map[string]string{"own_role": "p" + n, "repl_role": "r" + n},
			Lists: map[string][]string{"app_roles": {"a" + n}}}}
	p.must("create role {app} login password 'x'", "create role {repl} login replication password 'x'", "alter database {db} owner to {app}",
		"create role pilot login replication createrole password 'x'", "grant pg_monitor, pg_signal_backend, pg_create_subscription to pilot",
		"grant create on database {db} to pilot", "grant {app} to pilot with admin true, inherit true, set true", "grant {repl} to pilot with admin true",
		"create table public.t (id int primary key)", "alter table public.t owner to {app}", "create sequence public.q", "alter sequence public.q owner to {app}")
	t.Cleanup(func() {
		p.must("alter database {db} owner to postgres", "drop owned by pilot", "drop owned by {app}", "drop owned by {repl}", "drop role pilot", "drop role {app}", "drop role {repl}")
	})
	var err error
	if p.read, err = postgresReader(t, fmt.Sprintf("postgres://p%s:x@127.0.0.1:%d/%s?sslmode=disable", n, db.Server.Port, n)); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestEachMissingRightIsNamed takes one right after the other away and finds it
// named, with the statement that gives it back; the statement does.
func TestEachMissingRightIsNamed(t *testing.T) {
	p := newPilot(t)
	for _, row := range rights() {
		want := engines.Pass
		if row.id == "PG28" { // nothing to look at: no subscription
			want = engines.Info
		}
		if ok := p.find(row.id); ok.Level != want {
			t.Errorf("%s with every right: %s: %s", row.id, levels[ok.Level], ok.Is)
		}
		p.must(row.take)
		f := p.find(row.id)
		next, _, _ := strings.Cut(f.Next, " on green")
		if f.Level != row.level || next != p.named.Replace(row.next) {
			t.Errorf("%s after %s: %s: %s; next: %q, want %s: %q", row.id, row.take, levels[f.Level], f.Is, next, levels[row.level], p.named.Replace(row.next))
		}
		if row.also != "" {
			next = row.also
		}
		p.must(next)
	}
}

// TestASuperusersThingsAreNamed: no grant reaches a superuser's session, and
// membership in one would make us one.
func TestASuperusersThingsAreNamed(t *testing.T) {
	p := newPilot(t)
	super, err := pgx.Connect(t.Context(), p.db.DSN+"&application_name=dba")
	if err != nil {
		t.Fatal(err)
	}
	if f := p.find("G10/signal"); f.Level != engines.Block || !strings.Contains(f.Is, "postgres (dba)") {
		t.Errorf("a superuser's session: %s: %s", levels[f.Level], f.Is)
	}
	if err := super.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.must("create table public.of_super (id int primary key)")
	if f := p.find("G10/owners"); f.Level != engines.Block || !strings.Contains(f.Is, "owned by a superuser, 1: postgres") || !strings.Contains(f.Next, "REASSIGN") {
		t.Errorf("a superuser's table: %+v", f)
	}
}

// TestBefore16OnlyASuperuserWillDo: no grant helps there, and it says so.
func TestBefore16OnlyASuperuserWillDo(t *testing.T) {
	db := labtest.Postgres(t, 15)
	role := "p" + db.Name
	if err := db.Server.Exec(t.Context(), db.Name, "create role "+role+" login replication createrole password 'x'"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Server.Exec(context.Background(), "postgres", "drop role "+role); err != nil {
			t.Error(err)
		}
	})
	r, err := postgresReader(t, fmt.Sprintf("postgres://%s:x@127.0.0.1:%d/%s?sslmode=disable", role, db.Server.Port, db.Name))
	if err != nil {
		t.Fatal(err)
	}
	in := engines.Scope{Run: "r1", On: "green", From: "blue", To: "green", Params: map[string]string{"own_role": role}, Lists: map[string][]string{"app_roles": {role}}}
	for _, f := range r.InspectOnly(t.Context(), in, "G10/subscribe", "G10/replication_role") {
		if f.Level != engines.Block || !strings.Contains(f.Is, "PostgreSQL 15 lets only a superuser") || !strings.Contains(f.Next, "log in as a superuser on green") {
			t.Errorf("%+v", f)
		}
	}
	for _, f := range r.InspectOnly(t.Context(), in, "G10/roles", "G10/replicate") {
		if f.Level != engines.Pass {
			t.Errorf("%+v", f)
		}
	}
}
