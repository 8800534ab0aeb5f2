package postgres

import (
	"context"
	"strconv"

	"github.com/turquoise-db/turquoise/engines"
)

// check is one question of the preflight: a query whose first row says what is,
// and whether it passes.
type check struct {
	id, title string
	level     engines.Level // what a failure means
	both      bool          // asked on both sides, or on the one with the writes
	sql       string        // columns: passes, what is seen
	want      string
	cause     string
	next      string
}

const userRelation = `n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'tq') AND c.relpersistence <> 't'`

// checkTable lists what is looked at, in the order it is shown.
func checkTable(p plan) []check {
	return []check{
		{"G01", "Sessions can be seen", engines.Block, true,
			`SELECT count(*) = 0, count(*) || ' sessions hidden' FROM pg_stat_activity WHERE query = '<insufficient privilege>'`,
			"0 sessions hidden", "A writer that is not seen is a row that is lost.", "grant pg_monitor to our role"},
		{"PG01", "WAL can be decoded", engines.Block, true,
			`SELECT current_setting('wal_level') = 'logical', current_setting('wal_level')`,
			"logical", "Without it neither the way there nor the way back can begin.", "set wal_level = logical and restart the server"},
		{"PG02", "Slots, senders and workers are free", engines.Block, true,
			`SELECT least(slots, senders, workers) >= 2, slots || ' slots, ' || senders || ' senders, ' || workers || ' workers free' FROM (SELECT
 current_setting('max_replication_slots')::int - (SELECT count(*) FROM pg_replication_slots) AS slots,
 current_setting('max_wal_senders')::int - (SELECT count(*) FROM pg_stat_replication) AS senders,
 current_setting('max_logical_replication_workers')::int - (SELECT count(*) FROM pg_stat_subscription WHERE pid IS NOT NULL) AS workers) f`,
			"2 or more of each", "The link needs one of each, its copy and the way back another.", "raise the setting that is short and restart the server"},
		{"PG03", "Every table has a key", engines.Block, false,
			`SELECT count(*) = 0, count(*) || ' tables without replica identity' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND ` +
				userRelation + ` AND (c.relreplident = 'n' OR c.relreplident = 'd' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
 OR c.relreplident = 'i' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident))`,
			"0", "UPDATE and DELETE on such a table fail as soon as it is published.", "add a primary key, or set REPLICA IDENTITY FULL for small tables"},
		{"PG12", "Sequences are readable and roomy", engines.Block, true,
			`SELECT count(*) FILTER (WHERE NOT has_sequence_privilege(c.oid, 'SELECT')) = 0, count(*) || ' sequences, ' ||
 count(*) FILTER (WHERE NOT has_sequence_privilege(c.oid, 'SELECT')) || ' unreadable' FROM pg_class c WHERE ` + userSequence,
			"0 unreadable", "A sequence that is not raised hands out numbers twice.", "grant select and update on the sequences to our role"},
		{"PG14", "No large objects", engines.Block, false,
			`SELECT count(*) = 0, count(*) || ' large objects' FROM (SELECT FROM pg_largeobject_metadata LIMIT 1000) l`,
			"0", "Large objects are not replicated.", "move them into a bytea column, or copy them under the freeze"},
		{"PG15", "No unlogged tables", engines.Caution, false,
			`SELECT count(*) = 0, count(*) || ' unlogged tables' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND c.relpersistence = 'u' AND ` + userRelation,
			"0", "Unlogged tables are not replicated.", "set them logged, or agree that they arrive empty"},
		{"PG26", "No prepared transactions", engines.Block, true,
			`SELECT count(*) = 0, count(*) || ' prepared' FROM pg_prepared_xacts WHERE database = current_database()`,
			"0", "A prepared transaction is an unseen writer and keeps a slot from being made.", "commit or roll back each one"},
		{"PG27", "No long transaction", engines.Block, false,
			`SELECT coalesce(max(clock_timestamp() - xact_start), '0') < '15 s', coalesce(date_trunc('second', max(clock_timestamp() - xact_start)), '0')::text
 FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND datname = current_database()`,
			"below 15 s", "The freeze waits for it, or ends it.", "find its owner in the client list"},
		{"PG25", "Application roles exist", engines.Block, true,
			`SELECT count(*) = ` + strconv.Itoa(len(p.app)) + `, count(*) || ' of ` + strconv.Itoa(len(p.app)) + `' FROM pg_roles WHERE rolname = ANY (` + list(p.app) + `)`,
			strconv.Itoa(len(p.app)), "The freeze and the opening name these roles.", "correct parameter app_roles, or create the roles"},
		{"G18", "Our role may do the work", engines.Block, true,
			`SELECT rolsuper, CASE WHEN rolsuper THEN 'superuser' ELSE 'not superuser' END FROM pg_roles WHERE rolname = current_user`,
			"superuser", "Subscriptions, ending sessions and closing roles need it.", "log in as a superuser for this work"},
	}
}

// Inspect asks every check of this side. A check that cannot look is blind, and
// blind is not passed.
func (r *Reader) Inspect(ctx context.Context, in engines.Scope) []engines.Finding {
	var out []engines.Finding
	for _, c := range checkTable(scopePlan(in)) {
		if !c.both && in.On != in.From {
			continue
		}
		f := engines.Finding{ID: c.id, Title: c.title, Target: in.On, Want: c.want, Cause: c.cause, Next: c.next}
		res, err := r.query(ctx, "check "+c.id, c.sql)
		switch {
		case err != nil:
			f.Level, f.Is = engines.Blind, err.Error()
		case len(res.Rows) != 1:
			f.Level, f.Is = engines.Blind, "no answer row"
		case text(res.Rows[0], 0) == "t":
			f.Level, f.Is = engines.Pass, clean(text(res.Rows[0], 1))
		default:
			f.Level, f.Is = c.level, clean(text(res.Rows[0], 1))
		}
		out = append(out, f)
	}
	return append(out, r.apart(ctx, in))
}

// apart says whether the two sides are two servers. The system identifier alone
// proves nothing: a physical copy keeps it.
func (r *Reader) apart(ctx context.Context, in engines.Scope) engines.Finding {
	f := engines.Finding{ID: "G03", Title: "Two servers", Target: in.On, Want: "another server on the other side",
		Cause: "A drop on the wrong server stops the service.", Next: "check both connection strings"}
	other := in.To
	if in.On == in.To {
		other = in.From
	}
	peer := in.Peer[other]
	if peer == nil {
		f.Is = errPeer.Error()
		return f
	}
	a, err := r.Identify(ctx)
	if err != nil {
		f.Is = err.Error()
		return f
	}
	b, err := peer.Identify(ctx)
	if err != nil {
		f.Is = err.Error()
		return f
	}
	f.Is, f.Level = b.String(), engines.Pass
	if a.System == b.System && a.Started == b.Started && a.Extra["address"] == b.Extra["address"] && a.Extra["port"] == b.Extra["port"] {
		f.Level = engines.Block
	}
	return f
}
