//go:build !linux

package cli

import (
	"net"
	"path/filepath"
)

// shortPath is the socket of a session. Where its path is too long for a socket
// nobody can attach, which is said.
func shortPath(dir string) (string, func(), error) {
	return filepath.Join(dir, socketName), func() {}, nil
}

// peerName: the kernel's word for the other end is not asked for here; the folder's
// mode lets in only the login that runs the session.
func peerName(net.Conn) string { return osUser() }
