package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// tableChecks look for what replication does not carry, or cannot apply.
func tableChecks() []check {
	return []check{
		{ID: "PG03", Title: "Updates and deletes can be replicated", Needs: needTables, Want: "0 tables without a usable replica identity",
			Cause: "As soon as such a table is published, its UPDATE and DELETE fail for the application.",
			Next:  "add a primary key that is not deferrable, or ALTER TABLE … REPLICA IDENTITY USING INDEX, or FULL for small tables, on {here}",
			Ask:   none(engines.Block, noIdentity)},
		{ID: "PG04", Title: "Tables with identity FULL can be applied", Needs: needTables, Want: "0 columns without an equality operator",
			Cause: "The worker on the other side compares whole rows; at a type it cannot compare it stops for good.",
			Next:  "give the table a key, on {here}", Ask: comparable},
		{ID: "PG14", Title: "No large objects", Want: "0",
			Cause: "Large objects are not replicated.", Next: "move them into a bytea column, or copy them under the freeze", On: preflight.From,
			Ask: holds(engines.Block, `SELECT count(*) = 0, CASE WHEN count(*) = 1000 THEN '1000 or more' ELSE count(*)::text END
 FROM (SELECT FROM pg_largeobject_metadata LIMIT 1000) l`)},
		{ID: "PG15", Title: "No unlogged tables", On: preflight.From, Want: "0",
			Cause: "Unlogged tables are not replicated.", Next: "ALTER TABLE … SET LOGGED, or agree that they arrive empty",
			Ask: none(engines.Caution, `SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'u' AND `+userRelation+` ORDER BY 1`)},
		{ID: "PG16", Title: "No materialized views, no foreign tables", On: preflight.From, Want: "0",
			Cause: "A materialized view stays as old as it was made; a foreign table needs its server, its user mapping and a way there from green.",
			Next:  "plan REFRESH MATERIALIZED VIEW on {there}, and try each foreign table there",
			Ask: none(engines.Caution, `SELECT c.oid::regclass || CASE c.relkind WHEN 'm' THEN ' (materialized view)' ELSE ' (foreign table of ' || s.srvname || ')' END
 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_foreign_table f ON f.ftrelid = c.oid LEFT JOIN pg_foreign_server s ON s.oid = f.ftserver
 WHERE c.relkind IN ('m', 'f') AND `+userRelation+` ORDER BY 1`)},
		{ID: "PG18", Title: "Nothing fires on replicated rows", Needs: needTables, Want: "0 triggers and rules ENABLE ALWAYS or REPLICA",
			Cause: "Their effect comes twice: once replicated, once made again by the worker that applies the row.",
			Next:  "ALTER TABLE … ENABLE TRIGGER on {here}, so that it fires for the application alone", Ask: firing},
		{ID: "PG19", Title: "Constraints and indexes are valid", On: preflight.To, Needs: needTables, Want: "0 invalid",
			Cause: "An invalid index keeps nothing apart; a constraint that was never validated may already be broken.", Ask: valid},
		{ID: "PG29", Title: "Statistics are there", On: preflight.To, Needs: needTables, Want: "0 tables over 10,000 rows never analysed",
			Cause: "Without statistics the first queries after the switch may take a hundred times as long.", Next: "ANALYZE on {here}",
			Ask: none(engines.Caution, `SELECT format('%I.%I', schemaname, relname) FROM pg_stat_user_tables
 WHERE last_analyze IS NULL AND last_autoanalyze IS NULL AND n_live_tup > 10000 ORDER BY n_live_tup DESC`)},
	}
}

// noIdentity lists tables whose identity the server would not use: none, or an
// index that is missing, invalid, deferrable, partial, on an expression or on a
// column that may be null. A table says what its identity is even when the
// index behind it was dropped.
const noIdentity = `SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.relreplident <> 'f' AND ` + userRelation + ` AND NOT EXISTS (` + identityIndex + `) ORDER BY 1`

