package compare_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/checks/tablediff"
)

// BenchmarkDiff compares two servers of different versions with two workers:
// equal, and with 50 random corruptions, of which every one must be named. Beside
// it pgcopydb compares the same, and the row as text is summed on one side after
// the other.
func BenchmarkDiff(b *testing.B) {
	rows := benchRows(b)
	d := newDuo(b)
	d.both(fourTables)
	d.both(fmt.Sprintf("INSERT INTO big SELECT g * 3, g / 7.0, timestamptz '2026-01-01' + g * interval '1 s', md5(g::text) FROM generate_series(1, %d) g", rows))
	d.both("VACUUM ANALYZE big")
	o := d.options()
	o.DataOnly, o.Tables = true, []string{"big"}
	text := time.Now()
	d.both("SET max_parallel_workers_per_gather = 0; SELECT count(1), sum(hashtext(t::text)::bigint) FROM big t")
	serial := time.Since(text)
	began := time.Now()
	if r := d.run(o); r.Verdict != tablediff.Equal {
		b.Fatalf("%s %s", r.Verdict, r.Why)
	}
	equal := time.Since(began)
	if peer, ok := pgcopydb(b, d.db[0].DSN, d.db[1].DSN); ok {
		b.ReportMetric(peer.Seconds(), "pgcopydb-s")
		b.ReportMetric(peer.Seconds()/equal.Seconds(), "x-faster-than-pgcopydb")
	}
	for n, at := range rand.Perm(rows)[:50] {
		sql := []string{"DELETE FROM big WHERE id = %d", "UPDATE big SET n = n + 1 WHERE id = %d", "INSERT INTO big SELECT id + 1, n, at, note FROM big WHERE id = %d"}[n%3]
		d.exec(1, fmt.Sprintf(sql, 3*(at+1)))
	}
	began = time.Now()
	big := tablediff.TableReport{}
	for _, t := range d.run(o).Tables {
		big = t
	}
	if n := big.Missing + big.Extra + big.Different; n != 50 || len(big.Samples) != 50 {
		b.Fatalf("%d of 50 corruptions were found: %+v", n, big)
	}
	b.ReportMetric(equal.Seconds(), "equal-s")
	b.ReportMetric(time.Since(began).Seconds(), "50-differ-s")
	b.ReportMetric(serial.Seconds(), "text-in-turn-s")
	b.ReportMetric(serial.Seconds()/equal.Seconds(), "x-faster-than-text")
	b.ReportMetric(0, "ns/op")
}
