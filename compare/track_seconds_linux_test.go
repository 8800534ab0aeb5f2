package compare_test

import (
	"bufio"
	"bytes"
	"math"
	"regexp"
	"strconv"
	"testing"
)

// second is one of a run of pgbench.
type second struct {
	tps  float64
	ours float64 // share of a processor that our sessions on the source took
}

var progress = regexp.MustCompile(`^progress: [0-9.]+ s, ([0-9.]+) tps`)

// watched runs pgbench and returns what it counted, as a whole and second by second.
func (d *duo) watched(b *testing.B, bin string, args ...string) (float64, []second) {
	b.Helper()
	cmd := pgbenchCommand(b, bin, d.db[0].DSN, append(args, "-P", "1")...)
	var out bytes.Buffer
	cmd.Stdout = &out
	lines, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	first(b, cmd.Process.Pid)
	var all []second
	before := d.ours(b)
	for in := bufio.NewScanner(lines); in.Scan(); {
		m := progress.FindStringSubmatch(in.Text())
		if m == nil {
			continue
		}
		var s second
		if s.tps, err = strconv.ParseFloat(m[1], 64); err != nil {
			b.Fatal(err)
		}
		now := d.ours(b)
		for pid, ns := range now {
			if was, known := before[pid]; known {
				s.ours += (ns - was) / 1e9
			}
		}
		before = now
		all = append(all, s)
	}
	if err := cmd.Wait(); err != nil {
		b.Fatalf("pgbench: %v\n%s", err, out.Bytes())
	}
	return counted(b, out.Bytes()), all
}

// fewer is how many per cent of its transactions a source lost to our sessions, with
// the standard error of that: by least squares from how throughput changes from one
// second to the next where our share of the processor changes.
func fewer(s []second) (percent, standardError float64) {
	var xx, xy, tps, ours float64
	for i := 1; i < len(s); i++ {
		x, y := s[i].ours-s[i-1].ours, s[i].tps-s[i-1].tps
		xx, xy = xx+x*x, xy+x*y
		tps, ours = tps+s[i].tps, ours+s[i].ours
	}
	n := float64(len(s) - 1)
	if xx == 0 || n < 3 {
		return 0, math.Inf(1)
	}
	slope, left := -xy/xx, 0.0
	for i := 1; i < len(s); i++ {
		r := s[i].tps - s[i-1].tps + slope*(s[i].ours-s[i-1].ours)
		left += r * r
	}
	alone := tps/n + slope*ours/n
	share := 100 * ours / n / alone
	return slope * share, math.Sqrt(left/(n-1)/xx) * share
}

func TestFewerFindsWhatWasTaken(t *testing.T) {
	var s []second
	for i := range 200 {
		alone := 3000 + 5*float64(i) + 40*math.Sin(float64(i*i)) // a drift, and noise
		ours := 0.01
		if i%30 == 7 {
			ours = 0.6
		}
		s = append(s, second{tps: alone * (1 - ours), ours: ours})
	}
	got, err := fewer(s)
	if want := 100 * (0.01 + 0.59*7/200); math.Abs(got-want) > 0.3 || err > 0.3 {
		t.Errorf("%.2f %% ± %.2f, and %.2f %% were taken", got, err, want)
	}
}
