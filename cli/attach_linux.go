package cli

import (
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"
)

// shortPath names the socket of a session by its folder's descriptor: the path of
// a socket may have 107 bytes, that of a folder any number.
func shortPath(dir string) (string, func(), error) {
	d, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), socketName), func() { _ = d.Close() }, nil
}

// peerName is the login at the other end, as the kernel knows it: nobody chooses
// the name under which he looks on.
func peerName(c net.Conn) string {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return "unknown"
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return "unknown"
	}
	name := "unknown"
	err = raw.Control(func(fd uintptr) {
		cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err != nil {
			return
		}
		name = "uid " + strconv.FormatUint(uint64(cred.Uid), 10)
		if who, err := user.LookupId(strconv.FormatUint(uint64(cred.Uid), 10)); err == nil {
			name = who.Username
		}
	})
	if err != nil {
		return "unknown"
	}
	return name
}
