//go:build unix

package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// hangups are what a terminal sends when it goes, and what is typed there.
func hangups() []os.Signal {
	return []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGPIPE}
}

// apart gives a process a session of its own: the terminal's end is not its end.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// fenceLimit is how long a killed cockpit may take to go: one that hangs in the
// disk cannot be killed, and then nobody else may act.
const fenceLimit = 30 * time.Second

// fence ends the cockpit that started this process. Two that act on one window,
// one of them just waking up, could open both sides. While the process id of the
// parent is still the one from the start, it is the cockpit's and nobody else's.
func fence(parent int) error {
	fail := func(err error) error {
		return &engines.Error{Op: "end the silent cockpit", Object: fmt.Sprintf("process %d", parent), Err: err, Next: "clients may be held: end it by hand, then turquoise resume"}
	}
	over := time.NewTimer(fenceLimit)
	defer over.Stop()
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for os.Getppid() == parent {
		if err := syscall.Kill(parent, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fail(err)
		}
		select {
		case <-t.C:
		case <-over.C:
			return fail(fmt.Errorf("it is still there after %s", fenceLimit))
		}
	}
	return nil
}
