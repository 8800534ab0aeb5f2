package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/session"
)

// guarding gives a session the means to start its dead-man: this program again,
// with the environment that the secrets come from.
func (a *App) guarding(dir string) func() (session.Deadman, error) {
	return func() (session.Deadman, error) {
		exe, err := os.Executable()
		if err != nil {
			return nil, err
		}
		cmd := exec.Command(exe, "deadman", dir)
		if f, ok := a.Err.(*os.File); ok { // silent until it acts; then no screen is left to disturb
			cmd.Stderr = f
		}
		return startDeadman(cmd)
	}
}

// sentry is a running dead-man, as its cockpit sees it.
type sentry struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	key  string
	gone chan struct{}
}

// startDeadman returns when the dead-man says that it could act.
func startDeadman(cmd *exec.Cmd) (session.Deadman, error) {
	apart(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	g := &sentry{cmd: cmd, in: in, gone: make(chan struct{})}
	if g.key, err = await(out); err != nil {
		_ = cmd.Process.Kill() // it may have ended by itself
		return nil, errors.Join(err, cmd.Wait())
	}
	go func() {
		defer close(g.gone)
		_ = cmd.Wait() // how it ended is said by itself, or shows at the next beat
	}()
	return g, nil
}

// String names the process.
func (g *sentry) String() string {
	return fmt.Sprintf("process %d acts when this one dies, or ends it after %s of silence", g.cmd.Process.Pid, session.DeadmanSilence)
}

// Key is the public half of the key that the process made for itself.
func (g *sentry) Key() string { return g.key }

// Beat says that the cockpit lives.
func (g *sentry) Beat() error {
	select {
	case <-g.gone:
		return errors.New(strings.TrimSpace("process " + fmt.Sprint(g.cmd.Process.Pid) + " ended: " + g.cmd.ProcessState.String()))
	default:
	}
	_, err := io.WriteString(g.in, sayBeat+"\n")
	return err
}

// restLimit is how long a dead-man may take to go.
const restLimit = 5 * time.Second

// Rest lets the dead-man go.
func (g *sentry) Rest() error {
	_, err := io.WriteString(g.in, sayRest+"\n")
	err = errors.Join(err, g.in.Close())
	limit := time.NewTimer(restLimit)
	defer limit.Stop()
	select {
	case <-g.gone:
	case <-limit.C:
		err = errors.Join(err, g.cmd.Process.Kill())
	}
	return err
}
