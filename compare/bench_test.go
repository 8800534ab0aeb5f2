package compare_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/postgres"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// benchRows is how many rows the narrow table has; the wide one has a fifth.
// TURQUOISE_BENCH_ROWS=10000000 is what figures are quoted from.
func benchRows(b *testing.B) int {
	n, err := strconv.Atoi(os.Getenv("TURQUOISE_BENCH_ROWS"))
	if err != nil {
		return 500_000
	}
	return n
}

const narrowDDL = `CREATE TABLE narrow (id bigint PRIMARY KEY, a numeric(12,2), b numeric(12,2), at timestamptz, note text)`

func narrowFill(rows int) string {
	return fmt.Sprintf(`INSERT INTO narrow SELECT g, g %% 1000 + 0.25, g / 7.0, timestamptz '2026-01-01' + g * interval '1 s', 'note ' || md5(g::text) FROM generate_series(1, %d) g`, rows)
}

const wideDDL = `CREATE TABLE wide (id bigint PRIMARY KEY, c1 int, c2 int, c3 bigint, c4 bigint, c5 numeric(12,2), c6 numeric(12,2), c7 timestamptz, c8 timestamptz, c9 boolean,
 t1 text, t2 text, t3 text, t4 varchar(40), u uuid, d date, f float8, j jsonb, k jsonb, long text)`

func wideFill(rows int) string {
	return fmt.Sprintf(`INSERT INTO wide SELECT g, g, g %% 100, g, g * 7, g %% 1000 + 0.5, g / 3.0, timestamptz '2026-01-01' + g * interval '1 s', now(), g %% 2 = 0,
 'text ' || g, md5(g::text), 'city ' || g %% 500, 'street ' || g %% 900, md5(g::text)::uuid, date '2026-01-01' + g %% 365, g / 11.0,
 jsonb_build_object('id', g, 'name', 'n' || g, 'tags', jsonb_build_array(g %% 7, 'x')), jsonb_build_object('v', g / 10.0), repeat(md5(g::text), 6) FROM generate_series(1, %d) g`, rows)
}

// backendCPU is the processor time that one session has used, in nanoseconds.
// Wall time on a shared machine says little; this says what the server pays.
func backendCPU(b *testing.B, pid uint32) float64 {
	b.Helper()
	return cpuOf(b, fmt.Sprintf("/proc/%d/schedstat", pid))
}

func cpuOf(b *testing.B, file string) float64 {
	b.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		b.Skipf("no processor time of a session on this system: %v", err)
	}
	ns, err := strconv.ParseFloat(strings.Fields(string(raw))[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return ns
}

// BenchmarkSums gives the cost of a row to the server, ours beside what others
// send: the same table, no parallel workers. The ratios to pgcopydb itself, where it
// can be had, to the row as text and to a binary copy to nowhere are metrics.
func BenchmarkSums(b *testing.B) {
	rows := benchRows(b)
	for _, t := range []struct {
		name, ddl, fill string
		rows            int
	}{{"narrow", narrowDDL, narrowFill(rows), rows}, {"wide", wideDDL, wideFill(rows / 5), rows / 5}} {
		b.Run(t.name, func(b *testing.B) {
			db := labtest.Postgres(b, 15)
			conn, err := pgx.Connect(b.Context(), db.DSN)
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = conn.Close(context.WithoutCancel(b.Context())) }()
			for _, s := range []string{t.ddl, t.fill, "VACUUM (FREEZE, ANALYZE) " + t.name, "SET max_parallel_workers_per_gather = 0", "SET jit = off"} {
				if _, err := conn.Exec(b.Context(), s); err != nil {
					b.Fatal(err)
				}
			}
			per := sumCosts(b, conn.PgConn(), db.DSN, t.name, t.rows)
			for n := range per {
				b.ReportMetric(per[n], n+"-ns/row")
			}
			if peer, ok := peerCost(b, conn.PgConn().PID(), db.DSN, t.rows); ok {
				b.ReportMetric(peer, "pgcopydb-ns/row")
				b.ReportMetric(per["ours"]/peer, "x-of-pgcopydb")
			}
			b.ReportMetric(per["ours"]/per["text"], "x-of-text")
			b.ReportMetric(per["ours"]/per["copy"], "x-of-copy")
			b.ReportMetric(0, "ns/op") // the loop is inside: one pass is one figure
		})
	}
}

// sumCosts takes the least of three passes of each statement.
func sumCosts(b *testing.B, pg *pgconn.PgConn, dsn, table string, rows int) map[string]float64 {
	b.Helper()
	c, err := postgres.OpenComparer(engines.OpenRequest{Ctx: b.Context(), Target: "blue", DSN: dsn, Run: "bench", Person: "ann", Params: map[string]string{"max_snapshot": "10m"}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	who, err := c.Identify(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	shapes, _, err := c.Shapes(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	side := engines.Side{Who: who, Tables: shapes}
	digests, _ := postgres.Digests(side, side, engines.Sum64)
	crypto, _ := postgres.Digests(side, side, engines.Cryptographic)
	exec := func(sql string) func() error {
		return func() error { return pg.ExecParams(b.Context(), sql, nil, nil, nil, nil).Read().Err }
	}
	cuts, err := c.Cuts(b.Context(), digests[0], 65_536)
	if err != nil {
		b.Fatal(err)
	}
	parts := []engines.Part{{}}
	for _, k := range cuts {
		parts[len(parts)-1].High, parts[len(parts)-1].HasEnd = k, true
		parts = append(parts, engines.Part{Low: k, HasLow: true})
	}
	sum := func(d engines.TableDigest, parts []engines.Part) func() error {
		return func() error {
			var errs []error
			for _, p := range parts {
				_, err := c.Sum(b.Context(), d, p)
				errs = append(errs, err)
			}
			return errors.Join(errs...)
		}
	}
	out := map[string]float64{}
	for _, t := range []struct {
		name string
		pid  uint32
		do   func() error
	}{
		{"count", pg.PID(), exec("SELECT count(*) FROM " + table)},
		{"copy", pg.PID(), func() error {
			_, err := pg.CopyTo(b.Context(), io.Discard, "COPY "+table+" TO STDOUT (FORMAT binary)")
			return err
		}},
		{"text", pg.PID(), exec("SELECT count(1), sum(hashtext(t::text)::bigint) FROM " + table + " t")},
		{"ours", c.PID(), sum(digests[0], parts)},
		{"ours-whole", c.PID(), sum(digests[0], parts[:0:0])},
		{"sha256", c.PID(), sum(crypto[0], parts)},
	} {
		if t.name == "ours-whole" {
			t.do = sum(digests[0], []engines.Part{{}})
		}
		for range 3 {
			before := backendCPU(b, t.pid)
			if err := t.do(); err != nil {
				b.Fatalf("%s: %v", t.name, err)
			}
			if ns := (backendCPU(b, t.pid) - before) / float64(rows); out[t.name] == 0 || ns < out[t.name] {
				out[t.name] = ns
			}
		}
	}
	return out
}
