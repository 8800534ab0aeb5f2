package mysql

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// schemaChecks compare the definitions of both sides.
func schemaChecks() []check {
	return []check{
		{ID: "MY18", Title: "Columns in the same order", On: preflight.To, Needs: needBuilt | needCatalog, Want: "no difference, but for named columns at the end",
			Cause: "Logged rows name no columns: a value goes into whatever stands at its place.",
			Next:  "build the table on {here} again as on {there}, a new column at its end with a default", Ask: sameColumns},
		{ID: "MY18/objects", Title: "Indexes, checks, triggers, views and code are equal", On: preflight.To, Needs: needBuilt | needCatalog | needKeys | needCode, Waive: engines.SecondPerson, Want: "no difference",
			Cause: "A missing index makes a query slow, a missing trigger or rule changes what is written after the switch.",
			Next:  "make it on {here} as on {there}, or name it in expected_schema_diff", Ask: sameObjects},
		{ID: "MY27", Title: "Generated columns and partitions are equal", On: preflight.To, Needs: needBuilt | needCatalog, Waive: engines.SecondPerson, Want: "no difference",
			Cause: "The side that takes the rows computes and places them by its own rules.", Next: "make it on {here} as on {there}", Ask: sameSpecial},
	}
}

// columnRow is one column as both sides must have it.
type columnRow struct {
	name    string
	shape   string // type, null, character set: what a logged value is read as
	meaning string // default and the like: what the next insert gets
	filled  bool   // null or a default: a row that lacks it can be stored
}

// columnsSQL: the numbers of positions have holes on neither product.
var columnsSQL = `SELECT CONCAT(c.table_schema, '.', c.table_name), c.column_name, c.column_type, c.is_nullable, c.character_set_name, c.collation_name, c.extra, c.column_default
FROM information_schema.columns c JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN (` + notUsers + `) ORDER BY c.table_schema, c.table_name, c.ordinal_position`

// tables are the columns of every table, in order.
func (e *eye) tablesOf(ctx context.Context) (map[string][]columnRow, error) {
	rows, err := e.rows(ctx, columnsSQL)
	if err != nil {
		return nil, err
	}
	out := map[string][]columnRow{}
	for _, r := range rows {
		out[text(r, 0)] = append(out[text(r, 0)], canonicalColumn(e.l.d, r[1:]))
	}
	return out, nil
}

// canonicalColumn reads one row of columnsSQL, without its table.
func canonicalColumn(d dialect, r []*string) columnRow {
	extra := canonicalExtra(text(r, 5))
	c := columnRow{name: text(r, 0)}
	shape := []string{canonicalType(text(r, 1))}
	if text(r, 2) == "NO" {
		shape = append(shape, "not null")
	}
	if cs := text(r, 3); cs != "" {
		shape = append(shape, "character set "+canonicalCharset(cs)+" collate "+canonicalCharset(text(r, 4)))
	}
	c.shape = strings.Join(shape, " ")
	def, has := canonicalDefault(d.maria, r[6])
	if has {
		c.meaning = "default " + def
	}
	c.meaning = strings.TrimSpace(c.meaning + " " + extra)
	c.filled = has || text(r, 2) == "YES" || strings.Contains(extra, "auto_increment") || strings.Contains(extra, "generated")
	return c
}

func (c columnRow) String() string { return strings.TrimSpace(c.shape + " " + c.meaning) }

// sameColumns compares table by table. What differs in a default alone stops no
// replication, and is told as a caution.
func sameColumns(ctx context.Context, k *look) (answer, error) {
	mine, err := k.me.tablesOf(ctx)
	if err != nil {
		return answer{}, err
	}
	theirs, err := k.peer.tablesOf(ctx)
	if err != nil {
		return answer{}, err
	}
	hard, soft := tableDiffs(mine, theirs, k.p.Lists["expected_schema_diff"])
	if len(hard) > 0 {
		return preflight.Found(engines.Block, hard), nil
	}
	return preflight.Found(engines.Caution, soft), nil
}

