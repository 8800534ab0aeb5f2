package mysql

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// keyPrimary says where a key comes from.
const keyPrimary = "primary key"

// shapeTables reads everything that holds rows.
var shapeTables = `SELECT table_schema, table_name, table_type, COALESCE(engine, ''), COALESCE(table_rows, 0), COALESCE(data_length, 0), COALESCE(create_options, '')
FROM information_schema.tables WHERE table_type <> 'VIEW' AND table_schema NOT IN (` + notUsers + `) ORDER BY 1, 2`

var shapeColumns = `SELECT c.table_schema, c.table_name, c.column_name, LOWER(c.data_type), c.column_type, c.is_nullable, COALESCE(c.character_set_name, ''),
 COALESCE(c.collation_name, ''), COALESCE(c.generation_expression, '')
FROM information_schema.columns c WHERE c.table_schema NOT IN (` + notUsers + `) ORDER BY c.table_schema, c.table_name, c.ordinal_position`

// shapeKeys lists unique indexes, the primary key first and short ones before
// long ones. An index on expressions, or on columns that may be NULL, is no key.
var shapeKeys = `SELECT s.table_schema, s.table_name, s.index_name, s.column_name, s.nullable = 'YES', s.sub_part IS NOT NULL
FROM information_schema.statistics s JOIN (SELECT table_schema, table_name, index_name, COUNT(*) AS n FROM information_schema.statistics
  WHERE non_unique = 0 AND table_schema NOT IN (` + notUsers + `) GROUP BY table_schema, table_name, index_name) x
 ON x.table_schema = s.table_schema AND x.table_name = s.table_name AND x.index_name = s.index_name
WHERE s.non_unique = 0 ORDER BY s.table_schema, s.table_name, s.index_name <> 'PRIMARY', x.n, s.index_name, s.seq_in_index`

// shapeCascades lists the tables whose rows a foreign key may change.
var shapeCascades = `SELECT DISTINCT constraint_schema, table_name FROM information_schema.referential_constraints
WHERE (update_rule IN ('CASCADE', 'SET NULL', 'SET DEFAULT') OR delete_rule IN ('CASCADE', 'SET NULL', 'SET DEFAULT')) AND constraint_schema NOT IN (` + notUsers + `)`

// Shapes lists the tables of users as they stand in the catalogue.
func (c *Comparer) Shapes(ctx context.Context) ([]engines.TableShape, []engines.Note, error) {
	tables, err := c.query(ctx, "read the tables", shapeTables)
	if err != nil {
		return nil, nil, err
	}
	var out []engines.TableShape
	var notes []engines.Note
	at := map[string]int{}
	for _, r := range tables {
		t := engines.TableShape{Schema: text(r, 0), Name: text(r, 1), Identity: "rows"}
		note, holds := odd(text(r, 2), text(r, 3))
		if note.Why != "" {
			note.Object = t.Label()
			notes = append(notes, note)
		}
		if !holds {
			continue
		}
		if t.Rows, err = strconv.ParseInt(text(r, 4), 10, 64); err == nil {
			t.Bytes, err = strconv.ParseInt(text(r, 5), 10, 64)
		}
		if err != nil {
			return nil, nil, c.fail("read the tables", errNumber)
		}
		at[t.Label()] = len(out)
		out = append(out, t)
	}
	for _, fill := range []func(context.Context, []engines.TableShape, map[string]int) error{c.columns, c.keys, c.cascades} {
		if err := fill(ctx, out, at); err != nil {
			return nil, nil, err
		}
	}
	hidden, err := c.hidden(ctx, out)
	return out, append(notes, hidden...), err
}

// odd says of a kind of table, or of its storage, what a comparison cannot see.
func odd(kind, engine string) (n engines.Note, rows bool) {
	switch {
	case kind == "SEQUENCE":
		return n, false
	case kind == "SYSTEM VERSIONED":
		return engines.Note{Why: "the history of its rows is not compared", Blind: true}, true
	case kind != "BASE TABLE":
		return engines.Note{Why: "is a " + strings.ToLower(kind) + ": not compared", Blind: true}, false
	case slices.Contains([]string{"FEDERATED", "CONNECT", "SPIDER", "S3", "BLACKHOLE"}, strings.ToUpper(engine)):
		return engines.Note{Why: "is of the engine " + engine + ": its rows do not live on this server"}, false
	case !strings.EqualFold(engine, "InnoDB"):
		return engines.Note{Why: "is of the engine " + engine + ": it has no snapshots, and reading it holds up those who write"}, true
	}
	return n, true
}

