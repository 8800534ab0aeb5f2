package mysql

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// settingChecks look at settings of the servers.
func settingChecks() []check {
	return []check{
		{ID: "MY01", Title: "The binary log is on", Want: "log_bin ON, and what is replicated is logged too",
			Cause: "Green reads blue's log, and on the way back blue reads green's; without it neither can begin.",
			Next:  "set log_bin on {here}, and restart it before the copy", Ask: logged},
		{ID: "MY02", Title: "Rows are logged, not statements", Waive: engines.SecondPerson, Want: "binlog_format ROW, and no application that could change it",
			Cause: "A logged statement with UUID(), NOW() or LIMIT may write other rows on the other side, without an error.",
			Next:  "SET GLOBAL binlog_format = 'ROW' on {here} and keep it in its option file; sessions keep the old format until they connect again", Ask: rowFormat},
		{ID: "MY03", Title: "Logged rows are complete", Waive: engines.SecondPerson, Want: "binlog_row_image FULL, binlog_row_value_options empty, binlog_order_commits ON",
			Cause: "A row that is logged in part cannot be looked for by all its columns, and cannot be compared.", Ask: wholeRows},
		{ID: "MY05", Title: "The servers are distinct", On: preflight.To, Needs: needPeer, Want: "another server_id and server_uuid on each side, none 0",
			Cause: "A replica throws away what bears its own number: it would take nothing, and say that all is well.", Ask: distinct},
		{ID: "MY06", Title: "Binary logs live long enough", Waive: engines.SecondPerson, Needs: needStatus, Want: "as long as the copy, the rehearsal and the way back last",
			Cause: "A log that is purged before it was read cuts the link for good: the side must be copied again.", Ask: logsKept},
	}
}

// logged: a side that does not log what it has applied can feed nobody: on the
// way back its own log would begin with a hole.
func logged(_ context.Context, k *look) (answer, error) {
	bin, applied := k.me.variable("log_bin"), k.me.variable("log_replica_updates", "log_slave_updates")
	is := "log_bin " + bin + ", log_replica_updates " + applied
	switch {
	case bin != "ON":
		return answer{Level: engines.Block, Is: is}, nil
	case applied != "ON":
		return preflight.Says(engines.Block, is, "set "+k.me.l.d.pick("log_replica_updates", "log_slave_updates")+" = ON on {here}, and restart it before the copy"), nil
	}
	return answer{Level: engines.Pass, Is: is}, nil
}

// formatRights let a session log in a format of its own.
func formatRights() []string {
	return []string{"SUPER", "SYSTEM_VARIABLES_ADMIN", "SESSION_VARIABLES_ADMIN", "BINLOG ADMIN"}
}

// rowFormat: a server that has no such setting any more logs rows alone.
func rowFormat(ctx context.Context, k *look) (answer, error) {
	is := k.me.variable("binlog_format")
	if is != "ROW" && is != "" {
		return answer{Level: engines.Block, Is: is}, nil
	}
	free, err := k.me.names(ctx, `SELECT DISTINCT grantee FROM information_schema.user_privileges WHERE privilege_type IN (`+list(formatRights())+`)
 AND SUBSTRING_INDEX(SUBSTRING(grantee, 2), '''@', 1) IN (`+list(k.p.app)+`) ORDER BY 1`)
	if err != nil {
		return answer{}, err
	}
	if len(free) > 0 {
		return preflight.Says(engines.Caution, "ROW; sessions may log otherwise, of "+preflight.Few(free), "REVOKE SUPER and the rights to set session variables from it on {here}"), nil
	}
	return preflight.Passed("ROW")
}

func wholeRows(_ context.Context, k *look) (answer, error) {
	image, options := k.me.variable("binlog_row_image"), k.me.variable("binlog_row_value_options")
	switch {
	case image != "FULL":
		return preflight.Says(engines.Block, "binlog_row_image "+image, "SET GLOBAL binlog_row_image = 'FULL' on {here} and keep it in its option file; sessions keep the old value until they connect again"), nil
	case options != "":
		return preflight.Says(engines.Block, "binlog_row_value_options "+options, "SET GLOBAL binlog_row_value_options = '' on {here}; sessions keep the old value until they connect again"), nil
	case k.me.variable("binlog_order_commits") == "OFF":
		return preflight.Says(engines.Caution, "binlog_order_commits OFF: rows become visible in another order than they are logged", "SET GLOBAL binlog_order_commits = ON on {here}"), nil
	}
	return preflight.Passed("FULL")
}

