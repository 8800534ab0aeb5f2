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
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/lab"
)

// BenchmarkTracking gives what following costs the source: pgbench at full speed
// on replicated tables, in turns with and without a follower on both sides. The
// source, its replica, the clients and the follower share one machine: at full
// speed they take the processors from each other, and the loss of throughput is an
// upper bound. The processor time that the source spends on a transaction is the
// figure that travels; at a rate that leaves processors idle, throughput shows it.
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
	for _, rate := range []int{0, 300} {
		name := "full speed"
		if rate > 0 {
			name = strconv.Itoa(rate) + " per second"
		}
		b.Run(name, func(b *testing.B) { d.paired(b, bin, rate) })
	}
}

// paired runs pgbench in turns alone and followed, and reports the medians.
func (d *duo) paired(b *testing.B, bin string, rate int) {
	b.Helper()
	o := d.options()
	o.DataOnly = true
	keep := filepath.Join(b.TempDir(), "compared.json")
	args := []string{"-n", "-N", "-c", "4", "-T", "8"}
	if rate > 0 {
		args = append(args, "-R", strconv.Itoa(rate))
	}
	var tps, cpu [2][]float64
	var decode, verify []float64                       // of the source's time for a transaction: reading its log, and reading rows again
	for round, with := range []int{0, 1, 1, 0, 0, 1} { // a drift of the machine hits both alike
		closed := func() {}
		if with == 1 {
			w, err := d.refollow(o, keep, nil)
			if err != nil {
				b.Fatal(err)
			}
			closed = w.Close
		}
		all, log, rows := serverCPU(b, d.do[0].PgConn().PID()), 0.0, 0.0
		if with == 1 {
			log, rows = d.ourCPU(b, "walsender"), d.ourCPU(b, "client backend")
		}
		began := time.Now()
		n := pgbench(b, bin, d.db[0].DSN, args...)
		tps[with] = append(tps[with], n/time.Since(began).Seconds())
		cpu[with] = append(cpu[with], (serverCPU(b, d.do[0].PgConn().PID())-all)/n/1000)
		if with == 1 {
			decode = append(decode, (d.ourCPU(b, "walsender")-log)/n/1000)
			verify = append(verify, (d.ourCPU(b, "client backend")-rows)/n/1000)
		}
		closed()
		d.fence(fmt.Sprintf("round.%d.%d", rate, round)) // green has everything before the next turn
	}
	for _, v := range [][]float64{tps[0], tps[1], cpu[0], cpu[1], decode, verify} {
		slices.Sort(v)
	}
	mid := func(v []float64) float64 { return v[len(v)/2] }
	b.ReportMetric(mid(tps[0]), "tps-alone")
	b.ReportMetric(mid(tps[1]), "tps-followed")
	b.ReportMetric(100*(1-mid(tps[1])/mid(tps[0])), "%-fewer-tps")
	b.ReportMetric(mid(cpu[0]), "µs/tx-alone")
	b.ReportMetric(mid(decode), "µs/tx-decoding")
	b.ReportMetric(mid(verify), "µs/tx-verifying")
	b.ReportMetric(0, "ns/op")
}

// ourCPU is the processor time of the follower's sessions of a sort on the source,
// since they were opened.
func (d *duo) ourCPU(b *testing.B, sort string) float64 {
	b.Helper()
	rows, err := d.do[0].Query(b.Context(), "SELECT pid FROM pg_stat_activity WHERE backend_type = $1 AND application_name LIKE 'turquoise/%'", sort)
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
	parent := parentOf(b, session)
	procs, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil {
		b.Fatal(err)
	}
	for _, p := range procs {
		raw, err := os.ReadFile(p)
		if err != nil || !strings.Contains(string(raw), "\nPPid:\t"+parent+"\n") {
			continue // gone meanwhile, or another server's
		}
		sched, err := os.ReadFile(filepath.Join(filepath.Dir(p), "schedstat"))
		if err != nil {
			continue
		}
		ns, err := strconv.ParseFloat(strings.Fields(string(sched))[0], 64)
		if err != nil {
			b.Fatal(err)
		}
		total += ns
	}
	return total
}
