package mysql

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// Reader asks one server read-only questions over a connection of its own. A
// broken connection is made again with the next question; every question may be
// repeated, for none changes anything.
type Reader struct {
	open engines.OpenRequest

	mu sync.Mutex // one question at a time: the other side's reader asks too
	l  *link

	tallies  engines.Tallies
	gauges   history         // owned by the caller of Gauges, one goroutine
	estimate engines.Reading // of the rows, as it was read last; owned by the same
}

var (
	_ engines.Reader     = (*Reader)(nil)
	_ engines.Sequencer  = (*Reader)(nil)
	_ engines.RowCounter = (*Reader)(nil)
)

// OpenReader connects a reader.
func OpenReader(o engines.OpenRequest) (*Reader, error) {
	o.Role = "sampler"
	l, err := dial(o.Ctx, o)
	if err != nil {
		return nil, unreachable("connect a reader", o, l, err)
	}
	o.Ctx = nil // it was that of the connect
	return &Reader{open: o, l: l, gauges: newHistory()}, nil
}

// connect makes a lost connection again. r.mu is held.
func (r *Reader) connect(ctx context.Context) error {
	if !r.l.dead {
		return nil
	}
	if err := r.l.open(ctx); err != nil {
		return &engines.Error{Op: "connect a reader", Object: r.l.object(), Err: mask(err), Next: "gauges of this server stay unknown until it answers"}
	}
	return nil
}

func (r *Reader) query(ctx context.Context, op, text string, args ...string) (engines.Result, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// A server that answers nothing must not hold the sampler: its own limit
	// would have ended the statement long before.
	ctx, cancel := context.WithTimeout(ctx, 2*readerLimit)
	defer cancel()
	if err := r.connect(ctx); err != nil {
		return engines.Result{}, err
	}
	whole, err := fill(text, args)
	if err != nil {
		return engines.Result{}, &engines.Error{Op: op, Object: r.l.object(), Err: err}
	}
	res, err := r.l.run(ctx, whole)
	if err != nil {
		return res, &engines.Error{Op: op, Object: r.l.object(), Err: mask(err)}
	}
	return res, nil
}

// dialect is the server's, as it was when it answered last.
func (r *Reader) dialect() dialect {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.l.d
}

// Identify asks the server who it is, on the reader's own connection.
func (r *Reader) Identify(ctx context.Context) (engines.Identity, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.connect(ctx); err != nil {
		return engines.Identity{}, err
	}
	return r.l.identify(ctx)
}

// Close ends the reader's session.
func (r *Reader) Close() error {
	r.tallies.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.l.close()
}

// clientSQL lists client sessions by look. Replication and the server's own
// threads are left out. The program's name is what the client says of itself,
// where performance_schema keeps it.
const clientSQL = `SELECT p.user, %PROGRAM%, COALESCE(NULLIF(SUBSTRING_INDEX(p.host, ':', 1), ''), 'local'),
 IF(t.trx_id IS NULL, p.command, CONCAT(p.command, ' in transaction')), COUNT(*), COALESCE(MAX(TIMESTAMPDIFF(SECOND, t.trx_started, NOW())), 0)
FROM information_schema.processlist p LEFT JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id%ATTRS%
WHERE %CLIENT% GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 1, 2, 3, 4`

const attrsSQL = `
 LEFT JOIN performance_schema.session_connect_attrs a ON a.processlist_id = p.id AND a.attr_name = 'program_name'
 LEFT JOIN performance_schema.session_connect_attrs c ON c.processlist_id = p.id AND c.attr_name = '_client_name'`

// clientSession picks sessions of clients. p is information_schema.processlist.
func clientSession(own, repl string) string {
	return "p.id <> CONNECTION_ID() AND p.user NOT IN (" + list([]string{own, repl, "system user", "event_scheduler", "mysql.session",
		"rdsadmin", "unauthenticated user"}) + ") AND p.command NOT IN ('Binlog Dump', 'Binlog Dump GTID', 'Daemon')"
}

// Clients lists client sessions by look.
func (r *Reader) Clients(ctx context.Context, in engines.Scope) ([]engines.ClientGroup, error) {
	p := scopePlan(in)
	pairs := []string{"%PROGRAM%", "COALESCE(a.attr_value, c.attr_value, '')", "%ATTRS%", attrsSQL, "%CLIENT%", clientSession(p.own, p.repl)}
	res, err := r.query(ctx, "list clients", replace(clientSQL, pairs...))
	var se *ServerError
	if errors.As(err, &se) && se.Number == 1142 { // no right on performance_schema: names stay unknown, sessions are seen
		pairs[1], pairs[3] = "''", ""
		res, err = r.query(ctx, "list clients", replace(clientSQL, pairs...))
	}
	if err != nil {
		return nil, err
	}
	var out []engines.ClientGroup
	for _, row := range res.Rows {
		n, nerr := strconv.Atoi(text(row, 4))
		secs, serr := strconv.ParseFloat(text(row, 5), 64)
		if nerr != nil || serr != nil {
			return nil, &engines.Error{Op: "list clients", Object: r.l.object(), Err: errNumber}
		}
		out = append(out, engines.ClientGroup{User: clean(text(row, 0)), App: clean(text(row, 1)), Addr: clean(text(row, 2)),
			State: strings.ToLower(text(row, 3)), Count: n, OldestXact: time.Duration(secs * float64(time.Second))})
	}
	return out, nil
}

// scopePlan gives a scope the same defaults that plans have.
func scopePlan(in engines.Scope) plan {
	return newPlan(engines.Request{Run: in.Run, On: in.On, From: in.From, To: in.To, Params: in.Params, Lists: in.Lists, Change: in.Change})
}
