package cli

import (
	"context"
	"errors"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/session"
)

type attachment struct {
	cutover
	screen
}

func attachCmd(app *App) *cobra.Command {
	var at attachment
	cmd := &cobra.Command{
		Use:   "attach SESSION|DIR",
		Short: "look on at a session that runs in another terminal",
		Long: `Open a second screen on a session that runs on this machine. It shows what the
operator's cockpit shows and takes no command: no key of it acts. Who looks on,
from when to when, goes into the record. Leaving it changes nothing.

Only the login that runs the session, and root, can reach it.`,
		Example: `  turquoise attach 20261121-postgres-logical-7f3a
  turquoise attach ./record --plain`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return app.attach(cmd.Context(), args[0], at) },
	}
	f := cmd.Flags()
	at.screen.flags(f)
	f.StringVar(&at.dir, "dir", "", "folder that holds the records (default: turquoise in XDG_STATE_HOME)")
	return cmd
}

func (a *App) attach(ctx context.Context, name string, at attachment) error {
	if err := at.check(a); err != nil {
		return err
	}
	dir, err := resumption{cutover: at.cutover}.find(name)
	if err != nil {
		return err
	}
	conn, err := dialSession(dir)
	if err != nil {
		return err
	}
	r, err := session.Watch(conn)
	if err != nil {
		return notRunning(dir, err)
	}
	defer func() { _ = r.Close() }() // looking on ends either way
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if _, err := a.show(ctx, r, session.Person{Name: osUser(), Role: session.RoleViewer}, at.screen, a.Out); err != nil && ctx.Err() == nil {
		return err
	}
	switch over, err := r.Ended(); {
	case err != nil:
		return &engines.Error{Op: "look on", Object: name, Err: err, Next: "attach again"}
	case over:
		a.tell("the session has ended or is suspended; go on with turquoise resume %s, or check it with turquoise verify %s", dir, dir)
	default:
		a.tell("left; the session goes on without this screen. Come back: turquoise attach %s", dir)
	}
	return nil
}

const socketName = "attach.sock"

// serve lets other terminals of this machine look on. A session runs without it
// where it cannot be had; that is said, and nothing else depends on it.
func (a *App) serve(s *session.Session) {
	l, err := listenIn(s.Dir())
	if err != nil {
		a.tell("nobody can attach to this session: %v", err)
		return
	}
	s.Serve(l, peerName)
}

// listenIn makes the socket of a session. The lock of the record is ours, so a
// socket that stands there was left by a process that died.
func listenIn(dir string) (net.Listener, error) {
	path, done, err := shortPath(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	// The folder is 0700, so nobody can connect before the mode is set.
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // its name here is a passing one
	if err := os.Chmod(filepath.Join(dir, socketName), 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return ownSocket{l, filepath.Join(dir, socketName)}, nil
}

// ownSocket goes with its listener.
type ownSocket struct {
	net.Listener
	path string
}

func (o ownSocket) Close() error {
	err := os.Remove(o.path)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, o.Listener.Close())
}

func dialSession(dir string) (net.Conn, error) {
	path, done, err := shortPath(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	c, err := net.Dial("unix", path)
	if err != nil {
		return nil, notRunning(dir, err)
	}
	return c, nil
}

// notRunning says what to do about a session that cannot be watched.
func notRunning(dir string, err error) error {
	next := "go on with it: turquoise resume " + dir
	if rec, lerr := audit.Load(dir); lerr == nil && rec.Closed {
		next = "it has ended; check it with turquoise verify " + dir
	}
	why := "no cockpit runs it now"
	if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
		why = err.Error()
	}
	return exit(ExitRefused, &engines.Error{Op: "attach", Object: dir, Err: errors.New(why), Next: next})
}
