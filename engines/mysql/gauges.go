package mysql

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

var (
	errNoLink   = errors.New("the other side does not follow this one")
	errNoFollow = errors.New("this side follows nobody")
	errHidden   = errors.New("the server does not show metadata locks")
	errNoIDs    = errors.New("without transaction ids nobody can tell")
)

// GaugeNames lists the gauges of this engine's Reader, for lint. Those with rev_
// in front are of the link of the way back.
func (Planner) GaugeNames() []string {
	return append([]string{
		"oldest_writer_seconds", "prepared_count", "app_sessions_count", "connections_count", "writes_rate", "table_locks_count",
		"read_only_state", "table_count", "row_estimate_count", "log_room_minutes", "sequences_behind_count", "sequence_count", "errant_count",
		"lag_seconds", "behind_count", "log_state", "worker_state", "link_seconds", "apply_errors_count",
		"rev_lag_seconds", "rev_behind_count", "rev_log_state", "rev_worker_state", "rev_link_seconds", "rev_apply_errors_count",
	}, releaseGauges()...)
}

// tickSQL reads what the sessions do, in one round trip.
const tickSQL = `SELECT @@global.read_only, %SUPER%, @@global.binlog_expire_logs_seconds,
 (SELECT COALESCE(MAX(TIMESTAMPDIFF(MICROSECOND, trx_started, SYSDATE(6))), 0) / 1000000 FROM information_schema.innodb_trx WHERE trx_rows_modified > 0),
 (SELECT COUNT(*) FROM information_schema.processlist p WHERE p.user IN (%APP%)),
 (SELECT COUNT(*) FROM information_schema.processlist p WHERE %CLIENT%),
 (SELECT SUM(variable_value) FROM %STATUS%.global_status WHERE variable_name IN ('Com_insert', 'Com_update', 'Com_delete', 'Com_replace')),
 (SELECT COUNT(*) FROM information_schema.tables WHERE table_schema NOT IN (%SCHEMAS%))`

// Columns of tickSQL.
const (
	colRO = iota
	colSuper
	colExpire
	colOldest
	colApp
	colClients
	colWrites
	colTables
)

// tick is one answer on its way to readings.
type tick struct {
	r    *Reader
	in   engines.Scope
	d    dialect
	at   time.Time
	took time.Duration
	row  []*string
	err  error
	out  []engines.Reading
}

// Gauges reads all gauges of the target. The side that has the writes feeds the
// link and takes the link back; the other side the other way round.
func (r *Reader) Gauges(ctx context.Context, in engines.Scope) []engines.Reading {
	p, d := scopePlan(in), r.dialect()
	k := &tick{r: r, in: in, d: d, at: time.Now()}
	res, err := r.query(ctx, "read gauges", replace(tickSQL, "%SUPER%", d.pick("@@global.super_read_only", "0"), "%APP%", list(p.app),
		"%CLIENT%", clientSession(p.own, p.repl), "%STATUS%", d.pick("performance_schema", "information_schema"), "%SCHEMAS%", notUsers))
	if err == nil && len(res.Rows) != 1 {
		err = errRow
	}
	k.took, k.err = time.Since(k.at), err
	if err == nil {
		k.row = res.Rows[0]
	}
	k.activity()
	k.rows(ctx)
	k.locks(ctx)
	if in.Change != nil { // one database: nothing is followed
		k.release(ctx)
		return k.out
	}
	feeds, takes := "", "rev_"
	if in.On == in.To {
		feeds, takes = "rev_", ""
	}
	mine, mineErr := k.standing(ctx, r)
	k.feeds(ctx, feeds, mine, mineErr)
	k.takes(takes, mine, mineErr)
	if in.On == in.To {
		k.errant(ctx, mine, mineErr)
		k.sequences(ctx)
	}
	return k.out
}

func (k *tick) add(name string, u engines.Unit, v float64, word string, err error) {
	if k.err != nil {
		err = k.err
	}
	if err != nil {
		v, word = 0, ""
	}
	k.out = append(k.out, engines.Reading{Gauge: engines.Gauge(k.in.On, name), At: k.at, Took: k.took, Value: v, Unit: u, Text: word, Err: err})
}

func (k *tick) number(col int) (float64, error) {
	v, err := strconv.ParseFloat(text(k.row, col), 64)
	if err != nil {
		return 0, errNumber
	}
	return v, nil
}

