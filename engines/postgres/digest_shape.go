package postgres

import (
	"context"
	"strconv"

	"github.com/turquoise-db/turquoise/engines"
)

// userData picks relations that hold or show data of users. pg_class is c,
// pg_namespace n. The control tables of a cutover are our own.
const userData = `c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'tq')`

// shapeTables reads tables and, of partitioned ones, the root: its partitions
// may be cut differently on the other side. A key is the primary key, else the
// index of the replica identity, else a unique index over columns that are never
// NULL.
const shapeTables = `SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence = 'u',
 greatest(c.reltuples::bigint, s.n_live_tup, (SELECT sum(greatest(l.reltuples, 0))::bigint FROM pg_partition_tree(c.oid) t JOIN pg_class l ON l.oid = t.relid WHERE t.isleaf), 0),
 coalesce((SELECT sum(pg_relation_size(t.relid)) FROM pg_partition_tree(c.oid) t WHERE t.isleaf), pg_relation_size(c.oid)),
 CASE c.relreplident WHEN 'd' THEN 'default' WHEN 'f' THEN 'full' WHEN 'n' THEN 'nothing' ELSE 'index' END,
 k.cols, k.came, abs(coalesce(st.correlation, 1)) < 0.6 AND c.relpages > 1000, getdatabaseencoding(),
 CASE WHEN NOT has_schema_privilege(n.oid, 'USAGE') THEN 'no usage on the schema' WHEN NOT has_table_privilege(c.oid, 'SELECT') THEN 'no select on the table'
  WHEN c.relrowsecurity AND row_security_active(c.oid) THEN 'row security hides rows from our role' ELSE '' END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
LEFT JOIN LATERAL (SELECT (SELECT json_agg(a.attname ORDER BY o.n) FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY o(att, n)
   JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = o.att) AS cols,
  CASE WHEN i.indisprimary THEN 'primary key' WHEN i.indisreplident THEN 'replica identity' ELSE 'unique index' END AS came
  FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
   AND NOT EXISTS (SELECT FROM unnest(i.indkey[0:i.indnkeyatts - 1]) o(att) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = o.att WHERE NOT a.attnotnull)
  ORDER BY c.relreplident = 'i' AND i.indisreplident DESC, i.indisprimary DESC, i.indnkeyatts, i.indexrelid LIMIT 1) k ON true
LEFT JOIN pg_stats st ON st.schemaname = n.nspname AND st.tablename = c.relname AND st.attname = k.cols->>0 AND NOT st.inherited
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND ` + userData + `
 AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 2, 3`

// shapeColumns reads the columns of these tables. "made" is everything a type
// is made of: arrays and composites carry the oids of their parts in their binary
// form, and only oids below 16384 are the same on every server.
const shapeColumns = `WITH RECURSIVE used AS (SELECT DISTINCT a.atttypid AS oid FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE a.attnum > 0 AND c.relkind IN ('r', 'p') AND ` + userData + `),
base(root, oid) AS (SELECT oid, oid FROM used UNION SELECT b.root, t.typbasetype FROM base b JOIN pg_type t ON t.oid = b.oid WHERE t.typtype = 'd'),
made(root, oid) AS (SELECT oid, oid FROM used UNION SELECT m.root, x.part FROM made m JOIN pg_type t ON t.oid = m.oid CROSS JOIN LATERAL (
  SELECT t.typelem AS part WHERE t.typlen = -1 AND t.typelem <> 0 UNION ALL SELECT t.typbasetype WHERE t.typtype = 'd'
  UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE t.oid IN (r.rngtypid, (to_jsonb(r) ->> 'rngmultitypid')::oid)
  UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) x)
SELECT a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod), y.typname, y.typtype,
 CASE WHEN y.typsend <> 0 THEN (SELECT format('%I.%I', pn.nspname, p.proname) FROM pg_proc p JOIN pg_namespace pn ON pn.oid = p.pronamespace WHERE p.oid = y.typsend) ELSE '' END,
 (SELECT bool_and(m.oid < 16384 OR m.oid = a.atttypid AND y.oid = a.atttypid) FROM made m WHERE m.root = a.atttypid),
 coalesce(NOT (to_jsonb(o) ->> 'collisdeterministic')::boolean, false),
 a.attcollation = 0 OR o.collname IN ('C', 'POSIX', 'ucs_basic') OR o.oid = 100 AND (SELECT d.datcollate IN ('C', 'POSIX') AND coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c' FROM pg_database d WHERE d.datname = current_database()),
 CASE WHEN a.attgenerated <> '' THEN (SELECT pg_get_expr(f.adbin, f.adrelid) FROM pg_attrdef f WHERE f.adrelid = a.attrelid AND f.adnum = a.attnum) ELSE '' END,
 a.attnotnull,
 coalesce((SELECT x.extname || ' ' || x.extversion FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid
  WHERE d.classid = 'pg_type'::regclass AND d.objid = y.oid AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass LIMIT 1), '')
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN base b ON b.root = a.atttypid JOIN pg_type y ON y.oid = b.oid AND y.typtype <> 'd'
LEFT JOIN pg_collation o ON o.oid = a.attcollation
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND ` + userData + `
ORDER BY a.attrelid, a.attnum`

