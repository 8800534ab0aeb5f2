package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// settingChecks look at settings of the servers.
func settingChecks() []check {
	return []check{
		{ID: "PG01", Title: "WAL can be decoded", Want: "logical",
			Cause: "Without it neither the way there nor the way back can begin.", Next: "ALTER SYSTEM SET wal_level = logical on {here}, and restart it",
			Ask: decodable},
		{ID: "PG02", Title: "Slots, senders and workers are free", Needs: needPeer, Want: "room for the copy and for both links",
			Cause: "A link that finds no slot or worker waits for ever, in the server's log alone.", Ask: room},
		{ID: "PG09", Title: "The slot is not dropped by a limit", Want: "no limit, or 30 min of WAL at the present rate",
			Cause: "A slot that is dropped takes green with it: it must be built again.", Ask: slotLimits},
		{ID: "PG24", Title: "Settings that clients feel are equal", On: preflight.To, Needs: needPeer | needSettings, Want: "no difference",
			Cause: "The same statement may answer otherwise after the switch; settings of roles and databases are not replicated.",
			Next:  "set it on {here} as on {there}: ALTER SYSTEM, ALTER DATABASE … SET or ALTER ROLE … SET", Ask: settingsEqual},
		{ID: "PG30", Title: "Room for the clients", On: preflight.To, Needs: needPeer, Want: "limits no lower than on {there}",
			Cause: "Clients that were served before are refused after the switch.", Next: "raise it on {here} and restart it before the window", Ask: bigEnough},
		{ID: "PG32", Title: "Commits do not wait for the subscription", Want: "synchronous_standby_names without * and without the subscription",
			Cause: "Commits on this side would hang as soon as the other side stops.", Next: "name the standbys one by one in synchronous_standby_names on {here}",
			Ask: notSynchronous},
		{ID: "PG39", Title: "Blue can be restored", On: preflight.From, Want: "archiving on, and its last try a success",
			Cause: "A backup is the way back when all others are gone.", Ask: archived},
	}
}

func decodable(ctx context.Context, k *look) (answer, error) {
	row, err := k.me.row(ctx, `SELECT current_setting('wal_level'), (SELECT string_agg(name, ', ' ORDER BY name) FROM pg_settings WHERE pending_restart)`)
	if err != nil {
		return answer{}, err
	}
	level, pending := text(row, 0), text(row, 1)
	switch {
	case level != "logical":
		return answer{Level: engines.Block, Is: level}, nil
	case pending != "":
		return preflight.Says(engines.Caution, level+"; a restart is due for "+pending, "restart {here} before the window, or take the change back"), nil
	}
	return answer{Level: engines.Pass, Is: level}, nil
}

// capacity is what one side has left. Columns of capacitySQL.
const (
	capSlots = iota
	capSenders
	capWorkers
	capOrigins
	capSync
	capProcesses
	capAllWorkers
	capParallel
	capLink
)

const capacitySQL = `SELECT current_setting('max_replication_slots')::int - (SELECT count(*) FROM pg_replication_slots),
 current_setting('max_wal_senders')::int - (SELECT count(*) FROM pg_stat_replication),
 current_setting('max_logical_replication_workers')::int - (SELECT count(*) FROM pg_stat_subscription WHERE pid IS NOT NULL),
 coalesce(current_setting('max_active_replication_origins', true), current_setting('max_replication_slots'))::int - (SELECT count(*) FROM pg_replication_origin),
 current_setting('max_sync_workers_per_subscription')::int, current_setting('max_worker_processes')::int,
 current_setting('max_logical_replication_workers')::int, current_setting('max_parallel_workers')::int,
 (SELECT count(*) FROM pg_stat_subscription WHERE subname = $1 AND pid IS NOT NULL)`

// room counts what the two links still need. The link there copies tables with
// some workers of its own, each with a slot on the other side; the link back
// copies nothing. One of each is kept in hand.
func room(ctx context.Context, k *look) (answer, error) {
	mine, err := k.me.numbers(ctx, capacitySQL, k.takes().sub)
	if err != nil {
		return answer{}, err
	}
	theirs, err := k.peer.numbers(ctx, capacitySQL, k.feeds().sub)
	if err != nil {
		return answer{}, err
	}
	slots, workers := 2, 1
	switch {
	case k.in.On == k.in.From:
		slots += theirs[capSync]
	default:
		workers += mine[capSync]
	}
	if k.me.slot {
		slots = 1
	}
	if mine[capLink] > 0 {
		workers = 0
	}
	is := fmt.Sprintf("free: %d slots, %d senders, %d workers, %d origins", mine[capSlots], mine[capSenders], mine[capWorkers], mine[capOrigins])
	for _, s := range []struct {
		name       string
		have, want int
	}{
		{"max_replication_slots", mine[capSlots], slots}, {"max_wal_senders", mine[capSenders], slots},
		{"max_logical_replication_workers", mine[capWorkers], workers}, {"max_replication_slots (for origins)", mine[capOrigins], workers},
	} {
		if s.have < s.want {
			return preflight.Says(engines.Block, is, fmt.Sprintf("raise %s on {here} by %d and restart it", s.name, s.want-s.have)), nil
		}
	}
	if mine[capProcesses] < mine[capAllWorkers]+1+mine[capParallel] {
		return preflight.Says(engines.Caution, is+"; max_worker_processes is below replication and parallel workers together",
			fmt.Sprintf("raise max_worker_processes on {here} to %d or more", mine[capAllWorkers]+1+mine[capParallel])), nil
	}
	return answer{Level: engines.Pass, Is: is}, nil
}

