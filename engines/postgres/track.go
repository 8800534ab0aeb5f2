package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/turquoise-db/turquoise/engines"
)

var (
	errStream      = errors.New("the server ended the stream of changes")
	errShort       = errors.New("a message of the stream is cut off")
	errGap         = fmt.Errorf("%w: the slot was read by somebody else, or made anew", engines.ErrGap)
	errUnpublished = errors.New("a table is not in the publication, and nobody would hear of its changes; run the step that compares again, it names the tables anew")
	errNoSlot      = fmt.Errorf("%w: there is no such slot, or the server has given up its log", engines.ErrGap)
)

// A decoder whose client died gives the slot free when it sees that; until then the
// slot is in use.
const (
	slotFree = 5 * time.Second
	slotPoll = 100 * time.Millisecond
)

// slotInUse is the SQLSTATE of a slot that another session reads.
const slotInUse = "55006"

// Tracker decodes a logical slot of our own: by the stream of a walsender, or in
// batches.
type Tracker struct {
	target    engines.TargetID
	cfg       *pgconn.Config // of a walsender
	plain     *pgconn.Config // of a session
	req       engines.TrackRequest
	pg        *pgconn.PgConn // of the stream; nil while batches are read
	decoder   decoder
	confirmed atomic.Uint64
	begun     uint64 // the slot's position when it was opened
	seen      uint64
	told      time.Time
	due       time.Time // until when the connection waits for a message
	gulp      *gulp
	pace      pace
	batch     batch
}

var (
	_ engines.Tracker = (*Tracker)(nil)
	_ engines.Patient = (*Tracker)(nil)
	_ engines.Paced   = (*Tracker)(nil)
)

// OpenTracker starts the stream of a slot that exists. What was committed since
// the slot was made, or since the last confirmed position, comes first.
func OpenTracker(o engines.OpenRequest, r engines.TrackRequest) (*Tracker, error) {
	t := &Tracker{target: o.Target, req: r, decoder: newDecoder(r.Tables)}
	for _, c := range []**pgconn.Config{&t.cfg, &t.plain} {
		cfg, err := config(o, false)
		if err != nil {
			return nil, err
		}
		cfg.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
		*c = cfg
	}
	t.plain.RuntimeParams["statement_timeout"] = strconv.FormatInt(answerLimit.Milliseconds(), 10)
	t.cfg.RuntimeParams["replication"] = "database"
	// A walsender takes no read-only default, and its statement has no end.
	delete(t.cfg.RuntimeParams, "default_transaction_read_only")
	if err := t.open(o.Ctx, r.From); err != nil {
		return nil, err
	}
	return t, nil
}

// open starts the stream of everything since a position.
func (t *Tracker) open(ctx context.Context, from string) error {
	cfg := t.cfg.Copy()
	over := time.Now().Add(slotFree)
	for {
		cfg.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
			t.gulp = &gulp{r: r, buf: make([]byte, gulpSize)}
			return pgproto3.NewFrontend(t.gulp, w)
		}
		var m engines.Meter
		var err error
		if t.pg, err = dial(ctx, cfg, &m); err != nil {
			t.pg = nil
			return t.fail("connect a decoder", err, "check that the role may replicate and that a walsender is free")
		}
		err = t.stands(ctx, from)
		if err == nil {
			err = t.published(ctx)
		}
		if err == nil {
			err = t.alone(ctx)
		}
		if err == nil {
			err = t.start(ctx, from)
		}
		if err == nil {
			t.told, t.due = time.Time{}, time.Time{}
			return nil
		}
		_ = t.hangUp() // the reason is the error that counts
		var pe *pgconn.PgError
		if !errors.As(err, &pe) || pe.Code != slotInUse || time.Now().After(over) {
			return t.fail("decode slot "+t.req.Slot, err, "see whether the slot stands and nobody else reads it")
		}
		if err := rest(ctx, slotPoll); err != nil {
			return t.fail("decode slot "+t.req.Slot, err, "")
		}
	}
}

func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *Tracker) fail(op string, err error, next string) error {
	if !errors.Is(err, errUnpublished) && !errors.Is(err, engines.ErrGap) && !errors.Is(err, errStream) && !errors.Is(err, errShort) { // ours hold nothing of the server's
		err = mask(err)
	}
	return &engines.Error{Op: op, Object: object(t.target, t.cfg), Err: err, Next: next}
}

// stands reads where the slot is. One that is ahead of what we last confirmed has
// given changes to somebody else.
func (t *Tracker) stands(ctx context.Context, wanted string) error {
	at, err := t.confirmedAt(ctx, t.pg)
	if err != nil {
		return err
	}
	if wanted == "" {
		t.begun = at
		return nil
	}
	from, err := t.Parse(wanted)
	if err != nil || at > from {
		return errors.Join(err, errGap)
	}
	t.begun = from
	return nil
}

