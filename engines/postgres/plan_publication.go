package postgres

import (
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// movingTable picks what a publication by list names: tables of users and ours,
// no partition, for its root stands for it, and nothing of an extension, which
// brings its rows itself. c is pg_class, n pg_namespace.
const movingTable = `c.relpersistence = 'p' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`

// chosen reports whether the runbook lists the tables that move.
func (p plan) chosen() bool {
	t := p.Lists["tables"]
	return len(t) > 1 || len(t) == 1 && t[0] != "all"
}

// plainRole reports whether our role on a side is known to be no superuser.
func (p plan) plainRole(t engines.TargetID) bool { return p.Known[t].Extra["superuser"] == "f" }

// only keeps a list of tables to the chosen ones and the control tables.
func (p plan) only() string {
	if !p.chosen() {
		return ""
	}
	q := []string{}
	for _, t := range p.Lists["tables"] {
		schema, name := splitTable(t)
		q = append(q, "("+lit(schema)+", "+lit(name)+")")
	}
	return "\n   AND (n.nspname = 'tq' OR (n.nspname::text, c.relname::text) IN (" + strings.Join(q, ", ") + "))"
}

// publication is the CREATE PUBLICATION of the link there. Only a superuser may
// publish all tables; another role publishes by list what it owns, as it is
// when the statement runs.
func (p plan) publication(l link) string {
	switch {
	case p.chosen():
		q := make([]string, 0, len(p.Lists["tables"])+3)
		for _, t := range p.Lists["tables"] {
			q = append(q, table(t))
		}
		// The control tables travel with the rest: the token is one of their rows.
		q = append(q, "tq.fence", "tq.ack", "tq.beat")
		return "CREATE PUBLICATION " + ident(l.pub) + " FOR TABLE " + strings.Join(q, ", ")
	case p.plainRole(l.from):
		return body(`DECLARE t text;
BEGIN
  SELECT string_agg(format('%I.%I', n.nspname, c.relname), ', ' ORDER BY n.nspname, c.relname) INTO t
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND ` + movingTable + `;
  EXECUTE ` + lit("CREATE PUBLICATION "+ident(l.pub)+" FOR TABLE ") + ` || t;
END`)
	}
	return "CREATE PUBLICATION " + ident(l.pub) + " FOR ALL TABLES"
}

func published(l link) *engines.Proof {
	return engines.Ask(l.from, "the publication holds the control tables",
		`SELECT count(*) FROM pg_catalog.pg_publication_tables WHERE pubname = `+lit(l.pub)+` AND schemaname = 'tq' AND tablename = 'fence'`, "1")
}

func unpublish(l link) engines.Action {
	return engines.Proven(engines.Act(l.from, "drop publication "+l.pub, "DROP PUBLICATION IF EXISTS "+ident(l.pub)),
		engines.Ask(l.from, "the publication is gone", `SELECT count(*) FROM pg_catalog.pg_publication WHERE pubname = `+lit(l.pub), "0"))
}

// publishCreate comes before the slot: decoding looks up the publication in the
// catalogue of the time of each change, and never finds one that is younger.
func (p plan) publishCreate() (engines.Parts, error) {
	l := p.ahead()
	a := engines.Proven(engines.Act(l.from, "publication "+l.pub, p.publication(l)), published(l))
	return engines.Parts{Actions: []engines.Action{a}, Undo: engines.Undoing(1, unpublish(l))}, nil
}

func (p plan) publishDrop() (engines.Parts, error) {
	return engines.Parts{Actions: []engines.Action{unpublish(p.ahead())}, UndoNone: "the publication holds no data"}, nil
}

// columnsSetting carries the other side's columns into the statement that makes
// the publication: neither DO nor CREATE PUBLICATION takes a bound value.
const columnsSetting = "turquoise.columns"

// readColumns lists a side's tables with the columns it can take, those that
// are not generated, as one JSON value of schema, table and names.
const readColumns = `SELECT coalesce(json_agg(json_build_array(s, t, k) ORDER BY s, t), '[]') FROM (
 SELECT n.nspname AS s, c.relname AS t, json_agg(a.attname ORDER BY a.attnum) AS k
 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
 WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
   AND c.relpersistence = 'p' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 GROUP BY 1, 2) x`

// takenColumns is $1, or the setting, as rows: schema, table, column.
func takenColumns(from string) string {
	return `WITH k AS MATERIALIZED (SELECT e->>0 AS s, e->>1 AS t, x AS c FROM json_array_elements(` + from + `) e, LATERAL json_array_elements_text(e->2) x)`
}

// columnsStuck counts tables that cannot go back: a column that the other side
// lacks stands in the replica identity, or identity is the whole row, or this
// server is too old for column lists; or a column that is plain there is
// generated here and would not be sent.
func columnsStuck(p plan, major int) string {
	older := "false"
	if major < 15 {
		older = "true"
	}
	return takenColumns("$1::json") + `
SELECT count(DISTINCT c.oid) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 LEFT JOIN k ON k.s = n.nspname AND k.t = c.relname AND k.c = a.attname
 WHERE c.relkind = 'r' AND ` + movingTable + p.only() + ` AND EXISTS (SELECT FROM k WHERE k.s = n.nspname AND k.t = c.relname)
   AND CASE WHEN a.attgenerated <> '' THEN k.c IS NOT NULL
     ELSE k.c IS NULL AND (` + older + ` OR c.relreplident = 'f' OR EXISTS (SELECT FROM pg_catalog.pg_index i
       WHERE i.indrelid = c.oid AND (i.indisprimary OR i.indisreplident) AND a.attnum = ANY (i.indkey::int2[]))) END`
}

// columnsUnknown counts published columns that the other side does not have.
func columnsUnknown(l link, major int) string {
	in := ""
	if major >= 15 {
		in = " AND a.attname = ANY (t.attnames)"
	}
	return takenColumns("$1::json") + `
SELECT count(*) FROM pg_catalog.pg_publication_tables t
 JOIN pg_catalog.pg_attribute a ON a.attrelid = format('%I.%I', t.schemaname, t.tablename)::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''` + in + `
 LEFT JOIN k ON k.s = t.schemaname AND k.t = t.tablename AND k.c = a.attname
 WHERE t.pubname = ` + lit(l.pub) + ` AND k.c IS NULL`
}

// publishShared makes the publication of what both sides have: a table that the
// other side lacks is left out, of a table with more columns here the shared
// ones are listed. Partitions of such a table are listed one by one, for a list
// on their root is refused.
func (p plan) publishShared(l link) string {
	return body(`DECLARE t text;
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_publication WHERE pubname = ` + lit(l.pub) + `) THEN
    RETURN;
  END IF;
  IF coalesce(current_setting('` + columnsSetting + `', true), '') = '' THEN
    RAISE EXCEPTION 'turquoise: the other side''s columns are not known to this session';
  END IF;
  ` + takenColumns("current_setting('"+columnsSetting+"')::json") + `,
  m AS (SELECT c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) AS q,
    string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FILTER (WHERE k.c IS NOT NULL) AS shared, bool_or(k.c IS NULL) AS more
   FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
   LEFT JOIN k ON k.s = n.nspname AND k.t = c.relname AND k.c = a.attname
   WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND ` + movingTable + p.only() + `
   GROUP BY 1, 2, 3 HAVING count(k.c) > 0)
  SELECT string_agg(CASE WHEN NOT more THEN q WHEN relkind = 'r' THEN q || ' (' || shared || ')' ELSE (
    SELECT string_agg(format('%I.%I', ln.nspname, lc.relname) || ' (' || shared || ')', ', ' ORDER BY lc.oid)
     FROM pg_partition_tree(m.oid) pt JOIN pg_catalog.pg_class lc ON lc.oid = pt.relid
     JOIN pg_catalog.pg_namespace ln ON ln.oid = lc.relnamespace WHERE pt.isleaf AND lc.relkind = 'r') END, ', ' ORDER BY q) INTO t FROM m;
  EXECUTE ` + lit("CREATE PUBLICATION "+ident(l.pub)+" FOR TABLE ") + ` || t;
END`)
}

// reversePublish reads what the other side can take first: one column more here
// would stop the way back at the first row. It may find the publication of the
// way there still standing: a return over the same link uses it.
func (p plan) reversePublish() (engines.Parts, error) {
	l, major := p.back(), p.Known[p.back().from].Major
	binds := []engines.Bind{{Var: "rev_columns", Why: "tables and columns of " + string(l.to) + ", read by action 1"}}
	read := engines.Act(l.to, "columns that "+string(l.to)+" can take", readColumns)
	read.Captures = []engines.Capture{{Var: "rev_columns"}}
	stuck := engines.Checked(l.from, "tables that cannot leave out what "+string(l.to)+" lacks", columnsStuck(p, major), "0")
	stuck.Binds, stuck.Proof.Binds = binds, binds
	hand := engines.Act(l.from, "hand the columns to this session", `SELECT length(set_config('`+columnsSetting+`', $1, false))`)
	// Of this one the record decides, as of a question: the effect is gone with
	// the session, and no later one could be asked for it.
	hand.Binds, hand.Captures = binds, []engines.Capture{{Var: "rev_columns_length"}}
	pub := engines.Proven(engines.Act(l.from, "publication "+l.pub, p.publishShared(l)), published(l))
	known := *engines.Ask(l.from, "published columns that "+string(l.to)+" does not have", columnsUnknown(l, major), "0")
	known.Binds = binds
	return engines.Parts{Actions: []engines.Action{read, stuck, hand, pub}, After: []engines.Proof{known}, Undo: engines.Undoing(4, unpublish(l))}, nil
}
