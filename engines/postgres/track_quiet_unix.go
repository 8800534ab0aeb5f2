//go:build unix

package postgres

import (
	"net"
	"syscall"
)

// wakesAt sets how many bytes must have come before the system wakes whoever waits
// for the connection. Where it cannot be set, each message wakes.
func wakesAt(c net.Conn, size int) {
	for {
		over, wrapped := c.(interface{ NetConn() net.Conn }) // encrypted, or counted
		if !wrapped {
			break
		}
		c = over.NetConn()
	}
	s, can := c.(syscall.Conn)
	if !can {
		return
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, size) })
}
