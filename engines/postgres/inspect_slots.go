package postgres

import (
	"context"
	"fmt"
	"strconv"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// slotChecks look at who reads the log of the side that has the writes.
func slotChecks() []check {
	return []check{
		{ID: "PG08", Title: "The slot is healthy", On: preflight.From, Needs: needSlot, Want: "read, and its WAL kept",
			Cause: "If the slot is lost green must be built again.", Ask: slotHealthy},
		{ID: "PG10", Title: "Other readers of the log have an owner", On: preflight.From, Want: "0 slots that the runbook does not know",
			Cause: "Whoever reads blue's log reads nothing new after the switch.", Next: "agree who moves it to green, and when",
			Ask: none(engines.Caution, `SELECT slot_name || ' (' || coalesce(plugin, slot_type) || CASE WHEN active THEN ', read now' ELSE ', not read' END || ')' FROM pg_replication_slots
 WHERE slot_name <> ALL ($1::name[]) AND NOT temporary AND (database IS NULL OR database = current_database()) ORDER BY 1`, func(k *look) string {
				return arrayText(append([]string{k.feeds().slot, k.takes().slot}, k.p.Lists["consumers"]...))
			})},
		{ID: "PG11", Title: "A failover of blue keeps the slot", On: preflight.From, Needs: needStats, Want: "no standby, or a slot that fails over",
			Cause: "If blue fails over meanwhile, the slot is not on the standby and green must be built again.", Ask: failsOver},
		{ID: "PG33", Title: "No transaction is too large for decoding", On: preflight.From, Needs: needSlot, Since: 14, Want: "0 spilled to disk",
			Cause: "A transaction that is decoded from disk lets the lag jump at its commit.", Next: "find the batch that writes so much at once, and keep it out of the window; raise logical_decoding_work_mem",
			Ask: spilled},
	}
}

func slotHealthy(ctx context.Context, k *look) (answer, error) {
	row, err := k.me.row(ctx, `SELECT active, coalesce(wal_status, 'unknown'), coalesce(safe_wal_size, -1), coalesce(to_jsonb(s) ->> 'invalidation_reason', ''),
 coalesce(to_jsonb(s) ->> 'conflicting', ''), pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint, coalesce(plugin, slot_type), coalesce(database, '') = current_database()
 FROM pg_replication_slots s WHERE slot_name = $1`, k.feeds().slot)
	if err != nil {
		return answer{}, err
	}
	is := "WAL " + text(row, 1) + ", " + text(row, 5) + " bytes kept"
	room, err := strconv.ParseInt(text(row, 2), 10, 64)
	if err != nil {
		return answer{}, k.me.fail(errNumber)
	}
	switch {
	case text(row, 6) != "pgoutput" || text(row, 7) != "t":
		return preflight.Says(engines.Block, "it is another's: plugin "+text(row, 6), "drop it on {here} after a talk with its owner, or set parameter slot to a free name"), nil
	case text(row, 1) == "lost" || text(row, 3) != "" || text(row, 4) == "true":
		return preflight.Says(engines.Block, "lost "+text(row, 3), "build green again: the slot's WAL is gone"), nil
	case text(row, 1) == "unreserved":
		return preflight.Says(engines.Block, is, "the next checkpoint may drop it: raise max_slot_wal_keep_size on {here} and reload it now"), nil
	case text(row, 0) != "t":
		return preflight.Says(engines.Block, "nobody reads it; "+is, "look at the worker on {there}; the slot goes on keeping WAL"), nil
	case room >= 0 && room < 1<<30:
		return preflight.Says(engines.Caution, fmt.Sprintf("%s, %d MB left", is, room>>20), "raise max_slot_wal_keep_size on {here} and reload it"), nil
	}
	return answer{Level: engines.Pass, Is: is}, nil
}

// failsOver: before 17 no logical slot is on a standby. A physical slot counts
// as a standby even while nobody reads it.
func failsOver(ctx context.Context, k *look) (answer, error) {
	standbys, err := k.me.names(ctx, `SELECT application_name || ' at ' || coalesce(host(client_addr), 'this host') FROM pg_stat_replication r
 WHERE NOT EXISTS (SELECT FROM pg_replication_slots s WHERE s.active_pid = r.pid AND s.slot_type = 'logical') AND state <> 'backup'
 AND application_name <> ALL ($1::name[]) UNION SELECT 'physical slot ' || slot_name FROM pg_replication_slots WHERE slot_type = 'physical' AND NOT temporary ORDER BY 1`,
		arrayText([]string{k.feeds().sub, k.feeds().slot}))
	if err != nil {
		return answer{}, err
	}
	if len(standbys) == 0 {
		return answer{Level: engines.Pass, Is: "no standby"}, nil
	}
	rows, err := k.me.rows(ctx, `SELECT coalesce(to_jsonb(s) ->> 'failover', 'false') FROM pg_replication_slots s WHERE slot_name = $1`, k.feeds().slot)
	if err != nil {
		return answer{}, err
	}
	if len(rows) == 1 && text(rows[0], 0) == "true" {
		return preflight.Says(engines.Caution, "the slot fails over to "+preflight.Few(standbys), "check on the standby that the slot is synced"), nil
	}
	return preflight.Says(engines.Caution, "standbys "+preflight.Few(standbys), "note in the decision to go that a failover of {here} means to build {there} again"), nil
}

func spilled(ctx context.Context, k *look) (answer, error) {
	row, err := k.me.row(ctx, `SELECT coalesce(max(spill_txns), 0) = 0, coalesce(max(spill_txns), 0) || ' transactions, ' || coalesce(max(spill_bytes), 0) / 1048576 || ' MB' ||
 coalesce(' since ' || date_trunc('second', max(stats_reset)), '') FROM pg_stat_replication_slots WHERE slot_name = $1`, k.feeds().slot)
	if err != nil {
		return answer{}, err
	}
	a := answer{Level: engines.Caution, Is: text(row, 1)}
	if text(row, 0) == "t" {
		a.Level = engines.Pass
	}
	return a, nil
}
