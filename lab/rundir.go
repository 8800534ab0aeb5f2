package lab

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/turquoise-db/turquoise/engines"
)

const (
	runPrefix = "tq-lab-"
	runLock   = "lock"
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
	var err error
	for range runTries {
		var d *runDir
		if d, err = makeRunDir(parent); err == nil {
			return d, nil
		}
		if !errors.Is(err, errSwept) {
			break
		}
	}
	return nil, &engines.Error{Op: "make a run folder", Object: parent, Err: err, Next: "choose another folder"}
}

// runTries is how often a folder may be lost to a sweep before that is an error.
const runTries = 10

// errSwept: another run took the new folder for one whose run is gone, in the
// moment before its lock was held.
var errSwept = errors.New("swept away by another run")

func makeRunDir(parent string) (*runDir, error) {
	path, err := os.MkdirTemp(parent, runPrefix)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o755); err != nil { // the servers' user must pass
		return nil, err
	}
	name := filepath.Join(path, runLock)
	lock, err := lockFile(name, os.O_CREATE)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errSwept
	}
	if err != nil {
		return nil, err
	}
	held, herr := lock.Stat()
	there, terr := os.Stat(name)
	if herr != nil || terr != nil || !os.SameFile(held, there) {
		return nil, errors.Join(errSwept, lock.Close())
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
			continue // alive, not ours, or just being made
		}
		_ = os.RemoveAll(dir)
		_ = lock.Close()
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
