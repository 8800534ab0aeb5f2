package postgres

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

var (
	errBlind   = errors.New("our role cannot see other roles' sessions")
	errNumber  = errors.New("the server's answer is not a number")
	errMissing = errors.New("no such slot or subscription")
	errFirst   = errors.New("needs an earlier reading")
	errVersion = errors.New("this version does not count it")
	errNoRoom  = errors.New("the slot has no size limit; the disk decides")
	errPeer    = errors.New("the other side cannot be read")
)

// GaugeNames lists the gauges of this engine's Reader, for lint.
func (Planner) GaugeNames() []string {
	return append([]string{
		"lag_seconds", "behind_bytes", "retained_bytes", "slot_state", "wal_room_minutes", "spill_bytes",
		"oldest_writer_seconds", "prepared_count", "app_sessions_count", "connections_count", "writes_rate",
		"table_count", "row_estimate_count", "worker_state", "pending_tables_count", "apply_errors_count", "sequences_behind_count", "sequence_count",
		"rev_lag_seconds", "rev_behind_bytes", "rev_slot_state", "rev_worker_state", "rev_apply_errors_count",
	}, releaseGauges()...)
}

// tickSQL reads everything a tick needs in one round trip. $1 is the slot of
// the link this side publishes, $2 the subscription it takes, $3 the
// application's roles.
const tickSQL = `SELECT
 pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') AS insert_lsn,
 pg_wal_lsn_diff(s.confirmed_flush_lsn, '0/0'), pg_wal_lsn_diff(s.restart_lsn, '0/0'), s.active, s.wal_status, s.safe_wal_size, s.slot_name,
 a.oldest, a.app, a.clients, a.blind,
 (SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()),
 (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()),
 t.n, t.guess,
 (SELECT subname FROM pg_subscription WHERE subname = $2 AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())),
 (SELECT count(*) FROM pg_stat_subscription WHERE subname = $2 AND relid IS NULL AND pid IS NOT NULL),
 (SELECT count(*) FROM pg_subscription_rel r JOIN pg_subscription u ON u.oid = r.srsubid WHERE u.subname = $2 AND r.srsubstate <> 'r')
FROM (SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start) FILTER (WHERE backend_xid IS NOT NULL AND datname = current_database())), 0) AS oldest,
  count(*) FILTER (WHERE backend_type = 'client backend' AND datname = current_database() AND usename = ANY ($3::name[])) AS app,
  count(*) FILTER (WHERE backend_type = 'client backend') AS clients,
  count(*) FILTER (WHERE query = '<insufficient privilege>') AS blind FROM pg_stat_activity) a
CROSS JOIN (SELECT count(*) AS n, coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint AS guess FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'tq')) t
LEFT JOIN pg_replication_slots s ON s.slot_name = $1 AND s.slot_type = 'logical'`

// Columns of tickSQL.
const (
	colInsert = iota
	colConfirmed
	colRestart
	colActive
	colWAL
	colRoom
	colSlot
	colOldest
	colApp
	colClients
	colBlind
	colPrepared
	colCommits
	colTables
	colRows
	colSub
	colWorkers
	colPending
)

// tick is one answer on its way to readings.
type tick struct {
	r    *Reader
	in   engines.Scope
	at   time.Time
	took time.Duration
	row  []*string
	err  error
	out  []engines.Reading
}

// Gauges reads all gauges of the target. The side that has the writes publishes
// the link and takes the link back; the other side the other way round.
func (r *Reader) Gauges(ctx context.Context, in engines.Scope) []engines.Reading {
	p := scopePlan(in)
	pub, sub, pubPrefix, subPrefix := p.ahead(), p.back(), "", "rev_"
	if in.On == in.To {
		pub, sub, pubPrefix, subPrefix = p.back(), p.ahead(), "rev_", ""
	}
	k := &tick{r: r, in: in, at: time.Now()}
	res, err := r.query(ctx, "read gauges", tickSQL, pub.slot, sub.sub, arrayText(p.app))
	if err == nil && len(res.Rows) != 1 {
		err = errMissing
	}
	k.took, k.err = time.Since(k.at), err
	if err == nil {
		k.row = res.Rows[0]
	}
	k.activity()
	k.publisher(ctx, pub, pubPrefix)
	k.subscriber(ctx, sub, subPrefix)
	if in.On == in.To {
		k.sequences(ctx)
	}
	if in.Change != nil {
		k.release(ctx)
	}
	return k.out
}

func (k *tick) add(name string, u engines.Unit, v float64, word string, err error) {
	if k.err != nil {
		v, word, err = 0, "", k.err
	}
	k.out = append(k.out, engines.Reading{Gauge: engines.Gauge(k.in.On, name), At: k.at, Took: k.took, Value: v, Unit: u, Text: word, Err: err})
}

func (k *tick) number(col int) (float64, error) {
	s := text(k.row, col)
	if s == "" {
		return 0, errMissing
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, errNumber
	}
	return v, nil
}

// activity is what the sessions do. A role that cannot see others' sessions
// would read 0 writers: that is an error, not a zero.
func (k *tick) activity() {
	blind := error(nil)
	if n, err := k.number(colBlind); err != nil || n > 0 {
		blind = errBlind
	}
	for _, g := range []struct {
		name string
		unit engines.Unit
		col  int
		sees bool
	}{
		{"oldest_writer_seconds", engines.Seconds, colOldest, true},
		{"app_sessions_count", engines.Count, colApp, true},
		{"connections_count", engines.Count, colClients, true},
		{"prepared_count", engines.Count, colPrepared, false},
		{"table_count", engines.Count, colTables, false},
		{"row_estimate_count", engines.Count, colRows, false},
	} {
		v, err := k.number(g.col)
		if g.sees && blind != nil {
			v, err = 0, blind
		}
		k.add(g.name, g.unit, v, "", err)
	}
	v, err := k.number(colCommits)
	if err == nil && k.err == nil {
		v, err = k.r.gauges.rate("commits", k.at, v)
	}
	k.add("writes_rate", engines.Count, v, "", err)
}

