package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/runbooks"
)

func (n *night) task() childTask {
	own := n.bench.Env()
	for k := range own {
		own[k], _ = n.get(k) // a test may have put a wire in between
	}
	return childTask{Book: n.cut.book, Dir: n.cut.dir, Sid: "20261121-crash-matrix-00c7", Window: n.cut.window, Params: n.cut.params, Env: own,
		Key: n.cut.identity.key, Signers: n.cut.identity.signers}
}

// life runs one child. settled is called while it waits, so that the clients can
// be looked at before anything else happens. It returns where the child died, or
// how its walk ended.
func (n *night) life(task childTask, settled func(childDone)) (killed string, done childDone) {
	n.t.Helper()
	b, err := json.Marshal(task)
	if err != nil {
		n.t.Fatal(err)
	}
	cmd := exec.CommandContext(n.t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(b))
	var errs strings.Builder
	cmd.Stderr = &errs
	in, err := cmd.StdinPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var says childSays
		if err := json.Unmarshal(lines.Bytes(), &says); err != nil {
			n.t.Fatalf("child: %v: %s", err, lines.Text())
		}
		switch {
		case says.Settled != nil:
			settled(*says.Settled)
			_, _ = io.WriteString(in, "go on\n") // a child that is gone is seen below
		case says.Again != "":
			n.t.Logf("confirmed again after its abort: step %s", says.Again)
		case says.Full:
			n.emptied()
			_, _ = io.WriteString(in, "go on\n")
		case says.Killed != "":
			killed = says.Killed
		case says.Done != nil:
			done = *says.Done
		}
	}
	if err := cmd.Wait(); (err != nil) != (killed != "") || killed != "" && cmd.ProcessState.ExitCode() != -1 {
		n.t.Fatalf("child (killed at %q, before at %q): %v: %s", killed, task.Seen[max(0, len(task.Seen)-1):], err, errs.String())
	}
	return killed, done
}

// emptied does on green what the copy's step tells an operator to do whose copy was
// cut behind its last row: its coordinates are lost, and it is made anew.
func (n *night) emptied() {
	n.t.Helper()
	l, ok := n.bench.(*lab.MySQLPairLab)
	if !ok {
		n.t.Fatal("only a copy of MySQL's family is made anew by hand")
	}
	if err := l.Green.Exec(n.t.Context(), "", "drop database if exists shop", "drop database if exists tqctl"); err != nil {
		n.t.Fatal(err)
	}
	n.t.Log("green was emptied by hand: the copy is made again")
}

// TestKilledAnywhere kills the cockpit at every boundary of every action of the
// walk there and back, one after the other on the same servers, each time
// resumes, settles what is unclear by the proofs, and looks at the clients.
// Boundaries that a walk cannot reach any more (a step whose effect is proven is
// not run again) are reached by the next walk, until one finds nothing new.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel() // else its nights would run beside each other alone
	for _, c := range courses() {
		for _, part := range matrixParts() {
			t.Run(c.name+part, func(t *testing.T) {
				c.dear(t, "mysql")
				t.Parallel()
				var seen []string
				whole := os.Getenv(wholeMatrix) != ""
				for walk := 1; ; walk++ {
					before := len(seen)
					t.Run(fmt.Sprintf("walk %d", walk), func(t *testing.T) { seen = killWalk(t, c, seen, whole, c.home, part) })
					if t.Failed() || !whole || len(seen) == before {
						break
					}
				}
				t.Logf("killed at %d boundaries", len(seen))
				if len(seen) < c.least && part == "" && !t.Failed() && !t.Skipped() && !testing.Short() {
					t.Errorf("killed at %d boundaries only, want %d at least: %q", len(seen), c.least, seen)
				}
			})
		}
	}
}

// wholeMatrix asks for every boundary: 1 for the whole walk, or the beginnings of
// the steps to die in ("5: B"), each then on servers of its own.
const wholeMatrix = "TURQUOISE_WHOLE_MATRIX"

// matrixParts are the beginnings of the boundaries that one walk dies at.
func matrixParts() []string {
	if v := os.Getenv(wholeMatrix); v != "" && v != "1" {
		return strings.Fields(v)
	}
	return []string{""}
}

