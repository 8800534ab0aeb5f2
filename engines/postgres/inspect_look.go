package postgres

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// inspectLimit is longer than a gauge may take: the catalogue of ten thousand
// tables is read once, not each second.
const inspectLimit = 5 * time.Second

var errRow = errors.New("no answer row")

// facts are what decides whether a side can be looked at, read once.
type facts struct {
	major           int
	super           bool
	stats, settings bool // other roles' sessions, every setting
	recovery        bool
	tables          int
	database, login string
	pub, sub, slot  bool // the objects of the links on this side
	hidden          int  // sessions whose columns were withheld
}

// eye is an inspection's own session on one side. The gauges' session is left
// alone: a slow question there would hold up the tick.
type eye struct {
	target engines.TargetID
	cfg    *pgconn.Config
	pg     *pgconn.PgConn
	meter  engines.Meter
	facts
}

// looker is a Reader of this engine, or one that embeds it.
type looker interface {
	open(ctx context.Context) (*eye, error)
}

// look is one inspection of one side, with a view of the other.
type look struct {
	in      engines.Scope
	p       plan
	me      *eye // nil if the side could not be asked
	peer    *eye // nil if the other side could not be asked
	peerErr error
}

func (k *look) other() engines.TargetID { return preflight.Other(k.in) }

// feeds is the link this side publishes, takes the one it subscribes to.
func (k *look) feeds() link { return linkOf(k.in.Params, k.in.On, k.other()) }
func (k *look) takes() link { return linkOf(k.in.Params, k.other(), k.in.On) }

// look opens both sides. The result can be asked and closed even with an error.
func (r *Reader) look(ctx context.Context, in engines.Scope) (*look, error) {
	k := &look{in: in, p: scopePlan(in)}
	var err error
	if k.me, err = r.open(ctx); err == nil {
		err = k.me.learn(ctx, k.feeds(), k.takes())
	}
	k.peerErr = errPeer
	if peer, ok := in.Peer[k.other()].(looker); ok {
		if k.peer, k.peerErr = peer.open(ctx); k.peerErr == nil {
			k.peerErr = k.peer.learn(ctx, k.takes(), k.feeds())
		}
	}
	return k, err
}

func (k *look) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	for _, e := range []*eye{k.me, k.peer} {
		if e != nil && e.pg != nil {
			_ = e.pg.Close(ctx) // the answers are in; the server ends the session anyway
		}
	}
}

func (r *Reader) open(ctx context.Context) (*eye, error) {
	e := &eye{target: r.target, cfg: r.cfg.Copy()}
	e.cfg.RuntimeParams["statement_timeout"] = strconv.FormatInt(inspectLimit.Milliseconds(), 10)
	e.cfg.RuntimeParams["lock_timeout"] = "500ms"
	var err error
	if e.pg, err = dial(ctx, e.cfg, &e.meter); err != nil {
		return nil, &engines.Error{Op: "connect to inspect", Object: object(e.target, e.cfg), Err: mask(err),
			Next: "check that the server runs and that the role may log in from here"}
	}
	return e, nil
}

// userRelation picks relations of users: c is pg_class, n pg_namespace. The
// control tables are ours.
const userRelation = `n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'tq') AND c.relpersistence <> 't'`

const factsSQL = `SELECT current_setting('server_version_num')::int / 10000, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
 pg_has_role('pg_read_all_stats', 'USAGE'), pg_has_role('pg_read_all_settings', 'USAGE'), pg_is_in_recovery(),
 (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND ` + userRelation + `),
 current_database(), current_user, EXISTS (SELECT FROM pg_publication WHERE pubname = $1),
 EXISTS (SELECT FROM pg_subscription WHERE subname = $2 AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())),
 EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $3),
 (SELECT count(*) FROM pg_stat_activity WHERE query = '<insufficient privilege>')`

func (e *eye) learn(ctx context.Context, feeds, takes link) error {
	row, err := e.row(ctx, factsSQL, feeds.pub, takes.sub, feeds.slot)
	if err != nil {
		return err
	}
	yes := func(i int) bool { return text(row, i) == "t" }
	e.super, e.stats, e.settings, e.recovery = yes(1), yes(2), yes(3), yes(4)
	e.database, e.login, e.pub, e.sub, e.slot = text(row, 6), text(row, 7), yes(8), yes(9), yes(10)
	for _, f := range []struct {
		to  *int
		col int
	}{{&e.major, 0}, {&e.tables, 5}, {&e.hidden, 11}} {
		if *f.to, err = strconv.Atoi(text(row, f.col)); err != nil {
			return e.fail(errNumber)
		}
	}
	return nil
}

func (e *eye) fail(err error) error {
	return &engines.Error{Op: "inspect", Object: object(e.target, e.cfg), Err: mask(err)}
}

func (e *eye) rows(ctx context.Context, sql string, args ...string) ([][]*string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*inspectLimit)
	defer cancel()
	res, err := run(ctx, e.pg, sql, args)
	if err != nil {
		return nil, e.fail(err)
	}
	return res.Rows, nil
}

func (e *eye) row(ctx context.Context, sql string, args ...string) ([]*string, error) {
	rows, err := e.rows(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	if len(rows) != 1 {
		return nil, e.fail(errRow)
	}
	return rows[0], nil
}

// names is the first column of every row.
func (e *eye) names(ctx context.Context, sql string, args ...string) ([]string, error) {
	rows, err := e.rows(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = text(r, 0)
	}
	return out, nil
}

// numbers is one row of whole numbers.
func (e *eye) numbers(ctx context.Context, sql string, args ...string) ([]int, error) {
	row, err := e.row(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	out := make([]int, len(row))
	for i := range row {
		if out[i], err = strconv.Atoi(text(row, i)); err != nil {
			return nil, e.fail(errNumber)
		}
	}
	return out, nil
}
