package lab

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// Meter is what a ledger has seen up to one moment.
type Meter struct {
	Acked   int64 // transactions the server promised
	Failed  int64 // transactions that certainly did not happen
	Unknown int64 // transactions whose answer was lost and that nobody has looked up yet
	Refused int64 // connections that were not had
	// Reconnected are connections that somebody ended while nothing was open on
	// them and that their clients replaced: no transaction failed by it.
	Reconnected int64

	TPS        int           // acknowledged in the last second
	Gap        time.Duration // time since the last commit of any client
	LongestGap time.Duration // longest time without a commit of any client
	Worst      time.Duration // longest acknowledged transaction, as its client saw it
	LastError  string        // of the last transaction or connection that failed
}

// slots and slot are the memory of the last second.
const (
	slots = 10
	slot  = time.Second / slots
)

// meter counts. Times are those of the ledger's own clock.
type meter struct {
	mu    sync.Mutex
	m     Meter
	last  time.Duration // of the last commit
	any   bool          // there was a commit
	ended bool
	ring  [slots]struct {
		at int64 // number of the slot since the start
		n  int
	}
}

func (m *meter) count(f Fate, from, to time.Duration, cause error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch f {
	case Unknown:
		m.m.Unknown++
	case Failed:
		m.m.Failed++
	case Found:
		m.m.Unknown--
		m.m.Acked++
	case Absent:
		m.m.Unknown--
		m.m.Failed++
	case Acked:
		m.m.Acked++
		m.m.Worst = max(m.m.Worst, to-from)
		if m.any {
			m.m.LongestGap = max(m.m.LongestGap, to-m.last)
		}
		m.any, m.last = true, max(m.last, to)
		at := int64(to / slot)
		s := &m.ring[at%slots]
		if s.at != at {
			s.at, s.n = at, 0
		}
		s.n++
	}
	if cause != nil {
		m.m.LastError = cause.Error()
	}
}

func (m *meter) refuse(cause error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.m.Refused++
	m.m.LastError = cause.Error()
}

func (m *meter) reconnect() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.m.Reconnected++
}

func (m *meter) read(now time.Duration) Meter {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.m
	if m.ended || !m.any {
		return r
	}
	r.Gap = max(0, now-m.last)
	r.LongestGap = max(r.LongestGap, r.Gap)
	for _, s := range m.ring {
		if age := int64(now/slot) - s.at; age >= 0 && age < slots {
			r.TPS += s.n
		}
	}
	return r
}

// end closes the books. The time between the last commit and the end counts:
// an application that never came back has a gap too.
func (m *meter) end(now time.Duration) {
	r := m.read(now)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = true
	m.m.LongestGap = r.LongestGap
}

// ledgerLog is the file of a ledger, one line of JSON for each fate.
type ledgerLog struct {
	mu   sync.Mutex
	file *os.File
	buf  *bufio.Writer
	err  error // the first error; reported by close
}

// ledgerLine is one line of the log. Times are microseconds since the start.
type ledgerLine struct {
	Client int    `json:"client"`
	Seq    int64  `json:"seq"`
	Fate   string `json:"fate"`
	FromUS int64  `json:"from_us"`
	ToUS   int64  `json:"to_us"`
	Error  string `json:"error,omitempty"`
}

// openLedgerLog returns nil for no path: a nil log takes lines and drops them.
func openLedgerLog(path string) (*ledgerLog, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, &engines.Error{Op: "open the ledger's log", Object: path, Err: err}
	}
	return &ledgerLog{file: f, buf: bufio.NewWriter(f)}, nil
}

func (l *ledgerLog) write(k ledgerKey, f Fate, from, to time.Duration, cause error) {
	if l == nil {
		return
	}
	line := ledgerLine{Client: k.client, Seq: k.seq, Fate: f.String(), FromUS: from.Microseconds(), ToUS: to.Microseconds()}
	if cause != nil {
		line.Error = cause.Error()
	}
	b, err := json.Marshal(line)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		_, err = l.buf.Write(append(b, '\n'))
	}
	l.err = errors.Join(l.err, err)
}

func (l *ledgerLog) close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.err, l.buf.Flush(), l.file.Close())
}
