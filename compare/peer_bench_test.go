package compare_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/lab"
)

// pgcopydb runs `pgcopydb compare data`, with as many processes as tables are
// read at once and without parallel workers, as we read. It returns how long that
// took, and skips what follows from it where the program cannot be had.
func pgcopydb(b *testing.B, source, target string) (time.Duration, bool) {
	b.Helper()
	servers, err := lab.OpenServers(os.Stderr)
	if err != nil {
		b.Fatal(err)
	}
	program, tools, err := servers.Pgcopydb(b.Context())
	if errors.Is(err, lab.ErrAbsent) {
		b.Logf("without pgcopydb: %v", err)
		return 0, false
	}
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), program, "compare", "data", "--source", source, "--target", target, "--dir", filepath.Join(b.TempDir(), "work"))
	cmd.Env = append(os.Environ(), "PATH="+tools+":"+os.Getenv("PATH"), "PGOPTIONS=-c max_parallel_workers_per_gather=0 -c jit=off")
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("pgcopydb: %v\n%s", err, out)
	}
	return time.Since(began), true
}

// endedCPU is the processor time of all sessions of a server that have ended, in
// nanoseconds: what a program that opens its own sessions has cost.
func endedCPU(b *testing.B, session uint32) float64 {
	b.Helper()
	stat, err := os.ReadFile("/proc/" + parentOf(b, session) + "/stat")
	if err != nil {
		b.Fatal(err)
	}
	// The fields behind the program's name, which may hold anything.
	f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	ticks := 0.0
	for _, v := range f[13:15] { // cutime, cstime, in hundredths of a second
		n, err := strconv.ParseFloat(v, 64)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return ticks * 1e7
}

// parentOf is the server process of a session.
func parentOf(b *testing.B, session uint32) string {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", session))
	if err != nil {
		b.Skipf("no processor time of a server on this system: %v", err)
	}
	_, rest, _ := strings.Cut(string(status), "PPid:")
	return strings.Fields(rest)[0]
}

// peerCost is what pgcopydb costs the server for a row, source and target being
// the same table: half of what both together cost.
func peerCost(b *testing.B, session uint32, dsn string, rows int) (float64, bool) {
	b.Helper()
	const passes = 3
	before := endedCPU(b, session)
	for range passes {
		if _, ok := pgcopydb(b, dsn, dsn); !ok {
			return 0, false
		}
	}
	// A session counts when the server has taken notice of its end.
	for limit := time.Now().Add(5 * time.Second); time.Now().Before(limit); {
		if now := endedCPU(b, session); now > before {
			if err := exec.CommandContext(b.Context(), "sleep", "0.2").Run(); err != nil || endedCPU(b, session) == now {
				break
			}
		}
	}
	return (endedCPU(b, session) - before) / float64(2*rows*passes), true
}
