package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

const (
	// sealLines and sealAfter bound what rests on the chain alone when nothing
	// happens that asks for a seal.
	sealLines = 256
	sealAfter = 60 * time.Second
	// defaultSkew is what two clocks of one machine may drift apart between two
	// lines, besides a thousandth of the time between them.
	defaultSkew = 500 * time.Millisecond
)

// Options are the explicit dependencies of a log. Now, Mono, Rand, Types and
// First must be set.
type Options struct {
	Sid    string
	Origin string // <audit domain>/turquoise/<sid>
	From   string // host/tty/ssh-client of this process
	Types  Types
	Now    func() time.Time
	Mono   func() time.Duration // since any fixed moment; should count sleep
	Rand   io.Reader

	// First builds the first line of the segment: session.open or, when
	// Opening.Recovery is set, session.resume. Its body must hold Opening.VKey.
	First func(Opening) Line

	// Sealed, if set, is told of every new head. It is called with the log locked:
	// it must not wait, nor call the log.
	Sealed func(Head)

	// Standby is the key for the first seal of the segment that is opened, made
	// ahead; nil: a new one is made.
	Standby *Standby

	MaxSkew  time.Duration     // 0: 500 ms
	Secrets  map[string]string // slot to value; searched for in every line
	OpenFile func(path string) (File, error)
}

// Opening is what the first line of a segment has to state.
type Opening struct {
	Origin   string
	Sid      string
	VKey     string // the key that signs the first seal
	Seq      int64
	Prev     string
	Segment  int64
	Recovery *Recovery // nil: a new record
}

// Line is one line to be written. Build, if set, is called under the lock with
// the lines already composed in the same batch, so that a line can name the seq
// of its neighbours; what it returns replaces Meta and Body.
type Line struct {
	Meta  Meta
	Body  Body
	Build func(batch []Entry) (Meta, Body)
	Err   error // why there is no such line: it was to be signed and could not be
}

// Sealed is the permission to send: its holder has an intent that is durable and
// under a seal. Only Log.Intent makes one.
type Sealed struct {
	sid  string
	seq  int64
	leaf Hash
	with []Entry
}

// Valid is false for a token that Intent did not give.
func (s Sealed) Valid() bool { return s.sid != "" }

// Seq is the seq of the intent.
func (s Sealed) Seq() int64 { return s.seq }

// Leaf is the leaf hash of the intent.
func (s Sealed) Leaf() Hash { return s.leaf }

// Entries are the lines that were written with the intent, itself included.
func (s Sealed) Entries() []Entry { return s.with }

// Tag is the comment put in front of the statement of an action, so that the
// server's own log fixes this record up to the intent. 32 hex digits: with half
// of them two histories sharing a tag could be prepared.
func (s Sealed) Tag(action int64) string {
	return fmt.Sprintf("/* tq s=%s n=%d i=%d h=%s */", s.sid, s.seq, action, s.leaf.String()[:32])
}

// Log is the writing end of a record. One mutex covers composing, writing and
// fsync: nothing is ever written behind a line that is not yet acknowledged,
// which is what lets a torn end be told from tampering.
type Log struct {
	mu    sync.Mutex
	o     Options
	dir   string
	file  File
	lock  *os.File
	fault error // set once, never cleared

	seg        int64
	seq        int64 // of the next line
	prev       string
	tree       tree
	key        *sessionKey
	head       Head
	base       time.Duration // Mono at the start of the segment
	lastMono   int64
	lastWall   time.Time
	sealedMono int64
	written    int64 // bytes in this segment
	reserved   int64
	secrets    []secret
}

// Head is the checkpoint of the last seal.
func (l *Log) Head() Head {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head
}

// Fault is the first write error, nil while the log is good.
func (l *Log) Fault() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if errors.Is(l.fault, ErrClosed) {
		return nil
	}
	return l.fault
}

// Append writes one line. For a durable type it is on disk when Append returns.
func (l *Log) Append(m Meta, b Body) (Entry, error) {
	es, err := l.AppendAll(Line{Meta: m, Body: b})
	if err != nil {
		return Entry{}, err
	}
	return es[0], nil
}

// AppendAll writes lines as one batch: one write, one fsync if any of them is of
// a durable type. A refused line (ErrSecret, bad body) refuses the whole batch
// and leaves the log good.
//
// A crash may leave any prefix of the batch, although none of it was
// acknowledged. Whole lines of the prefix then stand in the record: a stmt.end
// that stands is a fact, and a stmt.begin that stands was never sent but reads
// as unclear, which errs on the careful side.
//
// HOLE: a disk that loses the middle of a batch and keeps its end leaves durable
// lines behind bad bytes. That looks like tampering; Resume refuses it and a
// person has to look. File systems that order data before size do not do this.
func (l *Log) AppendAll(lines ...Line) ([]Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.append(lines, false)
}

// Intent writes lines, of which the last is an intent, and a seal over them, all
// durable before it returns. The token is needed to send anything.
func (l *Log) Intent(lines ...Line) (Sealed, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	es, err := l.append(lines, true)
	if err != nil {
		return Sealed{}, err
	}
	last := es[len(es)-1]
	return Sealed{sid: l.o.Sid, seq: last.Seq, leaf: last.Leaf, with: es}, nil
}

// Seal seals what is written so far, as at the end of a quiet minute. With
// nothing unsealed it does nothing.
func (l *Log) Seal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault != nil {
		return l.refuse()
	}
	if l.seq == l.head.Size+1 {
		return nil
	}
	b := l.newBatch()
	b.seal = true
	return l.commit(b)
}

// Close writes the closing line and its seal and gives the record free. Nothing
// can be written to this record again, by nobody.
func (l *Log) Close(m Meta, body Body) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if body.Type() != typeClose {
		return fmt.Errorf("bug: close record with a line of type %q", body.Type())
	}
	if l.fault != nil {
		return l.refuse()
	}
	b := l.newBatch()
	b.seal, b.durable = true, true
	if err := b.add(Line{Meta: m, Body: body}); err != nil {
		return err
	}
	if err := l.commit(b); err != nil {
		return err
	}
	return l.release()
}

// Release gives the record free without closing the session, after a
// session.suspend or a fence. It can be resumed.
func (l *Log) Release() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.release()
}

func (l *Log) release() error {
	if l.lock == nil {
		return nil
	}
	if l.fault == nil {
		l.fault = ErrClosed
	}
	l.leaveKey()
	err := errors.Join(l.file.Close(), l.lock.Close())
	l.lock = nil
	return err
}

func (l *Log) refuse() error {
	if errors.Is(l.fault, ErrClosed) {
		return l.fault
	}
	return &Error{Op: "append to record", Object: l.dir, Err: fmt.Errorf("%w, refusing: %w", ErrFenced, l.fault),
		Next: "make the disk healthy, then run turquoise resume " + l.dir}
}

func (l *Log) append(lines []Line, intent bool) ([]Entry, error) {
	if l.fault != nil {
		return nil, l.refuse()
	}
	if len(lines) == 0 {
		return nil, errors.New("bug: append of no lines")
	}
	b := l.newBatch()
	first := len(b.entries)
	for _, line := range lines {
		if err := b.add(line); err != nil {
			return nil, err
		}
	}
	if got := l.o.Types[b.entries[len(b.entries)-1].Type].Intent; got != intent {
		return nil, fmt.Errorf("bug: %q written as intent: %v", b.entries[len(b.entries)-1].Type, intent)
	}
	entries := b.entries[first:len(b.entries):len(b.entries)]
	if err := l.commit(b); err != nil {
		return nil, err
	}
	return entries, nil
}
