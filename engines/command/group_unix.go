//go:build unix

package command

import (
	"os/exec"
	"syscall"
)

// group starts the command in a process group of its own: the end of its time is
// told to all of it, and what is left of it is killed.
func group(cmd *exec.Cmd) (end func()) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	return func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // usually nobody is left
}
