package mysql

import (
	"context"
	"strconv"

	"github.com/turquoise-db/turquoise/engines"
)

// standing is where a server stands, and what of the other one it has applied.
type standing struct {
	ids     string // of all that it has committed or applied; empty without ids
	purged  string // of what its log does not hold any more
	file    string // its own log
	pos     string
	linked  bool   // it follows another server
	byID    bool   // and counts by ids
	io, sql string // the two halves of the link
	reads   string // file of the other server's log that it reads
	applied place  // of the other server's changes
	errors  int    // halves and workers that report an error
	heard   string // moves with everything that comes in
}

// peers is a Reader of this engine, or one that embeds it.
type peers interface {
	standing(ctx context.Context) (standing, error)
}

func (k *tick) standing(ctx context.Context, p peers) (standing, error) {
	if k.err != nil {
		return standing{}, k.err
	}
	return p.standing(ctx)
}

// standSQL reads ids and what shows that a link is alive.
const (
	standMySQL = `SELECT REPLACE(@@global.gtid_executed, CHAR(10), ''), REPLACE(@@global.gtid_purged, CHAR(10), ''),
 (SELECT COALESCE(SUM(count_received_heartbeats), 0) FROM performance_schema.replication_connection_status),
 (SELECT COUNT(*) FROM performance_schema.replication_applier_status_by_worker WHERE last_error_number <> 0)`
	standMaria = `SELECT @@global.gtid_binlog_pos, '',
 (SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'Slave_received_heartbeats'), 0, @@global.gtid_slave_pos`
)

// standing asks a server where it stands.
func (r *Reader) standing(ctx context.Context) (standing, error) {
	d := r.dialect()
	res, err := r.query(ctx, "read where the server stands", d.pick(standMySQL, standMaria))
	if err == nil && len(res.Rows) != 1 {
		err = errRow
	}
	if err != nil {
		return standing{}, err
	}
	row := res.Rows[0]
	s := standing{ids: text(row, 0), purged: text(row, 1)}
	if s.errors, err = strconv.Atoi(text(row, 3)); err != nil {
		return s, errNumber
	}
	own, err := r.query(ctx, "read the server's own position", kept(d.ownPosition(), "File", "Position"))
	if err != nil {
		return s, err
	}
	s.file, s.pos = text(own.Rows[0], 0), text(own.Rows[0], 1)
	st, err := r.query(ctx, "read the state of the link", d.status())
	if err != nil || len(st.Rows) == 0 {
		return s, err
	}
	at := func(mysql, maria string) string {
		if i := column(st.Columns, d.pick(mysql, maria)); i >= 0 {
			return text(st.Rows[0], i)
		}
		return ""
	}
	s.linked = true
	s.io, s.sql = at("Replica_IO_Running", "Slave_IO_Running"), at("Replica_SQL_Running", "Slave_SQL_Running")
	s.reads = at("Source_Log_File", "Master_Log_File")
	s.heard = text(row, 2) + " " + s.reads + " " + at("Read_Source_Log_Pos", "Read_Master_Log_Pos")
	for _, e := range []string{at("Last_IO_Errno", "Last_IO_Errno"), at("Last_SQL_Errno", "Last_SQL_Errno")} {
		if e != "0" {
			s.errors++
		}
	}
	if mode := at("Auto_Position", "Using_Gtid"); mode == "1" || d.maria && mode != "No" {
		s.byID = true
		s.applied, err = parseIDs(d.maria, text(row, d.column(0, 4)))
		return s, err
	}
	s.applied, err = parseFile(at("Relay_Source_Log_File", "Relay_Master_Log_File"), at("Exec_Source_Log_Pos", "Exec_Master_Log_Pos"))
	return s, err
}

func (d dialect) column(mysql, maria int) int {
	if d.maria {
		return maria
	}
	return mysql
}

// own is where the server stands itself, in the coin of a link.
func (s standing) own(maria, byID bool) (place, error) {
	if byID {
		return parseIDs(maria, s.ids)
	}
	return parseFile(s.file, s.pos)
}

