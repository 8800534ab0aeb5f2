package compare_test

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/mysql"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// benchTable is a table with the columns of the tables in use elsewhere.
type benchTable struct {
	name, ddl, values string
	columns           string // as pt-table-checksum lists them
	nullable          string
	rows              int
}

func benchTables(rows int) []benchTable {
	return []benchTable{
		{name: "narrow", ddl: "id bigint PRIMARY KEY, a decimal(12,2), b decimal(12,2), at timestamp(6) NULL, note varchar(30)",
			values:  "g, g % 1000 + 0.25, g / 7, TIMESTAMP('2026-01-01') + INTERVAL g SECOND, CONCAT('note ', LEFT(SHA2(g, 256), 20))",
			columns: "`id`, `a`, `b`, `at` + 0, `note`", nullable: "a b at note", rows: rows},
		{name: "wide", ddl: "id bigint PRIMARY KEY, c1 int, c2 int, c3 bigint, c4 bigint, c5 decimal(12,2), c6 decimal(12,2), c7 timestamp(6) NULL, c8 datetime, c9 tinyint(1)," +
			" t1 varchar(60), t2 varchar(60), t3 varchar(60), t4 varchar(40), u char(36), d date, f double, j json, k json, wordy text",
			values: "g, g, g % 100, g, g * 7, g % 1000 + 0.5, g / 3, TIMESTAMP('2026-01-01') + INTERVAL g SECOND, '2026-01-01 00:00:00', g % 2, CONCAT('text ', g), LEFT(SHA2(g, 256), 32), CONCAT('city ', g % 500), CONCAT('street ', g % 900)," +
				" UUID(), DATE('2026-01-01') + INTERVAL g % 365 DAY, g / 11, JSON_OBJECT('id', g, 'name', CONCAT('n', g), 'tags', JSON_ARRAY(g % 7, 'x')), JSON_OBJECT('v', g), REPEAT(LEFT(SHA2(g, 256), 32), 6)",
			columns:  "`id`, `c1`, `c2`, `c3`, `c4`, `c5`, `c6`, `c7` + 0, `c8`, `c9`, `t1`, `t2`, `t3`, `t4`, `u`, `d`, `f`, `j`, `k`, `wordy`",
			nullable: "c1 c2 c3 c4 c5 c6 c7 c8 c9 t1 t2 t3 t4 u d f j k wordy", rows: rows / 5},
	}
}

// image is the row as pt-table-checksum joins it.
func (t benchTable) image() string {
	null := "ISNULL(`" + strings.Join(strings.Fields(t.nullable), "`), ISNULL(`") + "`)"
	return "CONCAT_WS('#', " + t.columns + ", CONCAT(" + null + "))"
}

// threadCPU is the processor time of one connection's thread, in nanoseconds.
func threadCPU(b *testing.B, db *sql.DB, pid int, connection string) func() float64 {
	b.Helper()
	var tid string
	if err := db.QueryRowContext(b.Context(), "SELECT thread_os_id FROM performance_schema.threads WHERE processlist_id = "+connection).Scan(&tid); err != nil {
		b.Skipf("the server does not say which thread serves a connection: %v", err)
	}
	return func() float64 { return cpuOf(b, fmt.Sprintf("/proc/%d/task/%s/schedstat", pid, tid)) }
}

// BenchmarkSumsOfMySQL gives the cost of a row to the server, ours beside the two
// expressions of pt-table-checksum: the same table, the same ranges. The ratios
// are metrics.
func BenchmarkSumsOfMySQL(b *testing.B) {
	for _, flavor := range []string{lab.FlavorMySQL, lab.FlavorMariaDB} {
		b.Run(flavor, func(b *testing.B) {
			l := labtest.MySQLPair(b, lab.MySQLOptions{Flavor: flavor})
			db, err := sql.Open("mysql", l.Blue.DSN(lab.MySQLRoot, lab.MySQLDatabase))
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			db.SetMaxOpenConns(1)
			for _, s := range []string{"SET sql_log_bin = 0", "SET GLOBAL innodb_buffer_pool_size = 1073741824", "CREATE TABLE digits (d int PRIMARY KEY)",
				"INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)"} {
				if _, err := db.ExecContext(b.Context(), s); err != nil {
					b.Fatal(err)
				}
			}
			for _, t := range benchTables(benchRows(b)) {
				b.Run(t.name, func(b *testing.B) { sumsOfMySQL(b, l, db, t) })
			}
		})
	}
}

