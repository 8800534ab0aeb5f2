package postgres

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// sightChecks come first: what we cannot see, and whom we are talking to.
func sightChecks() []check {
	return []check{
		{ID: "G01", Title: "Sessions can be seen", Want: "every session with its state",
			Cause: "A writer that is not seen is a row that is lost.", Next: "GRANT pg_monitor TO {own} on {here}", Ask: canSee},
		{ID: "G02", Title: "This is the database of the runbook", Want: "{db} as {own}, not in recovery",
			Cause: "Everything after this is done to whatever answers here.", Next: "correct the target's connection string, or the parameters database and own_role",
			Ask: rightDatabase},
		{ID: "G03", Title: "Two servers", Needs: needPeer, Want: "another server on the other side",
			Cause: "A drop on the wrong server stops the service.", Next: "check both connection strings", Ask: apart},
		{ID: "G04", Title: "Clock", Want: "less than 1 s from ours",
			Cause: "Times of the record and of the server are compared in the report of the outage.", Next: "repair NTP on {here} or on this machine, or note the difference", Ask: clock},
		{ID: "G06", Title: "Nobody else drives", Needs: needStats, Want: "0 sessions of another run",
			Cause: "Two runs against one pair undo each other's steps.", Next: "end the other run, or take part in it as an observer",
			Ask: otherRuns},
	}
}

// canSee asks for the right, not only for what is hidden now: a role that sees
// nothing is alone on a quiet server and would pass there.
func canSee(_ context.Context, k *look) (answer, error) {
	if k.me.stats && k.me.hidden == 0 {
		return answer{Level: engines.Pass, Is: "0 sessions hidden"}, nil
	}
	return answer{Level: engines.Block, Is: strconv.Itoa(k.me.hidden) + " sessions hidden now; the right is missing"}, nil
}

func rightDatabase(_ context.Context, k *look) (answer, error) {
	var bad []string
	if want := k.p.Params["database"]; want != "" && want != k.me.database {
		bad = append(bad, "database "+k.me.database+", not "+want)
	}
	if k.p.own != k.me.login {
		bad = append(bad, "role "+k.me.login+", not "+k.p.own)
	}
	if k.me.recovery {
		bad = append(bad, "in recovery: a standby")
	}
	if len(bad) > 0 {
		return answer{Level: engines.Block, Is: strings.Join(bad, "; ")}, nil
	}
	return answer{Level: engines.Pass, Is: k.me.database + " as " + k.me.login}, nil
}

// apart says whether the two sides are two servers. The system identifier alone
// proves nothing: a physical copy keeps it.
func apart(ctx context.Context, k *look) (answer, error) {
	a, err := identify(ctx, k.me.pg, k.me.target, k.me.cfg)
	if err != nil {
		return answer{}, err
	}
	b, err := identify(ctx, k.peer.pg, k.peer.target, k.peer.cfg)
	if err != nil {
		return answer{}, err
	}
	if a.System == b.System && a.Started == b.Started && a.Extra["address"] == b.Extra["address"] && a.Extra["port"] == b.Extra["port"] {
		return answer{Level: engines.Block, Is: "both are " + b.String()}, nil
	}
	return answer{Level: engines.Pass, Is: b.String()}, nil
}

// maxSkew is where a difference of clocks starts to show in the report, which
// names outages in tenths of a second.
const maxSkew = time.Second

// clock compares the server's clock with the middle of the question's way there
// and back; half of the way is the error.
func clock(ctx context.Context, k *look) (answer, error) {
	sent := time.Now()
	row, err := k.me.row(ctx, `SELECT extract(epoch FROM clock_timestamp())`)
	way := time.Since(sent)
	if err != nil {
		return answer{}, err
	}
	secs, err := strconv.ParseFloat(text(row, 0), 64)
	if err != nil {
		return answer{}, k.me.fail(errNumber)
	}
	skew := time.Duration(secs*float64(time.Second)) - time.Duration(sent.Add(way/2).UnixNano())
	return skewed(skew, way/2), nil
}

func skewed(skew, err time.Duration) answer {
	a := answer{Level: engines.Pass, Is: skew.Round(time.Millisecond).String() + " ahead of ours, give or take " + err.Round(time.Millisecond).String()}
	if skew.Abs() >= maxSkew {
		a.Level = engines.Caution
	}
	return a
}

// onlyRead are the run names of verbs that never drive: plan and diff. A long
// comparison beside a run is no second driver.
const onlyRead = `'s0000', 'diff'`

// otherRuns looks for sessions that say they are Turquoise's of another run. A
// run that is resumed keeps its name.
func otherRuns(ctx context.Context, k *look) (answer, error) {
	names, err := k.me.names(ctx, `SELECT DISTINCT application_name || ' from ' || coalesce(host(client_addr), 'this host') FROM pg_stat_activity
 WHERE backend_type = 'client backend' AND datname = current_database() AND application_name LIKE '`+AppPrefix+`%'
 AND split_part(application_name, '/', 2) <> split_part(current_setting('application_name'), '/', 2)
 AND split_part(application_name, '/', 2) NOT IN (`+onlyRead+`) ORDER BY 1`)
	return preflight.Found(engines.Block, names), err
}
