//go:build !unix

package postgres

import "net"

// wakesAt does nothing where the system has no such setting.
func wakesAt(net.Conn, int) {}
