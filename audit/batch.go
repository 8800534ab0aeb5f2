package audit

import (
	"bytes"
	"fmt"
	"io"
	"time"
)

// commit writes the batch, makes it durable if it has to be, and only then moves
// the state of the log on. The first error ends the log: after a failed fsync
// the kernel may have dropped the pages, so trying again proves nothing.
func (l *Log) commit(b *batch) error {
	if l.seq+int64(len(b.entries))-l.head.Size >= sealLines || b.mono-l.sealedMono >= sealAfter.Microseconds() {
		b.seal = true
	}
	if b.seal {
		if err := b.addSeal(); err != nil {
			return err
		}
	}
	n, err := l.file.Write(b.bytes.Bytes())
	if err == nil && n < b.bytes.Len() {
		err = io.ErrShortWrite
	}
	if err != nil {
		l.fault = fmt.Errorf("write: %w (%d of %d bytes)", err, n, b.bytes.Len())
		return l.refuse()
	}
	if b.durable {
		if err := l.file.Sync(); err != nil {
			l.fault = fmt.Errorf("fsync: %w", err)
			return l.refuse()
		}
	}
	l.adopt(b)
	return nil
}

func (l *Log) adopt(b *batch) {
	last := b.entries[len(b.entries)-1]
	l.seq, l.prev, l.tree = last.Seq+1, last.Leaf.String(), b.tree
	l.lastMono, l.lastWall = b.mono, b.at
	l.written += int64(b.bytes.Len())
	if b.seal {
		l.key.wipe()
		l.key, l.head, l.sealedMono = b.next, b.head, b.mono
		if l.o.Sealed != nil {
			l.o.Sealed(l.head)
		}
	}
	if l.written > l.reserved-reserveBytes/2 {
		// Best effort: a disk that cannot promise the room may still have it.
		if l.file.Reserve(l.written, reserveBytes) == nil {
			l.reserved = l.written + reserveBytes
		} else {
			l.reserved = l.written + reserveBytes/2 // ask again half a reserve later
		}
	}
}

// batch is composed beside the log, so that a refused line changes nothing.
type batch struct {
	l       *Log
	at      time.Time
	mono    int64
	seq     int64
	prev    string
	tree    tree
	entries []Entry
	bytes   bytes.Buffer
	durable bool
	seal    bool
	next    *sessionKey
	head    Head
}

// newBatch stamps one time on all lines of a batch: verify relies on key.next
// and its seal having the same. If the wall clock jumped, that is said first.
func (l *Log) newBatch() *batch {
	b := &batch{l: l, at: l.o.Now().UTC().Truncate(time.Microsecond), seq: l.seq, prev: l.prev, tree: l.tree.clone()}
	b.mono = max((l.o.Mono() - l.base).Microseconds(), l.lastMono)
	if l.lastWall.IsZero() {
		return b
	}
	ran := time.Duration(b.mono-l.lastMono) * time.Microsecond
	if delta := b.at.Sub(l.lastWall) - ran; delta.Abs() > l.o.MaxSkew+ran/1000 {
		// The body is ours and holds two plain values; it cannot be refused.
		if err := b.add(Line{Meta: Meta{By: System}, Body: ClockStep{WallDeltaUS: delta.Microseconds()}}); err != nil {
			panic("bug: clock.step refused: " + err.Error())
		}
	}
	return b
}

func (b *batch) add(line Line) error {
	m, body := line.Meta, line.Body
	if line.Build != nil {
		m, body = line.Build(b.entries)
	}
	row, ok := b.l.o.Types[body.Type()]
	if !ok {
		return fmt.Errorf("bug: unknown entry type %q", body.Type())
	}
	raw, err := encodeBody(body, b.l.o.Types)
	if err != nil {
		return fmt.Errorf("compose %s: %w", body.Type(), err)
	}
	if m.From == "" {
		m.From = b.l.o.From
	}
	e := Entry{Seq: b.seq, Prev: b.prev, Sid: b.l.o.Sid, Seg: b.l.seg, Time: b.at, Mono: b.mono,
		Type: body.Type(), Meta: m, Body: raw}
	text, err := e.encode(b.l.o.Types)
	if err != nil {
		return fmt.Errorf("compose %s: %w", e.Type, err)
	}
	if text, err = b.l.scan(&e, text, row); err != nil {
		return err
	}
	b.bytes.Write(text)
	b.bytes.WriteByte('\n')
	b.entries = append(b.entries, e)
	b.tree.add(e.Leaf)
	b.seq, b.prev = e.Seq+1, e.Leaf.String()
	b.durable = b.durable || row.Durable
	b.seal = b.seal || row.Sealed
	return nil
}

func (b *batch) addSeal() (err error) {
	if b.next, err = newSessionKey(b.l.o.Origin, b.l.o.Rand); err != nil {
		return err
	}
	if err = b.add(Line{Meta: Meta{By: System}, Body: KeyNext{VKey: b.next.vkey()}}); err != nil {
		return err
	}
	b.head = Head{Origin: b.l.o.Origin, Size: b.seq, Root: b.tree.root()}
	return b.add(Line{Meta: Meta{By: System}, Body: Seal{Note: b.l.key.sign(b.head)}})
}
