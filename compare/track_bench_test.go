package compare_test

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/compare"
	"github.com/turquoise-db/turquoise/lab"
)

// BenchmarkTracking gives what following costs the source: pgbench's own transactions
// in turns with and without a follower on both sides, and where the processor time of
// a transaction goes. The source, its replica, the clients and the follower share all
// processors: what one takes the others lack. "durable" is how people run a server;
// without fsync the source is as fast as it can be, and following costs it most. At a
// rate that leaves processors idle, throughput shows nothing.
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
	long := []string{"-T", "15"} // a busy log is read in batches ten seconds apart
	b.Run("durable", func(b *testing.B) {
		settings := func(words ...string) {
			for i := range d.do {
				for _, w := range words {
					d.exec(i, w)
				}
			}
		}
		settings("ALTER SYSTEM SET fsync = on", "SELECT pg_reload_conf()")
		defer settings("ALTER SYSTEM RESET fsync", "SELECT pg_reload_conf()")
		d.paired(b, bin, "durable", long...)
	})
	b.Run("own processor", func(b *testing.B) {
		d.pin(b)
		d.paired(b, bin, "own", long...)
	})
	b.Run("full speed", func(b *testing.B) { d.paired(b, bin, "full", long...) })
	b.Run("300 per second", func(b *testing.B) { d.paired(b, bin, "300", "-T", "8", "-R", "300") })
}

// turn is what one run of pgbench measured; times are microseconds of processor
// time for a transaction.
type turn map[string]float64