// feeds is the link that this side sends: how far the other side is behind, by
// our clock and the places we saw, and whether what it still needs is kept.
func (k *tick) feeds(ctx context.Context, prefix string, mine standing, err error) {
	var theirs standing
	if err == nil {
		err = errPeer
		if peer, ok := k.in.Peer[k.other()].(peers); ok {
			theirs, err = k.standing(ctx, peer)
		}
	}
	if err == nil && !theirs.linked {
		err = errNoLink
	}
	var here place
	lag, behind := 0.0, 0.0
	if err == nil {
		here, err = mine.own(k.d.maria, theirs.byID)
	}
	if err == nil {
		k.r.gauges.place(k.at, here)
		lag, behind = k.r.gauges.lag(k.at, theirs.applied), here.missing(theirs.applied)
	}
	k.add(prefix+"lag_seconds", engines.Seconds, lag, "", err)
	k.add(prefix+"behind_count", engines.Count, behind, "", err)
	word, werr := k.kept(ctx, mine, theirs, err)
	k.add(prefix+"log_state", engines.Count, 0, word, werr)
	k.room(lag)
}

// kept is one word: whether this side's log still holds what the other one needs.
func (k *tick) kept(ctx context.Context, mine, theirs standing, err error) (string, error) {
	switch {
	case err == errNoLink:
		return "none", nil
	case err != nil:
		return "", err
	case theirs.byID && !k.d.maria:
		purged, err := parseGTIDs(mine.purged)
		if err != nil {
			return "", err
		}
		if purged.minus(theirs.applied.set).count() > 0 {
			return "lost", nil
		}
		return "kept", nil
	case theirs.reads == "": // it has not connected yet
		return "kept", nil
	}
	res, err := k.r.query(ctx, "list the binary logs", "SHOW BINARY LOGS")
	if err != nil {
		return "", err
	}
	for _, row := range res.Rows {
		if text(row, 0) == theirs.reads {
			return "kept", nil
		}
	}
	return "lost", nil
}

// mostRoom caps a figure that has no bound: 30 days.
const mostRoom = 30 * 24 * 60

// room is how long the log is kept, less what the other side is behind.
func (k *tick) room(lag float64) {
	v, err := k.number(colExpire)
	switch {
	case err == nil && v == 0:
		v = mostRoom // never purged
	case err == nil:
		v = max(0, min((v-lag)/60, mostRoom))
	}
	k.add("log_room_minutes", engines.Count, v, "", err)
}

func (k *tick) other() engines.TargetID {
	if k.in.On == k.in.To {
		return k.in.From
	}
	return k.in.To
}

// takes is the link that this side follows. Only Yes is running: Connecting and
// Preparing are not. link_seconds is how long nothing came in, no change and no
// sign of life, by our clock.
func (k *tick) takes(prefix string, mine standing, err error) {
	state, n := "none", 0.0
	switch {
	case err != nil || !mine.linked:
	case mine.io == "Yes" && mine.sql == "Yes":
		state, n = "running", 1
	case mine.io == "Connecting" && mine.sql == "Yes":
		state = "connecting"
	default:
		state = "stopped"
	}
	k.add(prefix+"worker_state", engines.Count, n, state, err)
	silent := 0.0
	if err == nil && !mine.linked {
		err = errNoFollow
	}
	if err == nil {
		silent = k.r.gauges.silent("link", k.at, mine.heard)
	}
	k.add(prefix+"link_seconds", engines.Seconds, silent, "", err)
	k.add(prefix+"apply_errors_count", engines.Count, float64(mine.errors), "", err)
}

// errant counts what this side has done that the side with the writes has not:
// somebody wrote here, and the way back would carry it over. This side is asked
// first, or what came in between would be counted.
func (k *tick) errant(ctx context.Context, mine standing, err error) {
	n := 0.0
	if err == nil {
		n, err = k.errants(ctx, mine)
	}
	k.add("errant_count", engines.Count, n, "", err)
}

func (k *tick) errants(ctx context.Context, mine standing) (float64, error) {
	switch {
	case !mine.linked:
		return 0, errNoFollow
	case !mine.byID:
		return 0, errNoIDs
	case k.d.maria:
		// What was applied stands in both lists; more in the log is of this server.
		here, err := parseIDs(true, mine.ids)
		return here.missing(mine.applied), err
	}
	peer, ok := k.in.Peer[k.in.From].(peers)
	if !ok {
		return 0, errPeer
	}
	theirs, err := peer.standing(ctx)
	if err != nil {
		return 0, err
	}
	here, err := parseGTIDs(mine.ids)
	if err != nil {
		return 0, err
	}
	there, err := parseGTIDs(theirs.ids)
	return here.minus(there).count(), err
}
