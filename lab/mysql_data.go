package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
)

// initData makes a server's data folder. The first server of a version makes it
// with the installer, which takes many seconds, and keeps a copy in the cache;
// the next ones copy that.
func (m *MySQL) initData(ctx context.Context, as owner) error {
	data := filepath.Join(m.folder, "data")
	kept, err := m.keptData(ctx)
	if err != nil {
		return err
	}
	if _, err := os.Stat(kept); err == nil {
		return copyTree(kept, data, as)
	}
	if err := m.install(ctx, as); err != nil {
		return err
	}
	// A copy of a server's name would make two servers one.
	if err := os.Remove(filepath.Join(data, "auto.cnf")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	keepData(data, kept)
	return nil
}

var serverVersion = regexp.MustCompile(`Ver ([0-9][^ ]*)`)

// keptData names the copy for this version.
func (m *MySQL) keptData(ctx context.Context) (string, error) {
	k, err := kindOf(m.Flavor)
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, m.program(k.server), "--no-defaults", "--version").Output()
	v := serverVersion.FindSubmatch(out)
	if err != nil || v == nil {
		return "", fmt.Errorf("%s does not say its version: %q, %w", k.server, out, err)
	}
	return filepath.Join(m.cache, "data-"+m.Flavor+"-"+strings.ReplaceAll(string(v[1]), "/", "_")), nil
}

// keepData copies a fresh data folder into the cache, whole or not at all. A cache
// that takes nothing costs the next server its time and nothing else.
func keepData(data, kept string) {
	tmp, err := os.MkdirTemp(filepath.Dir(kept), ".data-")
	if err != nil {
		return
	}
	whole := filepath.Join(tmp, "data")
	if copyTree(data, whole, owner{}) == nil {
		_ = os.Rename(whole, kept) // fails when another run was first: its copy is as good
	}
	_ = os.RemoveAll(tmp)
}

// install runs the installer of the flavour.
func (m *MySQL) install(ctx context.Context, as owner) error {
	program, args := m.program("sbin/mysqld"), append(m.base(), "--initialize-insecure", mysqlRedo)
	if m.Flavor == FlavorMariaDB {
		// --force: without a resolvable host name the installer would stop.
		program, args = m.program("bin/mariadb-install-db"), append(m.base()[:3:3], "--auth-root-authentication-method=normal", "--skip-test-db", "--force")
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.SysProcAttr = m.folder, serverAttr(as, syscall.SIGKILL)
	// Two installers in one folder for temporary files disturb each other.
	cmd.Env = append(serverEnv(), "TMPDIR="+m.folder, "PATH="+m.program("bin")+":"+m.program("sbin")+":"+os.Getenv("PATH"))
	// As with start: the thread that starts the child must outlive it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(program), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// copyTree copies folders and plain files with their modes and hands them to a user.
func copyTree(from, to string, as owner) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		target := to + strings.TrimPrefix(path, from)
		switch {
		case d.IsDir():
			err = os.Mkdir(target, info.Mode().Perm())
		case info.Mode().IsRegular():
			err = copyFile(path, target, info.Mode().Perm())
		default:
			return nil // a socket
		}
		return errors.Join(err, as.give(target))
	})
}

func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err == nil {
		_, err = io.Copy(out, in)
		err = errors.Join(err, out.Close())
	}
	return errors.Join(err, in.Close())
}