// published refuses a publication that leaves a table out: its stream would say
// nothing of what is written there.
func (t *Tracker) published(ctx context.Context) error {
	res, err := t.pg.Exec(ctx, "SELECT schemaname || '.' || tablename FROM pg_catalog.pg_publication_tables WHERE pubname = "+lit(t.req.Publication)).ReadAll()
	if err != nil {
		return err
	}
	in := map[string]bool{}
	for _, row := range res[0].Rows {
		in[string(row[0])] = true
	}
	for _, d := range t.req.Tables {
		if !d.Silent && !in[d.Label()] {
			return fmt.Errorf("%w: %s", errUnpublished, d.Label())
		}
	}
	return nil
}

// alone waits until no transaction runs that is older than the newest table of the
// publication: the stream leaves out what it wrote there before, and its rows are not
// to be read before it ends. Making a slot waits likewise.
func (t *Tracker) alone(ctx context.Context) error {
	for {
		res, err := t.pg.Exec(ctx, "SELECT count(*) FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid WHERE p.pubname = "+lit(t.req.Publication)+
			" AND age(r.xmin) <= age(pg_snapshot_xmin(pg_current_snapshot())::xid)").ReadAll()
		if err != nil {
			return err
		}
		if string(res[0].Rows[0][0]) == "0" {
			return nil
		}
		if err := rest(ctx, slotPoll); err != nil {
			return fmt.Errorf("a transaction runs that is older than the publication of a table: %w", err)
		}
	}
}

// confirmedAt is the place from which on the slot still tells everything.
func (t *Tracker) confirmedAt(ctx context.Context, pg *pgconn.PgConn) (uint64, error) {
	res, err := pg.Exec(ctx, "SELECT confirmed_flush_lsn FROM pg_catalog.pg_replication_slots WHERE slot_name = "+lit(t.req.Slot)+
		" AND database = current_database() AND coalesce(wal_status, '') <> 'lost'").ReadAll()
	if err != nil {
		return 0, err
	}
	if len(res) != 1 || len(res[0].Rows) != 1 {
		return 0, errNoSlot
	}
	return t.Parse(string(res[0].Rows[0][0]))
}

// Start is the slot's position when the stream began.
func (t *Tracker) Start() uint64 { return t.begun }

// Text writes a position as PostgreSQL does.
func (t *Tracker) Text(position uint64) string {
	return fmt.Sprintf("%X/%X", position>>32, uint32(position))
}

// Parse reads a position as PostgreSQL writes it. One right behind the header of a
// page of the log, where the next record will begin, is the end of the page
// before: a stream that has read everything never says more until something is
// written.
func (t *Tracker) Parse(s string) (uint64, error) {
	hi, lo, ok := strings.Cut(s, "/")
	h, err1 := strconv.ParseUint(hi, 16, 32)
	l, err2 := strconv.ParseUint(lo, 16, 32)
	if !ok || err1 != nil || err2 != nil {
		return 0, fmt.Errorf("%q is no position in a log", s)
	}
	at := h<<32 | l
	if in := at % 8192; in == 24 || in == 40 {
		at -= in
	}
	return at, nil
}

// Confirm says that nothing before the position is needed again.
func (t *Tracker) Confirm(position uint64) { t.confirmed.Store(position) }

// Next waits for the next commit, or for word of a position.
func (t *Tracker) Next(ctx context.Context) (engines.Transaction, error) {
	for {
		every, news := t.pace.now()
		if time.Now().Before(t.batch.dear) {
			every = 0
		}
		tx, ok := t.ofBatch()
		var err error
		switch {
		case ok:
			return tx, nil
		case t.pg != nil && (every == 0 || t.again() > mostAgain):
			return t.ofStream(ctx)
		case every == 0 && t.batch.late():
			t.batch.last = true
			err = t.ask(ctx, 0)
		case every == 0:
			if err := t.open(ctx, t.Text(max(t.seen, t.begun))); err != nil {
				return tx, err
			}
			continue
		default:
			t.batch.last = false
			if t.pg != nil { // between two transactions: what it has sent since comes again
				t.seen = max(t.seen, t.begun)
				t.batch.until = time.Now()
				err = t.hangUp()
			}
			if err == nil {
				err = t.batch.wait(ctx, every, news)
			}
			if now, _ := t.pace.now(); err == nil && now == every {
				err = t.ask(ctx, every)
			}
		}
		if err != nil {
			return tx, t.fail("read changes", err, unknownSince)
		}
	}
}

const unknownSince = "changes since are not known: compare the tables again"

// Close ends the stream and the session of batches.
func (t *Tracker) Close() error {
	err := t.hangUp()
	if b := t.batch.pg; b != nil {
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		err = errors.Join(err, b.Close(ctx))
	}
	if err != nil {
		return t.fail("end the stream", err, "")
	}
	return nil
}
