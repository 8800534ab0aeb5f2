package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// haproxySettings: one frontend, one backend with both sides, green switched
// off. The admin socket is open to the user of the process alone.
const haproxySettings = `global
  description turquoise lab %s
  stats socket %s mode 600 level admin
defaults
  mode tcp
  timeout connect 2s
  timeout client 1h
  timeout server 1h
frontend fe
  bind 127.0.0.1:%d
  default_backend be
backend be
  server blue 127.0.0.1:%d
  server green 127.0.0.1:%d disabled
`

// HAProxy is one running TCP router: frontend fe, backend be with the servers
// blue and green.
type HAProxy struct {
	Port    int
	Socket  string // the admin socket
	CfgPath string // owned by whoever runs the lab: a runbook persists the switch here
	LogPath string
	Program string // checks a settings file with -c -f
	proc    *process
	again   func() (*process, error) // starts the program with its settings file
}

// HAProxy returns the path of the haproxy program.
func (s Servers) HAProxy(ctx context.Context) (string, error) {
	const name, variable, suite = "HAProxy", "TURQUOISE_LAB_HAPROXY", "bookworm"
	if dir := s.getenv(variable); dir != "" {
		for _, d := range []string{dir, filepath.Join(dir, "usr/sbin")} {
			if holds(d, "haproxy") {
				return filepath.Join(d, "haproxy"), nil
			}
		}
		return "", &engines.Error{Op: "find " + name, Object: dir, Err: ErrAbsent, Next: "point " + variable + " at the folder that holds haproxy, or unset it"}
	}
	if holds("/usr/sbin", "haproxy") {
		return "/usr/sbin/haproxy", nil
	}
	if p, err := exec.LookPath("haproxy"); err == nil {
		return p, nil
	}
	root := filepath.Join(s.Cache, "haproxy")
	if err := s.fetch(ctx, name, variable, suite, root, "haproxy"); err != nil {
		return "", err
	}
	return filepath.Join(root, "usr/sbin/haproxy"), nil
}

// startHAProxy starts a router that sends clients to the port of blue.
func startHAProxy(ctx context.Context, program string, dir *runDir, blue, green int) (*HAProxy, error) {
	return startHAProxyWith(ctx, program, dir, func(run, socket string, port int) string {
		return fmt.Sprintf(haproxySettings, run, socket, port, blue, green)
	})
}

// startHAProxyWith starts a router with settings for a run, an admin socket and a
// port.
func startHAProxyWith(ctx context.Context, program string, dir *runDir, settingsFor func(run, socket string, port int) string) (*HAProxy, error) {
	as, err := serverOwner()
	if err != nil {
		return nil, err
	}
	folder, err := dir.sub("haproxy", as)
	settings := filepath.Join(dir.path, "router")
	if err == nil {
		err = errors.Join(os.Mkdir(settings, 0o755), os.Chmod(settings, 0o755)) // whatever the umask: the router's user reads it
	}
	if err != nil {
		return nil, &engines.Error{Op: "make the folder of HAProxy", Object: dir.path, Err: err}
	}
	h := &HAProxy{Socket: filepath.Join(folder, "admin.sock"), CfgPath: filepath.Join(settings, "haproxy.cfg"), LogPath: filepath.Join(dir.path, "haproxy.log"), Program: program}
	h.again = func() (*process, error) {
		return start("HAProxy", syscall.SIGTERM, as, folder, h.LogPath, program, "-db", "-f", h.CfgPath)
	}
	for try := 1; ; try++ {
		if h.Port, err = freePort(); err != nil {
			return nil, err
		}
		cfg := settingsFor(filepath.Base(dir.path), h.Socket, h.Port)
		if err := errors.Join(os.WriteFile(h.CfgPath, []byte(cfg), 0o644), os.Chmod(h.CfgPath, 0o644)); err != nil {
			return nil, &engines.Error{Op: "write the settings of HAProxy", Object: h.CfgPath, Err: err}
		}
		if err = h.Start(ctx); err == nil {
			return h, nil
		}
		if h.proc == nil || !h.proc.portTaken() || try == startTries {
			return nil, err
		}
	}
}

// Start starts a router that was stopped, with its settings file as it stands
// now: what the admin socket had changed is gone.
func (h *HAProxy) Start(ctx context.Context) (err error) {
	if h.proc, err = h.again(); err != nil {
		return err
	}
	err = h.proc.ready(ctx, func(ctx context.Context) error {
		_, err := h.Command(ctx, "show info")
		return err
	})
	if err != nil {
		return errors.Join(err, h.proc.stop())
	}
	return nil
}

// commandTimeout is for an admin socket that takes a command and says nothing.
const commandTimeout = 5 * time.Second

// Command sends one command to the admin socket and returns the whole answer.
// For commands that change something the empty answer means done.
func (h *HAProxy) Command(ctx context.Context, text string) (string, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", h.Socket)
	if err != nil {
		return "", err
	}
	err = c.SetDeadline(time.Now().Add(commandTimeout))
	if err == nil {
		_, err = io.WriteString(c, text+"\n")
	}
	if err != nil {
		return "", errors.Join(err, c.Close())
	}
	answer, err := io.ReadAll(c)
	return strings.TrimSpace(string(answer)), errors.Join(err, c.Close())
}

// Address is where clients connect.
func (h *HAProxy) Address() string { return "127.0.0.1:" + strconv.Itoa(h.Port) }

// Pid returns the process id of the router.
func (h *HAProxy) Pid() int { return h.proc.pid }

// Stop ends the router at once.
func (h *HAProxy) Stop() error { return h.proc.stop() }
