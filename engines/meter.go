package engines

import (
	"net"
	"sync/atomic"
)

// Meter counts what a connection was asked to send since Reset. A driver's own
// claim that nothing was sent is not used: pgx v5.9 to v5.12 says so of
// statements whose answer was lost.
type Meter struct{ n atomic.Int64 }

// Reset starts a new count.
func (m *Meter) Reset() { m.n.Store(0) }

// Sent returns the number of bytes asked to be sent since Reset.
func (m *Meter) Sent() int64 { return m.n.Load() }

// Wrap returns c with its writes counted.
func (m *Meter) Wrap(c net.Conn) net.Conn { return metered{c, m} }

type metered struct {
	net.Conn
	m *Meter
}

// Write counts before it writes, so a half-written packet is never Unsent.
func (c metered) Write(b []byte) (int, error) {
	c.m.n.Add(int64(len(b)))
	return c.Conn.Write(b)
}

// NetConn is the connection below, as of an encrypted one.
func (c metered) NetConn() net.Conn { return c.Conn }
