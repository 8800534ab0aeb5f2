package postgres

import (
	"context"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/turquoise-db/turquoise/engines"
)

// teller looks at the rows of a table over a connection of its own, which is made
// with the first question and again after it was lost.
type teller struct {
	cfg    *pgconn.Config
	change *engines.SchemaChange
	pg     *pgconn.PgConn
	meter  engines.Meter
}

func (t *teller) ask(ctx context.Context, sql string, args ...string) (engines.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, engines.TallyLimit+grace)
	defer cancel()
	if t.pg == nil || t.pg.IsClosed() {
		pg, err := dial(ctx, t.cfg, &t.meter)
		if err != nil {
			return engines.Result{}, mask(err)
		}
		t.pg = pg
	}
	res, err := run(ctx, t.pg, sql, args)
	return res, mask(err)
}

// Range looks at the rows behind a key.
func (t *teller) Range(ctx context.Context, after string) ([]*string, error) {
	res, err := t.ask(ctx, tallyText(t.change), after, strconv.Itoa(engines.TallyRange), strconv.Itoa(engines.TallyKeys))
	if err != nil {
		return nil, err
	}
	return res.Rows[0], nil
}

// Again counts which of these rows still disagree.
func (t *teller) Again(ctx context.Context, keys []string) (int64, error) {
	c := t.change
	res, err := t.ask(ctx, "SELECT count(*) FROM "+table(c.Table)+" t WHERE t."+ident(c.Key)+" = ANY ($1::bigint[]) AND "+disagree(c), "{"+strings.Join(keys, ",")+"}")
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text(res.Rows[0], 0), 10, 64)
	if err != nil {
		return 0, errNumber
	}
	return n, nil
}

// Close ends the connection. It only read.
func (t *teller) Close() {
	if t.pg == nil {
		return
	}
	end, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	_ = t.pg.Close(end)
}

// disagree says that a filled row's old shape is not what the new one gives: by
// the way down, for the new shape may know more. Equal texts are equal bytes,
// unless a column has a collation that was made to say otherwise.
func disagree(c *engines.SchemaChange) string {
	var differ []string
	for _, m := range c.Down {
		differ = append(differ, "t."+ident(m.Column)+" IS DISTINCT FROM ("+m.Expr+")")
	}
	return "t." + ident(c.Filled) + " IS NOT NULL AND (" + strings.Join(differ, " OR ") + ")"
}

// tallyText looks at one range: last key, rows left, rows that disagree, rows
// whose new shape knows more, and the keys of those that disagree.
func tallyText(c *engines.SchemaChange) string {
	var more []string
	for _, m := range c.Up {
		more = append(more, "t."+ident(m.Column)+" IS DISTINCT FROM ("+m.Expr+")")
	}
	key, filled := "t."+ident(c.Key), "t."+ident(c.Filled)
	return "SELECT max(k), count(*) FILTER (WHERE unfilled), count(*) FILTER (WHERE differs), count(*) FILTER (WHERE more),\n" +
		" array_to_string((array_agg(k) FILTER (WHERE differs))[1:$3::int], ',')\n" +
		"FROM (SELECT " + key + " AS k, " + filled + " IS NULL AS unfilled, " + disagree(c) + " AS differs,\n" +
		"  " + filled + " IS NOT NULL AND (" + strings.Join(more, " OR ") + ") AS more\n" +
		" FROM " + table(c.Table) + " t WHERE " + key + " > $1::bigint ORDER BY " + key + " LIMIT $2::bigint) r"
}
