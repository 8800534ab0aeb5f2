package postgres

import (
	"context"
	"slices"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// schemaChecks compare the two sides' catalogues, name by name, and look at
// what makes equal text sort or read otherwise.
func schemaChecks() []check {
	same := "make it on {here} as on {there}"
	return []check{
		{ID: "PG13", Title: "Identity columns are equal", On: preflight.To, Needs: needBuilt, Want: "no difference",
			Cause: "An insert that leaves the number to the server fails after the switch.", Next: "ALTER TABLE … ALTER COLUMN … ADD GENERATED … AS IDENTITY on {here}",
			Ask: differInBoth(`SELECT c.oid::regclass || '.' || quote_ident(a.attname),
  CASE a.attidentity WHEN 'a' THEN 'identity always' WHEN 'd' THEN 'identity by default' ELSE 'no identity' END` + columnsOfTables)},
		{ID: "PG17", Title: "Generated columns are equal", On: preflight.To, Needs: needBuilt, Want: "no difference",
			Cause: "A generated column is not replicated: each side makes it by its own expression.", Next: "make the expression equal, which writes the table anew, and compare it",
			Ask: differInBoth(`SELECT c.oid::regclass || '.' || quote_ident(a.attname), CASE a.attgenerated WHEN '' THEN 'plain'
  WHEN 'v' THEN 'virtual ' || pg_get_expr(d.adbin, d.adrelid) ELSE 'stored ' || pg_get_expr(d.adbin, d.adrelid) END` + columnsOfTables)},
		{ID: "PG20", Title: "Partitions are equal", On: preflight.To, Needs: needBuilt, Want: "no difference",
			Cause: "A row for a partition that is missing stops replication.", Next: same + ", then ALTER SUBSCRIPTION … REFRESH PUBLICATION", Ask: partitions},
		{ID: "PG21", Title: "Schemas are equal", On: preflight.To, Needs: needBuilt, Want: "no difference that the runbook does not expect",
			Cause: "Replication stops at the first row that does not fit.", Next: same, Ask: schemasEqual},
		{ID: "PG22", Title: "Extensions are there", On: preflight.To, Needs: needPeer, Want: "each of {there}, in the same version",
			Cause: "A schema copy fails without them; another version may answer otherwise.", Ask: extensions},
		{ID: "PG23", Title: "Text sorts as its indexes were built", Want: "0 collations of another version, one encoding",
			Cause: "An index that was built with another order does not find its rows, and lets duplicates in.",
			Next:  "REINDEX the indexes on text, then ALTER COLLATION … REFRESH VERSION, on {here}", Ask: collations},
	}
}

// columnsOfTables has every column, so that one that is plain on a side is told
// from one that is not there.
const columnsOfTables = ` FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND ` + userRelation

const partitionPairs = `SELECT c.oid::regclass::text, i.inhparent::regclass || ' ' || pg_get_expr(c.relpartbound, c.oid)
 FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relispartition AND c.relkind IN ('r', 'p') AND ` + userRelation

func partitions(ctx context.Context, k *look) (answer, error) {
	ds, err := k.compare(ctx, partitionPairs)
	if err != nil || len(ds) > 0 {
		return preflight.Found(engines.Block, k.list(ds)), err
	}
	jobs, err := k.peer.names(ctx, `SELECT extname FROM pg_extension WHERE extname IN ('pg_partman', 'pg_cron') ORDER BY 1`)
	a := preflight.Found(engines.Caution, jobs)
	if len(jobs) > 0 {
		a.Is, a.Next = "equal now; may make partitions by itself: "+strings.Join(jobs, ", "), "make the partitions of the next days on both sides, and pause its job for the window"
	}
	return a, err
}

// catalogue lists what a schema is made of. Names of NOT NULL constraints are
// left out: only newer versions have them.
const catalogue = `WITH ns AS (SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'tq')),
 ext AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
 rel AS (SELECT c.*, format('%I.%I', n.nspname, c.relname) AS q FROM pg_class c JOIN ns n ON n.oid = c.relnamespace
  WHERE c.relpersistence <> 't' AND NOT EXISTS (SELECT FROM ext e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid))
SELECT 'relation ' || q, concat_ws(' ', relkind, relpersistence, relrowsecurity, relreplident, pg_get_partkeydef(oid)) FROM rel WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
UNION ALL SELECT 'column ' || r.q || '.' || quote_ident(a.attname), concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
  CASE WHEN a.attgenerated <> '' THEN 'generated' WHEN a.attidentity <> '' THEN 'identity' ELSE 'default ' || pg_get_expr(d.adbin, d.adrelid) END,
  CASE WHEN a.attcollation <> t.typcollation THEN 'collate ' || quote_ident(co.collname) END)
 FROM pg_attribute a JOIN rel r ON r.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 LEFT JOIN pg_collation co ON co.oid = a.attcollation WHERE r.relkind IN ('r', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL SELECT 'constraint ' || r.q || '.' || quote_ident(k.conname), pg_get_constraintdef(k.oid) FROM pg_constraint k JOIN rel r ON r.oid = k.conrelid WHERE k.contype <> 'n'
UNION ALL SELECT 'index ' || i.indexrelid::regclass, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN rel r ON r.oid = i.indrelid WHERE r.relkind IN ('r', 'p', 'm')
UNION ALL SELECT 'trigger ' || r.q || '.' || quote_ident(g.tgname), g.tgenabled::text || ' ' || pg_get_triggerdef(g.oid) FROM pg_trigger g JOIN rel r ON r.oid = g.tgrelid WHERE NOT g.tgisinternal
UNION ALL SELECT 'function ' || p.oid::regprocedure, 'body ' || left(encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex'), 12) || ' ' || p.provolatile::text || ' ' || p.prosecdef FROM pg_proc p JOIN ns n ON n.oid = p.pronamespace
 WHERE NOT EXISTS (SELECT FROM ext e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid)
UNION ALL SELECT 'view ' || r.q, 'body ' || left(encode(sha256(convert_to(pg_get_viewdef(r.oid, true), 'UTF8')), 'hex'), 12) FROM rel r WHERE r.relkind IN ('v', 'm') AND $1
UNION ALL SELECT 'policy ' || r.q || '.' || quote_ident(l.polname), concat_ws(' ', l.polcmd, l.polpermissive, pg_get_expr(l.polqual, l.polrelid), pg_get_expr(l.polwithcheck, l.polrelid))
 FROM pg_policy l JOIN rel r ON r.oid = l.polrelid
UNION ALL SELECT 'enum ' || format('%I.%I', n.nspname, t.typname), string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)
 FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid JOIN ns n ON n.oid = t.typnamespace GROUP BY 1`

// schemasEqual blocks at what stops replication: a column or constraint that
// the side getting the writes lacks or has otherwise, and a column of its own
// that cannot be left empty. The rest is told. The text of a view differs
// between major versions, so it is compared within one.
func schemasEqual(ctx context.Context, k *look) (answer, error) {
	views := "f"
	if k.me.major == k.peer.major {
		views = "t"
	}
	ds, err := k.compare(ctx, catalogue, views)
	if err != nil {
		return answer{}, err
	}
	ds = whole(ds)
	level := engines.Caution
	slices.SortStableFunc(ds, func(a, b engines.Difference) int { return rank(a) - rank(b) })
	if len(ds) > 0 && rank(ds[0]) == 0 {
		level = engines.Block
	}
	return preflight.Found(level, k.list(ds)), nil
}

// whole leaves out the parts of a relation that one side lacks altogether.
func whole(ds []engines.Difference) []engines.Difference {
	gone := map[string]bool{}
	for _, d := range ds {
		if kind, name, _ := strings.Cut(d.Name, " "); kind == "relation" && (d.OnlyHere || d.OnlyThere) {
			gone[name] = true
		}
	}
	return slices.DeleteFunc(ds, func(d engines.Difference) bool {
		kind, name, _ := strings.Cut(d.Name, " ")
		dot := strings.LastIndex(name, ".")
		return kind != "relation" && dot > 0 && gone[name[:dot]]
	})
}

// rank is 0 for what stops replication, so that it is named first.
func rank(d engines.Difference) int {
	kind, _, _ := strings.Cut(d.Name, " ")
	stops := kind == "relation" && d.OnlyThere || kind == "column" && !d.OnlyHere || kind == "constraint" && !d.OnlyThere || kind == "enum" && !d.OnlyHere
	if kind == "column" && d.OnlyHere {
		stops = strings.Contains(d.Here, " not null") && !strings.Contains(d.Here, " default ") && !strings.Contains(d.Here, " generated") && !strings.Contains(d.Here, " identity")
	}
	if stops {
		return 0
	}
	return 1
}

func extensions(ctx context.Context, k *look) (answer, error) {
	ds, err := k.compare(ctx, `SELECT quote_ident(extname), extversion FROM pg_extension`)
	if err != nil {
		return answer{}, err
	}
	offered, err := k.me.names(ctx, `SELECT quote_ident(name) FROM pg_available_extensions`)
	if err != nil {
		return answer{}, err
	}
	var absent, missing, other []string
	for _, d := range ds {
		switch {
		case d.OnlyThere && !slices.Contains(offered, d.Name):
			absent = append(absent, d.Name)
		case d.OnlyThere:
			missing = append(missing, d.Name)
		case !d.OnlyHere:
			other = append(other, d.Tell(k.in.On, k.other()))
		}
	}
	switch {
	case len(absent) > 0:
		return preflight.Says(engines.Block, "not installed on {here}: "+preflight.Few(absent), "install the extension's package on {here}"), nil
	case len(missing) > 0 && k.me.tables > 0:
		return preflight.Says(engines.Block, "not created on {here}: "+preflight.Few(missing), "CREATE EXTENSION on {here}"), nil
	case len(missing) > 0:
		return preflight.Says(engines.Info, "the schema copy creates "+preflight.Few(missing), ""), nil
	}
	return preflight.Found(engines.Caution, other), nil
}

func collations(ctx context.Context, k *look) (answer, error) {
	names, err := k.me.names(ctx, `SELECT format('%I.%I', n.nspname, c.collname) || ' was ' || c.collversion || ', is ' || coalesce(pg_collation_actual_version(c.oid), 'unknown')
 FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
 WHERE c.collversion IS NOT NULL AND c.collencoding IN (-1, (SELECT encoding FROM pg_database WHERE datname = current_database()))
  AND c.collversion IS DISTINCT FROM pg_collation_actual_version(c.oid) ORDER BY 1`)
	if err != nil {
		return answer{}, err
	}
	if k.me.major >= 15 {
		db, err := k.me.names(ctx, `SELECT 'the database was ' || datcollversion || ', is ' || coalesce(pg_database_collation_actual_version(oid), 'unknown') FROM pg_database
 WHERE datname = current_database() AND datcollversion IS NOT NULL AND datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)`)
		if err != nil {
			return answer{}, err
		}
		names = append(db, names...)
	}
	if len(names) > 0 || k.in.On == k.in.From || k.peerErr != nil {
		return preflight.Found(engines.Block, names), nil
	}
	return encodings(ctx, k)
}

// encodings: rows cross between encodings or they do not; an order that differs
// is only told, for every index here was built here.
func encodings(ctx context.Context, k *look) (answer, error) {
	ds, err := k.compare(ctx, `SELECT v.n, v.s FROM pg_database d, LATERAL (VALUES ('encoding', pg_encoding_to_char(d.encoding)), ('collation', coalesce(d.datcollate, '')), ('character type', coalesce(d.datctype, '')),
 ('provider', coalesce(to_jsonb(d) ->> 'datlocprovider', 'c'))) v(n, s) WHERE d.datname = current_database()`)
	level := engines.Caution
	if slices.ContainsFunc(ds, func(d engines.Difference) bool { return d.Name == "encoding" }) {
		level = engines.Block
	}
	a := preflight.Found(level, k.list(ds))
	if len(ds) > 0 {
		a.Next = "make the database on {here} anew with the encoding and collation of {there}, or agree on the difference"
	}
	return a, err
}
