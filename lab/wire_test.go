package lab_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"strings"
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
	commit []byte       // how the client says COMMIT
	armed  atomic.Int32 // one of the losses below; the next COMMIT takes it
	wg     sync.WaitGroup
}

const (
	lossNone    = iota
	lossAnswer  // the server gets the COMMIT, the client never hears of it
	lossRequest // the COMMIT never leaves
)

func newWire(t *testing.T, server, commit string) *wire {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{Listener: l, server: server, commit: []byte(commit)}
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
		if bytes.Contains(buf[:n], w.commit) {
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
	w := newWire(t, real.Host, "commit\x00")
	real.Host = w.Addr().String()
	losesCommits(t, w, real.String(), l.BlueDSN())
	if held := value[int64](t, l.BlueDSN(), "select count(*) from ledger where client > 0"); held == 0 {
		t.Error("nothing reached the server")
	}
}

func TestAnUnknownTransactionOnMySQLIsLookedUpAndNeverSentAgain(t *testing.T) {
	for _, flavor := range []string{lab.FlavorMySQL, lab.FlavorMariaDB} {
		t.Run(flavor, func(t *testing.T) {
			l := labtest.MySQLPair(t, lab.MySQLOptions{Flavor: flavor})
			w := newWire(t, l.Router.Address(), "\x03COMMIT")
			losesCommits(t, w, strings.Replace(l.AppDSN(), l.Router.Address(), w.Addr().String(), 1), l.LedgerDSN("blue"))
		})
	}
}

// losesCommits runs clients over the wire, loses COMMITs on it, and compares.
func losesCommits(t *testing.T, w *wire, through, direct string) {
	t.Helper()
	led, err := lab.StartLedger(t.Context(), through, 3, lab.LedgerOptions{})
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
	r := check(t, led, direct)
	if !r.Clean() || r.Unknown != 0 {
		t.Errorf("an unknown transaction was lost, doubled or left: %v", r)
	}
	if r.Failed != 2 {
		t.Errorf("%d transactions failed, want the 2 whose COMMIT never left", r.Failed)
	}
}