func sumsOfMySQL(b *testing.B, l *lab.MySQLPairLab, db *sql.DB, t benchTable) {
	for _, s := range []string{"DROP TABLE IF EXISTS " + t.name, "CREATE TABLE " + t.name + " (" + t.ddl + ")",
		fmt.Sprintf("INSERT INTO %s SELECT %s FROM (SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d + 100000 * h.d + 1000000 * i.d AS g FROM digits a, digits b, digits c, digits e, digits f, digits h, digits i) s WHERE g <= %d",
			t.name, t.values, t.rows), "ANALYZE TABLE " + t.name} {
		if _, err := db.ExecContext(b.Context(), s); err != nil {
			b.Fatal(err)
		}
	}
	c, err := mysql.OpenComparer(engines.OpenRequest{Ctx: b.Context(), Target: "blue", DSN: l.Blue.DSN(lab.MySQLRoot, lab.MySQLDatabase), Run: "bench", Person: "ann", Params: map[string]string{"max_snapshot": "10m"}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	digests, parts := benchDigests(b, c, t)
	sum := func(s engines.Strength) func() error {
		return func() error {
			var errs []error
			for _, p := range parts {
				_, err := c.Sum(b.Context(), digests[s], p)
				errs = append(errs, err)
			}
			return errors.Join(errs...)
		}
	}
	theirs := func(text string) func() error {
		return func() error {
			for _, p := range parts {
				where := " WHERE id >= " + cmp.Or(p.Low, "0") + " AND id < " + cmp.Or(p.High, "1000000000000")
				if _, err := db.ExecContext(b.Context(), "SELECT "+text+" FROM "+t.name+where); err != nil {
					return err
				}
			}
			return nil
		}
	}
	half := func(from int, of string) string {
		return fmt.Sprintf("LPAD(CONV(BIT_XOR(CAST(CONV(SUBSTRING(%s, %d, 16), 16, 10) AS UNSIGNED)), 10, 16), 16, '0')", of, from)
	}
	var own string
	if err := db.QueryRowContext(b.Context(), "SELECT CONNECTION_ID()").Scan(&own); err != nil {
		b.Fatal(err)
	}
	peer, ours := threadCPU(b, db, l.Blue.Pid(), own), threadCPU(b, db, l.Blue.Pid(), c.ID())
	per := map[string]float64{}
	// MySQL 9.6 and later have MD5 in a component alone.
	_, _ = db.ExecContext(b.Context(), "INSTALL COMPONENT 'file://component_classic_hashing'")
	_, noMD5 := db.ExecContext(b.Context(), "SELECT MD5('x')")
	for _, m := range []struct {
		name string
		cpu  func() float64
		do   func() error
	}{
		{"pt-crc32", peer, theirs("COUNT(*), COALESCE(LOWER(CONV(BIT_XOR(CAST(CRC32(" + t.image() + ") AS UNSIGNED)), 10, 16)), 0)")},
		{"pt-md5", peer, theirs("COUNT(*), CONCAT(" + half(1, "@crc := MD5("+t.image()+")") + ", " + half(17, "@crc") + ")")},
		{"ours", ours, sum(engines.Sum64)},
		{"sha256", ours, sum(engines.Cryptographic)},
	} {
		if m.name == "pt-md5" && noMD5 != nil {
			b.Logf("without MD5: %v", noMD5)
			continue
		}
		for range 3 {
			before := m.cpu()
			if err := m.do(); err != nil {
				b.Fatalf("%s: %v", m.name, err)
			}
			if ns := (m.cpu() - before) / float64(t.rows); per[m.name] == 0 || ns < per[m.name] {
				per[m.name] = ns
			}
		}
		b.ReportMetric(per[m.name], m.name+"-ns/row")
	}
	b.ReportMetric(per["ours"]/per["pt-crc32"], "x-of-pt-crc32")
	if noMD5 == nil {
		b.ReportMetric(per["ours"]/per["pt-md5"], "x-of-pt-md5")
	}
	b.ReportMetric(0, "ns/op") // the loop is inside: one pass is one figure
}

func benchDigests(b *testing.B, c *mysql.Comparer, t benchTable) (map[engines.Strength]engines.TableDigest, []engines.Part) {
	b.Helper()
	who, err := c.Identify(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	shapes, _, err := c.Shapes(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	tests, err := c.SelfTest(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	side := engines.Side{Who: who, Tables: shapes, Tests: tests}
	out := map[engines.Strength]engines.TableDigest{}
	for _, s := range []engines.Strength{engines.Sum64, engines.Cryptographic} {
		ds, _ := mysql.Digests(side, side, s)
		for _, d := range ds {
			if d.Name == t.name {
				out[s] = d
			}
		}
	}
	cuts, err := c.Cuts(b.Context(), out[engines.Sum64], 65_536)
	if err != nil {
		b.Fatal(err)
	}
	parts := make([]engines.Part, len(cuts)+1)
	for i, at := range cuts {
		parts[i].High, parts[i].HasEnd, parts[i+1].Low, parts[i+1].HasLow = at, true, at, true
	}
	return out, parts
}
