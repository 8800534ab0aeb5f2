package cli_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// TestLeavingTheLabTakesEverythingDown: whatever ends a demo or a rehearsal, no
// server stays, no folder of theirs, and the record does.
func TestLeavingTheLabTakesEverythingDown(t *testing.T) {
	t.Parallel()
	labtest.Pair(t, lab.Options{}) // skips where there are none, and fetches outside the time limit
	for _, tt := range []struct {
		name  string
		verb  []string
		after string // the line after which the signal comes
		with  syscall.Signal
	}{
		{"interrupted while it starts", []string{"demo", "--plain"}, "starting blue, green", syscall.SIGINT},
		{"told to end in the cockpit", []string{"demo", "--plain"}, "STEP   1.1 ", syscall.SIGTERM},
		{"the terminal is lost", []string{"demo", "--plain"}, "STEP   1.1 ", syscall.SIGHUP},
		{"a rehearsal is interrupted", []string{"rehearse", "postgres-logical"}, "1.2 ", syscall.SIGINT},
	} {
		t.Run(tt.name, func(t *testing.T) { leave(t, tt.verb, tt.after, tt.with) })
	}
}

func leave(t *testing.T, verb []string, after string, with syscall.Signal) {
	t.Helper()
	temp, err := os.MkdirTemp("", "tq-leave-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(temp) })
	if err := os.Chmod(temp, 0o755); err != nil { // the servers of root run as another user
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "turquoise", append(verb, "--dir", filepath.Join(temp, "records"))...)
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	cmd.WaitDelay = time.Minute
	in, err := cmd.StdinPipe() // held open: the end of input is another way to leave
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	out, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait(); _ = w.Close() }()
	var said strings.Builder
	sent := false
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		if !sent && strings.Contains(lines.Text(), after) {
			sent = true
			if err := cmd.Process.Signal(with); err != nil {
				t.Fatal(err)
			}
		}
	}
	err = <-ended
	if !sent || cmd.ProcessState.ExitCode() < 0 {
		t.Fatalf("sent %v, ended %v:\n%s", sent, err, said.String())
	}
	if left, err := filepath.Glob(filepath.Join(temp, "tq-lab-*")); err != nil || len(left) > 0 {
		t.Errorf("run folders %v, %v are left:\n%s", left, err, said.String())
	}
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if at, err := os.Readlink(link); err == nil && strings.HasPrefix(at, temp) {
			t.Errorf("%s still works in %s", link, at)
		}
	}
	if after != "starting blue, green" {
		if records, err := filepath.Glob(filepath.Join(temp, "records", "*", "0001.jsonl")); err != nil || len(records) != 1 {
			t.Errorf("records %v, %v; want one:\n%s", records, err, said.String())
		}
	}
}
