package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/turquoise-db/turquoise/engines"
)

// A walsender sends each change by itself and is woken by each commit: 60
// microseconds of processor time for a transaction of pgbench. Asked for all changes
// since the last time, a session decodes the same in 4 to 6, and decodes again what lies
// between the slot's restart_lsn and there: up to fifteen seconds of log, after which
// a server notes a new place to begin from. So batches are far apart.
var batchRows = 200_000 // changes that one answer holds, and the rest of its last transaction; tests take fewer

// What a slot is not told to let go is told by each batch again, and what lies behind a
// long transaction is decoded by each: where that becomes much the stream, which decodes
// once, is cheaper.
const (
	dearFor  = 5 * time.Minute
	dearTime = time.Second // an answer that takes longer, and a quarter of the time between two, is dear
)

var dearRows = 1_000_000 // tests take fewer

// pace is how long the next batch is kept waiting; 0: changes are told at once.
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
	queue [][]byte
	end   uint64 // up to which the answer tells everything; 0: up to its last transaction
	asked time.Time
	most  int       // changes that the answer may hold
	news  bool      // it told a transaction that was not told before
	freed uint64    // up to which the slot was told that nothing is needed
	dear  time.Time // until when no batch is asked for
}

// ofBatch gives the next transaction of the batch, or word of where it ends. ok is
// false where there is none left.
func (t *Tracker) ofBatch() (tx engines.Transaction, ok bool, err error) {
	b := &t.batch
	for len(b.queue) > 0 {
		m := b.queue[0]
		b.queue = b.queue[1:]
		tx, ok, err = t.decoder.message(m)
		switch {
		case err != nil:
			return tx, false, err
		case ok && tx.Position > t.seen: // what the slot still holds is told again
			t.seen, b.news = tx.Position, true
			return tx, true, nil
		}
	}
	if b.end > t.seen {
		t.seen = b.end
		return engines.Transaction{Position: t.seen}, true, nil
	}
	return tx, false, nil
}

// wait rests until the next batch is due, or the pace changes.
func (b *batch) wait(ctx context.Context, every time.Duration, news <-chan struct{}) error {
	left := every - time.Since(b.asked)
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

// ask reads the next batch. Nobody holds the slot between two of them: one that was
// read by others meanwhile, beyond what we have seen, tells a gap.
func (t *Tracker) ask(ctx context.Context, every time.Duration) error {
	b, seen, began := &t.batch, t.seen, time.Now()
	if b.pg == nil {
		var m engines.Meter
		var err error
		if b.pg, err = dial(ctx, t.plain, &m); err != nil {
			return err
		}
	}
	// The slot tells again what is not confirmed: if that is all an answer holds, the
	// next must hold more.
	if b.most *= 2; b.most == 0 || b.news || b.end > 0 {
		b.most = batchRows
	}
	b.asked, b.news = time.Now(), false
	if done := t.confirmed.Load(); done > b.freed {
		if _, err := b.rows(ctx, inText, "SELECT pg_catalog.pg_replication_slot_advance("+lit(t.req.Slot)+", "+lit(t.Text(done))+")"); err != nil {
			return err
		}
		b.freed = done
	}
	rows, err := b.rows(ctx, inText, "SELECT pg_catalog.pg_current_wal_flush_lsn()")
	if err != nil {
		return err
	}
	end := string(rows[0][0])
	if b.end, err = t.Parse(end); err != nil {
		return err
	}
	rows, err = b.rows(ctx, inBinary, "SELECT data FROM pg_catalog.pg_logical_slot_peek_binary_changes("+lit(t.req.Slot)+", "+lit(end)+", "+itoa(b.most)+
		", 'proto_version', '1', 'publication_names', "+lit(ident(t.req.Publication))+")")
	if err != nil {
		return err
	}
	for _, r := range rows {
		b.queue = append(b.queue, r[0])
	}
	if len(rows) >= b.most {
		b.end, b.asked = 0, time.Time{} // there is more
	}
	if took := time.Since(began); took > dearTime && took > every/4 || b.most > dearRows {
		b.dear, b.most = time.Now().Add(dearFor), 0
	}
	at, err := t.confirmedAt(ctx, b.pg)
	if err == nil && at > seen {
		err = errGap
	}
	return err
}

// Formats of an answer, as the protocol numbers them.
var inText, inBinary = []int16{0}, []int16{1}

// rows asks one question, and again while a walsender of ours still has the slot: it
// sees late that its client has gone.
func (b *batch) rows(ctx context.Context, format []int16, sql string) ([][][]byte, error) {
	over := time.Now().Add(slotFree)
	for {
		r := b.pg.ExecParams(ctx, marked(b.pg, sql), nil, nil, nil, format).Read()
		var pe *pgconn.PgError
		if r.Err == nil || !errors.As(r.Err, &pe) || pe.Code != slotInUse || time.Now().After(over) {
			return r.Rows, r.Err
		}
		if err := rest(ctx, slotPoll); err != nil {
			return nil, err
		}
	}
}