// activity is what the sessions do. Without PROCESS the server refuses to show
// open transactions, so a blind account gets an error and no zero.
func (k *tick) activity() {
	for _, g := range []struct {
		name string
		unit engines.Unit
		col  int
	}{
		{"oldest_writer_seconds", engines.Seconds, colOldest}, {"app_sessions_count", engines.Count, colApp},
		{"connections_count", engines.Count, colClients}, {"table_count", engines.Count, colTables},
	} {
		v, err := k.number(g.col)
		k.add(g.name, g.unit, v, "", err)
	}
	v, err := k.number(colWrites)
	if err == nil && k.err == nil {
		v, err = k.r.gauges.rate("writes", k.at, v)
	}
	k.add("writes_rate", engines.Count, v, "", err)
	word, level := "on", 1.0
	switch {
	case text(k.row, colSuper) == "1":
		word, level = "super", 2
	case off(text(k.row, colRO)):
		word, level = "off", 0
	}
	k.add("read_only_state", engines.Count, level, word, nil)
}

// rowsSQL adds up the server's own estimates. It opens every table where the
// catalogue is not cached.
var rowsSQL = `SELECT COALESCE(SUM(table_rows), 0) FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema NOT IN (` + notUsers + `)`

// An estimate that took longer than rowsDear is asked for again after rowsEvery
// alone, and shows its age until then.
const (
	rowsDear  = 100 * time.Millisecond
	rowsEvery = 10 * time.Second
)

// rows is the estimate of the rows.
func (k *tick) rows(ctx context.Context) {
	last := k.r.estimate
	if k.err == nil && last.Took > rowsDear && k.at.Sub(last.At) < rowsEvery {
		k.out = append(k.out, last)
		return
	}
	n, err := 0.0, k.err
	began := time.Now()
	if err == nil {
		n, err = k.count(ctx, rowsSQL)
	}
	k.add("row_estimate_count", engines.Count, n, "", err)
	is := &k.out[len(k.out)-1]
	is.Took = time.Since(began)
	k.r.estimate = *is
}

// locksSQL counts LOCK TABLES and the like, and statements that wait for one.
const locksSQL = `SELECT COUNT(*) FROM performance_schema.metadata_locks
WHERE object_type = 'TABLE' AND (lock_status = 'PENDING' OR lock_type IN ('SHARED_NO_READ_WRITE', 'SHARED_READ_ONLY'))`

// instrumentSQL: MariaDB has the table and leaves it empty unless it is told.
const instrumentSQL = `SELECT COUNT(*) FROM performance_schema.setup_instruments WHERE name = 'wait/lock/metadata/sql/mdl' AND enabled = 'YES'`

// locks are what the freeze would wait for: prepared transactions outlive every
// session, a locked table holds SET GLOBAL read_only up.
func (k *tick) locks(ctx context.Context) {
	n := 0.0
	err := k.err
	if err == nil {
		var res engines.Result
		res, err = k.r.query(ctx, "list prepared transactions", "XA RECOVER")
		n = float64(len(res.Rows))
	}
	k.add("prepared_count", engines.Count, n, "", err)
	n = 0
	if err = k.err; err == nil {
		var seen float64
		if seen, err = k.count(ctx, instrumentSQL); err == nil && seen == 0 {
			err = errHidden
		}
	}
	if err == nil {
		n, err = k.count(ctx, locksSQL)
	}
	k.add("table_locks_count", engines.Count, n, "", err)
}

func (k *tick) count(ctx context.Context, sql string) (float64, error) {
	res, err := k.r.query(ctx, "read a gauge", sql)
	if err != nil {
		return 0, err
	}
	if len(res.Rows) != 1 {
		return 0, errRow
	}
	v, err := strconv.ParseFloat(text(res.Rows[0], 0), 64)
	if err != nil {
		return 0, errNumber
	}
	return v, nil
}

// sequences counts counters whose next value here is behind the other side's.
func (k *tick) sequences(ctx context.Context) {
	n, all, err := 0, 0, k.err
	if err == nil {
		err = errPeer
		if peer, ok := k.in.Peer[k.in.From].(engines.Sequencer); ok {
			n, all, err = k.behind(ctx, peer)
		}
	}
	k.add("sequences_behind_count", engines.Count, float64(n), "", err)
	k.add("sequence_count", engines.Count, float64(all), "", err)
}

func (k *tick) behind(ctx context.Context, peer engines.Sequencer) (n, all int, err error) {
	theirs, err := peer.SequenceStates(ctx)
	if err != nil {
		return 0, 0, err
	}
	mine, err := k.r.SequenceStates(ctx)
	if err != nil {
		return 0, 0, err
	}
	have := make(map[[2]string]int64, len(mine))
	for _, s := range mine {
		have[[2]string{s.Schema, s.Name}] = s.Last
	}
	for _, s := range theirs {
		if have[[2]string{s.Schema, s.Name}] < s.Last {
			n++
		}
	}
	return n, len(theirs), nil
}