// identityIndex is the index that identifies rows of the table c.
const identityIndex = `SELECT FROM pg_index i WHERE i.indrelid = c.oid AND (c.relreplident = 'd' AND i.indisprimary OR c.relreplident = 'i' AND i.indisreplident)
 AND i.indisvalid AND i.indimmediate AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
 AND NOT EXISTS (SELECT FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(att, n) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.att
  WHERE k.n <= i.indnkeyatts AND NOT a.attnotnull)`

// keyless are FULL tables that the worker must compare row by row: the ones
// with a primary key are looked up by it, whatever their identity says.
const keyless = ` FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.relreplident = 'f'
 AND ` + userRelation + ` AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid AND i.indimmediate)`

// manyRows is where a search of the whole table for each changed row is felt.
const manyRows = `100000`

// comparable asks the server for the operator that the worker will look for.
func comparable(ctx context.Context, k *look) (answer, error) {
	rows, err := k.me.rows(ctx, `SELECT format_type(a.atttypid, NULL), string_agg(DISTINCT c.oid::regclass::text, ', ') `+
		strings.Replace(keyless, " WHERE ", " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE ", 1)+` GROUP BY 1 ORDER BY 1`)
	if err != nil {
		return answer{}, err
	}
	var bad []string
	for _, r := range rows {
		_, err := k.me.rows(ctx, `SELECT DISTINCT NULL::`+text(r, 0)+` LIMIT 0`)
		var se *ServerError
		switch {
		case errors.As(err, &se) && se.Code == "42883":
			bad = append(bad, text(r, 0)+" in "+text(r, 1))
		case err != nil:
			return answer{}, err
		}
	}
	if len(bad) > 0 {
		return preflight.Found(engines.Block, bad), nil
	}
	large, err := k.me.names(ctx, `SELECT c.oid::regclass`+keyless+` AND c.reltuples > `+manyRows+` ORDER BY 1`)
	a := preflight.Found(engines.Caution, large)
	if len(large) > 0 {
		a.Is = "large tables without a key, each change is a search of the whole table: " + a.Is
	}
	return a, err
}

// firing blocks where the link is applied. On the side that has the writes it
// is said: the schema copy takes it along, and the way back fires it there.
func firing(ctx context.Context, k *look) (answer, error) {
	names, err := k.me.names(ctx, `SELECT g.tgname || ' on ' || g.tgrelid::regclass FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
 JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT g.tgisinternal AND g.tgenabled IN ('A', 'R') AND `+userRelation+`
 UNION ALL SELECT r.rulename || ' on ' || r.ev_class::regclass FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
 JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.ev_enabled IN ('A', 'R') AND `+userRelation+` ORDER BY 1`)
	level := engines.Block
	if k.in.On == k.in.From {
		level = engines.Caution
	}
	return preflight.Found(level, names), err
}

// valid: applying does not check foreign keys, so one that was never validated
// may hide rows without a parent.
//
// HOLE: rows without a parent are not counted here; on large tables that takes
// minutes and is right only while nothing is applied. The comparison of data
// finds a missing parent.
func valid(ctx context.Context, k *look) (answer, error) {
	broken, err := k.me.names(ctx, `SELECT i.indexrelid::regclass FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT (i.indisvalid AND i.indisready) AND `+userRelation+` ORDER BY 1`)
	if err != nil {
		return answer{}, err
	}
	if len(broken) > 0 {
		return preflight.Says(engines.Block, "indexes, "+preflight.Few(broken), "REINDEX INDEX CONCURRENTLY on {here}"), nil
	}
	loose, err := k.me.names(ctx, `SELECT k.conname || ' on ' || k.conrelid::regclass FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
 JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT k.convalidated AND `+userRelation+` ORDER BY 1`)
	a := preflight.Found(engines.Caution, loose)
	if len(loose) > 0 {
		a.Is, a.Next = "constraints, "+a.Is, "ALTER TABLE … VALIDATE CONSTRAINT, on both sides"
	}
	return a, err
}
