package postgres_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/postgres"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// sides are two databases, one on a server of each of two majors, as a run
// would see them.
type sides struct {
	t      *testing.T
	db     map[engines.TargetID]labtest.DB
	params map[string]string
	lists  map[string][]string
	read   map[engines.TargetID]engines.Reader
}

func newSides(t *testing.T, blue, green int) *sides {
	t.Helper()
	s := &sides{t: t, db: map[engines.TargetID]labtest.DB{"blue": labtest.Postgres(t, blue), "green": labtest.Postgres(t, green)},
		lists: map[string][]string{"app_roles": {lab.Superuser}}, read: map[engines.TargetID]engines.Reader{}}
	// Servers are shared with other tests: what belongs to the whole server is
	// named after the database.
	name := s.db["blue"].Name
	s.params = map[string]string{"own_role": lab.Superuser, "repl_role": "repl_" + name, "slot": "fwd_" + name, "rev_slot": "rev_" + name,
		"publication": "p_" + name, "rev_publication": "pr_" + name, "subscription": "s_" + name, "rev_subscription": "sr_" + name}
	for _, id := range []engines.TargetID{"blue", "green"} {
		s.params[string(id)+"_conninfo"] = fmt.Sprintf("host=127.0.0.1 port=%d dbname=%s user=postgres", s.db[id].Server.Port, s.db[id].Name)
		s.open(id, s.db[id].DSN)
	}
	return s
}

func (s *sides) open(id engines.TargetID, dsn string) {
	s.t.Helper()
	r, err := postgres.OpenReader(engines.OpenRequest{Ctx: s.t.Context(), Target: id, DSN: dsn, Run: "r1", Person: "ann"})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = r.Close() })
	s.read[id] = r
}

// exec runs statements on one side; {name} stands for the database's name, and
// what is a link's for its names.
func (s *sides) exec(id engines.TargetID, statements ...string) {
	s.t.Helper()
	named := make([]string, len(statements))
	for i, text := range statements {
		named[i] = s.named(strings.ReplaceAll(text, "{db}", s.db[id].Name))
	}
	if err := s.db[id].Server.Exec(context.WithoutCancel(s.t.Context()), s.db[id].Name, named...); err != nil {
		s.t.Errorf("on %s: %q: %v", id, named, err)
	}
}

func (s *sides) named(text string) string {
	r := []string{"{name}", s.db["blue"].Name, "{green}", s.db["green"].Name}
	for _, k := range slices.Sorted(maps.Keys(s.params)) {
		r = append(r, "{"+k+"}", s.params[k])
	}
	// A subscription's login: the lab's superuser stands for the replication role.
	u := s.db["blue"].Server.DSN(lab.Superuser, s.db["blue"].Name)
	r = append(r, "{blue_dsn}", u, "{green_dsn}", s.db["green"].Server.DSN(lab.Superuser, s.db["green"].Name))
	return strings.NewReplacer(r...).Replace(text)
}

func (s *sides) inspect(on engines.TargetID, ids ...string) []engines.Finding {
	s.t.Helper()
	return s.read[on].(*postgres.Reader).InspectOnly(s.t.Context(), engines.Scope{Run: "r1", On: on, From: "blue", To: "green",
		Params: s.params, Lists: s.lists, Peer: s.read}, ids...)
}

func (s *sides) one(on engines.TargetID, id string) engines.Finding {
	s.t.Helper()
	fs := s.inspect(on, id)
	if len(fs) != 1 {
		s.t.Fatalf("%s on %s: %d findings", id, on, len(fs))
	}
	return fs[0]
}

var levels = map[engines.Level]string{engines.Blind: "blind", engines.Block: "block", engines.Caution: "caution", engines.Info: "info", engines.Pass: "pass"}

