package audit_test

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

// unsynced is a segment whose fsync does nothing, to write a long record fast.
type unsynced struct{ plainFile }

func (unsynced) Sync() error { return nil }

// longNight is a record of steps with what the gauges said between them.
func longNight(t testing.TB, steps, between int) (dir string, size int64) {
	dir = t.TempDir()
	o := options(&clock{})
	o.OpenFile = func(path string) (audit.File, error) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		return unsynced{plainFile{f}}, err
	}
	n := &night{t: t, l: create(t, dir, o)}
	v := []*int64{audit.Ref(1), audit.Ref(22), audit.Ref(333), nil}
	sample := entries.GaugeSample{EveryMS: 250, From: "2026-11-21T02:00:00Z", Series: []entries.Series{
		{Gauge: "green/lag_bytes", Unit: "bytes", V: v}, {Gauge: "blue/sessions", Unit: "count", V: v}}}
	for range steps {
		n.step()
		for range between {
			n.put(audit.Meta{By: audit.System}, sample)
		}
	}
	n.close()
	info := must[os.FileInfo](t)(os.Stat(segmentFile(dir, 1)))
	return dir, info.Size()
}

// BenchmarkVerify checks a record of some 100,000 entries and 2,000 seals. The
// bound is 3 s and 200 MB on one core.
func BenchmarkVerify(b *testing.B) {
	dir, size := longNight(b, 1000, 89)
	before := memory()
	b.SetBytes(size)
	var r audit.Report
	used := processor(b)
	for b.Loop() {
		if r = verify(dir); r.Exit != 0 {
			b.Fatal(r.Findings)
		}
	}
	b.ReportMetric((processor(b)-used).Seconds()/float64(b.N), "cpu-s/op")
	b.ReportMetric(float64(r.Entries), "entries")
	b.ReportMetric(float64(memory()-before)/(1<<20), "MB-grown")
}

// processor is the time this process has had, which a busy machine does not stretch.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// memory is what the program has taken from the system so far.
func memory() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys)
}

// BenchmarkAppend measures a durable line against a bare write and fsync of the
// same bytes in the same moment, one after the other, and reports the medians.
// The bound is one more millisecond.
func BenchmarkAppend(b *testing.B) {
	dir := b.TempDir()
	l := create(b, dir, options(&clock{}))
	bare := must[*os.File](b)(os.OpenFile(filepath.Join(dir, "bare"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600))
	defer bare.Close()
	line := []byte(read(b, segmentFile(dir, 1)))[:420]
	var ours, theirs []time.Duration
	for b.Loop() {
		start := time.Now()
		must[audit.Entry](b)(l.Append(audit.Meta{By: alice}, entries.HoldBegin{Reason: "measure how long a durable line takes"}))
		ours = append(ours, time.Since(start))
		start = time.Now()
		if _, err := bare.Write(line); err != nil {
			b.Fatal(err)
		}
		if err := bare.Sync(); err != nil {
			b.Fatal(err)
		}
		theirs = append(theirs, time.Since(start))
	}
	b.ReportMetric(float64(median(ours).Microseconds()), "µs-append-p50")
	b.ReportMetric(float64(median(theirs).Microseconds()), "µs-bare-p50")
	b.ReportMetric(float64((median(ours) - median(theirs)).Microseconds()), "µs-added-p50")
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// TestVerifyHoldsOneLine reads a gigabyte that no crash and no cockpit wrote: a
// sparse file behind a good record, which is one line without an end.
func TestVerifyHoldsOneLine(t *testing.T) {
	if testing.Short() {
		t.Skip("reads a gigabyte")
	}
	dir := closedNight(t)
	good := int64(len(read(t, segmentFile(dir, 1))))
	const most = 64 << 20
	if err := os.Truncate(segmentFile(dir, 1), sparse); err != nil {
		t.Fatal(err)
	}
	before := memory()
	r := verify(dir)
	if grown := memory() - before; grown > most {
		t.Errorf("verify took %d MB for a file of %d MB", grown>>20, int64(sparse)>>20)
	}
	expect(t, r, 2, "I51-torn")
	rec, err := audit.Load(dir)
	if err != nil || rec.Torn == nil || rec.Torn.Bytes != sparse-good || rec.Closed {
		t.Errorf("torn %v, closed %v: %v", rec.Torn, rec.Closed, err)
	}
}

// TestVerifyHoldsALongNight: what verify keeps grows with steps, not with lines.
func TestVerifyHoldsALongNight(t *testing.T) {
	dir, size := longNight(t, 20, longBetween)
	before := memory()
	r := verify(dir)
	expect(t, r, 0)
	if grown := memory() - before; grown > 32<<20 {
		t.Errorf("verify took %d MB for %d MB of record", grown>>20, size>>20)
	}
}
