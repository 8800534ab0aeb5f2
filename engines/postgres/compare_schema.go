package postgres

import (
	"context"
	"strconv"

	"github.com/turquoise-db/turquoise/engines"
)

// schemaFacts says what a schema holds, each thing in one line whose text does
// not depend on the version: no oids, no order, owners and grants by name.
// Constraints of NOT NULL are columns' properties before 18 and constraints from
// then on; they are told as the former.
const schemaFacts = `SELECT 'column', n.nspname || '.' || c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod)
  || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END || coalesce(' default ' || CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END, '')
  || coalesce(' generated ' || CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END, '')
  || CASE a.attidentity WHEN 'a' THEN ' identity always' WHEN 'd' THEN ' identity by default' ELSE '' END
  || CASE WHEN a.attcollation <> 0 AND a.attcollation <> t.typcollation THEN ' collate ' || o.collname ELSE '' END
 FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid
 LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum LEFT JOIN pg_collation o ON o.oid = a.attcollation
 WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f') AND ` + userData + `
UNION ALL SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'p' THEN 'partitioned table' WHEN 'f' THEN 'foreign table' ELSE 'table' END,
  n.nspname || '.' || c.relname, CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid)
   WHEN c.relispartition THEN pg_get_expr(c.relpartbound, c.oid) ELSE 'table' END || CASE c.relpersistence WHEN 'u' THEN ' unlogged' ELSE '' END
  || CASE WHEN c.relrowsecurity THEN ' row security' ELSE '' END
 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND ` + userData + `
UNION ALL SELECT 'constraint', n.nspname || '.' || c.relname || '.' || k.conname, pg_get_constraintdef(k.oid) || CASE WHEN k.convalidated THEN '' ELSE ' (not valid)' END
 FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE k.contype NOT IN ('n', 't') AND ` + userData + `
UNION ALL SELECT 'index', n.nspname || '.' || c.relname, pg_get_indexdef(c.oid) || CASE WHEN i.indisvalid THEN '' ELSE ' (invalid)' END
 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ` + userData + `
UNION ALL SELECT 'trigger', n.nspname || '.' || c.relname || '.' || g.tgname, pg_get_triggerdef(g.oid)
  || CASE g.tgenabled WHEN 'O' THEN ' (enabled)' WHEN 'D' THEN ' (disabled)' WHEN 'R' THEN ' (enabled for replication only)' ELSE ' (enabled always)' END
 FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT g.tgisinternal AND ` + userData + `
UNION ALL SELECT 'grant', n.nspname || '.' || c.relname, pg_get_userbyid(x.grantee) || ' ' || x.privilege_type || CASE WHEN x.is_grantable THEN ' with grant option' ELSE '' END
 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) x
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND x.privilege_type <> 'MAINTAIN' AND ` + userData + `
UNION ALL SELECT 'grant', 'schema ' || n.nspname, CASE x.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(x.grantee) END || ' ' || x.privilege_type
 FROM pg_namespace n CROSS JOIN LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) x WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'tq')
UNION ALL SELECT 'function', p.oid::regprocedure::text, md5(pg_get_functiondef(p.oid)) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE p.prokind IN ('f', 'p') AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'tq')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
UNION ALL SELECT 'enum', n.nspname || '.' || t.typname, string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
 JOIN pg_namespace n ON n.oid = t.typnamespace GROUP BY 1, 2
UNION ALL SELECT 'extension', extname, extversion FROM pg_extension
UNION ALL SELECT 'policy', n.nspname || '.' || c.relname || '.' || p.polname, p.polcmd::text || ' ' || p.polpermissive::text || coalesce(' using ' || pg_get_expr(p.polqual, c.oid), '')
  || coalesce(' check ' || pg_get_expr(p.polwithcheck, c.oid), '') FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
UNION ALL SELECT 'database', 'encoding and locale', pg_encoding_to_char(encoding) || ' ' || datcollate || ' ' || datctype || ' ' || coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')
 FROM pg_database d WHERE datname = current_database()
UNION ALL SELECT 'collation', o.collname, coalesce(pg_collation_actual_version(o.oid), '-') FROM pg_collation o
 WHERE o.oid IN (SELECT i.oid FROM pg_index x, unnest(x.indcollation) i(oid) JOIN pg_class c ON true JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = x.indexrelid AND i.oid <> 0 AND ` + userData + `)
ORDER BY 1, 2, 3`

// Schema lists what the catalogue says.
func (c *Comparer) Schema(ctx context.Context) ([]engines.SchemaFact, error) {
	rows, err := c.query(ctx, "read the schema", schemaFacts)
	if err != nil {
		return nil, err
	}
	out := make([]engines.SchemaFact, len(rows))
	for i, r := range rows {
		out[i] = engines.SchemaFact{Kind: text(r, 0), Object: text(r, 1), Is: text(r, 2)}
	}
	return out, nil
}

// sequenceFacts is every sequence with its definition and, where it may be read,
// its state.
const sequenceFacts = `SELECT n.nspname, c.relname, substring(x.t FROM '<last_value>(-?[0-9]+)</last_value>'), substring(x.t FROM '<is_called>([a-z]+)</is_called>') = 'true',
 s.seqincrement, s.seqmin, s.seqmax, s.seqcycle, s.seqcache, format_type(s.seqtypid, NULL),
 coalesce((SELECT on_.nspname || '.' || oc.relname || '.' || a.attname FROM pg_depend d JOIN pg_class oc ON oc.oid = d.refobjid JOIN pg_namespace on_ ON on_.oid = oc.relnamespace
  JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i') LIMIT 1), ''),
 coalesce((SELECT CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' ELSE '' END FROM pg_depend d
  JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i' LIMIT 1), ''),
 coalesce((SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e' LIMIT 1), ''), s.seqstart
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_sequence s ON s.seqrelid = c.oid
CROSS JOIN LATERAL (SELECT CASE WHEN has_schema_privilege(n.oid, 'USAGE') AND has_sequence_privilege(c.oid, 'SELECT')
 THEN query_to_xml(format('SELECT last_value, is_called FROM %I.%I', n.nspname, c.relname), false, true, '')::text ELSE '' END AS t) x
WHERE ` + userData + ` ORDER BY 1, 2`

// Sequences lists all sequences with what is needed to compare them.
func (c *Comparer) Sequences(ctx context.Context) ([]engines.SequenceFact, error) {
	rows, err := c.query(ctx, "read the sequences", sequenceFacts)
	if err != nil {
		return nil, err
	}
	out := make([]engines.SequenceFact, len(rows))
	for i, r := range rows {
		f := engines.SequenceFact{Type: text(r, 9), Owner: text(r, 10), Identity: text(r, 11), Extension: text(r, 12), Denied: text(r, 2) == ""}
		f.Schema, f.Name, f.Called, f.Cycle = text(r, 0), text(r, 1), text(r, 3) == "t", text(r, 7) == "t"
		for _, v := range []struct {
			to *int64
			at int
		}{{&f.Last, 2}, {&f.Increment, 4}, {&f.Min, 5}, {&f.Max, 6}, {&f.Cache, 8}, {&f.Start, 13}} {
			if v.at == 2 && f.Denied {
				continue
			}
			if *v.to, err = strconv.ParseInt(text(r, v.at), 10, 64); err != nil {
				return nil, c.fail("read the sequences", errNumber)
			}
		}
		out[i] = f
	}
	return out, nil
}