// paired runs pgbench in turns alone and followed, and reports the medians, and how
// long it takes after a turn until all of it is verified. Nobody gives way here: small
// transactions take all processors with hardly a session active at any moment.
func (d *duo) paired(b *testing.B, bin, name string, args ...string) {
	b.Helper()
	o := d.options()
	o.DataOnly = true
	o.Limits = func() tablediff.Limits { return tablediff.Limits{Workers: 2} }
	keep := filepath.Join(b.TempDir(), "compared.json")
	cmd := []string{"-n", "-c", "4"}
	var turns [2][]turn
	for round, with := range []int{0, 1, 1} { // a drift of the machine hits both alike
		var w *compare.Follower
		if with == 1 {
			var err error
			if w, err = d.refollow(o, keep, nil); err != nil {
				b.Fatal(err)
			}
		}
		if !slices.Contains(args, "-R") { // until the follower knows how busy the log is
			pgbench(b, bin, d.db[0].DSN, append(cmd, "-T", "6")...)
		}
		before, ours, began := d.spent(b), d.ours(b), time.Now()
		n := pgbench(b, bin, d.db[0].DSN, append(cmd, args...)...)
		is := turn{"tps": n / time.Since(began).Seconds()}
		for pid, now := range d.ours(b) {
			is["sessions"] += (now.cpu - ours[pid].cpu) / n / 1000
			b.Logf("%d %s %s: %.2f", with, pid, now.query, (now.cpu-ours[pid].cpu)/n/1000)
		}
		d.reaped(b)
		for what, ns := range d.spent(b) {
			is[what] = (ns - before[what]) / n / 1000
		}
		if w != nil {
			is["until-verified"] = caughtUp(b, w).Seconds()
			w.Close()
		}
		turns[with] = append(turns[with], is)
		d.fence(fmt.Sprintf("round.%s.%d", name, round)) // green has everything before the next turn
	}
	mid := func(with int, what string) float64 {
		var v []float64
		for _, t := range turns[with] {
			v = append(v, t[what])
		}
		slices.Sort(v)
		return v[len(v)/2]
	}
	b.ReportMetric(mid(0, "tps"), "tps-alone")
	b.ReportMetric(mid(1, "tps"), "tps-followed")
	b.ReportMetric(100*(1-mid(1, "tps")/mid(0, "tps")), "%-fewer-tps")
	for _, side := range []string{"blue", "green"} {
		b.ReportMetric(mid(0, side), "µs/tx-"+side+"-alone")
		b.ReportMetric(mid(1, side), "µs/tx-"+side+"-followed")
	}
	b.ReportMetric(mid(1, "sessions"), "µs/tx-sessions")
	b.ReportMetric(mid(1, "follower"), "µs/tx-follower")
	b.ReportMetric(mid(1, "until-verified"), "s-until-verified")
	b.ReportMetric(0, "ns/op")
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

// spent is the processor time so far, in nanoseconds, of both servers and of this
// process, which does little but follow.
func (d *duo) spent(b *testing.B) map[string]float64 {
	b.Helper()
	out := map[string]float64{}
	for i, side := range []string{"blue", "green"} {
		out[side] = serverCPU(b, d.do[i].PgConn().PID())
	}
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	out["follower"] = float64(u.Utime.Nano() + u.Stime.Nano())
	return out
}

type session struct {
	query string
	cpu   float64
}

// ours is the processor time of the sessions that following has on the source.
func (d *duo) ours(b *testing.B) map[string]session {
	b.Helper()
	rows, err := d.do[0].Query(b.Context(), "SELECT pid::text, left(query, 60) FROM pg_stat_activity WHERE application_name LIKE 'turquoise%'")
	if err != nil {
		b.Fatal(err)
	}
	out := map[string]session{}
	var pid, query string
	if _, err := pgx.ForEachRow(rows, []any{&pid, &query}, func() error {
		out[pid] = session{query, cpuOf(b, "/proc/"+pid+"/schedstat")}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	return out
}

// reaped waits until the server has taken notice that pgbench's sessions have ended:
// only then their processor time counts.
func (d *duo) reaped(b *testing.B) {
	b.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		n := 0
		for _, pid := range serverPIDs(b, d.do[0].PgConn().PID()) {
			title, _ := os.ReadFile("/proc/" + pid + "/cmdline")
			if state, _ := os.ReadFile("/proc/" + pid + "/stat"); strings.Contains(string(state), ") Z ") || d.benching(b, pid) {
				n++
			}
			_ = title
		}
		if n == 0 {
			return
		}
		<-tick.C
	}
}

func (d *duo) benching(b *testing.B, pid string) (is bool) {
	b.Helper()
	if err := d.do[0].QueryRow(b.Context(), "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = 'pgbench' AND pid = $1::int", pid).Scan(&is); err != nil {
		b.Fatal(err)
	}
	return is
}

// pin gives the source a processor of its own, as it has a machine of its own, and
// everybody else another one.
func (d *duo) pin(b *testing.B) {
	b.Helper()
	if runtime.NumCPU() < 2 {
		b.Skip("one processor")
	}
	set := func(pids []string, cpus ...int) {
		var to unix.CPUSet
		for _, c := range cpus {
			to.Set(c)
		}
		for _, pid := range pids {
			if n, err := strconv.Atoi(pid); err == nil {
				if err := unix.SchedSetaffinity(n, &to); err != nil && !errors.Is(err, unix.ESRCH) {
					b.Fatal(err)
				}
			}
		}
	}
	all := func() (source, rest []string) {
		for i, side := range [][]string{source, rest} {
			pid := d.do[i].PgConn().PID()
			side = append(serverPIDs(b, pid), parentOf(b, pid))
			if i == 0 {
				source = side
			} else {
				rest = side
			}
		}
		tasks, err := filepath.Glob("/proc/self/task/*")
		if err != nil {
			b.Fatal(err)
		}
		for _, t := range tasks {
			rest = append(rest, filepath.Base(t))
		}
		return source, rest
	}
	source, rest := all()
	set(source, 0)
	set(rest, 1)
	b.Cleanup(func() {
		source, rest := all()
		set(append(source, rest...), 0, 1)
	})
}

var processed = regexp.MustCompile(`number of transactions actually processed: (\d+)`)

// pgbench runs the program and returns how many transactions it counted.
func pgbench(b *testing.B, bin, dsn string, args ...string) float64 {
	b.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		b.Fatal(err)
	}
	pass, _ := u.User.Password()
	cmd := exec.CommandContext(b.Context(), filepath.Join(bin, "pgbench"), append(args, "-h", u.Hostname(), "-p", u.Port(), "-U", u.User.Username(), strings.TrimPrefix(u.Path, "/"))...)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+pass)
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("pgbench: %v\n%s", err, out)
	}
	m := processed.FindStringSubmatch(string(out))
	if m == nil {
		return 0
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// serverCPU is the processor time of all processes of a server, those that have
// ended included, in nanoseconds.
func serverCPU(b *testing.B, session uint32) float64 {
	b.Helper()
	total := endedCPU(b, session)
	for _, pid := range serverPIDs(b, session) {
		sched, err := os.ReadFile("/proc/" + pid + "/schedstat")
		if err != nil {
			continue // gone meanwhile
		}
		ns, err := strconv.ParseFloat(strings.Fields(string(sched))[0], 64)
		if err != nil {
			b.Fatal(err)
		}
		total += ns
	}
	return total
}

// serverPIDs are the processes that the server of a session has started.
func serverPIDs(b *testing.B, session uint32) []string {
	b.Helper()
	parent := parentOf(b, session)
	procs, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		b.Fatal(err)
	}
	var out []string
	for _, p := range procs {
		if raw, err := os.ReadFile(p); err == nil && strings.Contains(string(raw), "\nPPid:\t"+parent+"\n") {
			out = append(out, filepath.Base(filepath.Dir(p)))
		}
	}
	return out
}