// publisher is the slot of the link that this side feeds.
func (k *tick) publisher(ctx context.Context, l link, prefix string) {
	insert, err := k.number(colInsert)
	confirmed, cerr := k.number(colConfirmed)
	if err == nil {
		err = cerr
	}
	lag, behind := 0.0, insert-confirmed
	if k.err == nil && text(k.row, colInsert) != "" {
		k.r.gauges.position(k.at, insert)
	}
	if err == nil {
		lag = k.r.gauges.lag(k.at, confirmed)
	} else {
		behind = 0
	}
	k.add(prefix+"lag_seconds", engines.Seconds, lag, "", err)
	k.add(prefix+"behind_bytes", engines.Bytes, max(behind, 0), "", err)
	k.add(prefix+"slot_state", engines.Count, 0, k.slotState(), nil)
	if prefix != "" {
		return
	}
	restart, rerr := k.number(colRestart)
	if rerr == nil {
		k.add("retained_bytes", engines.Bytes, max(insert-restart, 0), "", err)
	} else {
		k.add("retained_bytes", engines.Bytes, 0, "", rerr)
	}
	room, err := k.room(insert)
	k.add("wal_room_minutes", engines.Count, room, "", err)
	spill, err := k.counter(ctx, `SELECT (to_jsonb(s) ->> 'spill_bytes') FROM pg_stat_replication_slots s WHERE slot_name = $1`, l.slot)
	if err == nil {
		spill, err = k.r.gauges.rise("spill "+l.slot, spill)
	}
	k.add("spill_bytes", engines.Bytes, spill, "", err)
}

// slotState is one word: a slot that loses its WAL says so before anything else.
func (k *tick) slotState() string {
	switch wal := text(k.row, colWAL); {
	case text(k.row, colSlot) == "":
		return "none"
	case wal == "lost", wal == "unreserved":
		return wal
	case text(k.row, colActive) == "t":
		return "active"
	}
	return "inactive"
}

// mostRoom caps a figure that grows without bound on an idle server: 30 days.
const mostRoom = 30 * 24 * 60

func (k *tick) room(insert float64) (float64, error) {
	if text(k.row, colSlot) == "" {
		return 0, errMissing
	}
	size, err := k.number(colRoom)
	if err != nil {
		return 0, errNoRoom
	}
	perSecond, err := k.r.gauges.rate("wal", k.at, insert)
	if err != nil {
		return 0, err
	}
	if perSecond <= 0 {
		return mostRoom, nil
	}
	return min(size/perSecond/60, mostRoom), nil
}

// subscriber is the worker of the link that this side takes.
func (k *tick) subscriber(ctx context.Context, l link, prefix string) {
	there := text(k.row, colSub) != ""
	n, err := k.number(colWorkers)
	state := "none"
	switch {
	case there && n > 0:
		state = "running"
	case there:
		state = "stopped"
	}
	k.add(prefix+"worker_state", engines.Count, n, state, err)
	if prefix == "" {
		pending, err := k.number(colPending)
		if !there {
			pending, err = 0, errMissing
		}
		k.add("pending_tables_count", engines.Count, pending, "", err)
	}
	v := 0.0
	if !there {
		err = errMissing
	} else {
		v, err = k.applyErrors(ctx, l.sub)
	}
	k.add(prefix+"apply_errors_count", engines.Count, v, "", err)
}

// counter asks a view that older versions lack.
func (k *tick) counter(ctx context.Context, sql, arg string) (float64, error) {
	if k.err != nil {
		return 0, k.err
	}
	res, err := k.r.query(ctx, "read a counter", sql, arg)
	var se *ServerError
	if errors.As(err, &se) && se.Code == "42P01" {
		return 0, errVersion
	}
	if err != nil {
		return 0, err
	}
	if len(res.Rows) == 0 {
		return 0, errMissing
	}
	v, err := strconv.ParseFloat(text(res.Rows[0], 0), 64)
	if err != nil {
		return 0, errNumber
	}
	return v, nil
}

// sequences counts those whose next value here is behind the other side's.
func (k *tick) sequences(ctx context.Context) {
	n, all, err := 0, 0, errPeer
	if peer, ok := k.in.Peer[k.in.From].(engines.Sequencer); ok && k.err == nil {
		n, all, err = k.behind(ctx, peer)
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
	have := make(map[[2]string]engines.SequenceState, len(mine))
	for _, s := range mine {
		have[[2]string{s.Schema, s.Name}] = s
	}
	for _, s := range theirs {
		// Going back, a sequence that only green has is green's own.
		m, ok := have[[2]string{s.Schema, s.Name}]
		if ok && late(m, s) || !ok && k.in.From != engines.GreenSide {
			n++
		}
	}
	return n, len(theirs), nil
}

// late reports whether m hands out a number before s does. A sequence that
// cycles has no direction: it is level or late.
func late(m, s engines.SequenceState) bool {
	if s.Cycle {
		return m.Last != s.Last || m.Called != s.Called
	}
	a, b := next(m, s.Increment), next(s, s.Increment)
	if s.Increment < 0 {
		return a > b
	}
	return a < b
}

// next is the value a sequence hands out next. Past the type's end it stays at
// the end: an exhausted sequence is level with another one.
func next(s engines.SequenceState, inc int64) int64 {
	if !s.Called {
		return s.Last
	}
	n := s.Last + inc
	if (inc > 0) != (n > s.Last) {
		return s.Last
	}
	return n
}
