package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/turquoise-db/turquoise/engines"
)

// statusEvery is how often the server is told how far we are; it ends a stream
// that says nothing for wal_sender_timeout, a minute by default.
const statusEvery = time.Second

// start asks for everything since the position from which on nothing may be
// missing, or since the slot's own.
func (t *Tracker) start(ctx context.Context, from string) error {
	if from == "" {
		from = "0/0"
	}
	sql := "START_REPLICATION SLOT " + ident(t.req.Slot) + " LOGICAL " + from + " (proto_version '1', publication_names " + lit(ident(t.req.Publication)) + ")"
	t.pg.Frontend().Send(&pgproto3.Query{String: sql})
	if err := t.pg.Frontend().Flush(); err != nil {
		return err
	}
	for {
		m, err := t.pg.ReceiveMessage(ctx)
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case *pgproto3.CopyBothResponse:
			t.gulp.conn = t.pg.Conn()
			return nil
		case *pgproto3.ErrorResponse:
			return pgconn.ErrorResponseToPgError(m)
		}
	}
}

// ofStream waits for the next transaction of the stream.
func (t *Tracker) ofStream(ctx context.Context) (engines.Transaction, error) {
	// One watch for a whole transaction: pgx's own is set up for every message,
	// and a busy log has thousands of them a second.
	conn := t.pg.Conn() // the watch may outlive the stream
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		if time.Since(t.told) > statusEvery {
			if err := t.status(); err != nil {
				return engines.Transaction{}, t.fail("tell the position", err, "")
			}
		}
		m, err := t.receive(ctx)
		if err != nil {
			return engines.Transaction{}, t.fail("read changes", err, unknownSince)
		}
		tx, ok, err := t.take(m)
		if err != nil {
			return engines.Transaction{}, t.fail("read changes", err, unknownSince)
		}
		if ok {
			return tx, nil
		}
	}
}

// receive waits for a message, but no longer than until a status is due.
func (t *Tracker) receive(ctx context.Context) (pgproto3.BackendMessage, error) {
	if due := t.told.Add(statusEvery); !t.due.Equal(due) {
		if err := t.pg.Conn().SetReadDeadline(due); err != nil {
			return nil, err
		}
		t.due = due
	}
	if err := ctx.Err(); err != nil { // asked after the deadline was set: its end may have come before
		return nil, err
	}
	m, err := t.pg.ReceiveMessage(context.Background())
	if err == nil {
		return m, nil
	}
	var ne net.Error
	if ctx.Err() == nil && (pgconn.Timeout(err) || errors.As(err, &ne) && ne.Timeout()) {
		return nil, nil
	}
	return nil, err
}

// take reads one message of the stream. ok says that a transaction is whole.
func (t *Tracker) take(m pgproto3.BackendMessage) (tx engines.Transaction, ok bool, err error) {
	switch m := m.(type) {
	case nil:
		return tx, false, nil
	case *pgproto3.ErrorResponse:
		return tx, false, pgconn.ErrorResponseToPgError(m)
	case *pgproto3.CopyDone:
		return tx, false, errStream
	case *pgproto3.CopyData:
		switch {
		case len(m.Data) >= 18 && m.Data[0] == 'k':
			t.seen = max(t.seen, binary.BigEndian.Uint64(m.Data[1:]))
			if m.Data[17] == 1 {
				if err := t.status(); err != nil {
					return tx, false, err
				}
			}
			// Word of a position: all that was committed before it has been sent.
			return engines.Transaction{Position: t.seen}, !t.decoder.open, nil
		case len(m.Data) > 25 && m.Data[0] == 'w':
			tx, ok, err = t.decoder.message(m.Data[25:])
			if ok {
				t.seen = max(t.seen, tx.Position)
			}
			return tx, ok, err
		}
	}
	return tx, false, nil
}

// status tells how far we have read, and what need not be kept for us.
func (t *Tracker) status() error {
	var b [34]byte
	b[0] = 'r'
	done := t.confirmed.Load()
	binary.BigEndian.PutUint64(b[1:], max(t.seen, done))
	binary.BigEndian.PutUint64(b[9:], done)
	binary.BigEndian.PutUint64(b[17:], done)
	// Microseconds since 2000, the server's own calendar.
	binary.BigEndian.PutUint64(b[25:], uint64(time.Now().UnixMicro()-946684800000000))
	t.told, t.batch.freed = time.Now(), max(t.batch.freed, done)
	t.pg.Frontend().Send(&pgproto3.CopyData{Data: b[:]})
	return t.pg.Frontend().Flush()
}

// Alive tells the server how far we have read, as we do while we read.
func (t *Tracker) Alive() error {
	if t.pg == nil {
		return nil // between two batches nobody is waited for
	}
	if err := t.status(); err != nil {
		return t.fail("tell the position", err, "")
	}
	return nil
}

// hangUp ends the stream. The slot stays until its own step drops it.
func (t *Tracker) hangUp() error {
	pg := t.pg
	t.pg = nil
	if pg == nil || pg.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	// A stream of copies has no polite end that is worth waiting for.
	err := pg.Conn().Close()
	_ = pg.Close(ctx) // its socket is gone already
	return err
}
