package postgres

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/turquoise-db/turquoise/engines"
)

const (
	// tallyRange is how many rows one question looks at: 300,000 take some 60 ms.
	tallyRange = 200000
	// tallyLimit of one question.
	tallyLimit = 10 * time.Second
	// tallyRest is the pause after a look at the table, in parts of the time it
	// took: the job takes a twentieth of one connection. It is never shorter than
	// tallyLeast nor longer than tallyMost.
	tallyRest  = 20
	tallyLeast = time.Second
	tallyMost  = time.Minute
	// againAfter: a row that two statements of one transaction are changing looks
	// wrong for a moment; what still does after this is a finding.
	againAfter = 2 * time.Second
	// mostKeys are looked at again; more than these is no matter of a moment.
	mostKeys = 1000
)

var errCounting = errors.New("the rows are being counted for the first time")

// tally is what the rows of a table say about its two shapes, as of at.
type tally struct {
	at                     time.Time // when the look at the table began: the age of its oldest part
	left, mismatch, detail int64
}

// tallies counts rows in the background, over a connection of its own: a large
// table must not hold up the gauges of every second.
type tallies struct {
	cfg *pgconn.Config

	mu     sync.Mutex
	stop   context.CancelFunc // nil: no job runs
	done   chan struct{}
	newest tally
	err    error
	closed bool
}

// last returns the newest count and starts the job with the first question.
func (t *tallies) last(c *engines.SchemaChange) (tally, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stop == nil && !t.closed {
		ctx, cancel := context.WithCancel(context.Background()) // ends with the reader, not with the tick that asked first
		t.stop, t.done, t.err = cancel, make(chan struct{}), errCounting
		go t.run(ctx, c)
	}
	return t.newest, t.err
}

// close ends the job and waits for it.
func (t *tallies) close() {
	t.mu.Lock()
	t.closed = true
	stop, done := t.stop, t.done
	t.mu.Unlock()
	if stop != nil {
		stop()
		<-done
	}
}

func (t *tallies) run(ctx context.Context, c *engines.SchemaChange) {
	defer close(t.done)
	var pg *pgconn.PgConn
	var meter engines.Meter
	defer func() {
		if pg != nil {
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
			defer cancel()
			_ = pg.Close(end) // it only read
		}
	}()
	for ctx.Err() == nil {
		began := time.Now()
		err := error(nil)
		if pg == nil || pg.IsClosed() {
			pg, err = dial(ctx, t.cfg, &meter)
		}
		var n tally
		if err == nil {
			n, err = count(ctx, pg, c)
		}
		t.mu.Lock()
		if t.err = mask(err); err == nil {
			t.newest = n
		}
		t.mu.Unlock()
		wait := time.NewTimer(min(max(tallyRest*time.Since(began), tallyLeast), tallyMost))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
		}
	}
}

// count looks at the whole table once, range after range of its key.
func count(ctx context.Context, pg *pgconn.PgConn, c *engines.SchemaChange) (tally, error) {
	n := tally{at: time.Now()}
	var keys []string
	last := firstKey
	for {
		res, err := within(ctx, pg, tallyText(c), []string{last, strconv.Itoa(tallyRange), strconv.Itoa(mostKeys)})
		if err != nil {
			return n, err
		}
		row := res.Rows[0]
		if text(row, 0) == "" {
			break
		}
		last = text(row, 0)
		for i, to := range []*int64{&n.left, &n.mismatch, &n.detail} {
			v, err := strconv.ParseInt(text(row, i+1), 10, 64)
			if err != nil {
				return n, errNumber
			}
			*to += v
		}
		if ks := text(row, 4); ks != "" && len(keys) <= mostKeys {
			keys = append(keys, strings.Split(ks, ",")...)
		}
	}
	if n.mismatch == 0 || n.mismatch > mostKeys {
		return n, nil
	}
	return n, again(ctx, pg, c, &n, keys)
}

// again looks once more at the rows that disagreed.
func again(ctx context.Context, pg *pgconn.PgConn, c *engines.SchemaChange, n *tally, keys []string) error {
	wait := time.NewTimer(againAfter)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	res, err := within(ctx, pg, "SELECT count(*) FROM "+table(c.Table)+" t WHERE t."+ident(c.Key)+" = ANY ($1::bigint[]) AND "+disagree(c), []string{"{" + strings.Join(keys, ",") + "}"})
	if err != nil {
		return err
	}
	if n.mismatch, err = strconv.ParseInt(text(res.Rows[0], 0), 10, 64); err != nil {
		return errNumber
	}
	return nil
}

func within(ctx context.Context, pg *pgconn.PgConn, sql string, args []string) (engines.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, tallyLimit+grace)
	defer cancel()
	return run(ctx, pg, sql, args)
}

// disagree says that a filled row's old shape is not what the new one gives: by
// the way down, for the new shape may know more. Equal texts are equal bytes,
// unless a column has a collation that was made to say otherwise.
func disagree(c *engines.SchemaChange) string {
	var differ []string
	for _, m := range c.Down {
		differ = append(differ, "t."+ident(m.Column)+" IS DISTINCT FROM ("+m.Expr+")")
	}
	return "t." + ident(c.Filled) + " IS NOT NULL AND (" + strings.Join(differ, " OR ") + ")"
}

// tallyText looks at one range: last key, rows left, rows that disagree, rows
// whose new shape knows more, and the keys of those that disagree.
func tallyText(c *engines.SchemaChange) string {
	var more []string
	for _, m := range c.Up {
		more = append(more, "t."+ident(m.Column)+" IS DISTINCT FROM ("+m.Expr+")")
	}
	key, filled := "t."+ident(c.Key), "t."+ident(c.Filled)
	return "SELECT max(k), count(*) FILTER (WHERE unfilled), count(*) FILTER (WHERE differs), count(*) FILTER (WHERE more),\n" +
		" array_to_string((array_agg(k) FILTER (WHERE differs))[1:$3::int], ',')\n" +
		"FROM (SELECT " + key + " AS k, " + filled + " IS NULL AS unfilled, " + disagree(c) + " AS differs,\n" +
		"  " + filled + " IS NOT NULL AND (" + strings.Join(more, " OR ") + ") AS more\n" +
		" FROM " + table(c.Table) + " t WHERE " + key + " > $1::bigint ORDER BY " + key + " LIMIT $2::bigint) r"
}
