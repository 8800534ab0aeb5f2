package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/turquoise-db/turquoise/engines"
)

var (
	errStream = errors.New("the server ended the stream of changes")
	errShort  = errors.New("a message of the stream is cut off")
)

// statusEvery is how often the server is told how far we are; it ends a stream
// that says nothing for wal_sender_timeout, a minute by default.
const statusEvery = time.Second

// Tracker decodes a logical slot of our own.
type Tracker struct {
	target    engines.TargetID
	cfg       *pgconn.Config
	pg        *pgconn.PgConn
	decoder   decoder
	confirmed atomic.Uint64
	seen      uint64
	told      time.Time
}

var _ engines.Tracker = (*Tracker)(nil)

// OpenTracker starts the stream of a slot that exists. What was committed since
// the slot was made, or since the last confirmed position, comes first.
func OpenTracker(o engines.OpenRequest, slot, publication string, tables []engines.TableDigest) (*Tracker, error) {
	cfg, err := config(o, false)
	if err != nil {
		return nil, err
	}
	cfg.RuntimeParams["replication"] = "database"
	// A walsender takes no read-only default, and its statement has no end.
	delete(cfg.RuntimeParams, "default_transaction_read_only")
	cfg.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	t := &Tracker{target: o.Target, cfg: cfg, decoder: newDecoder(tables)}
	var m engines.Meter
	if t.pg, err = dial(o.Ctx, cfg, &m); err != nil {
		return nil, t.fail("connect a decoder", err, "check that the role may replicate and that a walsender is free")
	}
	if err := t.start(o.Ctx, slot, publication); err != nil {
		_ = t.Close() // the reason is the error that counts
		return nil, t.fail("decode slot "+slot, err, "see whether the slot stands and nobody else reads it")
	}
	return t, nil
}

func (t *Tracker) fail(op string, err error, next string) error {
	return &engines.Error{Op: op, Object: object(t.target, t.cfg), Err: mask(err), Next: next}
}

func (t *Tracker) start(ctx context.Context, slot, publication string) error {
	sql := "START_REPLICATION SLOT " + ident(slot) + " LOGICAL 0/0 (proto_version '1', publication_names " + lit(ident(publication)) + ")"
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
			return nil
		case *pgproto3.ErrorResponse:
			return pgconn.ErrorResponseToPgError(m)
		}
	}
}

// Confirm says that nothing before the position is needed again.
func (t *Tracker) Confirm(position uint64) { t.confirmed.Store(position) }

// Next waits for the next commit, or for word of a position.
func (t *Tracker) Next(ctx context.Context) (engines.Transaction, error) {
	for {
		if time.Since(t.told) > statusEvery {
			if err := t.status(); err != nil {
				return engines.Transaction{}, t.fail("tell the position", err, "")
			}
		}
		m, err := t.receive(ctx)
		if err != nil {
			return engines.Transaction{}, t.fail("read changes", err, "changes since are not known: compare the tables again")
		}
		tx, ok, err := t.take(m)
		if err != nil {
			return engines.Transaction{}, t.fail("read changes", err, "changes since are not known: compare the tables again")
		}
		if ok {
			return tx, nil
		}
	}
}

// receive waits for a message, but no longer than until a status is due.
func (t *Tracker) receive(ctx context.Context) (pgproto3.BackendMessage, error) {
	short, cancel := context.WithTimeout(ctx, statusEvery)
	defer cancel()
	m, err := t.pg.ReceiveMessage(short)
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
	t.told = time.Now()
	t.pg.Frontend().Send(&pgproto3.CopyData{Data: b[:]})
	return t.pg.Frontend().Flush()
}

// Close ends the stream. The slot stays until its own step drops it.
func (t *Tracker) Close() error {
	if t.pg.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	// A stream of copies has no polite end that is worth waiting for.
	if err := t.pg.Conn().Close(); err != nil {
		return t.fail("end the stream", err, "")
	}
	_ = t.pg.Close(ctx) // its socket is gone already
	return nil
}
