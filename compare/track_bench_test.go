package compare_test

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/compare"
	"github.com/turquoise-db/turquoise/lab"
)

// BenchmarkTracking gives what following costs the source: pgbench at full speed
// on replicated tables, in turns with and without a follower on both sides, and
// where the processor time of a transaction goes. At full speed on shared
// processors the source, its replica, the clients and the follower take time from
// each other: the loss of throughput there is all that following costs anywhere.
// With the source and its clients on a processor of their own it is what following
// costs the source. At a rate that leaves processors idle, throughput shows nothing.
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
	b.Run("full speed", func(b *testing.B) { d.paired(b, bin, "full") })
	b.Run("300 per second", func(b *testing.B) { d.paired(b, bin, "300", "-R", "300") })
	b.Run("source apart", func(b *testing.B) {
		for side := range 2 {
			for _, pid := range append(serverPIDs(b, d.do[side].PgConn().PID()), parentOf(b, d.do[side].PgConn().PID())) {
				pinned(b, side, pid)
			}
		}
		pinned(b, 1, strconv.Itoa(os.Getpid()))
		d.paired(b, bin, "apart")
	})
}

// pinned puts all threads of a process, and what it starts from now on, on one
// processor.
func pinned(b *testing.B, cpu int, pid string) {
	b.Helper()
	if out, err := exec.CommandContext(b.Context(), "taskset", "-a", "-c", "-p", strconv.Itoa(cpu), pid).CombinedOutput(); err != nil {
		b.Skipf("cannot put a process on a processor: %v: %s", err, out)
	}
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
	cmd := []string{"-n", "-N", "-c", "4", "-T", "8"}
	if name == "apart" {
		cmd = append([]string{"taskset", "-c", "0"}, cmd...)
	}
	var turns [2][]turn
	for round, with := range []int{0, 1, 1, 0, 0, 1} { // a drift of the machine hits both alike
		var w *compare.Follower
		if with == 1 {
			var err error
			if w, err = d.refollow(o, keep, nil); err != nil {
				b.Fatal(err)
			}
		}
		before, began := d.spent(b, with == 1), time.Now()
		n := pgbench(b, bin, d.db[0].DSN, append(cmd, args...)...)
		is := turn{"tps": n / time.Since(began).Seconds()}
		for what, ns := range d.spent(b, with == 1) {
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
	b.ReportMetric(mid(0, "blue"), "µs/tx-blue-alone")
	b.ReportMetric(mid(0, "green"), "µs/tx-green-alone")
	for what := range turns[1][0] {
		if what == "until-verified" {
			b.ReportMetric(mid(1, what), "s-until-verified")
		} else if what != "tps" && what != "blue" && what != "green" {
			b.ReportMetric(mid(1, what), "µs/tx-"+what)
		}
	}
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

// spent is the processor time so far, in nanoseconds, of both servers and, where
// there is a follower, of its sessions there and of this process, which does little
// else.
func (d *duo) spent(b *testing.B, followed bool) map[string]float64 {
	b.Helper()
	out := map[string]float64{}
	for i, side := range []string{"blue", "green"} {
		out[side] = serverCPU(b, d.do[i].PgConn().PID())
		if followed {
			out[side+"-decoding"], out[side+"-verifying"] = d.ourCPU(b, i, "walsender"), d.ourCPU(b, i, "client backend")
		}
	}
	if followed {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		out["follower"] = float64(u.Utime.Nano() + u.Stime.Nano())
	}
	return out
}

// ourCPU is the processor time of the follower's sessions of a sort on a side,
// since they were opened.
func (d *duo) ourCPU(b *testing.B, side int, sort string) float64 {
	b.Helper()
	rows, err := d.do[side].Query(b.Context(), "SELECT pid FROM pg_stat_activity WHERE backend_type = $1 AND application_name LIKE 'turquoise/%'", sort)
	if err != nil {
		b.Fatal(err)
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[uint32])
	if err != nil {
		b.Fatal(err)
	}
	total := 0.0
	for _, pid := range pids {
		total += backendCPU(b, pid)
	}
	return total
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
	program := filepath.Join(bin, "pgbench")
	if args[0] == "taskset" {
		program, args = args[0], slices.Insert(slices.Clone(args[1:]), 2, program)
	}
	cmd := exec.CommandContext(b.Context(), program, append(args, "-h", u.Hostname(), "-p", u.Port(), "-U", u.User.Username(), strings.TrimPrefix(u.Path, "/"))...)
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
