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
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return fmt.Errorf("look at the file system of %s: %w", dir, err)
	}
	if s.Type == unix.NFS_SUPER_MAGIC {
		return &Error{Op: "open record", Object: dir, Err: errors.New("the directory is on NFS"),
			Next: "choose a directory on a local disk"}
	}
	if free := int64(s.Bavail) * int64(s.Bsize); free < minFree {
		return &Error{Op: "open record", Object: dir, Err: fmt.Errorf("%d MiB are free, %d MiB are needed", free>>20, minFree>>20),
			Next: "make room on this disk or choose another directory"}
	}
	return nil
}
