package audit

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// minFree is what must be free before a segment is opened: the reserve twice
// over, so that the reserve itself never takes the last block.
const minFree = 2 * reserveBytes

func reserve(f *os.File, off, n int64) error {
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, off, n)
}

// checkDisk refuses places where a lock or an fsync does not mean what we need.
func checkDisk(dir string) error {
	kind, free, _, err := lookAtDisk(dir)
	if err != nil {
		return err
	}
	if kind == unix.NFS_SUPER_MAGIC {
		return &Error{Op: "open record", Object: dir, Err: errors.New("the directory is on NFS"),
			Next: "choose a directory on a local disk"}
	}
	if free < minFree {
		return &Error{Op: "open record", Object: dir, Err: fmt.Errorf("%d MiB are free, %d MiB are needed", free>>20, minFree>>20),
			Next: "make room on this disk or choose another directory"}
	}
	return nil
}

// asksDisk: this system says on what kind of file system a directory is.
const asksDisk = true

// lookAtDisk gives the magic number of a file system and what we may still write.
func lookAtDisk(dir string) (kind uint32, free int64, known bool, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, 0, false, fmt.Errorf("look at the file system of %s: %w", dir, err)
	}
	return uint32(s.Type), int64(s.Bavail) * int64(s.Bsize), true, nil
}