// Minutes of WAL that a limited slot must hold: half an hour is the shortest
// repair of a link, two hours leave time to call somebody.
const (
	roomBlock   = 30
	roomCaution = 120
)

// slotLimits measures the rate since the last checkpoint, over a minute at
// least: a burst just after it is not taken for the rule.
func slotLimits(ctx context.Context, k *look) (answer, error) {
	row, err := k.me.row(ctx, `SELECT current_setting('max_slot_wal_keep_size'), pg_size_bytes(current_setting('max_slot_wal_keep_size')),
 coalesce(s.setting::int, 0), pg_wal_lsn_diff(pg_current_wal_lsn(), c.redo_lsn) / greatest(extract(epoch FROM clock_timestamp() - c.checkpoint_time), 60)
 FROM pg_control_checkpoint() c LEFT JOIN pg_settings s ON s.name = 'idle_replication_slot_timeout'`)
	if err != nil {
		return answer{}, err
	}
	keep, e1 := strconv.ParseFloat(text(row, 1), 64)
	idle, e2 := strconv.Atoi(text(row, 2))
	rate, e3 := strconv.ParseFloat(text(row, 3), 64)
	if e1 != nil || e2 != nil || e3 != nil {
		return answer{}, k.me.fail(errNumber)
	}
	if idle > 0 && idle < roomBlock*60 {
		return preflight.Says(engines.Block, fmt.Sprintf("idle_replication_slot_timeout is %d s", idle), "ALTER SYSTEM SET idle_replication_slot_timeout = 0 on {here}, and reload it"), nil
	}
	if strings.HasPrefix(text(row, 0), "-") {
		return preflight.Says(engines.Info, "no limit: a slot that stands still fills the disk, which SQL does not see", "watch the free disk of {here}"), nil
	}
	minutes := keep / max(rate, 1) / 60
	a := preflight.Says(engines.Pass, fmt.Sprintf("%s, %.0f min at %.0f kB/s", text(row, 0), min(minutes, 1e6), rate/1000),
		"ALTER SYSTEM SET max_slot_wal_keep_size to more, or to -1, on {here}, and reload it")
	if minutes < roomCaution {
		a.Level = engines.Caution
	}
	if minutes < roomBlock {
		a.Level = engines.Block
	}
	return a, nil
}

func notSynchronous(ctx context.Context, k *look) (answer, error) {
	row, err := k.me.row(ctx, `SELECT current_setting('synchronous_standby_names')`)
	if err != nil {
		return answer{}, err
	}
	names := text(row, 0)
	// Words of the setting: names, quoted or not, and the method with its count.
	for _, w := range strings.FieldsFunc(names, func(r rune) bool { return strings.ContainsRune(` ,()"`, r) }) {
		if w == "*" || strings.EqualFold(w, k.feeds().sub) {
			return answer{Level: engines.Block, Is: names}, nil
		}
	}
	if names == "" {
		names = "empty"
	}
	return answer{Level: engines.Pass, Is: names}, nil
}

func archived(ctx context.Context, k *look) (answer, error) {
	row, err := k.me.row(ctx, `SELECT current_setting('archive_mode'), coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false),
 coalesce(date_trunc('second', last_failed_time)::text, ''), coalesce(date_trunc('second', last_archived_time)::text, 'never') FROM pg_stat_archiver`)
	if err != nil {
		return answer{}, err
	}
	switch {
	case text(row, 0) == "off":
		return preflight.Says(engines.Caution, "archiving is off", "name the newest backup of {here} and when it was last restored as a test"), nil
	case text(row, 1) == "t":
		return preflight.Says(engines.Block, "the last try failed at "+text(row, 2), "repair archive_command on {here}, or take a base backup"), nil
	case text(row, 3) == "never":
		return preflight.Says(engines.Caution, "nothing was archived since the counters were reset", "SELECT pg_switch_wal() on {here}, and look again"), nil
	}
	return answer{Level: engines.Pass, Is: "last archived at " + text(row, 3)}, nil
}
