package mysql

import (
	"context"
	"errors"
	"net"
	"strconv"

	"github.com/turquoise-db/turquoise/engines"
)

// identitySQL asks for all that tells two servers apart. A physical copy may have
// kept the id, so host and port count too.
//
// startedSQL reckons the start from the uptime, both counted from the beginning of
// the same statement: it does not move when the server's clock does. A connection
// does not outlive its server, so it is asked once for each: MariaDB takes over a
// millisecond for the answer, and the window asks who answers a hundred times.
const (
	startedSQL  = `SELECT FROM_UNIXTIME(CAST(UNIX_TIMESTAMP() - (SELECT variable_value FROM %STATUS%.global_status WHERE variable_name = 'Uptime') AS SIGNED))`
	identitySQL = `SELECT VERSION(), %ID%, @@global.server_id, @@hostname, @@global.port, CURRENT_USER(), COALESCE(DATABASE(), ''),
 @@global.read_only, @@global.general_log, CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS UNSIGNED), @@global.log_bin, %GTID%`
	gtidOfMySQL = `@@global.gtid_mode = 'ON' AND @@global.enforce_gtid_consistency = 'ON' AND @@global.log_bin`
	gtidOfMaria = `@@global.gtid_strict_mode AND @@global.log_slave_updates AND @@global.log_bin`
)

// Columns of identitySQL.
const (
	colVersion = iota
	colSystem
	colServerID
	colHostname
	colPort
	colLogin
	colDatabase
	colReadOnly
	colGeneralLog
	colClock
	colLogBin
	colGTID
)

func (d dialect) identity() string {
	return replace(identitySQL,
		"%ID%", d.pick("@@global.server_uuid", "@@global.server_uid"),
		"%GTID%", d.pick(gtidOfMySQL, gtidOfMaria))
}

// learnStart asks once when the server started.
func (l *link) learnStart(ctx context.Context) error {
	row, err := l.one(ctx, replace(startedSQL, "%STATUS%", l.d.pick("performance_schema", "information_schema")))
	if err != nil {
		return err
	}
	l.started = text(row, 0)
	return nil
}

// identify asks the server who it is, on this very connection.
func (l *link) identify(ctx context.Context) (engines.Identity, error) {
	row, err := l.one(ctx, l.d.identity())
	if err != nil {
		return engines.Identity{}, &engines.Error{Op: "ask who the server is", Object: l.object(), Err: mask(err),
			Next: "look at the server's log, then verify again"}
	}
	d, ok := dialectOf(text(row, colVersion))
	host, port, perr := net.SplitHostPort(l.cfg.Addr)
	number, nerr := strconv.Atoi(port)
	if !ok || perr != nil || nerr != nil {
		return engines.Identity{}, &engines.Error{Op: "read who the server is", Object: l.object(), Err: errVersion, Next: "see what answers at that address"}
	}
	log := "none"
	if text(row, colGeneralLog) == "1" {
		log = "all"
	}
	id := engines.Identity{
		Engine: Name, Version: d.v.String(), Major: d.v[0], System: clean(text(row, colSystem)), Host: host, Port: number,
		Database: text(row, colDatabase), Login: clean(text(row, colLogin)), Started: l.started, Writable: off(text(row, colReadOnly)),
		Lab: l.lab,
		Extra: map[string]string{engines.ExtraTitle: d.title(), extraProduct: d.product(), extraServerID: text(row, colServerID), extraGTID: text(row, colGTID),
			"hostname": clean(text(row, colHostname)), "port": text(row, colPort), "log_bin": text(row, colLogBin),
			engines.ExtraClock: text(row, colClock), engines.ExtraLogged: log},
	}
	id.SecuredBy(l.tls)
	return id, nil
}

// off reports whether a switch is off, in any of the words that servers use.
func off(s string) bool { return s == "0" || s == "OFF" }

// labMarker says, in its one row, which run of the lab a server belongs to. No
// other server has it.
const labMarker = "SELECT run FROM tq_lab.marker"

// learnLab reads it: a server without the table, or one that hides it, is none.
func (l *link) learnLab(ctx context.Context) error {
	row, err := l.one(ctx, labMarker)
	var se *ServerError
	switch {
	case err == nil:
		l.lab = clean(text(row, 0))
	case errors.As(err, &se), errors.Is(err, errRow):
		l.lab = ""
	default:
		return err
	}
	return nil
}
