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

// linkChecks look at the replication between the sides.
func linkChecks() []check {
	return []check{
		{ID: "MY04", Title: "Positions fit", On: preflight.To, Needs: needPeer | needStatus, Want: "nothing on {here} that {there} lacks, nothing purged that {here} still needs",
			Cause: "What was written on the new side alone differs from then on, and the way back carries it into the other side.", Ask: positionsFit},
		{ID: "MY07", Title: "The link runs", On: preflight.To, Needs: needStatus | needLink, Want: "both halves Yes, no error, no delay, no end",
			Cause: "A link that stands still leaves the freeze waiting until its limit.", Ask: linkRuns},
		{ID: "MY08", Title: "The lag is real and small", On: preflight.To, Needs: needStatus | needLink, Want: "a number, 10 s at most",
			Cause: "Everything that is behind when the freeze begins is outage.", Next: "wait until {here} has caught up; look for the one long transaction there", Ask: lagReal},
		{ID: "MY09", Title: "No filters, one link", Needs: needStatus, Want: "0 filters, and one link, where the writes are not",
			Cause: "What a filter leaves out is missing on the other side, and no error says so.", Ask: unfiltered},
		{ID: "MY10", Title: "The applier is strict", Waive: engines.SecondPerson, Want: "STRICT, no error passed over, commits in order",
			Cause: "An applier that passes over errors hides that the sides differ.", Ask: strict},
		{ID: "MY10/workers", Title: "No worker failed", Needs: needMySQL, Waive: engines.SecondPerson, Want: "0 workers with an error",
			Cause: "A worker that failed may have left a gap behind it.", Next: "mend what the error on {here} names, then START REPLICA; compare the table afterwards", Ask: workers},
		{ID: "MY22/key", Title: "The link can log in after a restart of {there}", On: preflight.To, Needs: needStatus | needLink | needPeer | needAccounts | needMySQL, Waive: engines.SecondPerson,
			Want: "TLS, or the key of {there}", Cause: "caching_sha2_password lets a line without TLS in only while {there} remembers the last login: after its restart the link stays out.",
			Next: "STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_SSL = 1, or GET_SOURCE_PUBLIC_KEY = 1; START REPLICA on {here}", Ask: linkKey},
		{ID: "MY23", Title: "Coordinates are kept before a link is forgotten", On: preflight.To, Needs: needStatus | needLink, Want: "a link that runs, or its coordinates and those of {here}",
			Cause: "Forgetting a link cannot be undone: without the coordinates a link back could not start.", Ask: coordinatesKept},
	}
}

// linkOf is the link of this side that the run knows. More than one is told by
// its own check.
func (e *eye) linkOf() map[string]string { return e.links[0] }

// word is a column of a link's status, by MySQL's name or by MariaDB's.
func (e *eye) word(link map[string]string, mysql, maria string) string {
	return link[e.l.d.pick(mysql, maria)]
}

func (e *eye) halves(link map[string]string) (io, sql string) {
	return e.word(link, "Replica_IO_Running", "Slave_IO_Running"), e.word(link, "Replica_SQL_Running", "Slave_SQL_Running")
}

// positionsFit reads this side first: read second, it would seem to have what the
// other one got in between.
func positionsFit(ctx context.Context, k *look) (answer, error) {
	if k.me.l.d.maria != k.peer.l.d.maria {
		return preflight.Says(engines.Block, "two products, whose ids do not mix", "take two servers of the same product"), nil
	}
	if k.me.l.d.maria {
		return mariaFit(ctx, k)
	}
	if k.me.variable("gtid_mode") != "ON" || k.peer.variable("gtid_mode") != "ON" {
		return answer{Level: engines.Info, Is: "no transaction ids on both sides: links go by file and position, which show nothing of other writers"}, nil
	}
	const sql = "SELECT @@global.gtid_executed, @@global.gtid_purged"
	mine, err := k.me.row(ctx, sql)
	if err != nil {
		return answer{}, err
	}
	var sets [3]gtidSet
	var extra gtidSet
	for try := 1; ; try++ {
		theirs, err := k.peer.row(ctx, sql)
		if err != nil {
			return answer{}, err
		}
		for i, s := range []string{text(mine, 0), text(theirs, 0), text(theirs, 1)} {
			if sets[i], err = parseGTIDs(s); err != nil {
				return answer{}, k.me.fail(err)
			}
		}
		if extra = sets[0].minus(sets[1]); extra.count() == 0 || try == committingTries || !pauseFor(ctx, committingPause) {
			break
		}
	}
	lost := gtidSet{}
	if len(k.me.links) > 0 && k.me.byID(k.me.linkOf()) {
		lost = sets[2].minus(sets[0])
	}
	return fit(extra.count(), extra.String(), lost.count(), lost.String())
}

