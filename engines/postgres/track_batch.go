package postgres

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/turquoise-db/turquoise/engines"
)

// A walsender sends each change by itself and is woken by each commit: 60
// microseconds of processor time for a transaction of pgbench. Asked for all changes
// since the last time, a session decodes the same in 5 to 6, and decodes again what lies
// between the slot's restart_lsn and there: up to thirty seconds of log, because a server
// notes a new place to begin from every fifteen. So batches are far apart.
//
// What a slot is not told to let go is told by each batch again, and what lies behind a
// long transaction is decoded by each: where an answer holds too much or takes too long
// the stream is cheaper, which decodes once.
const (
	dearFor     = 5 * time.Minute
	dearTime    = time.Second     // an answer that takes longer, and a quarter of the time between two, is dear
	answerLimit = time.Minute     // after which an answer is given up
	batchLog    = 1 << 30         // bytes of log that lie between two batches
	steady      = 5 * time.Second // of log, of which its speed is taken
)

// Tests take less.
var (
	batchRows = 2_000_000        // messages that one answer holds, and the rest of its last transaction
	lateAfter = 2 * time.Second  // unread for longer, a log is asked once more before it is streamed
	mostAgain = uint64(64 << 20) // bytes of log that the first batch behind a stream may tell again
)

// pace is how long the next batch is kept waiting at most; 0: changes are told at once,
// behind a last batch of what is unread.
type pace struct {
	mu    sync.Mutex
	every time.Duration
	news  chan struct{} // closed when every changes
}

// Pace changes how changes are told, from the next commit on.
func (t *Tracker) Pace(every time.Duration) {
	p := &t.pace
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.every == every {
		return
	}
	p.every = every
	if p.news != nil {
		close(p.news)
		p.news = nil
	}
}

func (p *pace) now() (every time.Duration, news <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.news == nil {
		p.news = make(chan struct{})
	}
	return p.every, p.news
}

// batch is what one answer told and nobody has taken yet.
type batch struct {
	pg    *pgconn.PgConn
	queue []engines.Transaction // that were not told before
	end   uint64                // up to which the answer tells everything; 0: up to its last transaction
	asked time.Time
	until time.Time // when the log was read last, as it was then
	last  bool      // the stream comes next
	fresh int       // messages of the last answer that were not told before
	says  speed
	freed uint64    // up to which the slot was told that nothing is needed
	dear  time.Time // until when no batch is asked for
}

// ofBatch gives the next transaction of the batch, or word of where it ends. ok is
// false where there is none left.
func (t *Tracker) ofBatch() (tx engines.Transaction, ok bool) {
	b := &t.batch
	if len(b.queue) > 0 {
		tx, b.queue[0] = b.queue[0], tx
		b.queue = b.queue[1:]
		t.seen = tx.Position
		return tx, true
	}
	if b.end > t.seen {
		t.seen = b.end
		return engines.Transaction{Position: t.seen}, true
	}
	return tx, false
}

