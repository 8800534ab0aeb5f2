package audit

import "fmt"

// Handover writes a session.handover whose new operator endorses a session key
// of the own. From this line on that key seals the record; the one before it is
// wiped, so the operator who left cannot seal what comes after.
func (l *Log) Handover(build func(Opening) Line) ([]Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault != nil {
		return nil, l.refuse()
	}
	key, err := newSessionKey(l.o.Origin, l.o.Rand)
	if err != nil {
		return nil, err
	}
	b := l.newBatch()
	line := build(Opening{Origin: l.o.Origin, Sid: l.o.Sid, VKey: key.vkey(), Seq: b.seq, Prev: b.prev, Segment: l.seg})
	if line.Err != nil {
		return nil, line.Err
	}
	if line.Body.Type() != typeHandover {
		return nil, fmt.Errorf("bug: hand over with a line of type %q", line.Body.Type())
	}
	if err := b.add(line); err != nil {
		return nil, err
	}
	b.seal, b.durable = true, true
	before := l.key
	l.key = key // signs the seal of this very batch
	if err := l.commit(b); err != nil {
		return nil, err // the log is fenced: no key of it is used again
	}
	before.wipe()
	return b.entries, nil
}
