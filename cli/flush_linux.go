package cli

import (
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// flusher throws away what was typed before a question was on the screen; nil
// where the input is no terminal.
func flusher(stream any) func() {
	f, ok := stream.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return func() {
		// A terminal that is gone has nothing to throw away.
		_ = unix.IoctlSetInt(int(f.Fd()), unix.TCFLSH, unix.TCIFLUSH)
	}
}
