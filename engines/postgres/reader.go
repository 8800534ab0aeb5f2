package postgres

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/turquoise-db/turquoise/engines"
)

// Reader asks one server read-only questions over a connection of its own. A
// broken connection is made again with the next question; every question may be
// repeated, for none changes anything.
type Reader struct {
	target engines.TargetID
	cfg    *pgconn.Config

	mu    sync.Mutex // one question at a time: the other side's reader asks too
	pg    *pgconn.PgConn
	meter engines.Meter

	tallies  engines.Tallies
	tallyCfg *pgconn.Config
	gauges   history // owned by the caller of Gauges, one goroutine
}

var (
	_ engines.Reader     = (*Reader)(nil)
	_ engines.Sequencer  = (*Reader)(nil)
	_ engines.RowCounter = (*Reader)(nil)
)

// OpenReader connects a reader.
func OpenReader(o engines.OpenRequest) (*Reader, error) {
	cfg, err := config(o, true)
	if err != nil {
		return nil, err
	}
	r := &Reader{target: o.Target, cfg: cfg, gauges: newHistory()}
	if r.tallyCfg, err = config(o, true); err != nil {
		return nil, err
	}
	r.tallyCfg.RuntimeParams["statement_timeout"] = strconv.FormatInt(engines.TallyLimit.Milliseconds(), 10)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.connect(o.Ctx); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Reader) connect(ctx context.Context) error {
	if r.pg != nil && !r.pg.IsClosed() {
		return nil
	}
	pg, err := dial(ctx, r.cfg, &r.meter)
	if err != nil {
		return &engines.Error{Op: "connect a reader", Object: object(r.target, r.cfg), Err: mask(err),
			Next: "gauges of this server stay unknown until it answers"}
	}
	r.pg = pg
	return nil
}

func (r *Reader) query(ctx context.Context, op, text string, args ...string) (engines.Result, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// A server that answers nothing must not hold the sampler: its own limit
	// would have ended the statement long before.
	ctx, cancel := context.WithTimeout(ctx, 2*readerStatementLimit)
	defer cancel()
	if err := r.connect(ctx); err != nil {
		return engines.Result{}, err
	}
	res, err := run(ctx, r.pg, text, args)
	if err != nil {
		return res, &engines.Error{Op: op, Object: object(r.target, r.cfg), Err: mask(err)}
	}
	return res, nil
}

// Identify asks the server who it is, on the reader's own connection.
func (r *Reader) Identify(ctx context.Context) (engines.Identity, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.connect(ctx); err != nil {
		return engines.Identity{}, err
	}
	return identify(ctx, r.pg, r.target, r.cfg)
}

// Close ends the reader's session.
func (r *Reader) Close() error {
	r.tallies.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pg == nil || r.pg.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	return r.pg.Close(ctx)
}

// Clients lists client sessions by look. Replication is not a client backend;
// our own sessions and the replication role's copies are left out.
func (r *Reader) Clients(ctx context.Context, in engines.Scope) ([]engines.ClientGroup, error) {
	p := scopePlan(in)
	res, err := r.query(ctx, "list clients", `SELECT coalesce(usename, '?'), application_name, coalesce(host(client_addr), 'local'), coalesce(state, '?'), count(*),
 coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0), bool_or(query = '<insufficient privilege>')
FROM pg_stat_activity WHERE datname = current_database() AND (backend_type IS NULL
 OR backend_type = 'client backend' AND usename <> `+lit(p.repl)+` AND NOT `+p.ours()+`) GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 1, 2, 3, 4`)
	if err != nil {
		return nil, err
	}
	var out []engines.ClientGroup
	for _, row := range res.Rows {
		if text(row, 6) == "t" {
			return nil, &engines.Error{Op: "list clients", Object: object(r.target, r.cfg), Err: errBlind, Next: "grant pg_monitor to our role"}
		}
		n, err := strconv.Atoi(text(row, 4))
		if err != nil {
			return nil, &engines.Error{Op: "list clients", Object: object(r.target, r.cfg), Err: errNumber}
		}
		secs, err := strconv.ParseFloat(text(row, 5), 64)
		if err != nil {
			return nil, &engines.Error{Op: "list clients", Object: object(r.target, r.cfg), Err: errNumber}
		}
		out = append(out, engines.ClientGroup{User: clean(text(row, 0)), App: clean(text(row, 1)), Addr: text(row, 2), State: text(row, 3),
			Count: n, OldestXact: time.Duration(secs * float64(time.Second))})
	}
	return out, nil
}

func text(row []*string, i int) string {
	if i >= len(row) || row[i] == nil {
		return ""
	}
	return *row[i]
}

// scopePlan gives a scope the same defaults that plans have.
func scopePlan(in engines.Scope) plan {
	return newPlan(engines.Request{Run: in.Run, On: in.On, From: in.From, To: in.To, Params: in.Params, Lists: in.Lists})
}

// SequenceStates lists the sequences that move, as they stand.
func (r *Reader) SequenceStates(ctx context.Context) ([]engines.SequenceState, error) {
	res, err := r.query(ctx, "read sequences", sequenceRows+" ORDER BY 1, 2")
	if err != nil {
		return nil, err
	}
	out := make([]engines.SequenceState, 0, len(res.Rows))
	for _, row := range res.Rows {
		s := engines.SequenceState{Schema: text(row, 0), Name: text(row, 1), Called: text(row, 3) == "t", Cycle: text(row, 7) == "t"}
		for _, f := range []struct {
			to  *int64
			col int
		}{{&s.Last, 2}, {&s.Increment, 4}, {&s.Min, 5}, {&s.Max, 6}} {
			if *f.to, err = strconv.ParseInt(text(row, f.col), 10, 64); err != nil {
				return nil, &engines.Error{Op: "read sequences", Object: object(r.target, r.cfg), Err: errNumber}
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// countedRows is how large a table may be, by the server's estimate, for its
// rows to be counted: 200,000 rows take some 20 ms.
const countedRows = "200000"

// RowCounts counts small tables and takes the estimate of large ones.
func (r *Reader) RowCounts(ctx context.Context) ([]engines.TableRows, error) {
	res, err := r.query(ctx, "count rows", `WITH t AS MATERIALIZED (SELECT s.schemaname, s.relname, greatest(s.n_live_tup, c.reltuples::bigint, 0) AS guess
 FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid WHERE c.relpersistence <> 't' AND s.schemaname <> 'tq')
SELECT schemaname, relname, CASE WHEN guess < `+countedRows+` AND has_table_privilege(format('%I.%I', schemaname, relname), 'SELECT')
 THEN substring(query_to_xml(format('SELECT count(*) AS n FROM %I.%I', schemaname, relname), false, true, '')::text FROM '<n>([0-9]+)</n>')::bigint
 ELSE guess END, guess < `+countedRows+` AND has_table_privilege(format('%I.%I', schemaname, relname), 'SELECT') FROM t ORDER BY 1, 2`)
	if err != nil {
		return nil, err
	}
	out := make([]engines.TableRows, 0, len(res.Rows))
	for _, row := range res.Rows {
		n, err := strconv.ParseInt(text(row, 2), 10, 64)
		if err != nil {
			return nil, &engines.Error{Op: "count rows", Object: object(r.target, r.cfg), Err: errNumber}
		}
		out = append(out, engines.TableRows{Schema: text(row, 0), Name: text(row, 1), Rows: n, Exact: text(row, 3) == "t"})
	}
	return out, nil
}
