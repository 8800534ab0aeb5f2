package lab

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

const (
	runPrefix = "tq-lab-"
	runLock   = "lock"

	// unnamedFor is after how long a folder without its name has no maker any more:
	// it is named within milliseconds.
	unnamedFor = time.Hour
)

// runDir is the folder of one run: data, logs, settings. A lock on a file in
// it is held as long as the run lives, so that a later run can tell folders of
// crashed runs and remove them.
type runDir struct {
	path string
	lock *os.File
}

// openRunDir makes a run folder below parent; empty means the system's folder
// for temporary files. Folders of crashed runs are removed on the way.
func openRunDir(parent string) (*runDir, error) {
	if parent == "" {
		parent = os.TempDir()
	}
	sweep(parent)
	d, err := makeRunDir(parent)
	if err != nil {
		return nil, &engines.Error{Op: "make a run folder", Object: parent, Err: err, Next: "choose another folder"}
	}
	return d, nil
}

// makeRunDir makes the folder under a name that no sweep looks at and gives it
// its own when its lock is held: a folder that a sweep sees without a lock is
// then always one whose run is gone.
func makeRunDir(parent string) (*runDir, error) {
	hidden, err := os.MkdirTemp(parent, "."+runPrefix)
	if err != nil {
		return nil, err
	}
	d, err := nameRunDir(hidden)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(hidden))
	}
	return d, nil
}

func nameRunDir(hidden string) (*runDir, error) {
	if err := os.Chmod(hidden, 0o755); err != nil { // the servers' user must pass
		return nil, err
	}
	lock, err := lockFile(filepath.Join(hidden, runLock), os.O_CREATE)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(filepath.Dir(hidden), strings.TrimPrefix(filepath.Base(hidden), "."))
	if err := os.Rename(hidden, path); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &runDir{path: path, lock: lock}, nil
}

func (d *runDir) close() error {
	return errors.Join(os.RemoveAll(d.path), d.lock.Close())
}

// sub makes a folder for the servers' user.
func (d *runDir) sub(name string, as owner) (string, error) {
	path := filepath.Join(d.path, name)
	if err := os.Mkdir(path, 0o700); err != nil {
		return "", err
	}
	return path, as.give(path)
}

// sweep removes run folders whose run is gone. What cannot be removed is left:
// it belongs to somebody else.
func sweep(parent string) {
	old, err := filepath.Glob(filepath.Join(parent, runPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range old {
		lock, err := lockFile(filepath.Join(dir, runLock), 0)
		if err != nil {
			continue // alive, or not ours
		}
		_ = os.RemoveAll(dir)
		_ = lock.Close()
	}
	unnamed, err := filepath.Glob(filepath.Join(parent, "."+runPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range unnamed {
		if is, err := os.Lstat(dir); err == nil && is.IsDir() && time.Since(is.ModTime()) > unnamedFor {
			_ = os.RemoveAll(dir)
		}
	}
}

func lockFile(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|flag, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
