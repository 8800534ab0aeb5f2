//go:build linux

package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// sit is a child with a cockpit on its terminal. A script confirms the steps; in
// the middle of 1.2 it says so on descriptor 3, and that step ends only when the
// session is being left. Meanwhile the script tries to go on.
func (c childTask) sit(ctx context.Context) int {
	get := func(k string) (string, bool) { v, ok := c.Env[k]; return v, ok }
	cfg, err := c.config(get)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	var s *session.Session
	tell := os.NewFile(3, "parent")
	cfg.Crash = func(point string) {
		if point != "1.2:main:after-send:1" {
			return
		}
		_, _ = fmt.Fprintln(tell, "in step 1.2") // a parent that is gone has failed already
		for t := time.NewTicker(time.Millisecond); ; <-t.C {
			var r *steps.Refusal
			err := s.Handle(session.Person{Name: "script", Role: "operator"}).Do(ctx, session.Intent{Command: steps.Ack{}})
			if errors.As(err, &r) && strings.Contains(r.Why, "being left") {
				return
			}
		}
	}
	if s, err = openOrResume(ctx, cfg); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	go func() { _, _ = lab.Walk(ctx, s, lab.WalkOptions{Until: "1.5"}) }() // stopped by the session, which is the point
	app := &App{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, started: true}
	return app.finish(app.cockpit(ctx, s, "script", screen{plain: c.Sit == "plain", theme: "dark", film: c.Sit == "full"}))
}

// openPty makes a terminal: its far end for the test, its near end for a child.
func openPty(t *testing.T) (far, near *os.File) {
	t.Helper()
	far, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(far.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(far.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(far.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 120})
	}
	if err == nil {
		near, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return far, near
}

// TestTheProcessIsToldToGoWhileAStepRuns: by SIGTERM, by SIGHUP, by a terminal
// that is closed, with either screen. The step ends by itself and is recorded, no
// other starts, the suspension stands in the record with its reason, the status
// says that the session waits, and resume goes on.
func TestTheProcessIsToldToGoWhileAStepRuns(t *testing.T) {
	t.Parallel()
	n := newNight(t)
	for i, way := range []struct{ name, reason, screen string }{
		{"SIGTERM", "asked to stop", "full"},
		{"SIGHUP", "terminal lost", "plain"},
		{"closed terminal", "terminal lost", "full"},
		{"closed terminal", "terminal lost", "plain"},
		{"SIGTERM", "asked to stop", "plain"},
	} {
		t.Run(way.name+" "+way.screen, func(t *testing.T) {
			task := n.task()
			task.Sid, task.Sit = fmt.Sprintf("20261121-told-to-go-000%d", i), way.screen
			code, out := sitting(t, task, way.name)
			if code != ExitSuspended {
				t.Errorf("status %d, want %d; the terminal showed at last %q", code, ExitSuspended, out[max(0, len(out)-900):])
			}
			left(t, filepath.Join(task.Dir, task.Sid), way.reason)
			if way.screen == "full" {
				filmedStep(t, filepath.Join(task.Dir, task.Sid, audit.CastFile))
			}
			task.Sit, task.Until = "", "1.5"
			if _, done := (&night{t: t, cut: n.cut, get: n.get}).life(task, func(d childDone) {
				if d.Current != "1.3" {
					t.Errorf("resumed at %s, want 1.3", d.Current)
				}
			}); done.Phase != "done" {
				t.Errorf("went on: %+v", done)
			}
		})
	}
}

// filmedStep looks at the film of a screen that was taken down in a step: it is whole
// up to there, and shows the step.
func filmedStep(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	frames, marked := 0, false
	for line := range strings.Lines(string(text)) {
		var e []any
		if !strings.HasPrefix(line, "[") {
			continue // the header
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || len(e) != 3 {
			t.Fatalf("%v: %.80s", err, line)
		}
		if e[1] == "o" {
			frames++
		}
		marked = marked || e[1] == "m" && strings.Contains(e[2].(string), ": step 1.2 ")
	}
	if frames < 2 || !marked {
		t.Errorf("%d frames on the film, step 1.2 is marked: %v", frames, marked)
	}
}

// sitting runs a child on a terminal and does to it what way says.
func sitting(t *testing.T, task childTask, way string) (int, string) {
	t.Helper()
	b, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	far, near := openPty(t)
	heard, said, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(b), "TERM=xterm-256color")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = near, near, near
	cmd.ExtraFiles = []*os.File{said}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = near.Close(), said.Close() // the child has its own
	var shown strings.Builder
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&shown, far) // ends with the terminal
	}()
	if line, err := bufio.NewReader(heard).ReadString('\n'); err != nil || line != "in step 1.2\n" {
		_ = far.Close()
		<-read
		t.Fatalf("the child did not come to step 1.2: %q %v; %v; the terminal showed %q", line, err, cmd.Wait(), shown.String())
	}
	switch way {
	case "SIGTERM":
		err = cmd.Process.Signal(syscall.SIGTERM)
	case "SIGHUP":
		err = cmd.Process.Signal(syscall.SIGHUP)
	default:
		err = far.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the status says it
	_ = far.Close()
	<-read
	return cmd.ProcessState.ExitCode(), shown.String()
}

// left looks at the record of a session that had to go in the middle of step 1.2.
func left(t *testing.T, dir, reason string) {
	t.Helper()
	rec, err := audit.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	outcome, suspended, begun := "", "", ""
	for _, e := range rec.Entries {
		b, _ := entries.Types().Decode(e)
		switch b := b.(type) {
		case entries.StepIntent:
			begun = e.Step
		case entries.StepOutcome:
			if e.Step == "1.2" {
				outcome = b.Outcome
			}
		case entries.SessionSuspend:
			suspended = b.Reason
		}
	}
	if outcome != "done" || suspended != reason || begun != "1.2" {
		t.Errorf("step 1.2 %q, suspended %q, last step begun %q; want done, %q, 1.2", outcome, suspended, begun, reason)
	}
}
