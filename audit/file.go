package audit

import (
	"os"
)

// File is what a segment is written to. The record needs no more of a file than
// this, so a test can hand in one that fails at a chosen byte.
type File interface {
	Write([]byte) (int, error)
	Sync() error
	Close() error
	// Reserve makes room for n bytes after the first off without changing the
	// size of the file. An error means only that the room is not guaranteed.
	Reserve(off, n int64) error
}

// reserveBytes is kept ahead of the writer, so that a disk that fills up during
// the night ends the session after its statement, not in the middle of it.
// 16 MiB are more than a whole session writes.
const reserveBytes = 16 << 20

type diskFile struct{ *os.File }

// openDisk makes a fresh file. What stood under this name was never acknowledged
// to anybody: segments get their final name when their first seal is on disk.
func openDisk(path string) (File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

func (d diskFile) Reserve(off, n int64) error { return reserve(d.File, off, n) }

// syncDir makes a new name in dir survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