// shapeOthers names what holds data and is no table that could be compared.
const shapeOthers = `SELECT n.nspname || '.' || c.relname, CASE c.relkind WHEN 'm' THEN 'materialized view: not compared, refresh it on both sides and look at its own tables'
 WHEN 'f' THEN 'foreign table: its rows live on another server' ELSE 'table of an extension: not compared' END, c.relkind = 'r'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE ` + userData + ` AND (c.relkind IN ('m', 'f') OR c.relkind = 'r' AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
UNION ALL SELECT 'large objects', 'not compared: they are not rows of a table', true WHERE EXISTS (SELECT FROM pg_largeobject_metadata)
ORDER BY 1`

// Shapes lists the tables of users as they stand in the catalogue.
func (c *Comparer) Shapes(ctx context.Context) ([]engines.TableShape, []engines.Note, error) {
	tables, err := c.query(ctx, "read the tables", shapeTables)
	if err != nil {
		return nil, nil, err
	}
	out := make([]engines.TableShape, 0, len(tables))
	at := map[string]int{}
	for _, r := range tables {
		t := engines.TableShape{Schema: text(r, 1), Name: text(r, 2), Unlogged: text(r, 4) == "t", Identity: text(r, 7), KeyFrom: text(r, 9),
			Scattered: text(r, 10) == "t", Encoding: text(r, 11), Denied: text(r, 12)}
		if t.Rows, err = strconv.ParseInt(text(r, 5), 10, 64); err == nil {
			t.Bytes, err = strconv.ParseInt(text(r, 6), 10, 64)
		}
		if err == nil {
			t.Key, err = jsonNames(text(r, 8))
		}
		if err != nil {
			return nil, nil, c.fail("read the tables", errNumber)
		}
		at[text(r, 0)] = len(out)
		out = append(out, t)
	}
	cols, err := c.query(ctx, "read the columns", shapeColumns)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range cols {
		i, ok := at[text(r, 0)]
		if !ok {
			continue
		}
		out[i].Columns = append(out[i].Columns, engines.ColumnShape{Name: text(r, 1), Type: text(r, 2), Base: text(r, 3), Class: text(r, 4), Send: text(r, 5),
			Builtin: text(r, 6) == "t", Loose: text(r, 7) == "t", Stable: text(r, 8) == "t", Generated: text(r, 9), NotNull: text(r, 10) == "t", Extension: text(r, 11)})
	}
	others, err := c.query(ctx, "look for other data", shapeOthers)
	if err != nil {
		return nil, nil, err
	}
	var notes []engines.Note
	for _, r := range others {
		notes = append(notes, engines.Note{Object: text(r, 0), Why: text(r, 1), Blind: text(r, 2) == "t"})
	}
	return out, notes, nil
}

// Fingerprint is a text for each table that changes with its columns. It is read
// under a freeze, so it asks for no more than the catalogue holds by itself.
func (c *Comparer) Fingerprint(ctx context.Context) (map[string]string, error) {
	rows, err := c.query(ctx, "read the tables' columns", `SELECT n.nspname || '.' || c.relname,
 md5(string_agg(a.attnum || ' ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ',' ORDER BY a.attnum) || c.relkind::text)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND `+userData+` GROUP BY n.nspname, c.relname, c.relkind`)
	return pairsOf(rows), err
}

// pairsOf is the first column with the second.
func pairsOf(rows [][]*string) map[string]string {
	out := make(map[string]string, len(rows))
	for _, r := range rows {
		out[text(r, 0)] = text(r, 1)
	}
	return out
}

// Stored is a text for each table that changes when a file of its rows is another
// one, or a partition comes or goes: decoding tells nothing of that.
func (c *Comparer) Stored(ctx context.Context) (map[string]string, error) {
	rows, err := c.poll(ctx, "read where the rows lie", `SELECT n.nspname || '.' || c.relname, md5(string_agg(l.oid || ' ' || pg_relation_filenode(l.oid), ',' ORDER BY l.oid))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 JOIN LATERAL (SELECT c.oid WHERE c.relkind = 'r' UNION ALL SELECT t.relid FROM pg_partition_tree(c.oid) t WHERE c.relkind = 'p' AND t.isleaf) l ON true
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND `+userData+` GROUP BY 1`)
	return pairsOf(rows), err
}
