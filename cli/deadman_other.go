//go:build !unix

package cli

import (
	"errors"
	"os"
	"os/exec"
)

func hangups() []os.Signal { return []os.Signal{os.Interrupt} }

func apart(*exec.Cmd) {}

// fence cannot know here whether a process id still means the cockpit.
func fence(int) error {
	return errors.New("the cockpit is silent and cannot be ended safely on this system: end it by hand, then turquoise resume")
}