// distinct: a copied folder keeps the file auto.cnf and with it the name.
func distinct(_ context.Context, k *look) (answer, error) {
	me, peer := k.me.variable("server_id"), k.peer.variable("server_id")
	uuid, theirs := k.me.variable("server_uuid", "server_uid"), k.peer.variable("server_uuid", "server_uid")
	switch {
	case uuid == theirs && uuid != "":
		return preflight.Says(engines.Block, "the same server_uuid: {here} was copied with its name, or both are one server",
			"stop {here}, remove auto.cnf from its data folder, and start it again"), nil
	case me == peer:
		return preflight.Says(engines.Block, "server_id "+me+" on both sides", "SET GLOBAL server_id to a number of its own on {here}, and keep it in the option file"), nil
	case me == "0" || peer == "0":
		return preflight.Says(engines.Block, "server_id 0", "SET GLOBAL server_id to a number of its own on the side that has 0"), nil
	}
	return preflight.Passed("server_id " + me + " here, " + peer + " there")
}

// Hours that a log must live. An hour is what a copy and a call take at least.
const (
	shortestLog = time.Hour
	wantedLog   = 7 * 24 * time.Hour // as long as the step that keeps the log sets, unless keep_logs says otherwise
)

// logsKept: 0 is for ever. On RDS the server's own setting does not count.
func logsKept(ctx context.Context, k *look) (answer, error) {
	kept, is, err := k.me.retention(ctx)
	if err != nil {
		return answer{}, err
	}
	if lost, err := k.lostLog(ctx); err != nil || lost != "" {
		return preflight.Says(engines.Block, lost, "copy {there} again: what it still needs is gone"), err
	}
	next := "SET GLOBAL binlog_expire_logs_seconds = 604800 on {here} and keep it in its option file, or let the step that keeps the log do it"
	if strings.Contains(is, "retention hours") {
		next = "CALL mysql.rds_set_configuration('binlog retention hours', 168) on {here}"
	}
	want := k.p.Duration("keep_logs", wantedLog)
	switch {
	case kept < 0:
		return preflight.Passed(is)
	case kept < shortestLog:
		return preflight.Says(engines.Block, is, next), nil
	case kept < want:
		return preflight.Says(engines.Caution, is+", less than the "+want.String()+" wanted", next), nil
	}
	return preflight.Passed(is)
}

// retention is how long the server keeps its log; negative is for ever.
func (e *eye) retention(ctx context.Context) (time.Duration, string, error) {
	rds, err := e.names(ctx, `SELECT table_name FROM information_schema.tables WHERE table_schema = 'mysql' AND table_name = 'rds_configuration'`)
	if err != nil {
		return 0, "", err
	}
	if len(rds) > 0 {
		row, err := e.row(ctx, `SELECT COALESCE(MAX(value), '0'), MAX(value) IS NULL FROM mysql.rds_configuration WHERE name = 'binlog retention hours'`)
		if err != nil {
			return 0, "", err
		}
		hours, err := strconv.Atoi(text(row, 0))
		if err != nil {
			return 0, "", e.fail(errNumber)
		}
		if text(row, 1) == "1" {
			return 0, "binlog retention hours NULL: logs are purged as soon as possible", nil
		}
		return time.Duration(hours) * time.Hour, "binlog retention hours " + text(row, 0), nil
	}
	secs, err := strconv.ParseFloat(e.variable("binlog_expire_logs_seconds"), 64)
	if err != nil {
		return 0, "", e.fail(errNumber)
	}
	if secs == 0 || off(e.variable("binlog_expire_logs_auto_purge")) {
		return -1, "for ever", nil
	}
	kept := time.Duration(secs) * time.Second
	return kept, kept.String(), nil
}

// lostLog names the file that the other side still reads and this one has not
// got any more; empty if it has, or if nobody reads.
func (k *look) lostLog(ctx context.Context) (string, error) {
	if k.peerErr != nil || !k.peer.status || len(k.peer.links) == 0 {
		return "", nil
	}
	reads := k.peer.links[0][k.me.l.d.pick("Source_Log_File", "Master_Log_File")]
	if reads == "" || k.peer.byID(k.peer.links[0]) {
		return "", nil // it asks by ids: the fit of positions tells
	}
	files, err := k.me.names(ctx, "SHOW BINARY LOGS")
	if err != nil || slices.Contains(files, reads) {
		return "", err
	}
	return reads + ", which {there} reads, is gone", nil
}

// byID reports whether a link counts by transaction ids.
func (e *eye) byID(link map[string]string) bool {
	if e.l.d.maria {
		return link["Using_Gtid"] != "No" && link["Using_Gtid"] != ""
	}
	return link["Auto_Position"] == "1"
}
