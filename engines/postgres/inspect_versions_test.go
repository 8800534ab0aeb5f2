package postgres_test

import (
	"fmt"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// TestEveryCheckAnswersOnEveryMajor: the catalogue is not the same in any two
// versions, and a check that cannot ask is blind for ever. Each version is
// asked on either side, with a schema and links on it.
func TestEveryCheckAnswersOnEveryMajor(t *testing.T) {
	for _, pair := range [][2]int{{13, 18}, {14, 16}, {15, 17}, {18, 18}} {
		t.Run(fmt.Sprintf("%d to %d", pair[0], pair[1]), func(t *testing.T) {
			if pair == [2]int{14, 16} {
				labtest.Installed(t, pair[0], pair[1])
			}
			s := newSides(t, pair[0], pair[1])
			for _, id := range []engines.TargetID{"blue", "green"} {
				s.exec(id, keyed, "create table public.f (id int, j jsonb, g int generated always as (id * 2) stored)", "alter table public.f replica identity full",
					"create table public.p (id int primary key) partition by range (id)", "create table public.p1 partition of public.p for values from (0) to (10)",
					"create sequence public.q", "create materialized view public.m as select 1", "create view public.w as select id from public.t")
			}
			s.exec("blue", "create publication {publication} for table public.t, public.f, public.p", "select pg_create_logical_replication_slot('{slot}', 'pgoutput')")
			s.exec("green", "create publication {rev_publication} for table public.t, public.f, public.p",
				"create subscription {subscription} connection '{blue_dsn}' publication {publication} with (slot_name = '{slot}', create_slot = false)")
			defer s.exec("green", "drop subscription {subscription}")
			s.until("green", "PG07", engines.Pass)
			for _, id := range []engines.TargetID{"blue", "green"} {
				for _, f := range s.inspect(id) {
					switch {
					case f.Level == engines.Blind:
						t.Errorf("%s on %s: %s", f.ID, id, f.Is)
					case f.Level == engines.Block && !stands(f.ID):
						t.Errorf("%s on %s blocks: %s; next: %s", f.ID, id, f.Is, f.Next)
					}
				}
			}
		})
	}
}

// stands reports whether a finding is true of these bare servers: two databases
// of one server are not two servers.
func stands(id string) bool { return id == "G03" }
