package compare_test

import (
	"fmt"
	"math"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/compare"
	"github.com/turquoise-db/turquoise/lab"
)

// BenchmarkTracking gives what following costs the source: pgbench's own transactions
// in turns with and without a follower on both sides, and where the processor time of
// a transaction goes. The source, its replica, the clients and the follower share all
// processors: what one takes the others lack. "own processor" gives the source one that
// nobody else has, as it has a machine of its own: there only what we ask of it counts.
// "durable" is how people run a server; without fsync the source is as fast as it can
// be, and following costs it most. At a rate that leaves processors idle, throughput
// shows nothing. %-of-source is the processor time of our sessions against that of
// all processes of the source without us; it is far steadier than throughput. So is
// %-fewer-by-second: the throughput of seconds in which our sessions work against that
// of the seconds beside them, which no drift of the machine is in.
func BenchmarkTracking(b *testing.B) {
	programs, err := lab.OpenServers(os.Stderr)
	if err != nil {
		b.Fatal(err)
	}
	bin, err := programs.Postgres(b.Context(), 15)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(bin, "pgbench")); err != nil {
		b.Skipf("no pgbench beside the server: %v", err)
	}
	d := newDuo(b)
	d.both("CREATE SCHEMA tq; CREATE TABLE tq.fence (token text PRIMARY KEY); CREATE TABLE tq.ack (token text PRIMARY KEY)")
	for _, db := range d.db {
		pgbench(b, bin, db.DSN, "-i", "-q", "-s", "5")
	}
	d.link()
	d.slots()
	pgbench(b, bin, d.db[0].DSN, "-n", "-c", "4", "-T", "60") // a table that was never updated is faster
	settings := func(words ...string) {
		for i := range d.do {
			for _, w := range words {
				d.exec(i, w)
			}
		}
	}
	// The server's own chores fall on both kinds of turns alike: before each, not within.
	settings("ALTER SYSTEM SET autovacuum = off", "ALTER SYSTEM SET max_wal_size = '8GB'", "SELECT pg_reload_conf()")
	long := []string{"-T", "120"} // twice as long as the batches of a busy log are apart
	durable := func() (end func()) {
		settings("ALTER SYSTEM SET fsync = on", "SELECT pg_reload_conf()")
		return func() { settings("ALTER SYSTEM RESET fsync", "SELECT pg_reload_conf()") }
	}
	b.Run("durable", func(b *testing.B) {
		defer durable()()
		d.paired(b, bin, "durable", long...)
	})
	b.Run("own processor", func(b *testing.B) {
		defer durable()()
		d.pin(b)
		d.paired(b, bin, "own", long...)
	})
	b.Run("own processor without fsync", func(b *testing.B) {
		d.pin(b)
		d.paired(b, bin, "ownfast", long...)
	})
	b.Run("full speed", func(b *testing.B) { d.paired(b, bin, "full", long...) })
	b.Run("300 per second", func(b *testing.B) { d.paired(b, bin, "300", "-T", "8", "-R", "300") })
}

// turn is what one run of pgbench measured; times are microseconds of processor
// time for a transaction.
type turn map[string]float64

