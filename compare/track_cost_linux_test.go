package compare_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

// benchPairs is how many turns alone are set against as many that are followed.
// TURQUOISE_BENCH_PAIRS=10 is what figures are quoted from.
func benchPairs(b *testing.B) int {
	b.Helper()
	n, err := strconv.Atoi(os.Getenv("TURQUOISE_BENCH_PAIRS"))
	if err != nil || n < 1 {
		return 3
	}
	return n
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

// ours is the processor time, in nanoseconds, of the sessions that following has on
// the source.
func (d *duo) ours(b *testing.B) map[string]float64 {
	b.Helper()
	out := map[string]float64{}
	for pid, name := range d.sessions(b) {
		if strings.HasPrefix(name, "turquoise") {
			out[pid] = cpuOf(b, "/proc/"+pid+"/schedstat")
		}
	}
	return out
}

// sessions are the processes that the source knows of, with what they call themselves.
func (d *duo) sessions(b *testing.B) map[string]string {
	b.Helper()
	rows, err := d.do[0].Query(b.Context(), "SELECT pid::text, application_name FROM pg_stat_activity")
	if err != nil {
		b.Fatal(err)
	}
	out := map[string]string{}
	var pid, name string
	if _, err := pgx.ForEachRow(rows, []any{&pid, &name}, func() error { out[pid] = name; return nil }); err != nil {
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
	for open := true; open; <-tick.C {
		known := d.sessions(b)
		open = false
		for _, pid := range serverPIDs(b, d.do[0].PgConn().PID()) {
			name, is := known[pid]
			open = open || !is || name == "pgbench"
		}
	}
}

// pin gives the source a processor of its own, as it has a machine of its own, and
// everybody else another one. There the clients go first: they too have one of their own.
func (d *duo) pin(b *testing.B) {
	b.Helper()
	if runtime.NumCPU() < 2 {
		b.Skip("one processor")
	}
	tasks := func(side int) []string {
		pid := d.do[side].PgConn().PID()
		return append(serverPIDs(b, pid), parentOf(b, pid))
	}
	self := func() []string {
		t, err := filepath.Glob("/proc/self/task/*")
		if err != nil {
			b.Fatal(err)
		}
		return t
	}
	set := func(tasks []string, nice int, cpus ...int) {
		var to unix.CPUSet
		for _, c := range cpus {
			to.Set(c)
		}
		for _, t := range tasks {
			n, err := strconv.Atoi(filepath.Base(t))
			if err == nil {
				err = unix.SchedSetaffinity(n, &to)
			}
			if err == nil {
				err = unix.Setpriority(unix.PRIO_PROCESS, n, nice)
			}
			if err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.EACCES) { // only root goes first again
				b.Fatal(err)
			}
		}
	}
	set(tasks(0), 0, 0)
	set(append(tasks(1), self()...), 19, 1)
	b.Cleanup(func() { set(append(append(tasks(0), tasks(1)...), self()...), 0, 0, 1) })
}

// first lets a client go before whoever follows on the same processor.
func first(b *testing.B, pid int) {
	b.Helper()
	if err := unix.Setpriority(unix.PRIO_PROCESS, pid, 0); err != nil && !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.ESRCH) {
		b.Fatal(err)
	}
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
