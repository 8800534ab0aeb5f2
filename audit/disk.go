package audit

import "fmt"

// littleFree is what a person is told about: a record whose reserve is used up and
// refused anew ends the session.
const littleFree = 64 << 20

// DiskConcern is something about the place of a record that does not forbid it and
// that a person should know before the night begins.
type DiskConcern struct {
	ID          string // "network" or "space"
	Text        string
	Consequence string
}

// DiskConcerns looks at the file system of dir, which must be there. A place that is
// refused, as NFS is, opens no record and is none of these. Systems that are not
// asked have none.
func DiskConcerns(dir string) ([]DiskConcern, error) {
	kind, free, known, err := lookAtDisk(dir)
	if err != nil || !known {
		return nil, err
	}
	return concerns(dir, kind, free), nil
}

// concerns judges a file system by its magic number and its free bytes.
func concerns(dir string, kind uint32, free int64) []DiskConcern {
	var out []DiskConcern
	if name := networks[kind]; name != "" {
		out = append(out, DiskConcern{"network", fmt.Sprintf("the record is on %s (%s)", name, dir),
			"what counts as on disk may be in another machine's memory, and a lock may not be seen elsewhere"})
	}
	if free < littleFree {
		out = append(out, DiskConcern{"space", fmt.Sprintf("%d MiB are free where the record is (%s)", free>>20, dir),
			"when it cannot be written no further step runs; make room"})
	}
	return out
}

// networks are the magic numbers of file systems whose disk is, or may be, that of
// another machine, as Linux numbers them. NFS is refused and not among them.
var networks = map[uint32]string{
	0x517b:     "SMB, a network file system",
	0xff534d42: "SMB, a network file system",
	0xfe534d42: "SMB, a network file system",
	0x5346414f: "AFS, a network file system",
	0x6b414653: "AFS, a network file system",
	0x73757245: "Coda, a network file system",
	0x00c36400: "Ceph, a network file system",
	0x0bd00bd0: "Lustre, a network file system",
	0x01021997: "9P, the file system of another machine",
	0x01161970: "GFS2, a file system of several machines",
	0x7461636f: "OCFS2, a file system of several machines",
	0x65735546: "FUSE, which may be a network file system",
}