// tableDiffs are what stops or spoils the replication, and what only changes the
// next insert. {here} has the first tables, {there} the second.
func tableDiffs(mine, theirs map[string][]columnRow, expected []string) (hard, soft []string) {
	for name := range theirs {
		if _, ok := mine[name]; !ok && !slices.Contains(expected, "table "+name) {
			hard = append(hard, "table "+name+" is on {there} only")
		}
	}
	for name, cols := range mine {
		other, ok := theirs[name]
		if !ok {
			if !slices.Contains(expected, "table "+name) {
				soft = append(soft, "table "+name+" is on {here} only")
			}
			continue
		}
		h, s := columnDiffs(name, cols, other, expected)
		hard, soft = append(hard, h...), append(soft, s...)
	}
	slices.Sort(hard)
	slices.Sort(soft)
	return hard, soft
}

func columnDiffs(table string, mine, theirs []columnRow, expected []string) (hard, soft []string) {
	for i, t := range theirs {
		switch {
		case i >= len(mine):
			hard = append(hard, table+"."+t.name+" is on {there} only")
		case mine[i].name != t.name:
			return append(hard, table+": column "+strconv.Itoa(i+1)+" is "+t.name+" on {there}, "+mine[i].name+" on {here}: values would land in the wrong column"), soft
		case mine[i].shape != t.shape:
			hard = append(hard, table+"."+t.name+" is "+t.shape+" on {there}, "+mine[i].shape+" on {here}")
		case mine[i].meaning != t.meaning && !slices.Contains(expected, "column "+table+"."+t.name):
			soft = append(soft, table+"."+t.name+" is "+t.String()+" on {there}, "+mine[i].String()+" on {here}")
		}
	}
	for _, m := range mine[min(len(mine), len(theirs)):] {
		switch {
		case !m.filled:
			hard = append(hard, table+"."+m.name+" is on {here} only and has no default")
		case !slices.Contains(expected, "column "+table+"."+m.name):
			soft = append(soft, table+"."+m.name+" is on {here} only")
		}
	}
	return hard, soft
}

// objectsSQL names what is no table, each with its definition. Definers are
// told by their own check, comments and numbers of rows by nobody.
const objectsSQL = `SELECT CONCAT('index ', table_schema, '.', table_name, '.', index_name), CONCAT(IF(non_unique, '', 'unique '), LOWER(index_type), ' (',
 GROUP_CONCAT(CONCAT(%EXPR%, IF(sub_part IS NULL, '', CONCAT('(', sub_part, ')')), IF(collation = 'D', ' desc', '')) ORDER BY seq_in_index SEPARATOR ', '), ')', MAX(%HIDDEN%))
 FROM information_schema.statistics WHERE table_schema NOT IN (%NOT%) GROUP BY table_schema, table_name, index_name, non_unique, index_type
 UNION ALL SELECT CONCAT('check ', k.constraint_schema, '.', %TABLE%'.', k.constraint_name), k.check_clause FROM information_schema.check_constraints k WHERE k.constraint_schema NOT IN (%NOT%)
 UNION ALL SELECT CONCAT('trigger ', trigger_schema, '.', trigger_name), CONCAT_WS(' ', LOWER(action_timing), LOWER(event_manipulation), 'on', event_object_table, action_order, action_statement, sql_mode)
 FROM information_schema.triggers WHERE trigger_schema NOT IN (%NOT%)
 UNION ALL SELECT CONCAT('view ', table_schema, '.', table_name), CONCAT_WS(' ', view_definition, check_option, security_type) FROM information_schema.views WHERE table_schema NOT IN (%NOT%)
 UNION ALL SELECT CONCAT(LOWER(routine_type), ' ', routine_schema, '.', routine_name), CONCAT_WS(' ', dtd_identifier, security_type, is_deterministic, sql_data_access, sql_mode, routine_definition)
 FROM information_schema.routines WHERE routine_schema NOT IN (%NOT%)
 UNION ALL SELECT CONCAT('event ', event_schema, '.', event_name), CONCAT_WS(' ', event_type, execute_at, interval_value, interval_field, starts, ends, on_completion, time_zone, sql_mode, event_definition)
 FROM information_schema.events WHERE event_schema NOT IN (%NOT%)`

// objects is the statement in the words of a product: MariaDB has no indexes on
// expressions, and names a check by its table too.
func (d dialect) objects() string {
	expr, hidden, table := "COALESCE(column_name, CONCAT('(', expression, ')'))", "IF(is_visible = 'NO', ' invisible', '')", ""
	if d.maria {
		expr, hidden, table = "column_name", "IF(ignored = 'YES', ' ignored', '')", "k.table_name, "
	}
	return replace(objectsSQL, "%EXPR%", expr, "%HIDDEN%", hidden, "%TABLE%", table, "%NOT%", notUsers)
}