// expect is one finding: its level, and a part of what it says.
func (s *sides) expect(on engines.TargetID, id string, level engines.Level, says string) {
	s.t.Helper()
	f := s.one(on, id)
	if f.Level != level || !strings.Contains(f.Is, s.named(says)) {
		s.t.Errorf("%s on %s: %s: %q, want %s: %q", id, on, levels[f.Level], f.Is, levels[level], s.named(says))
	}
	if f.Level != engines.Pass && f.Level != engines.Info && (f.Cause == "" || f.Next == "") {
		s.t.Errorf("%s on %s does not pass and says no cause or next move: %+v", id, on, f)
	}
	for _, text := range []string{f.Title, f.Want, f.Cause, f.Next, f.Is} {
		if strings.ContainsAny(text, "{}\n") {
			s.t.Errorf("%s: %q", id, text)
		}
	}
}

// trouble is one row of a check's test: what is true before, what is done, and
// what the check says then.
type trouble struct {
	id     string
	on     engines.TargetID
	before engines.Level // what it says without the trouble; Pass unless given
	base   []string      // on both sides, before the first look
	blue   []string
	green  []string
	level  engines.Level
	says   string
	undo   []string // on blue, afterwards
	gundo  []string // on green
	lists  map[string][]string
	params map[string]string
}

func (r trouble) run(t *testing.T, s *sides) {
	s.t, s.lists = t, map[string][]string{"app_roles": {lab.Superuser}}
	params := maps.Clone(s.params)
	defer func() {
		s.params = params
		s.exec("green", slices.Concat(r.gundo, clean)...)
		s.exec("blue", slices.Concat(r.undo, clean)...)
	}()
	for _, id := range []engines.TargetID{"blue", "green"} {
		s.exec(id, r.base...)
	}
	before := r.before
	if before == engines.Blind {
		before = engines.Pass
	}
	s.expect(r.on, r.id, before, "")
	for k, v := range r.lists {
		s.lists[k] = nil
		for _, x := range v {
			s.lists[k] = append(s.lists[k], s.named(x))
		}
	}
	s.params = maps.Clone(params)
	for k, v := range r.params {
		s.params[k] = s.named(v)
	}
	s.exec("blue", r.blue...)
	s.exec("green", r.green...)
	s.expect(r.on, r.id, r.level, r.says)
}

// clean empties a database between two rows: that takes less than a new one.
var clean = []string{`do $$ declare n name; begin
 for n in select pubname from pg_publication loop execute format('drop publication %I', n); end loop;
 perform lo_unlink(oid) from pg_largeobject_metadata; end $$`,
	"drop extension if exists pgcrypto", "drop schema public cascade", "create schema public", "drop schema if exists tq cascade",
	"alter database {db} reset all", "grant connect on database {db} to public"}

// TestChecksFailAndPass makes each check pass on real servers, then gives it
// what it looks for.
func TestChecksFailAndPass(t *testing.T) {
	s := newSides(t, 15, 17)
	rows := slices.Concat(tableTroubles(), schemaTroubles(), roleTroubles(), linkTroubles(), settingTroubles())
	for i, r := range rows {
		t.Run(fmt.Sprintf("%02d-%s-%s", i, strings.ReplaceAll(r.id, "/", "."), levels[r.level]), func(t *testing.T) { r.run(t, s) })
	}
	seen := map[string]bool{}
	for _, r := range rows {
		seen[r.id] = true
	}
	// These have tests of their own: they need a session, a role or a server that
	// a list of statements does not make.
	for _, id := range []string{"G01", "G02", "G03", "G04", "G06", "PG01", "PG07", "PG08", "PG26", "PG27", "PG28", "PG37", "PG39", "PG05/databases", "PG33", "PG05/subscribed", "PG31",
		"G10/subscribe", "G10/replicate", "G10/create", "G10/database", "G10/roles", "G10/replication_role", "G10/signal", "G10/owners"} {
		seen[id] = true
	}
	for _, id := range postgres.CheckIDs() {
		if !seen[id] {
			t.Errorf("%s has no test", id)
		}
	}
}

func postgresReader(t *testing.T, dsn string) (*postgres.Reader, error) {
	t.Helper()
	r, err := postgres.OpenReader(engines.OpenRequest{Ctx: t.Context(), Target: "green", DSN: dsn, Run: "r1", Person: "ann"})
	if err == nil {
		t.Cleanup(func() { _ = r.Close() })
	}
	return r, err
}
