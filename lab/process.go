package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

const (
	// readyTimeout is how long a server may take to answer its first query.
	readyTimeout = 60 * time.Second
	// readyPoll is the pause between two questions whether it answers.
	readyPoll = 20 * time.Millisecond
	// stopTimeout is how long a server may take to end before it is killed.
	stopTimeout = 20 * time.Second
	// startTries is how often a server is started again because another
	// program took its port between our choosing and its binding.
	startTries = 5
)

// process is one running server.
type process struct {
	name    string
	logPath string
	end     syscall.Signal // asks the server to end soon
	pid     int
	done    chan struct{} // closed when the process is reaped
	err     error         // how it ended; read after done
}

// start runs a server as the servers' user, its output in a log file.
//
// The goroutine that starts it keeps its thread until the server ended: the
// kernel sends the signal for a dead parent when the starting *thread* dies,
// and the runtime ends threads as it likes.
func start(name string, end syscall.Signal, as owner, dir, logPath, program string, args ...string) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.Env = serverEnv()
	cmd.SysProcAttr = serverAttr(as, end)
	p := &process{name: name, logPath: logPath, end: end, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	err = <-started
	if cerr := log.Close(); err == nil && cerr != nil {
		return p, errors.Join(cerr, p.stop())
	}
	if err != nil {
		return nil, &engines.Error{Op: "start " + name, Object: program, Err: err}
	}
	return p, nil
}

// ready polls until ask succeeds, the server ended, or time is up.
func (p *process) ready(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return p.failed(fmt.Errorf("it ended at once: %v", p.err))
		case <-ctx.Done():
			return p.failed(fmt.Errorf("no answer: %w", err))
		case <-tick.C:
		}
	}
}

// failed joins a cause with the end of the server's log, where the reason is.
func (p *process) failed(cause error) error {
	return &engines.Error{Op: "start " + p.name, Object: fmt.Sprintf("pid %d", p.pid), Err: fmt.Errorf("%w; its log ends: %s", cause, p.tail()),
		Next: "read " + p.logPath}
}

// tail returns the last lines of the server's log as one line.
func (p *process) tail() string {
	b, err := os.ReadFile(p.logPath)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], " | ")
}

// portTaken reports whether the server ended because its port was taken.
func (p *process) portTaken() bool {
	select {
	case <-p.done:
		return strings.Contains(strings.ToLower(p.tail()), "address already in use")
	default:
		return false
	}
}

// stop asks the server to end, waits, and kills it when it does not. Since the
// process is our own child and is reaped here, a zombie is never mistaken for
// a living server. It is safe to call twice.
func (p *process) stop() error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := syscall.Kill(p.pid, p.end); err != nil && !errors.Is(err, syscall.ESRCH) {
		return &engines.Error{Op: "stop " + p.name, Object: fmt.Sprintf("pid %d", p.pid), Err: err}
	}
	patience := time.NewTimer(stopTimeout)
	defer patience.Stop()
	select {
	case <-p.done:
		return nil
	case <-patience.C:
	}
	return p.kill()
}

// kill ends the server without asking.
func (p *process) kill() error {
	if err := syscall.Kill(p.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return &engines.Error{Op: "kill " + p.name, Object: fmt.Sprintf("pid %d", p.pid), Err: err}
	}
	<-p.done
	return nil
}

// serverEnv is the environment of a server: nothing of the person's own
// database settings may reach it.
func serverEnv() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=/tmp", "LC_ALL=C", "TZ=UTC"}
}

// freePort asks the system for a port of 127.0.0.1 that nobody uses now.
func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}