// hiddenBodies counts routines and views that are listed without their text.
func (e *eye) hiddenBodies(ctx context.Context) (string, error) {
	row, err := e.row(ctx, `SELECT (SELECT COUNT(*) FROM information_schema.routines WHERE routine_body = 'SQL' AND routine_definition IS NULL AND routine_schema NOT IN (`+notUsers+`))
 + (SELECT COUNT(*) FROM information_schema.views WHERE COALESCE(view_definition, '') = '' AND table_schema NOT IN (`+notUsers+`))`)
	return text(row, 0), err
}

// sameObjects does not print definitions: they are long, and texts of code may
// hold what nobody should read on a screen.
func sameObjects(ctx context.Context, k *look) (answer, error) {
	for _, e := range []*eye{k.me, k.peer} {
		n, err := e.hiddenBodies(ctx)
		if err != nil {
			return answer{}, err
		}
		if n != "0" {
			return preflight.Says(engines.Blind, "the text of "+n+" routines and views on "+string(e.l.target)+" is hidden from {own}",
				"GRANT "+e.l.d.pick("SHOW_ROUTINE, SHOW VIEW ON *.*", "SELECT ON mysql.proc, and SHOW VIEW ON *.*,")+" TO {own} on "+string(e.l.target)), nil
		}
	}
	mine, err := k.me.pairs(ctx, k.me.l.d.objects(), canonicalCode)
	if err != nil {
		return answer{}, err
	}
	theirs, err := k.peer.pairs(ctx, k.peer.l.d.objects(), canonicalCode)
	if err != nil {
		return answer{}, err
	}
	ds := k.unexpected(engines.Differences(mine, theirs))
	level := engines.Caution
	names := make([]string, 0, len(ds))
	for _, d := range ds {
		switch {
		case d.OnlyHere || d.OnlyThere:
			names = append(names, d.Tell(k.in.On, k.other()))
		case strings.HasPrefix(d.Name, "index "):
			names = append(names, d.Name+" is "+d.There+" on {there}, "+d.Here+" on {here}")
		default:
			names = append(names, d.Name+" is not the same")
		}
		if strings.HasPrefix(d.Name, "trigger ") || strings.HasPrefix(d.Name, "check ") || strings.HasPrefix(d.Name, "index ") && strings.Contains(d.Here+d.There, "unique ") {
			level = engines.Block // these change or refuse what is written
		}
	}
	return preflight.Found(level, names), nil
}

// specialSQL is what a server computes itself: values, places, hidden columns.
const specialSQL = `SELECT CONCAT('column ', table_schema, '.', table_name, '.', column_name), CONCAT_WS(' ', NULLIF(generation_expression, ''), extra%SRS%)
 FROM information_schema.columns WHERE table_schema NOT IN (%NOT%) AND (COALESCE(generation_expression, '') <> '' OR extra LIKE '%INVISIBLE%'%SRSALSO%)
 UNION ALL SELECT CONCAT('partition ', table_schema, '.', table_name, '.', partition_name, COALESCE(CONCAT('.', subpartition_name), '')),
  CONCAT_WS(' ', partition_method, partition_expression, partition_description, subpartition_method, subpartition_expression)
 FROM information_schema.partitions WHERE partition_name IS NOT NULL AND table_schema NOT IN (%NOT%)`

func (d dialect) special() string {
	if d.maria {
		return replace(specialSQL, "%SRSALSO%", "", "%SRS%", "", "%NOT%", notUsers)
	}
	return replace(specialSQL, "%SRSALSO%", " OR srs_id IS NOT NULL", "%SRS%", ", CONCAT('srid ', srs_id)", "%NOT%", notUsers)
}

func sameSpecial(ctx context.Context, k *look) (answer, error) {
	mine, err := k.me.pairs(ctx, k.me.l.d.special(), canonicalCode)
	if err != nil {
		return answer{}, err
	}
	theirs, err := k.peer.pairs(ctx, k.peer.l.d.special(), canonicalCode)
	if err != nil {
		return answer{}, err
	}
	ds := k.unexpected(engines.Differences(mine, theirs))
	return preflight.Found(engines.Caution, k.list(ds)), nil
}