// wait rests until the next batch is due, or the pace changes. A log that says so much
// that an answer might not hold it is asked earlier.
func (b *batch) wait(ctx context.Context, every time.Duration, news <-chan struct{}) error {
	left := sooner(every, b.says) - time.Since(b.asked)
	if left <= 0 {
		return nil
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-t.C:
	case <-news:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// speed is how much a log says in a second.
type speed struct{ messages, bytes float64 }

// sooner is how far apart batches of a log of that speed are: half an answer at most,
// and no more of the log than a server may be asked to keep.
func sooner(every time.Duration, is speed) time.Duration {
	full := min(float64(batchRows/2)/max(is.messages, 1), batchLog/max(is.bytes, 1))
	if full < every.Seconds() {
		return time.Duration(full * float64(time.Second))
	}
	return every
}

// again is how much of the log a batch would tell again: what has been read, and not
// been verified.
func (t *Tracker) again() uint64 {
	known := max(t.confirmed.Load(), t.begun)
	return max(t.seen, known) - known
}

// late reports whether the log has not been read for so long that another batch brings
// it here sooner, and for less, than the stream that is wanted now.
func (b *batch) late() bool {
	return !b.last && b.pg != nil && time.Since(b.until) > lateAfter && time.Now().After(b.dear)
}

// learn takes what an answer told of the log of a while. A moment says nothing of its
// speed; an answer that was cut says the least it can be.
func (b *batch) learn(while time.Duration, bytes uint64, whole bool) {
	if whole && while < steady {
		return
	}
	seconds := max(while, time.Second).Seconds()
	b.says = speed{messages: float64(b.fresh) / seconds, bytes: float64(bytes) / seconds}
}

// ask reads the next batch. Nobody holds the slot between two of them: one that was read
// by others meanwhile, beyond what we have seen, tells a gap.
func (t *Tracker) ask(ctx context.Context, every time.Duration) error {
	b, seen := &t.batch, t.seen
	if b.pg == nil {
		if err := t.openBatches(ctx); err != nil {
			return err
		}
	}
	b.asked = time.Now()
	whole, err := t.read(ctx)
	switch {
	case tooMuch(err):
		t.decoder.open = false // what it was told of a transaction comes again
	case err != nil:
		return err
	}
	b.learn(b.asked.Sub(b.until), max(b.end, seen)-seen, whole)
	b.until = b.asked
	took := time.Since(b.asked)
	if slow := took > dearTime && took > every/4; !whole || slow && !b.last {
		b.dear = time.Now().Add(dearFor)
	}
	at, err := t.confirmedAt(ctx, b.pg)
	if err == nil && at > seen {
		err = errGap
	}
	return err
}

// openBatches connects the session that asks. It may be idle for as long as the log is
// streamed.
func (t *Tracker) openBatches(ctx context.Context) (err error) {
	var m engines.Meter
	if t.batch.pg, err = dial(ctx, t.plain, &m); err != nil {
		return err
	}
	_, err = t.batch.text(ctx, "SELECT pg_catalog.set_config('idle_session_timeout', '0', false) WHERE pg_catalog.current_setting('idle_session_timeout', true) IS NOT NULL") // from 14 on
	return err
}

// tooMuch reports whether the server had not the time or the room for an answer; the
// stream needs neither.
func tooMuch(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && (pe.Code == canceled || strings.HasPrefix(pe.Code, "53"))
}

// canceled is the SQLSTATE of a statement that took too long, 53 the class of
// insufficient resources (Appendix A of PostgreSQL's documentation).
const canceled = "57014"

// read lets go of what is confirmed and reads what was committed since. whole says that
// this is everything up to where the log ended.
func (t *Tracker) read(ctx context.Context) (whole bool, err error) {
	b := &t.batch
	b.end = 0
	if done := t.confirmed.Load(); done > b.freed {
		if _, err := b.text(ctx, "SELECT pg_catalog.pg_replication_slot_advance("+lit(t.req.Slot)+", "+lit(t.Text(done))+")"); err != nil {
			return false, err
		}
		b.freed = done
	}
	end, err := b.text(ctx, "SELECT pg_catalog.pg_current_wal_flush_lsn()")
	if err != nil {
		return false, err
	}
	at, err := t.Parse(end)
	if err != nil {
		return false, err
	}
	n := 0
	b.fresh = 0
	err = b.rows(ctx, inBinary, "SELECT data FROM pg_catalog.pg_logical_slot_peek_binary_changes("+lit(t.req.Slot)+", "+lit(end)+", "+itoa(batchRows)+
		", 'proto_version', '1', 'publication_names', "+lit(ident(t.req.Publication))+")", func(data []byte) error {
		n++
		tx, ok, err := t.decoder.message(data)
		if ok && tx.Position > t.seen { // what the slot still holds is told again
			b.queue = append(b.queue, tx)
			b.fresh += len(tx.Rows) + 2 // its begin and its commit
		}
		return err
	})
	if err != nil || n >= batchRows {
		return false, err
	}
	b.end = at
	return true, nil
}

// Formats of an answer, as the protocol numbers them.
var inText, inBinary = []int16{0}, []int16{1}

// text asks for one value.
func (b *batch) text(ctx context.Context, sql string) (out string, err error) {
	err = b.rows(ctx, inText, sql, func(v []byte) error { out = string(v); return nil })
	return out, err
}

// rows asks one question, and again while a walsender of ours still has the slot: it
// sees late that its client has gone. Each row's value is taken as it comes.
func (b *batch) rows(ctx context.Context, format []int16, sql string, take func(value []byte) error) error {
	over := time.Now().Add(slotFree)
	for {
		r := b.pg.ExecParams(ctx, marked(b.pg, sql), nil, nil, nil, format)
		var bad error
		for bad == nil && r.NextRow() {
			bad = take(r.Values()[0])
		}
		_, err := r.Close()
		var pe *pgconn.PgError
		if bad != nil || err == nil || !errors.As(err, &pe) || pe.Code != slotInUse || time.Now().After(over) {
			return errors.Join(bad, err)
		}
		if err := rest(ctx, slotPoll); err != nil {
			return err
		}
	}
}
