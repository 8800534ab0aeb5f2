package postgres_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/postgres"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// TestApplyErrorsAreSeenWhereTheServerCountsNone: on 13 an apply error is the
// end of a worker. A worker that an ALTER replaced is no error.
func TestApplyErrorsAreSeenWhereTheServerCountsNone(t *testing.T) {
	l := labtest.Pair(t, lab.Options{BlueMajor: 13, GreenMajor: 13})
	blue := func(texts ...string) { sendAll(t, l.Blue, texts) }
	green := func(texts ...string) { sendAll(t, l.Green, texts) }
	blue("create table t (id int primary key)", "grant select on t to repl", "create publication p for table t")
	from := "connection 'host=127.0.0.1 dbname=app user=repl password=" + l.Env()["TURQUOISE_REPL_PASSWORD"] + " port=" + strconv.Itoa(l.Blue.Port)
	green("create table t (id int primary key)", "create subscription tq_sub "+from+"' publication p")
	r, err := postgres.OpenReader(engines.OpenRequest{Ctx: t.Context(), Target: "green", DSN: l.GreenDSN(), Run: "r1", Person: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	gauge := func(name string) engines.Reading {
		for _, g := range r.Gauges(t.Context(), engines.Scope{On: "green", From: "blue", To: "green"}) {
			if g.Gauge == engines.Gauge("green", name) {
				return g
			}
		}
		t.Fatalf("no gauge %s", name)
		return engines.Reading{}
	}
	waitFor(t, func() bool {
		return gauge("worker_state").Text == "running" && gauge("pending_tables_count").Value == 0 && gauge("apply_errors_count").Err == nil
	})
	if g := gauge("apply_errors_count"); g.Err != nil || g.Value != 0 {
		t.Fatalf("a healthy worker: %+v", g)
	}
	looker := conn(t, l.GreenDSN())
	worker := func() (pid int) {
		if err := looker.QueryRow(t.Context(), "select coalesce(max(pid), 0) from pg_stat_subscription where relid is null").Scan(&pid); err != nil {
			t.Fatal(err)
		}
		return pid
	}
	was := worker()
	green("alter subscription tq_sub " + from + " connect_timeout=9'")
	waitFor(t, func() bool { is := worker(); gauge("apply_errors_count"); return is != 0 && is != was })
	if g := gauge("apply_errors_count"); g.Err != nil || g.Value != 0 {
		t.Errorf("an ALTER replaced the worker: %+v", g)
	}
	green("insert into t values (1)")
	blue("insert into t values (1)") // the key is there already: apply fails
	waitFor(t, func() bool { g := gauge("apply_errors_count"); return g.Err == nil && g.Value > 0 })
}

func sendAll(t *testing.T, p *lab.Postgres, texts []string) {
	t.Helper()
	if err := p.Exec(t.Context(), lab.Database, texts...); err != nil {
		t.Fatal(err)
	}
}

// waitFor looks every 50 ms, at most for 30 s.
func waitFor(t *testing.T, yes func() bool) {
	t.Helper()
	limit, tick := time.NewTimer(30*time.Second), time.NewTicker(50*time.Millisecond)
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

func conn(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(t.Context()) })
	return c
}
