package postgres

import (
	"context"
	"slices"
	"strconv"

	"github.com/turquoise-db/turquoise/engines"
)

// Cuts divides the first key column into ranges of about rows rows. Statistics
// hold bounds of equal numbers of rows; between two whole numbers more are
// drawn. Without statistics the index is walked: one step per range.
func (c *Comparer) Cuts(ctx context.Context, d engines.TableDigest, rows int64) ([]string, error) {
	if !d.Ordered || d.Rows <= rows {
		return nil, nil
	}
	bounds, err := c.query(ctx, "read statistics of "+d.Label(), `SELECT b FROM pg_stats s, unnest(s.histogram_bounds::text::text[]) b
 WHERE s.schemaname = $1 AND s.tablename = $2 AND s.attname = $3 ORDER BY s.inherited DESC`, d.Schema, d.Name, d.Key[0])
	if err != nil {
		return nil, err
	}
	var cuts []string
	for _, r := range bounds {
		cuts = append(cuts, text(r, 0))
	}
	if len(cuts) < 2 {
		return c.walk(ctx, d, rows)
	}
	return refine(cuts, d.Rows, rows), nil
}

// refine draws whole numbers between bounds that hold more than rows rows, and
// drops bounds that hold fewer. Bounds that are no numbers stay as they are.
func refine(bounds []string, total, rows int64) []string {
	each := max(total/int64(len(bounds)-1), 1)
	if each <= rows {
		keep := int(max(rows/each, 1))
		out := bounds[:0:0]
		for i := keep; i < len(bounds)-1; i += keep {
			out = append(out, bounds[i])
		}
		return slices.Compact(out)
	}
	parts := (each + rows - 1) / rows
	var out []string
	for i := 0; i+1 < len(bounds); i++ {
		if i > 0 {
			out = append(out, bounds[i])
		}
		more, _, _ := engines.Between(bounds[i], bounds[i+1], parts)
		out = append(out, more...)
	}
	return slices.Compact(out)
}

func (c *Comparer) walk(ctx context.Context, d engines.TableDigest, rows int64) ([]string, error) {
	k := col(d.Key[0])
	return engines.WalkCuts(func(last string, begun, past bool) (string, bool, error) {
		where := ""
		if begun {
			where = " WHERE " + k + " >= " + typed(last, d.Types[0])
		}
		if past {
			where = " WHERE " + k + " > " + typed(last, d.Types[0])
		}
		got, err := c.query(ctx, "walk the key of "+d.Label(), "SELECT "+k+"::text FROM "+source(d)+where+
			" ORDER BY "+k+" OFFSET "+strconv.FormatInt(rows, 10)+" LIMIT 1")
		if err != nil || len(got) == 0 {
			return "", false, err
		}
		return text(got[0], 0), true, nil
	})
}

// Load is what the server suffers now.
func (c *Comparer) Load(ctx context.Context) (engines.Load, error) {
	rows, err := c.poll(ctx, "read the load", `SELECT count(*) FILTER (WHERE state = 'active' AND backend_type = 'client backend' AND NOT ours),
 count(*) FILTER (WHERE state = 'active' AND wait_event_type = 'Lock' AND NOT ours), coalesce(extract(epoch FROM max(clock_timestamp() - xact_start) FILTER (WHERE ours)), 0),
 count(*) FILTER (WHERE query = '<insufficient privilege>')
FROM (SELECT *, usename = current_user AND application_name LIKE '`+AppPrefix+`%' AS ours FROM pg_stat_activity WHERE pid <> pg_backend_pid()) a`)
	if err != nil {
		return engines.Load{}, err
	}
	if text(rows[0], 3) != "0" {
		return engines.Load{}, c.fail("read the load", errBlind)
	}
	l, err := engines.ReadLoad(text(rows[0], 0), text(rows[0], 1), text(rows[0], 2))
	if err != nil {
		return engines.Load{}, c.fail("read the load", errNumber)
	}
	return l, nil
}

// Position is behind every commit that this session has seen.
func (c *Comparer) Position(ctx context.Context) (string, error) {
	rows, err := c.poll(ctx, "read the position", `SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END`)
	if err != nil {
		return "", err
	}
	return text(rows[0], 0), nil
}

// Applied reports whether this server has applied the other's position: by the
// origin of each subscription whose slot stands over there, or by that slot.
func (c *Comparer) Applied(ctx context.Context, from engines.Comparer, position string) (applied, linked bool, err error) {
	other, ok := from.(*Comparer)
	if !ok {
		return false, false, c.fail("look for the replication", errCompared)
	}
	subs, err := c.poll(ctx, "read the subscriptions", `SELECT s.subslotname, coalesce(o.remote_lsn >= $1::pg_lsn, false) FROM pg_subscription s
 LEFT JOIN pg_replication_origin_status o ON o.external_id = 'pg_' || s.oid
 WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND s.subenabled AND s.subslotname IS NOT NULL`, position)
	if err != nil {
		return false, false, err
	}
	var slots []string
	past := map[string]bool{}
	for _, r := range subs {
		slots = append(slots, text(r, 0))
		past[text(r, 0)] = text(r, 1) == "t"
	}
	if len(slots) == 0 {
		return false, false, nil
	}
	at, err := other.poll(ctx, "read the slots", `SELECT slot_name, coalesce(confirmed_flush_lsn >= $1::pg_lsn, false) FROM pg_replication_slots
 WHERE slot_name = ANY ($2::name[]) AND database = current_database()`, position, arrayText(slots))
	if err != nil {
		return false, false, err
	}
	applied = true
	for _, r := range at {
		linked = true
		applied = applied && (text(r, 1) == "t" || past[text(r, 0)])
	}
	return applied && linked, linked, nil
}