// TestKilledOnTheWayOut does the same where the walk turns back before the window:
// blue is left as it was.
func TestKilledOnTheWayOut(t *testing.T) {
	t.Parallel() // else its nights would run beside each other alone
	for _, c := range courses() {
		t.Run(c.name, func(t *testing.T) {
			c.dear(t, "mariadb")
			t.Parallel()
			seen := killWalk(t, c, nil, os.Getenv("TURQUOISE_WHOLE_MATRIX") != "", c.out, c.outs)
			if len(seen) < 5 {
				t.Errorf("killed at %d boundaries only: %q", len(seen), seen)
			}
		})
	}
}

// TestAnAbortedWindowIsConfirmedAgain: only one that was taken back, twice at most.
func TestAnAbortedWindowIsConfirmedAgain(t *testing.T) {
	aborted := fmt.Errorf("%w at step 5", lab.ErrStopped)
	for _, c := range []struct {
		name         string
		ends         []error // of one walk after the other
		back         string
		walks, tells int
		want         error
	}{
		{"it goes through", []error{nil}, "5: why", 1, 0, nil},
		{"once", []error{aborted, nil}, "5: why", 2, 1, nil},
		{"too often", []error{aborted, aborted, aborted, nil}, "5: why", 3, 2, aborted},
		{"not taken back", []error{aborted, nil}, "", 1, 0, aborted},
		{"another error", []error{io.ErrUnexpectedEOF, nil}, "5: why", 1, 0, io.ErrUnexpectedEOF},
	} {
		walks, tells := 0, 0
		err := walkAgain(func() error { walks++; return c.ends[walks-1] }, func() string { return c.back },
			func(why string) error { tells++; return nil })
		if !errors.Is(err, c.want) || walks != c.walks || tells != c.tells {
			t.Errorf("%s: %v after %d walks, told %d times; want %v, %d, %d", c.name, err, walks, tells, c.want, c.walks, c.tells)
		}
	}
}

// killWalk walks to the step back and then the way back that fits there. Only
// boundaries that begin with only are died at.
func killWalk(t *testing.T, c course, seen []string, whole bool, back runbooks.StepID, only string) []string {
	n := newNightOn(t, c)
	n.parted = max(n.parted, 50*nightClients) // each life of the way back may end them again
	task := n.task()
	task.EveryMS = c.everyMS
	task.BackFrom, task.Only, task.Crash, task.Whole, task.End = back, only, true, whole, true
	last := ""
	for {
		task.Seen = seen
		killed, done := n.life(task, func(d childDone) {
			if last == "" {
				return
			}
			t.Logf("%-28s then %s, at %s, writes on %s", last, d.Phase, d.Current, d.Writes)
			n.right(last, d)
		})
		if killed == "" {
			n.ends(task, done)
			return seen
		}
		last, seen = killed, append(seen, killed)
	}
}

// right demands that after a crash and a resume one side has the writes, the
// clients go on, and nothing they were promised is missing.
func (n *night) right(point string, d childDone) {
	n.t.Helper()
	switch {
	case d.Frozen || d.Phase == "unclear" || d.Phase == "running":
		n.t.Fatalf("%s: after resume: %+v", point, d)
	case d.Writes != "blue" && d.Writes != "green":
		n.t.Fatalf("%s: writes on %q", point, d.Writes)
	}
	n.flows(point)
	if err := n.ledger.Kept(n.t.Context(), n.bench.LedgerDSN(engines.TargetID(d.Writes))); err != nil {
		n.t.Fatalf("%s: %v", point, err)
	}
}

// ends looks at a walk that came to its end: everything is home, and the record
// of all its lives is whole.
func (n *night) ends(task childTask, d childDone) {
	n.t.Helper()
	if d.Result != "rolled_back" || d.Writes != "blue" {
		n.t.Fatalf("the walk ended with %+v", d)
	}
	n.reckon("blue", "green")
	sound(n.t, filepath.Join(task.Dir, task.Sid))
}
