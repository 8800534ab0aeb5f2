package enginetest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// Where says at which point of a request a Wire cuts.
type Where int

// The places. Before: the request never arrives. Mid: it arrives, and the line
// is cut at once while the server works. After: the server answers, and the
// answer is lost.
const (
	Before Where = iota
	Mid
	After
)

// Wire is a TCP proxy before a real server that loses what it is told to lose.
type Wire struct {
	Addr string // where to connect

	to      string
	l       net.Listener
	wg      sync.WaitGroup
	mu      sync.Mutex
	open    []net.Conn
	where   Where
	want    []byte // the request that triggers the cut; nil: none
	cuts    int
	down    bool
	watched []byte        // the request that somebody waits for
	passed  chan struct{} // closed when it went through; nil: nobody waits
	holds   []byte        // the request whose answer is kept back
	kept    chan struct{} // closed when an answer is; nil: none is to be
	gate    chan struct{} // closed to let answers through; nil: they go through
}

// NewWire listens on a free port of the loopback address and forwards to addr
// until the test ends.
func NewWire(t testing.TB, addr string) *Wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &Wire{Addr: l.Addr().String(), to: addr, l: l}
	w.wg.Go(w.accept)
	t.Cleanup(func() {
		// Connections are closed before the wait: a test that leaks one must
		// fail, not hang.
		_ = l.Close()
		w.mu.Lock()
		w.release()
		for _, c := range w.open {
			_ = c.Close()
		}
		w.mu.Unlock()
		w.wg.Wait()
	})
	return w
}

// Cut makes the next request that holds these bytes lose its way. It works once.
func (w *Wire) Cut(where Where, request string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.where, w.want = where, []byte(request)
}

// Watch returns a channel that is closed when a request that holds these bytes
// has gone through to the server.
func (w *Wire) Watch(request string) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watched, w.passed = []byte(request), make(chan struct{})
	return w.passed
}

// Hold keeps answers back, from the one to a request that holds these bytes on,
// or all of them at once if there are none, until Up or Down: the server has
// heard, and is not heard. The channel is closed when the first one is kept back.
func (w *Wire) Hold(request string) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.holds, w.kept = []byte(request), make(chan struct{})
	if request == "" {
		w.gate = make(chan struct{})
	}
	return w.kept
}

// release lets answers through. w.mu is held.
func (w *Wire) release() {
	w.kept = nil
	if w.gate != nil {
		close(w.gate)
		w.gate = nil
	}
}

// Down cuts every connection and lets none through until Up: the server is
// there, and nobody reaches it.
func (w *Wire) Down() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = true
	w.release()
	for _, c := range w.open {
		_ = c.Close()
	}
	w.open = nil
}

// Up lets connections and answers through again and forgets a cut that was not
// met.
func (w *Wire) Up() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down, w.want = false, nil
	w.release()
}

// Cuts returns how often the wire was cut.
func (w *Wire) Cuts() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cuts
}

func (w *Wire) accept() {
	for {
		client, err := w.l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", w.to)
		if err != nil {
			_ = client.Close()
			continue
		}
		w.mu.Lock()
		down := w.down
		if !down {
			w.open = append(w.open, client, server)
		}
		w.mu.Unlock()
		if down {
			_, _ = client.Close(), server.Close()
			continue
		}
		p := &pair{w: w, client: client, server: server}
		w.wg.Go(p.requests)
		w.wg.Go(p.answers)
	}
}

// pair is one connection through the wire.
type pair struct {
	w              *Wire
	client, server net.Conn
	lose           sync.Mutex
	losing         bool
}

func (p *pair) close() {
	_, _ = p.client.Close(), p.server.Close()
}

// requests forwards what the client sends. A request may arrive in pieces; the
// tail of the piece before is looked at together with the next.
func (p *pair) requests() {
	defer p.close()
	buf, tail := make([]byte, 32<<10), []byte(nil)
	for {
		n, err := p.client.Read(buf)
		if n > 0 {
			tail = append(tail, buf[:n]...)
			where, hit := p.w.trigger(tail)
			if hit && where == Before {
				return
			}
			if hit { // a fast server answers a request before the line is cut behind it
				p.lose.Lock()
				p.losing = true
				p.lose.Unlock()
			}
			p.w.coming(tail)
			if _, werr := p.server.Write(buf[:n]); werr != nil || hit && where == Mid {
				return
			}
			p.w.gone(tail)
			if len(tail) > 4096 {
				tail = append([]byte(nil), tail[len(tail)-4096:]...)
			}
		}
		if err != nil {
			return
		}
	}
}

// answers forwards what the server sends, until an answer is to be lost: then
// its first bytes end the connection. A server that has answered has acted.
func (p *pair) answers() {
	defer p.close()
	buf := make([]byte, 32<<10)
	for {
		n, err := p.server.Read(buf)
		if n > 0 {
			p.lose.Lock()
			lost := p.losing
			p.lose.Unlock()
			if lost {
				return
			}
			p.w.wait()
			if _, werr := p.client.Write(buf[:n]); werr != nil {
				return
			}
		}
		if err != nil && (errors.Is(err, io.EOF) || n == 0) {
			return
		}
	}
}

func (w *Wire) trigger(b []byte) (Where, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.want == nil || !bytes.Contains(b, w.want) {
		return 0, false
	}
	w.want = nil
	w.cuts++
	return w.where, true
}

// coming begins to hold answers back if this request asks for it.
func (w *Wire) coming(b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kept != nil && w.gate == nil && bytes.Contains(b, w.holds) {
		w.gate = make(chan struct{})
	}
}

// gone tells who watches for this request.
func (w *Wire) gone(b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.passed != nil && bytes.Contains(b, w.watched) {
		close(w.passed)
		w.passed = nil
	}
}

// wait keeps an answer back for as long as answers are held.
func (w *Wire) wait() {
	w.mu.Lock()
	gate, kept := w.gate, w.kept
	if gate != nil && kept != nil {
		select {
		case <-kept:
		default:
			close(kept)
		}
	}
	w.mu.Unlock()
	if gate != nil {
		<-gate
	}
}