// hidden names the schemas of which our account may not read every table: the
// catalogue leaves those out without a word. Where foreign keys are hidden, any
// table may be one whose rows they change.
func (c *Comparer) hidden(ctx context.Context, shapes []engines.TableShape) ([]engines.Note, error) {
	e := &eye{l: c.link}
	var err error
	if e.process, err = e.may(ctx, "SELECT COUNT(*) FROM information_schema.innodb_trx"); err == nil {
		err = e.learnSight(ctx)
	}
	if err != nil {
		return nil, c.fail("read our own rights", err)
	}
	for i, t := range shapes {
		if !e.seesKeys(t.Schema) {
			shapes[i].Identity = "unknown"
		}
	}
	var out []engines.Note
	if !e.process {
		out = append(out, engines.Note{Object: string(c.target), Why: "our account lacks PROCESS: schemas that it may not see stay unknown", Blind: true})
	}
	for _, s := range e.hidden {
		out = append(out, engines.Note{Object: s + ".*", Why: "our account may not read every table of the schema on " + string(c.target), Blind: true})
	}
	return out, nil
}

func (c *Comparer) columns(ctx context.Context, out []engines.TableShape, at map[string]int) error {
	rows, err := c.query(ctx, "read the columns", shapeColumns)
	if err != nil {
		return err
	}
	for _, r := range rows {
		i, ok := at[text(r, 0)+"."+text(r, 1)]
		if !ok {
			continue
		}
		out[i].Columns = append(out[i].Columns, engines.ColumnShape{Name: text(r, 2), Base: text(r, 3), Type: canonicalType(text(r, 4)), NotNull: text(r, 5) == "NO",
			Charset: canonicalCharset(text(r, 6)), Collation: canonicalCharset(text(r, 7)), Generated: canonicalCode(text(r, 8)), Builtin: true})
	}
	return nil
}

func (c *Comparer) keys(ctx context.Context, out []engines.TableShape, at map[string]int) error {
	rows, err := c.query(ctx, "read the keys", shapeKeys)
	if err != nil {
		return err
	}
	type index struct {
		columns    []string
		name       string
		bad, parts bool
	}
	lists := map[int][]*index{}
	for _, r := range rows {
		i, ok := at[text(r, 0)+"."+text(r, 1)]
		if !ok {
			continue
		}
		of := lists[i]
		if len(of) == 0 || of[len(of)-1].name != text(r, 2) {
			of = append(of, &index{name: text(r, 2)})
			lists[i] = of
		}
		x := of[len(of)-1]
		x.columns = append(x.columns, text(r, 3))
		x.bad = x.bad || r[3] == nil || text(r, 4) == "1"
		x.parts = x.parts || text(r, 5) == "1"
	}
	for i, of := range lists {
		k := slices.IndexFunc(of, func(x *index) bool { return !x.bad })
		if k < 0 {
			continue
		}
		out[i].Key, out[i].KeyFrom = of[k].columns, "unique index"
		if of[k].name == "PRIMARY" && !of[k].parts {
			out[i].KeyFrom = keyPrimary
		}
	}
	return nil
}

// cascades marks tables whose rows change without a word in the log. Newer
// servers write what a foreign key does into the log, and say so by a setting.
func (c *Comparer) cascades(ctx context.Context, out []engines.TableShape, at map[string]int) error {
	native, err := c.query(ctx, "read a setting", "SHOW GLOBAL VARIABLES LIKE 'innodb_native_foreign_keys'")
	if err != nil || len(native) > 0 && off(text(native[0], 1)) {
		return err
	}
	rows, err := c.query(ctx, "read the foreign keys", shapeCascades)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if i, ok := at[text(r, 0)+"."+text(r, 1)]; ok {
			out[i].Identity = "cascade"
		}
	}
	return nil
}

// fingerprintTables and fingerprintColumns are asked apart: joined they cost
// MariaDB seconds for some hundred tables, and they are asked under a freeze.
var (
	fingerprintTables = `SELECT table_schema, table_name FROM information_schema.tables
WHERE table_type NOT IN ('VIEW', 'SEQUENCE') AND table_schema NOT IN (` + notUsers + `)`
	fingerprintColumns = `SELECT table_schema, table_name, ordinal_position, column_name, column_type, COALESCE(collation_name, '')
FROM information_schema.columns WHERE table_schema NOT IN (` + notUsers + `) ORDER BY 1, 2, 3`
)

// Fingerprint is a text for each table that changes with its columns.
func (c *Comparer) Fingerprint(ctx context.Context) (map[string]string, error) {
	tables, err := c.query(ctx, "read the tables", fingerprintTables)
	if err != nil {
		return nil, err
	}
	cols, err := c.query(ctx, "read the tables' columns", fingerprintColumns)
	if err != nil {
		return nil, err
	}
	of := make(map[string][]string, len(tables))
	for _, r := range cols {
		n := text(r, 0) + "." + text(r, 1)
		of[n] = append(of[n], text(r, 2)+" "+text(r, 3)+" "+text(r, 4)+" "+text(r, 5))
	}
	out := make(map[string]string, len(tables))
	for _, r := range tables {
		n := text(r, 0) + "." + text(r, 1)
		out[n] = shortHash(strings.Join(of[n], ","))
	}
	return out, nil
}
