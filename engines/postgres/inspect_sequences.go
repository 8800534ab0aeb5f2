package postgres

import (
	"context"
	"slices"
	"strconv"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// sequenceChecks look at what replication leaves behind by design.
func sequenceChecks() []check {
	return []check{
		{ID: "PG12", Title: "Sequences are readable and roomy", Want: "each may be read and set, none is nearly used up",
			Cause: "A sequence that is not raised hands out numbers twice; one at its end hands out none.", Ask: sequencesRoomy},
		{ID: "PG12/sets", Title: "The same sequences on both sides", On: preflight.To, Needs: needBuilt, Want: "no difference",
			Cause: "A sequence that is missing or of another type cannot be raised in the window.", Next: "create or alter it on {here} as on {there}",
			Ask: sequenceSets},
	}
}

// sequenceKinds is what must agree for a number of one side to fit the other.
const sequenceKinds = `SELECT format('%I.%I', n.nspname, c.relname), s.seqtypid::regtype || CASE WHEN s.seqincrement > 0 THEN ' counting up' ELSE ' counting down' END
 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_sequence s ON s.seqrelid = c.oid WHERE ` + userSequence

// sequenceSets: one that only this side has is never raised and harms nothing.
func sequenceSets(ctx context.Context, k *look) (answer, error) {
	ds, err := k.compare(ctx, sequenceKinds)
	ds = slices.DeleteFunc(ds, func(d engines.Difference) bool { return d.OnlyHere })
	return preflight.Found(engines.Block, k.list(ds)), err
}

// sequencesRoomy never calls nextval. The margin of the runbook must fit twice:
// it is added once ahead of the window and numbers go on being used until then.
// The last value is asked only where that is allowed: before 18 the function
// raises without the right, and would end the whole answer.
func sequencesRoomy(ctx context.Context, k *look) (answer, error) {
	margin, err := strconv.Atoi(k.p.Param("margin", "1000"))
	if err != nil || margin < 0 {
		return answer{}, &engines.Error{Op: "inspect sequences", Object: string(k.in.On), Err: errMargin, Next: "set parameter margin to a number of increments"}
	}
	shut, err := k.me.names(ctx, `SELECT c.oid::regclass FROM pg_class c WHERE `+userSequence+`
 AND NOT (has_sequence_privilege(c.oid, 'SELECT') AND has_sequence_privilege(c.oid, 'UPDATE')) ORDER BY 1`)
	if err != nil {
		return answer{}, err
	}
	if len(shut) > 0 {
		return preflight.Says(engines.Block, "not readable or not settable, "+preflight.Few(shut), "GRANT SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA … TO {own} on {here}"), nil
	}
	rows, err := k.me.rows(ctx, `SELECT c.oid::regclass::text || ' (' || s.seqtypid::regtype || ', ' || u.pct || ' % used)', u.pct > 90 OR u.room < 2 * $1::numeric,
 u.pct > 75, s.seqcycle, s.seqcache > 1, c.oid::regclass::text
 FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid
 CROSS JOIN LATERAL (SELECT coalesce(pg_sequence_last_value(c.oid), s.seqstart)::numeric AS last) v
 CROSS JOIN LATERAL (SELECT round(100 * CASE WHEN s.seqincrement > 0 THEN v.last - s.seqmin ELSE s.seqmax - v.last END / greatest(s.seqmax::numeric - s.seqmin, 1), 1) AS pct,
  trunc(CASE WHEN s.seqincrement > 0 THEN s.seqmax - v.last ELSE v.last - s.seqmin END / abs(s.seqincrement)) AS room) u
 WHERE `+userSequence+` ORDER BY u.pct DESC, 1`, strconv.Itoa(margin))
	if err != nil {
		return answer{}, err
	}
	var end, near, cycle, cache []string
	for _, r := range rows {
		yes := func(i int) bool { return text(r, i) == "t" }
		switch {
		case yes(3):
			cycle = append(cycle, text(r, 5))
		case yes(1):
			end = append(end, text(r, 0))
		case yes(2):
			near = append(near, text(r, 0))
		case yes(4):
			cache = append(cache, text(r, 5))
		}
	}
	switch {
	case len(end) > 0:
		return preflight.Says(engines.Block, "nearly used up, "+preflight.Few(end), "widen it in a change of its own, or lower parameter margin"), nil
	case len(near) > 0:
		return preflight.Says(engines.Caution, "more than 75 % used, "+preflight.Few(near), "widen it in a change of its own"), nil
	case len(cycle) > 0:
		return preflight.Says(engines.Caution, "CYCLE, "+preflight.Few(cycle), "they have no direction: they are set to the same state under the freeze, not ahead of it"), nil
	case len(cache) > 0:
		return preflight.Says(engines.Caution, "CACHE above 1, "+preflight.Few(cache), "numbers that sessions had in hand are skipped at the switch"), nil
	}
	return answer{Level: engines.Pass, Is: strconv.Itoa(len(rows)) + " sequences"}, nil
}
