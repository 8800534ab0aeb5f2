package postgres

import (
	"io"
	"net"
	"time"
)

// The server sends each change by itself, and a reader that waits for it is woken
// for each. Left alone for a moment the messages gather, and one reading takes them
// all: that spares both sides most of the system's work.
const (
	gulpSize = 64 << 10
	gulpRest = 10 * time.Millisecond // between two readings, unless there is more than one takes
)

// gulp reads what a stream has gathered. The first word after a silence is not
// kept waiting.
type gulp struct {
	r    io.Reader
	buf  []byte
	held []byte // of buf, not handed on
	read time.Time
	conn net.Conn // nil until the stream begins: questions and answers wait for nothing
}

// Read hands on what is there, and waits for more if there is nothing.
func (g *gulp) Read(p []byte) (int, error) {
	if g.conn == nil {
		return g.r.Read(p)
	}
	if len(g.held) == 0 {
		if wait := gulpRest - time.Since(g.read); wait > 0 {
			wakesAt(g.conn, gulpSize)
			time.Sleep(wait)
			wakesAt(g.conn, 1)
		}
		n, err := g.r.Read(g.buf)
		g.read = time.Now()
		if n == len(g.buf) {
			g.read = time.Time{} // there is more
		}
		if n == 0 {
			return 0, err
		}
		g.held = g.buf[:n] // an error that came with it comes again
	}
	n := copy(p, g.held)
	g.held = g.held[n:]
	return n, nil
}
