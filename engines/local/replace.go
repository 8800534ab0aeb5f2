package local

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/turquoise-db/turquoise/engines"
)

// Replace writes a file beside the old one and renames it over, so that a reader
// finds the whole old text or the whole new one. Owner and mode stay: a router
// that cannot read its file may answer a reload with success and keep its old
// settings. Symbolic links are followed. The error knows whether the file was
// changed.
func Replace(path string, text []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return engines.Known(engines.Unsent, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return engines.Known(engines.Unsent, err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".turquoise-*")
	if err != nil {
		return engines.Known(engines.Unsent, err)
	}
	_, err = tmp.Write(text)
	err = errors.Join(err, keepOwner(tmp, info), tmp.Chmod(info.Mode().Perm()), tmp.Sync(), tmp.Close())
	if err != nil {
		return engines.Known(engines.Unsent, errors.Join(err, os.Remove(tmp.Name())))
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return engines.Known(engines.Unclear, errors.Join(err, os.Remove(tmp.Name())))
	}
	if err := Flush(filepath.Dir(path)); err != nil {
		return engines.Known(engines.Unclear, err)
	}
	return nil
}

// Flush makes renames in a folder last through a power cut.
func Flush(folder string) error {
	dir, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
