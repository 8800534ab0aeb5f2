package mysql

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// inspectLimit is longer than a gauge may take: the catalogue of ten thousand
// tables is read once, not each second.
const inspectLimit = 5 * time.Second

var errPeer = errors.New("the other side cannot be read")

// facts are what decides whether a side can be looked at, read once.
type facts struct {
	process, status bool // other accounts' sessions, the replication's state
	tables          int
	login           string
	sight
	vars  map[string]string   // settings by name, in lower case
	links []map[string]string // rows of the replica's status, by column
}

// eye is an inspection's own session on one side. The gauges' session is left
// alone: a slow question there would hold up the tick.
type eye struct {
	l *link
	facts
}

// looker is a Reader of this engine, or one that embeds it.
type looker interface {
	eye(ctx context.Context) (*eye, error)
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

// look opens both sides. The result can be asked and closed even with an error.
func (r *Reader) look(ctx context.Context, in engines.Scope) (*look, error) {
	k := &look{in: in, p: scopePlan(in)}
	var err error
	if k.me, err = r.eye(ctx); err == nil {
		err = k.me.learn(ctx)
	}
	k.peerErr = errPeer
	if peer, ok := in.Peer[k.other()].(looker); ok {
		if k.peer, k.peerErr = peer.eye(ctx); k.peerErr == nil {
			k.peerErr = k.peer.learn(ctx)
		}
	}
	return k, err
}

func (k *look) close() {
	for _, e := range []*eye{k.me, k.peer} {
		if e != nil {
			_ = e.l.close() // the answers are in; the server ends the session anyway
		}
	}
}

func (r *Reader) eye(ctx context.Context) (*eye, error) {
	o := r.open
	o.Role = "preflight"
	l, err := dial(ctx, o)
	if err != nil {
		return nil, unreachable("connect to inspect", o, l, err)
	}
	e := &eye{l: l}
	if err := l.limitTo(ctx, inspectLimit); err != nil {
		_ = l.close()
		return nil, e.fail(err)
	}
	return e, nil
}

// factsSQL: a session without PROCESS sees its own account alone, so the right
// itself is asked for.
const factsSQL = `SELECT CURRENT_USER(),
 (SELECT COUNT(*) FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema NOT IN (%SCHEMAS%)),
 (SELECT COUNT(*) FROM information_schema.user_privileges WHERE grantee = %GRANTEE% AND privilege_type = 'PROCESS')`

// grantee is our own account as user_privileges writes it.
const grantee = `CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')`

func (e *eye) learn(ctx context.Context) error {
	row, err := e.row(ctx, replace(factsSQL, "%SCHEMAS%", notUsers, "%GRANTEE%", grantee))
	if err != nil {
		return err
	}
	e.login, e.process = text(row, 0), text(row, 2) != "0"
	if e.tables, err = strconv.Atoi(text(row, 1)); err != nil {
		return e.fail(errNumber)
	}
	if !e.process { // a role may hold it: only a statement that needs it tells
		e.process, err = e.may(ctx, "SELECT COUNT(*) FROM information_schema.innodb_trx")
	}
	if err != nil {
		return err
	}
	vars, err := e.rows(ctx, "SHOW GLOBAL VARIABLES")
	if err != nil {
		return err
	}
	e.vars = make(map[string]string, len(vars))
	for _, v := range vars {
		e.vars[text(v, 0)] = text(v, 1)
	}
	if err := e.learnSight(ctx); err != nil {
		return err
	}
	return e.learnLinks(ctx)
}

// learnLinks reads which servers this one follows.
func (e *eye) learnLinks(ctx context.Context) error {
	show := e.l.d.pick("SHOW REPLICA STATUS", "SHOW ALL SLAVES STATUS")
	var err error
	if e.status, err = e.may(ctx, show); err != nil || !e.status {
		return err
	}
	res, err := e.ask(ctx, show)
	if err != nil {
		return err
	}
	for _, row := range res.Rows {
		m := make(map[string]string, len(row))
		for i, c := range res.Columns {
			m[c] = text(row, i)
		}
		e.links = append(e.links, m)
	}
	return nil
}

// may reports whether our account has the right to ask.
func (e *eye) may(ctx context.Context, sql string) (bool, error) {
	_, err := e.ask(ctx, sql)
	var se *ServerError
	if errors.As(err, &se) && se.Number == numDenied {
		return false, nil
	}
	return err == nil, err
}

// variable is a setting of the server; both names of a renamed one are asked for.
func (e *eye) variable(names ...string) string {
	for _, n := range names {
		if v, ok := e.vars[n]; ok {
			return v
		}
	}
	return ""
}

func (e *eye) fail(err error) error {
	return &engines.Error{Op: "inspect", Object: e.l.object(), Err: mask(err)}
}

func (e *eye) ask(ctx context.Context, sql string, args ...string) (engines.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*inspectLimit)
	defer cancel()
	whole, err := fill(sql, args)
	if err != nil {
		return engines.Result{}, e.fail(err)
	}
	res, err := e.l.run(ctx, whole)
	if err != nil {
		return res, e.fail(err)
	}
	return res, nil
}

func (e *eye) rows(ctx context.Context, sql string, args ...string) ([][]*string, error) {
	res, err := e.ask(ctx, sql, args...)
	return res.Rows, err
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