// A source sends a transaction when it is in its log and counts it as its own when
// it is committed: between the two its replica has what it does not know yet. Who
// asks in that moment asks again, for as long as a busy server may take.
const (
	committingTries = 10
	committingPause = 100 * time.Millisecond
)

// pauseFor waits, and reports false when there is no time left.
func pauseFor(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// fit is the answer for both products.
func fit(extra float64, which string, lost float64, gone string) (answer, error) {
	switch {
	case extra > 0:
		return preflight.Says(engines.Block, strconv.FormatFloat(extra, 'f', -1, 64)+" transactions that {there} does not know ("+shorten(which)+"): somebody wrote to {here}",
			"find the writer on {here}, compare the tables it touched, and build {here} again if in doubt"), nil
	case lost > 0:
		return preflight.Says(engines.Block, strconv.FormatFloat(lost, 'f', -1, 64)+" transactions that {here} needs are purged on {there} ("+shorten(gone)+")",
			"build {here} again: the log that it needs is gone"), nil
	}
	return preflight.Passed("nothing on {here} that {there} lacks")
}

// shorten keeps a set of ids readable.
func shorten(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return s[:most] + " …"
}

// mariaFit: MariaDB keeps the newest number for each domain and writer. What
// this server wrote itself must be on the other side too.
func mariaFit(ctx context.Context, k *look) (answer, error) {
	if k.me.variable("gtid_strict_mode") != "ON" || k.peer.variable("gtid_strict_mode") != "ON" {
		return answer{Level: engines.Info, Is: "gtid_strict_mode is not ON on both sides: links go by file and position, which show nothing of other writers"}, nil
	}
	const sql = "SELECT @@global.gtid_binlog_state"
	mine, err := k.me.row(ctx, sql)
	if err != nil {
		return answer{}, err
	}
	theirs, err := k.peer.row(ctx, sql)
	if err != nil {
		return answer{}, err
	}
	extra, which, err := ownWrites(text(mine, 0), text(theirs, 0), k.me.variable("server_id"))
	if err != nil {
		return answer{}, k.me.fail(err)
	}
	return fit(extra, which, 0, "")
}

// ownWrites is what a server has written under its own number beyond what the
// other one has of it.
func ownWrites(mine, theirs, id string) (n float64, which string, err error) {
	have := map[string]uint64{}
	for side, state := range []string{theirs, mine} {
		for _, g := range strings.Split(strings.Join(strings.Fields(state), ""), ",") {
			if g == "" {
				continue
			}
			f := strings.Split(g, "-")
			if len(f) != 3 {
				return 0, "", errGTID
			}
			seq, err := strconv.ParseUint(f[2], 10, 64)
			if err != nil {
				return 0, "", errGTID
			}
			if f[1] != id {
				continue
			}
			if side == 0 {
				have[f[0]] = seq
			} else if old, ok := have[f[0]]; !ok || seq > old {
				// Numbers below the first one of ours belong to other writers: one is certain.
				d := 1.0
				if ok {
					d = float64(seq - old)
				}
				n, which = n+d, strings.TrimPrefix(which+", "+g, ", ")
			}
		}
	}
	return n, which, nil
}

// linkRuns: only Yes is running. The text of an error may hold row values, so
// its number alone is told.
func linkRuns(_ context.Context, k *look) (answer, error) {
	s := k.me.linkOf()
	io, sql := k.me.halves(s)
	is := "io " + io + ", sql " + sql
	for _, half := range []string{"IO", "SQL"} {
		n := s["Last_"+half+"_Errno"]
		if n == "" || n == "0" {
			continue
		}
		next := "see the log of {here}, mend the cause, and start the link"
		switch {
		case n == "1062" || n == "1032":
			next = "a row is there already, or is not there: do not skip it; compare the table, and build {here} again if in doubt"
		case n == "1236" || n == "13114":
			next = "what {here} needs is purged or was written there: build {here} again"
		case half == "IO":
			next = "see whether {here} reaches {there}, and whether the replication's account may log in there"
		}
		return preflight.Says(engines.Block, is+", error "+n, next), nil
	}
	switch until := s["Until_Condition"]; {
	case io != "Yes" || sql != "Yes":
		return preflight.Says(engines.Block, is, k.me.l.d.start()+" on {here}, and see which half stays"), nil
	case s["SQL_Delay"] != "0" && s["SQL_Delay"] != "":
		return preflight.Says(engines.Block, is+", delayed by "+s["SQL_Delay"]+" s", "take the delay out: "+k.me.l.d.changeSource()+" "+k.me.l.d.source()+"_DELAY = 0 on {here}"), nil
	case until != "None" && until != "":
		return preflight.Says(engines.Block, is+", ends at a condition: "+until, k.me.l.d.stop()+", then "+k.me.l.d.start()+" on {here}, without UNTIL"), nil
	}
	return preflight.Passed(is)
}

// Seconds that a side may be behind at the preflight. The window itself counts
// positions, never these.
const (
	lagBlock   = 30
	lagCaution = 10
)

// lagReal: no number means that nothing is replicated, and never 0.
func lagReal(_ context.Context, k *look) (answer, error) {
	word := k.me.word(k.me.linkOf(), "Seconds_Behind_Source", "Seconds_Behind_Master")
	secs, err := strconv.Atoi(word)
	if word == "" || err != nil || secs < 0 {
		return preflight.Says(engines.Block, "not replicating: the lag is no number", "start the link on {here}"), nil
	}
	a := answer{Level: engines.Pass, Is: strconv.Itoa(secs) + " s"}
	switch {
	case secs > lagBlock:
		a.Level = engines.Block
	case secs > lagCaution:
		a.Level = engines.Caution
	}
	return a, nil
}

// unfiltered looks at every place where a filter can stand: in the link, in the
// server, and in what the server logs at all.
func unfiltered(ctx context.Context, k *look) (answer, error) {
	var bad []string
	add := func(name, v string) {
		if v != "" {
			bad = append(bad, name+" = "+v)
		}
	}
	for _, l := range k.me.links {
		for c, v := range l {
			if filterColumn(c) {
				add(c, v)
			}
		}
	}
	for name, v := range k.me.vars { // MariaDB keeps them as settings too
		if k.me.l.d.maria && filterColumn(name) && len(k.me.links) == 0 {
			add(name, v)
		}
	}
	if !k.me.l.d.maria {
		rows, err := k.me.rows(ctx, `SELECT filter_name, filter_rule FROM performance_schema.replication_applier_global_filters
 UNION ALL SELECT filter_name, filter_rule FROM performance_schema.replication_applier_filters WHERE filter_rule <> ''`)
		if err != nil {
			return answer{}, err
		}
		for _, r := range rows {
			add(text(r, 0), text(r, 1))
		}
	}
	own, err := k.me.ask(ctx, k.me.l.d.ownPosition())
	if err != nil {
		return answer{}, err
	}
	for _, row := range own.Rows {
		for _, c := range []string{"Binlog_Do_DB", "Binlog_Ignore_DB"} {
			if i := column(own.Columns, c); i >= 0 {
				add(c, text(row, i))
			}
		}
	}
	if len(bad) > 0 {
		slices.Sort(bad)
		return preflight.Says(engines.Block, "not a full copy, filters "+preflight.Few(slices.Compact(bad)), "build {here} again without a filter: what it left out does not come back"), nil
	}
	return k.links()
}

func filterColumn(name string) bool {
	name = strings.ToLower(name)
	if !strings.HasPrefix(name, "replicate_") && !strings.HasPrefix(name, "replicate-") {
		return false
	}
	for _, s := range []string{"_db", "_table", "_domain_ids", "_server_ids"} {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	return false
}

// links: one on the side that follows. On the side with the writes none may run:
// what it brings in passes the freeze.
func (k *look) links() (answer, error) {
	if len(k.me.links) > 1 {
		return preflight.Says(engines.Block, strconv.Itoa(len(k.me.links))+" links", "stop and forget the others on {here}"), nil
	}
	if k.in.On == k.in.From {
		for _, l := range k.me.links {
			if io, sql := k.me.halves(l); io != "No" || sql != "No" {
				return preflight.Says(engines.Block, "{here} follows "+k.me.word(l, "Source_Host", "Master_Host")+": io "+io+", sql "+sql,
					k.me.l.d.stop()+" on {here}: what a link brings in passes the freeze"), nil
			}
		}
	}
	return preflight.Passed("0 filters, " + strconv.Itoa(len(k.me.links)) + " links")
}

// strict looks at both sides: each applies what the other one has done, in turn.
func strict(_ context.Context, k *look) (answer, error) {
	v := k.me.variable
	for _, s := range []struct{ name, is, want string }{
		{"exec_mode", v("replica_exec_mode", "slave_exec_mode"), "STRICT"},
		{"skip_errors", v("replica_skip_errors", "slave_skip_errors"), "OFF"},
		{"skip_counter", v("sql_replica_skip_counter", "sql_slave_skip_counter"), "0"},
		{"type_conversions", v("replica_type_conversions", "slave_type_conversions"), ""},
		{"preserve_commit_order", v("replica_preserve_commit_order", "slave_preserve_commit_order"), "ON"},
	} {
		if s.is == s.want || s.is == "" {
			continue
		}
		name := k.me.l.d.variable(s.name)
		if s.name == "skip_counter" {
			name = "sql_" + name
		}
		next := "SET GLOBAL " + name + " to " + quotedEmpty(s.want) + " on {here}, and compare all tables"
		if s.name == "skip_errors" {
			next = "take " + name + " out of the option file of {here}, restart it, and compare all tables"
		}
		return preflight.Says(engines.Block, name+" = "+s.is, next), nil
	}
	return preflight.Passed("STRICT")
}

func workers(ctx context.Context, k *look) (answer, error) {
	bad, err := k.me.names(ctx, `SELECT CONCAT('worker ', worker_id, ': error ', last_error_number) FROM performance_schema.replication_applier_status_by_worker
 WHERE last_error_number <> 0 ORDER BY worker_id`)
	return preflight.Found(engines.Block, bad), err
}

// linkKey looks at the account that the link logs in with, on the side that it
// comes to.
func linkKey(ctx context.Context, k *look) (answer, error) {
	s := k.me.linkOf()
	ls, err := k.peer.logins(ctx, []string{s["Source_User"]})
	if err != nil {
		return answer{}, err
	}
	salted := slices.ContainsFunc(ls, func(l login) bool { return l.plugin == "caching_sha2_password" || l.plugin == "sha256_password" })
	switch {
	case s["Source_SSL_Allowed"] == "Yes":
		return preflight.Passed("TLS")
	case salted && s["Get_Source_public_key"] != "1" && s["Source_public_key_path"] == "":
		return answer{Level: engines.Caution, Is: "no TLS, and no key of {there}"}, nil
	}
	return preflight.Passed("no TLS, and the key of {there} is asked for")
}

// coordinatesKept: they matter once the link stands still, for the next thing done
// to it is that it is forgotten.
func coordinatesKept(_ context.Context, k *look) (answer, error) {
	s := k.me.linkOf()
	if io, sql := k.me.halves(s); io != "No" || sql != "No" {
		return preflight.Passed("the link runs: nothing is forgotten yet")
	}
	var lack []string
	for _, c := range []string{k.me.l.d.pick("Source_Host", "Master_Host"), k.me.l.d.pick("Relay_Source_Log_File", "Relay_Master_Log_File"),
		k.me.l.d.pick("Exec_Source_Log_Pos", "Exec_Master_Log_Pos")} {
		if v := s[c]; v == "" || v == "0" {
			lack = append(lack, c)
		}
	}
	for _, name := range []string{varPosition, varToFile} {
		if k.in.Vars[name] == "" {
			lack = append(lack, "the run's "+name)
		}
	}
	if len(lack) > 0 {
		return preflight.Says(engines.Block, "the link stands still, and these are not recorded: "+strings.Join(lack, ", "),
			"run the step that catches up, which records where both sides stand, before the link is forgotten"), nil
	}
	return preflight.Passed("the link stands still, its coordinates are recorded")
}
