package lab_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// wire stands between a client and a real server and can lose one COMMIT.
type wire struct {
	net.Listener
	server string
	armed  atomic.Int32 // one of the losses below; the next COMMIT takes it
	wg     sync.WaitGroup
}

const (
	lossNone    = iota
	lossAnswer  // the server gets the COMMIT, the client never hears of it
	lossRequest // the COMMIT never leaves
)

func newWire(t *testing.T, server string) *wire {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{Listener: l, server: server}
	w.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.wg.Go(func() { w.carry(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		w.wg.Wait()
	})
	return w
}

// carry moves bytes both ways until one side ends.
func (w *wire) carry(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp4", w.server)
	if err != nil {
		return
	}
	var mute atomic.Bool
	w.wg.Go(func() {
		defer func() { _ = client.Close() }()
		buf := make([]byte, 4096)
		for {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			if mute.Load() {
				return // the answer to COMMIT came: it is durable, and lost on the way
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	buf := make([]byte, 4096)
	for {
		n, err := client.Read(buf)
		if err != nil {
			_ = server.Close()
			return
		}
		if bytes.Contains(buf[:n], []byte("commit\x00")) {
			switch w.armed.Swap(lossNone) {
			case lossRequest:
				_ = server.Close()
				return
			case lossAnswer:
				mute.Store(true)
			}
		}
		if _, err := io.Copy(server, bytes.NewReader(buf[:n])); err != nil {
			return
		}
	}
}

func TestAnUnknownTransactionIsLookedUpAndNeverSentAgain(t *testing.T) {
	l := labtest.Pair(t, lab.Options{})
	real, err := url.Parse(l.AppDSN())
	if err != nil {
		t.Fatal(err)
	}
	w := newWire(t, real.Host)
	real.Host = w.Addr().String()
	led, err := lab.StartLedger(t.Context(), real.String(), 3, lab.LedgerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = led.Stop() }()
	until(t, func() bool { return led.Meter().Acked > 20 })
	for _, loss := range []int32{lossAnswer, lossRequest, lossAnswer, lossRequest} {
		w.armed.Store(loss)
		n := led.Meter().Acked
		until(t, func() bool { m := led.Meter(); return w.armed.Load() == lossNone && m.Unknown == 0 && m.Acked > n+20 })
	}
	stop(t, led)
	r := check(t, led, l.BlueDSN())
	if !r.Clean() || r.Unknown != 0 {
		t.Errorf("an unknown transaction was lost, doubled or left: %v", r)
	}
	if r.Failed != 2 {
		t.Errorf("%d transactions failed, want the 2 whose COMMIT never left", r.Failed)
	}
	if held := value[int64](t, l.BlueDSN(), "select count(*) from ledger where client > 0"); held != r.Acked {
		t.Errorf("%d on the server, %d acknowledged or found", held, r.Acked)
	}
}
