package mysql

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
		{ID: "G01", Title: "Sessions, replication and tables can be seen", Want: "PROCESS, the replication's state, every table",
			Cause: "What is hidden is no error here but an empty list: a writer that is not seen is a row that is lost.", Ask: canSee},
		{ID: "G02", Title: "This is the server of the runbook", Want: "the account {own}, and a server that takes writes on the side that has them",
			Cause: "Everything after this is done to whatever answers here.", Next: "correct the target's connection string, or the parameter own_user", Ask: rightServer},
		{ID: "G03", Title: "Two servers", Needs: needPeer, Want: "another server on the other side",
			Cause: "A statement for green that reaches blue stops the service.", Next: "check both connection strings", Ask: apart},
		{ID: "G04", Title: "Clock", Waive: engines.SecondPerson, Want: "less than 1 s from ours",
			Cause: "Times of the record and of the server are compared in the report of the outage.", Next: "repair NTP on {here} or on this machine, or note the difference", Ask: clock},
		{ID: "G06", Title: "Nobody else drives", Needs: needProcess, Waive: engines.SecondPerson, Want: "0 sessions of another run",
			Cause: "Two runs against one pair undo each other's steps.", Next: "end the other run, or take part in it as an observer", Ask: otherRuns},
		{ID: "MY24", Title: "Aurora is in order", Want: "no Aurora, or one whose cluster can be asked",
			Cause: "On Aurora read_only belongs to the cluster's parameters: SET GLOBAL does not freeze it, and a backtrack takes committed rows back.", Ask: aurora},
		{ID: "MY25", Title: "Blockers can be seen", Waive: engines.SecondPerson, Want: "threads and metadata locks of performance_schema",
			Cause: "A locked table holds up the freeze, and nobody could say who holds it.", Ask: eyes},
	}
}

// canSee asks for the rights, not for what is hidden now: an account that sees
// nothing is alone on a quiet server and would pass there.
func canSee(_ context.Context, k *look) (answer, error) {
	var lack []string
	next := ""
	say := func(what, n string) {
		if lack = append(lack, what); next == "" {
			next = n
		}
	}
	if !k.me.process {
		say("other accounts' sessions", "GRANT PROCESS ON *.* TO {own} on {here}")
	}
	if !k.me.status {
		say("the state of the replication", k.grantStatus())
	}
	if len(k.me.hidden) > 0 {
		say("tables of "+strings.Join(k.me.hidden, ", "), k.grantSight(needCatalog))
	}
	if len(lack) > 0 {
		return preflight.Says(engines.Block, "{own} cannot see "+strings.Join(lack, ", "), next), nil
	}
	return preflight.Passed("nothing is hidden from {own}")
}

func rightServer(_ context.Context, k *look) (answer, error) {
	user, _, _ := strings.Cut(k.me.login, "@")
	switch {
	case user != k.p.own:
		return answer{Level: engines.Block, Is: "account " + user + ", not " + k.p.own}, nil
	case k.in.On == k.in.From && !off(k.me.variable("read_only")):
		return preflight.Says(engines.Block, "{here} is read-only, and it should have the writes", "look whether {here} is a replica; if it has the writes, SET GLOBAL read_only = OFF there"), nil
	}
	return preflight.Passed(k.me.l.d.title() + " " + k.me.l.d.v.String() + " as " + k.me.login)
}

// apart says whether the two sides are two servers: a copied folder keeps the
// server's id, so the start and the place count too.
func apart(ctx context.Context, k *look) (answer, error) {
	a, err := k.me.l.identify(ctx)
	if err != nil {
		return answer{}, err
	}
	b, err := k.peer.l.identify(ctx)
	if err != nil {
		return answer{}, err
	}
	if a.System == b.System && a.Extra["hostname"] == b.Extra["hostname"] && a.Extra["port"] == b.Extra["port"] {
		return answer{Level: engines.Block, Is: "both are " + b.String()}, nil
	}
	if k.me.l.d.maria != k.peer.l.d.maria {
		return preflight.Says(engines.Block, "{here} is "+k.me.l.d.title()+", {there} is "+k.peer.l.d.title(),
			"take two servers of the same product: neither reads the other's transaction ids"), nil
	}
	return preflight.Passed(b.String())
}

// maxSkew is where a difference of clocks starts to show in the report, which
// names outages in tenths of a second.
const maxSkew = time.Second