// paired runs pgbench in turns alone and followed, and reports the medians, and how
// long it takes after a turn until all of it is verified, once a proof is near. Nobody
// gives way here: small transactions take all processors with hardly a session active
// at any moment.
func (d *duo) paired(b *testing.B, bin, name string, args ...string) {
	b.Helper()
	o := d.options()
	o.DataOnly = true
	o.Limits = func() tablediff.Limits { return tablediff.Limits{Workers: 2} }
	keep := filepath.Join(b.TempDir(), "compared.json")
	cmd := []string{"-n", "-c", "4"}
	var turns [2][]turn
	for round := range 2 * benchPairs(b) {
		with := (round + 1) / 2 % 2 // alone, followed, followed, alone: a drift of the machine hits both alike
		var w *compare.Follower
		if with == 1 {
			var err error
			if w, err = d.refollow(o, keep, nil); err != nil {
				b.Fatal(err)
			}
			caughtUp(b, w) // with what was written while nobody followed
		}
		for side := range d.do {
			d.exec(side, "VACUUM pgbench_accounts, pgbench_branches, pgbench_tellers")
			d.exec(side, "CHECKPOINT")
		}
		if !slices.Contains(args, "-R") { // until the follower knows how busy the log is
			pgbench(b, bin, d.db[0].DSN, append(cmd, "-T", "6")...)
			d.reaped(b)
		}
		before, ours, began := d.spent(b), d.ours(b), time.Now()
		n, seconds := d.watched(b, bin, append(cmd, args...)...)
		is := turn{"tps": n / time.Since(began).Seconds()}
		for pid, now := range d.ours(b) {
			is["ours"] += (now - ours[pid]) / n / 1000
		}
		d.reaped(b)
		for what, ns := range d.spent(b) {
			is[what] = (ns - before[what]) / n / 1000
		}
		if w != nil {
			w.Near(true)
			is["until-verified"] = caughtUp(b, w).Seconds()
			w.Close()
			is["fewer"], is["error"] = fewer(seconds)
			b.Logf("%.2f %% fewer transactions by second, standard error %.2f, %d seconds", is["fewer"], is["error"], len(seconds))
		}
		b.Logf("%s: %.0f transactions per second, of %.1f µs of the source's processor, ours %.2f", []string{"alone", "followed"}[with], is["tps"], is["blue"], is["ours"])
		turns[with] = append(turns[with], is)
		d.fence(fmt.Sprintf("round.%s.%d", name, round)) // green has everything before the next turn
	}
	mid := func(with int, what string) float64 {
		var v []float64
		for _, t := range turns[with] {
			v = append(v, t[what])
		}
		return middle(v)
	}
	var fewer []float64
	for i := range turns[0] {
		fewer = append(fewer, 100*(1-turns[1][i]["tps"]/turns[0][i]["tps"]))
	}
	b.Logf("%% fewer transactions per second, pair by pair: %.1f, mean %.2f, standard error %.2f", fewer, mean(fewer), spread(fewer))
	b.ReportMetric(mid(0, "tps"), "tps-alone")
	b.ReportMetric(mid(1, "tps"), "tps-followed")
	b.ReportMetric(middle(fewer), "%-fewer-tps")
	b.ReportMetric(mid(1, "fewer"), "%-fewer-by-second")
	b.ReportMetric(mid(1, "error"), "%-standard-error")
	b.ReportMetric(100*mid(1, "ours")/mid(0, "blue"), "%-of-source")
	for _, side := range []string{"blue", "green"} {
		b.ReportMetric(mid(0, side), "µs/tx-"+side+"-alone")
		b.ReportMetric(mid(1, side), "µs/tx-"+side+"-followed")
	}
	b.ReportMetric(mid(1, "ours"), "µs/tx-ours-on-blue")
	b.ReportMetric(mid(1, "follower"), "µs/tx-follower")
	b.ReportMetric(mid(1, "until-verified"), "s-until-verified")
	b.ReportMetric(0, "ns/op")
}

func middle(v []float64) float64 {
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func mean(v []float64) (m float64) {
	for _, x := range v {
		m += x / float64(len(v))
	}
	return m
}

// spread is the standard error of a mean.
func spread(v []float64) float64 {
	if len(v) < 2 {
		return math.Inf(1)
	}
	m, sum := mean(v), 0.0
	for _, x := range v {
		sum += (x - m) * (x - m)
	}
	return math.Sqrt(sum / float64(len(v)-1) / float64(len(v)))
}

// caughtUp is how long it takes until everything is verified again.
func caughtUp(b *testing.B, w *compare.Follower) time.Duration {
	b.Helper()
	began := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for s := w.State(); s.Progress.Held != "" || s.Dirty > 0 || s.Behind > 0; s = w.State() {
		if s.Lost != nil {
			b.Fatal(s.Lost)
		}
		<-tick.C
	}
	return time.Since(began)
}

var processed = regexp.MustCompile(`number of transactions actually processed: (\d+)`)

// pgbench runs the program and returns how many transactions it counted.
func pgbench(b *testing.B, bin, dsn string, args ...string) float64 {
	b.Helper()
	cmd := pgbenchCommand(b, bin, dsn, args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("pgbench: %v\n%s", err, out)
	}
	return counted(b, out)
}

func pgbenchCommand(b *testing.B, bin, dsn string, args ...string) *exec.Cmd {
	b.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		b.Fatal(err)
	}
	pass, _ := u.User.Password()
	cmd := exec.CommandContext(b.Context(), filepath.Join(bin, "pgbench"), append(args, "-h", u.Hostname(), "-p", u.Port(), "-U", u.User.Username(), strings.TrimPrefix(u.Path, "/"))...)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+pass)
	return cmd
}

func counted(b *testing.B, out []byte) float64 {
	b.Helper()
	m := processed.FindSubmatch(out)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}
