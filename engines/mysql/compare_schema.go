package mysql

import (
	"context"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// schemaKeys are foreign keys, each with its rules.
var schemaKeys = `SELECT CONCAT('foreign key ', k.constraint_schema, '.', k.table_name, '.', k.constraint_name),
 CONCAT_WS(' ', GROUP_CONCAT(CONCAT(u.column_name, ' -> ', u.referenced_table_schema, '.', u.referenced_table_name, '.', u.referenced_column_name) ORDER BY u.ordinal_position SEPARATOR ', '),
  'on update', LOWER(k.update_rule), 'on delete', LOWER(k.delete_rule))
FROM information_schema.referential_constraints k JOIN information_schema.key_column_usage u ON u.constraint_schema = k.constraint_schema
 AND u.constraint_name = k.constraint_name AND u.table_name = k.table_name
WHERE k.constraint_schema NOT IN (` + notUsers + `) GROUP BY k.constraint_schema, k.table_name, k.constraint_name, k.update_rule, k.delete_rule`

// Schema lists what the catalogue says, in words that versions share. Code is
// told by its hash: it is long, and may hold what nobody should read on a screen.
func (c *Comparer) Schema(ctx context.Context) ([]engines.SchemaFact, error) {
	cols, err := c.query(ctx, "read the columns", columnsSQL)
	if err != nil {
		return nil, err
	}
	var out []engines.SchemaFact
	for _, r := range cols {
		x := canonicalColumn(c.d, r[1:])
		out = append(out, engines.SchemaFact{Kind: "column", Object: text(r, 0) + "." + x.name, Is: x.String()})
	}
	for _, sql := range []string{c.d.objects(), c.d.special(), schemaKeys} {
		rows, err := c.query(ctx, "read the schema", sql)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			kind, object := factOf(text(r, 0))
			is := canonicalCode(text(r, 1))
			switch kind {
			case "trigger", "view", "procedure", "function", "event":
				is = "code " + shortHash(is)
			}
			out = append(out, engines.SchemaFact{Kind: kind, Object: object, Is: is})
		}
	}
	return out, nil
}

// factOf takes the kind off a name: "index shop.orders.PRIMARY".
func factOf(name string) (kind, object string) {
	if rest, ok := strings.CutPrefix(name, "foreign key "); ok {
		return "foreign key", rest
	}
	kind, object, _ = strings.Cut(name, " ")
	return kind, object
}

// Sequences lists the AUTO_INCREMENT counters, and MariaDB's sequences. A counter
// is the number that the next row gets, so it counts as never called.
func (c *Comparer) Sequences(ctx context.Context) ([]engines.SequenceFact, error) {
	rows, err := c.query(ctx, "read the counters", `SELECT t.table_schema, t.table_name, t.auto_increment, c.column_name
FROM information_schema.tables t LEFT JOIN information_schema.columns c ON c.table_schema = t.table_schema AND c.table_name = t.table_name AND c.extra LIKE '%auto_increment%'
WHERE t.auto_increment IS NOT NULL AND t.table_type <> 'SEQUENCE' AND t.table_schema NOT IN (`+notUsers+`) ORDER BY 1, 2`)
	if err != nil {
		return nil, err
	}
	var out []engines.SequenceFact
	for _, r := range rows {
		next, err := strconv.ParseUint(text(r, 2), 10, 64)
		if err != nil {
			return nil, c.fail("read the counters", errNumber)
		}
		// The last number of BIGINT UNSIGNED does not fit; such a counter is full
		// long before it could be compared wrongly.
		out = append(out, engines.SequenceFact{SequenceState: engines.SequenceState{Schema: text(r, 0), Name: text(r, 1), Last: int64(min(next, 1<<63-1)),
			Increment: 1, Min: 1, Max: 1<<63 - 1}, Start: 1, Type: "auto_increment", Owner: text(r, 0) + "." + text(r, 1) + "." + text(r, 3)})
	}
	if !c.d.maria {
		return out, nil
	}
	named, err := c.query(ctx, "read the sequences", "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'SEQUENCE' AND table_schema NOT IN ("+notUsers+")")
	if err != nil {
		return nil, err
	}
	for _, n := range named {
		f, err := c.sequence(ctx, text(n, 0), text(n, 1))
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// sequence reads one of MariaDB's: a table of one row. What it has handed out to
// its cache counts as taken.
func (c *Comparer) sequence(ctx context.Context, schema, name string) (engines.SequenceFact, error) {
	f := engines.SequenceFact{SequenceState: engines.SequenceState{Schema: schema, Name: name}, Type: "sequence"}
	rows, err := c.query(ctx, "read the sequence "+f.String(), "SELECT next_not_cached_value, minimum_value, maximum_value, start_value, increment, cache_size, cycle_option FROM "+
		ident(schema)+"."+ident(name))
	if err != nil {
		return f, err
	}
	if len(rows) != 1 {
		return f, c.fail("read the sequence "+f.String(), errRow)
	}
	for i, to := range []*int64{&f.Last, &f.Min, &f.Max, &f.Start, &f.Increment, &f.Cache} {
		if *to, err = strconv.ParseInt(text(rows[0], i), 10, 64); err != nil {
			return f, c.fail("read the sequence "+f.String(), errNumber)
		}
	}
	if f.Cycle = text(rows[0], 6) == "1"; f.Increment == 0 {
		f.Increment = 1 // by the server's own step
	}
	return f, nil
}
