package postgres

import (
	"context"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// sessionChecks look at who is at work.
func sessionChecks() []check {
	return []check{
		{ID: "PG26", Title: "No prepared transactions", Want: "0",
			Cause: "A prepared transaction is a writer that no session shows, and it keeps a slot from being made.", Next: "COMMIT PREPARED or ROLLBACK PREPARED each, with its owner",
			Ask: none(engines.Block, `SELECT quote_literal(gid) || ' of ' || owner || ' since ' || date_trunc('second', prepared) FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared`)},
		{ID: "PG27", Title: "No long transaction", On: preflight.From, Needs: needStats, Want: "no writer over 15 s, no reader over 5 min, no index or table being built anew",
			Cause: "A slot waits for every transaction that is open; the freeze ends what is left.", Next: "find its owner in the client list; it is ended by the freeze at the latest",
			Ask: none(engines.Caution, longTransactions, func(k *look) string { return k.p.own },
				func(k *look) string { return k.p.Duration("long_writer", longWriter).String() }, func(k *look) string { return k.p.Duration("long_reader", longReader).String() })},
		{ID: "PG28", Title: "Only replication writes to green", On: preflight.To, Needs: needStats | needSub, Want: "0 writers",
			Cause: "A row that was written on green is in the way of the same row from blue.", Next: "end the session, and close its role on {here}", Ask: strangers},
		{ID: "PG05/databases", Title: "No application works in another database", On: preflight.From, Needs: needStats, Want: "0 sessions in other databases of {here}",
			Cause: "A run moves one database. A role belongs to the whole server: where its login is taken away, it is taken away everywhere.", Ask: otherDatabases},
		{ID: "PG37", Title: "Things that do not travel", On: preflight.From, Needs: needStats, Want: "none",
			Cause: "Listeners, advisory locks and event triggers stay behind, or are made anew by somebody.", Next: "agree who makes them on {there}",
			Ask: none(engines.Info, `SELECT 'event trigger ' || quote_ident(evtname) FROM pg_event_trigger
 UNION ALL SELECT DISTINCT 'advisory locks of ' || coalesce(a.usename, '?') FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
  WHERE l.locktype = 'advisory' AND NOT (`+isCockpit+`) AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
 UNION ALL SELECT DISTINCT 'listener ' || coalesce(usename, '?') FROM pg_stat_activity WHERE datname = current_database() AND query ~* '^\s*listen\s' ORDER BY 1`)},
	}
}

// A writer of 15 s makes the freeze wait for its end; a reader of 5 min only
// loses its answer there.
const (
	longWriter = 15 * time.Second
	longReader = 5 * time.Minute
)

// longTransactions names what the link's slot or the freeze would wait for. A
// statement's text may hold values and is not shown.
const longTransactions = `SELECT coalesce(usename, '?') || ' (' || application_name || ', pid ' || pid || ') ' || CASE WHEN backend_xid IS NULL THEN 'reads' ELSE 'writes' END || ' since ' ||
  date_trunc('second', clock_timestamp() - xact_start) FROM pg_stat_activity
 WHERE backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid() AND NOT (usename = $1 AND application_name LIKE '` + AppPrefix + `%')
 AND clock_timestamp() - xact_start > CASE WHEN backend_xid IS NULL THEN $3::interval ELSE $2::interval END
 UNION ALL SELECT 'index being built, pid ' || pid FROM pg_stat_progress_create_index WHERE datname = current_database()
 UNION ALL SELECT lower(command) || ', pid ' || pid FROM pg_stat_progress_cluster WHERE datname = current_database()
 UNION ALL SELECT 'vacuum to prevent wraparound, pid ' || pid FROM pg_stat_activity WHERE backend_type = 'autovacuum worker' AND datname = current_database()
  AND query LIKE '%(to prevent wraparound)' ORDER BY 1`

func strangers(ctx context.Context, k *look) (answer, error) {
	names, err := k.me.names(ctx, `SELECT DISTINCT coalesce(usename, '?') || ' (' || application_name || ' from ' || coalesce(host(client_addr), 'this host') || ')' FROM pg_stat_activity
 WHERE backend_type = 'client backend' AND datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid() AND NOT `+k.p.ours()+` ORDER BY 1`)
	if err != nil || len(names) > 0 {
		return preflight.Found(engines.Block, names), err
	}
	apps, err := k.me.names(ctx, `SELECT usename || ' (' || count(*) || ')' FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = current_database()
 AND usename = ANY (`+list(k.p.app)+`) AND NOT `+k.p.ours()+` GROUP BY usename ORDER BY 1`)
	a := preflight.Found(engines.Caution, apps)
	if len(apps) > 0 {
		a.Is = "no writer now; applications are connected, " + a.Is
	}
	return a, err
}

// otherDatabases: an application that shares its role with another database is
// shut out of both by the freeze, so that blocks. Others are told: they stay
// where they are and need a run of their own.
func otherDatabases(ctx context.Context, k *look) (answer, error) {
	const sessions = `SELECT quote_ident(datname) || ' (' || string_agg(usename || ' ' || n, ', ' ORDER BY usename) || ')' FROM (SELECT datname, usename, count(*) AS n FROM pg_stat_activity
 WHERE backend_type = 'client backend' AND datname <> current_database() AND usename <> $1 AND (usename = ANY ($2::name[])) = $3::boolean GROUP BY 1, 2) s GROUP BY datname ORDER BY 1`
	shared, err := k.me.names(ctx, sessions, k.me.login, arrayText(k.p.app), "t")
	if err != nil {
		return answer{}, err
	}
	if len(shared) > 0 {
		return preflight.Says(engines.Block, "the application's roles work there too, "+preflight.Few(shared),
			"give that database roles of its own, or stop what works there for as long as the roles are closed on {here}"), nil
	}
	others, err := k.me.names(ctx, sessions, k.me.login, arrayText(k.p.app), "f")
	a := preflight.Found(engines.Caution, others)
	if len(others) > 0 {
		a.Next = "give each database that moves a run of its own, with its own names of slot and subscription; say who stays on {here}"
	}
	return a, err
}
