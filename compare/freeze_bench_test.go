package compare_test

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// BenchmarkFreeze follows two sides under 300 random changes a second and proves
// them equal at five freezes. What is reported is the median, from the token's
// commit on: the fences and the rows that were still to be verified. It does not
// grow with the table; the first comparison does, and is reported beside it.
func BenchmarkFreeze(b *testing.B) {
	rows := benchRows(b)
	d, o := newFollowed(b, 1000)
	o.Tables = []string{"big"}
	// Loaded on each side by itself, before anything is followed or replicated.
	d.apart(fmt.Sprintf("INSERT INTO big SELECT g * 3, g / 7.0, timestamptz '2026-01-01', md5(g::text) FROM generate_series(1001, %d) g", rows))
	stop := d.load(rows, 300)
	began := time.Now()
	w, err := d.follow(o, nil)
	if err != nil {
		b.Fatal(err)
	}
	first := time.Since(began)
	walsender := func() float64 {
		var pid uint32
		if err := d.do[0].QueryRow(b.Context(), "SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1", "cmp_"+d.db[0].Name).Scan(&pid); err != nil {
			b.Fatal(err)
		}
		return backendCPU(b, pid)
	}
	cpu, changes := walsender(), int64(0)
	var took []time.Duration
	keys := 0
	for n := range 5 {
		if n > 0 {
			stop = d.load(rows, 300)
		}
		<-time.After(3 * time.Second) // the load between two freezes; nothing is waited for
		changes += stop()
		token := fmt.Sprintf("bench.%d", n)
		from := time.Now()
		d.fence(token)
		p, err := w.At(b.Context(), token)
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(from))
		keys = max(keys, p.Keys)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[2].Microseconds())/1000, "freeze-ms")
	b.ReportMetric(float64(took[4].Microseconds())/1000, "worst-ms")
	b.ReportMetric(float64(keys), "most-keys")
	b.ReportMetric(float64(first.Milliseconds()), "first-ms")
	b.ReportMetric((walsender()-cpu)/1000/float64(changes), "walsender-µs/change")
	b.ReportMetric(0, "ns/op")
}