// clock compares the server's clock with the middle of the question's way there
// and back; half of the way is the error.
func clock(ctx context.Context, k *look) (answer, error) {
	sent := time.Now()
	row, err := k.me.row(ctx, "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS UNSIGNED)")
	way := time.Since(sent)
	if err != nil {
		return answer{}, err
	}
	us, err := strconv.ParseInt(text(row, 0), 10, 64)
	if err != nil {
		return answer{}, k.me.fail(errNumber)
	}
	return skewed(time.UnixMicro(us).Sub(sent.Add(way/2)), way/2), nil
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

// otherRuns looks for sessions that say they are Turquoise's of another run,
// where the server keeps what clients say of themselves. A run that is resumed
// keeps its name.
func otherRuns(ctx context.Context, k *look) (answer, error) {
	if off(k.me.variable("performance_schema")) {
		return otherSessions(ctx, k)
	}
	names, err := k.me.names(ctx, `SELECT DISTINCT CONCAT(a.attr_value, ' from ', COALESCE(NULLIF(SUBSTRING_INDEX(p.host, ':', 1), ''), 'this host'))
 FROM performance_schema.session_connect_attrs a JOIN information_schema.processlist p ON p.id = a.processlist_id
 WHERE a.attr_name = 'program_name' AND a.attr_value LIKE '`+AppPrefix+`%'
 AND SUBSTRING_INDEX(SUBSTRING_INDEX(a.attr_value, '/', 2), '/', -1) NOT IN ($1, `+onlyRead+`) ORDER BY 1`, plain(k.in.Run))
	return preflight.Found(engines.Block, names), err
}

// otherSessions counts sessions of our account where their names are not kept:
// this run's own cannot be told from another's.
func otherSessions(ctx context.Context, k *look) (answer, error) {
	row, err := k.me.row(ctx, "SELECT COUNT(*) FROM information_schema.processlist WHERE user = $1", k.p.own)
	if err != nil {
		return answer{}, err
	}
	return preflight.Says(engines.Caution, text(row, 0)+" sessions of "+k.p.own+"; which run they belong to is not kept: performance_schema is off",
		"ask whether another run is under way"), nil
}

// aurora refuses what the statements of this engine cannot freeze. What SQL can
// tell is told; cluster, parameter group and backtrack are seen by AWS alone.
func aurora(_ context.Context, k *look) (answer, error) {
	v := k.me.variable("aurora_version")
	switch {
	case v == "":
		return answer{Level: engines.Info, Is: "no Aurora"}, nil
	case !off(k.me.variable("innodb_read_only")):
		return preflight.Says(engines.Block, "Aurora "+v+", a reader", "connect to the writer's own address, not to the reader endpoint"), nil
	}
	return preflight.Says(engines.Blind, "Aurora "+v+", read_only "+k.me.variable("read_only")+": whether backtrack is off, its members are available and its parameter group is in sync, SQL does not show",
		"stop here: this runbook freezes with SET GLOBAL, and Aurora takes read_only as a parameter of its cluster"), nil
}

// eyes probes what the gauges of locks look at.
func eyes(ctx context.Context, k *look) (answer, error) {
	if off(k.me.variable("performance_schema")) {
		return preflight.Says(engines.Caution, "performance_schema is off", "restart {here} with performance_schema = ON, or work with the list of sessions alone"), nil
	}
	probes := []string{"performance_schema.threads", "performance_schema.metadata_locks"}
	if !k.me.l.d.maria {
		probes = append(probes, "performance_schema.data_locks")
	}
	for _, p := range probes {
		if _, err := k.me.rows(ctx, "SELECT 1 FROM "+p+" LIMIT 0"); isDenied(err) {
			return preflight.Says(engines.Caution, "{own} may not read "+p, "GRANT SELECT ON performance_schema.* TO {own} on {here}"), nil
		} else if err != nil {
			return answer{}, err
		}
	}
	row, err := k.me.row(ctx, instrumentOn)
	switch {
	case err != nil:
		return answer{}, err
	case text(row, 0) == "0":
		return preflight.Says(engines.Caution, "the instrument wait/lock/metadata/sql/mdl is off: the list of table locks stays empty",
			"UPDATE performance_schema.setup_instruments SET enabled = 'YES' WHERE name = 'wait/lock/metadata/sql/mdl' on {here}"), nil
	}
	return preflight.Passed("threads and table locks")
}

// instrumentOn: MariaDB has the table of locks and leaves it empty unless told.
const instrumentOn = `SELECT COUNT(*) FROM performance_schema.setup_instruments WHERE name = 'wait/lock/metadata/sql/mdl' AND enabled = 'YES'`
