package lab_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// childVariable turns the test binary into a program that starts a server and
// waits to be killed.
const childVariable = "TURQUOISE_LAB_TEST_CHILD"

// crashChild is that program. It says the server's pid and never ends by itself.
func crashChild() {
	s, err := lab.OpenServers(os.Stderr)
	if err == nil {
		var one *lab.Single
		if one, err = lab.StartSingle(context.Background(), s, 15, ""); err == nil {
			fmt.Println(one.Pid(), one.Data)
			select {}
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestAServerDiesWithTheProgramThatStartedIt(t *testing.T) {
	labtest.Postgres(t, 15) // skips where there is none
	cmd := osexec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, data, _ := strings.Cut(strings.TrimSpace(line), " ")
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	if len(inFolder(t, data)) == 0 {
		t.Fatalf("no process in %s; the server should run", data)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the child ended well; it should have been killed")
	}
	until(t, func() bool { return !running(n) && len(inFolder(t, data)) == 0 })

	// What the killed run left is swept by the next.
	l := labtest.Pair(t, lab.Options{})
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("%s is still there after %s was made", data, l.Dir)
	}
}

// running reports whether a process lives. A zombie, which some containers
// never reap, does not.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}
