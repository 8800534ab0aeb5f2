package mysql

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// sightChecks come first: what we cannot see, and whom we are talking to.
func sightChecks() []check {
	return []check{
		{id: "G01", title: "Sessions, replication and tables can be seen", want: "PROCESS, the replication's state, every table",
			cause: "What is hidden is no error here but an empty list: a writer that is not seen is a row that is lost.", ask: canSee},
		{id: "G02", title: "This is the server of the runbook", want: "the account {own}, and a server that takes writes on the side that has them",
			cause: "Everything after this is done to whatever answers here.", next: "correct the target's connection string, or the parameter own_user", ask: rightServer},
		{id: "G03", title: "Two servers", needs: needPeer, want: "another server on the other side",
			cause: "A statement for green that reaches blue stops the service.", next: "check both connection strings", ask: apart},
		{id: "G04", title: "Clock", waive: engines.SecondPerson, want: "less than 1 s from ours",
			cause: "Times of the record and of the server are compared in the report of the outage.", next: "repair NTP on {here} or on this machine, or note the difference", ask: clock},
		{id: "G06", title: "Nobody else drives", needs: needProcess, waive: engines.SecondPerson, want: "0 sessions of another run",
			cause: "Two runs against one pair undo each other's steps.", next: "end the other run, or take part in it as an observer", ask: otherRuns},
		{id: "MY24", title: "Aurora is in order", want: "no Aurora, or one whose cluster can be asked",
			cause: "On Aurora read_only belongs to the cluster's parameters: SET GLOBAL does not freeze it, and a backtrack takes committed rows back.", ask: aurora},
		{id: "MY25", title: "Blockers can be seen", waive: engines.SecondPerson, want: "threads and metadata locks of performance_schema",
			cause: "A locked table holds up the freeze, and nobody could say who holds it.", ask: eyes},
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
		return answer{engines.Block, "{own} cannot see " + strings.Join(lack, ", "), next}, nil
	}
	return passed("nothing is hidden from {own}")
}

func rightServer(_ context.Context, k *look) (answer, error) {
	user, _, _ := strings.Cut(k.me.login, "@")
	switch {
	case user != k.p.own:
		return answer{level: engines.Block, is: "account " + user + ", not " + k.p.own}, nil
	case k.in.On == k.in.From && !off(k.me.variable("read_only")):
		return answer{engines.Block, "{here} is read-only, and it should have the writes", "look whether {here} is a replica; if it has the writes, SET GLOBAL read_only = OFF there"}, nil
	}
	return passed(k.me.l.d.title() + " " + k.me.l.d.v.String() + " as " + k.me.login)
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
		return answer{level: engines.Block, is: "both are " + b.String()}, nil
	}
	if k.me.l.d.maria != k.peer.l.d.maria {
		return answer{engines.Block, "{here} is " + k.me.l.d.title() + ", {there} is " + k.peer.l.d.title(),
			"take two servers of the same product: neither reads the other's transaction ids"}, nil
	}
	return passed(b.String())
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
	a := answer{level: engines.Pass, is: skew.Round(time.Millisecond).String() + " ahead of ours, give or take " + err.Round(time.Millisecond).String()}
	if skew.Abs() >= maxSkew {
		a.level = engines.Caution
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
	return found(engines.Block, names), err
}

// otherSessions counts sessions of our account where their names are not kept:
// this run's own cannot be told from another's.
func otherSessions(ctx context.Context, k *look) (answer, error) {
	row, err := k.me.row(ctx, "SELECT COUNT(*) FROM information_schema.processlist WHERE user = $1", k.p.own)
	if err != nil {
		return answer{}, err
	}
	return answer{engines.Caution, text(row, 0) + " sessions of " + k.p.own + "; which run they belong to is not kept: performance_schema is off",
		"ask whether another run is under way"}, nil
}

// aurora refuses what the statements of this engine cannot freeze. What SQL can
// tell is told; cluster, parameter group and backtrack are seen by AWS alone.
func aurora(_ context.Context, k *look) (answer, error) {
	v := k.me.variable("aurora_version")
	switch {
	case v == "":
		return answer{level: engines.Info, is: "no Aurora"}, nil
	case !off(k.me.variable("innodb_read_only")):
		return answer{engines.Block, "Aurora " + v + ", a reader", "connect to the writer's own address, not to the reader endpoint"}, nil
	}
	return answer{engines.Blind, "Aurora " + v + ", read_only " + k.me.variable("read_only") + ": whether backtrack is off, its members are available and its parameter group is in sync, SQL does not show",
		"stop here: this runbook freezes with SET GLOBAL, and Aurora takes read_only as a parameter of its cluster"}, nil
}

// eyes probes what the gauges of locks look at.
func eyes(ctx context.Context, k *look) (answer, error) {
	if off(k.me.variable("performance_schema")) {
		return answer{engines.Caution, "performance_schema is off", "restart {here} with performance_schema = ON, or work with the list of sessions alone"}, nil
	}
	probes := []string{"performance_schema.threads", "performance_schema.metadata_locks"}
	if !k.me.l.d.maria {
		probes = append(probes, "performance_schema.data_locks")
	}
	for _, p := range probes {
		if _, err := k.me.rows(ctx, "SELECT 1 FROM "+p+" LIMIT 0"); isDenied(err) {
			return answer{engines.Caution, "{own} may not read " + p, "GRANT SELECT ON performance_schema.* TO {own} on {here}"}, nil
		} else if err != nil {
			return answer{}, err
		}
	}
	row, err := k.me.row(ctx, instrumentOn)
	switch {
	case err != nil:
		return answer{}, err
	case text(row, 0) == "0":
		return answer{engines.Caution, "the instrument wait/lock/metadata/sql/mdl is off: the list of table locks stays empty",
			"UPDATE performance_schema.setup_instruments SET enabled = 'YES' WHERE name = 'wait/lock/metadata/sql/mdl' on {here}"}, nil
	}
	return passed("threads and table locks")
}

// instrumentOn: MariaDB has the table of locks and leaves it empty unless told.
const instrumentOn = `SELECT COUNT(*) FROM performance_schema.setup_instruments WHERE name = 'wait/lock/metadata/sql/mdl' AND enabled = 'YES'`
