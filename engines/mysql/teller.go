package mysql

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

var errInteger = errors.New("a key is no integer")

// teller looks at the rows of a table over a connection of its own, which is made
// with the first question and again after it was lost.
type teller struct {
	open   engines.OpenRequest
	change *engines.SchemaChange
	l      *link
}

func (t *teller) ask(ctx context.Context, sql string) ([]*string, error) {
	ctx, cancel := context.WithTimeout(ctx, engines.TallyLimit+grace)
	defer cancel()
	if t.l == nil || t.l.dead {
		l, err := dial(ctx, t.open)
		if err != nil {
			return nil, mask(err)
		}
		t.l = l
		if err := l.limitTo(ctx, engines.TallyLimit); err != nil {
			return nil, err
		}
	}
	return t.l.one(ctx, sql)
}

// Range looks at the rows behind a key.
func (t *teller) Range(ctx context.Context, after string) ([]*string, error) {
	if _, err := strconv.ParseInt(after, 10, 64); err != nil {
		return nil, errInteger
	}
	return t.ask(ctx, tallyText(t.change, after))
}

// Again counts which of these rows still disagree.
func (t *teller) Again(ctx context.Context, keys []string) (int64, error) {
	for _, k := range keys {
		if _, err := strconv.ParseInt(k, 10, 64); err != nil {
			return 0, errInteger
		}
	}
	c := t.change
	row, err := t.ask(ctx, "SELECT COUNT(*) FROM "+qualified(c.Table)+" t WHERE t."+ident(c.Key)+" IN ("+strings.Join(keys, ", ")+") AND "+disagree(c))
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text(row, 0), 10, 64)
	if err != nil {
		return 0, errNumber
	}
	return n, nil
}

// Close ends the connection. It only read.
func (t *teller) Close() {
	if t.l != nil {
		_ = t.l.close()
	}
}

// disagree says that a filled row's old shape is not what the new one gives: by
// the way down, for the new shape may know more.
func disagree(c *engines.SchemaChange) string {
	var differ []string
	for _, m := range c.Down {
		differ = append(differ, differs("t."+ident(m.Column), "("+m.Expr+")"))
	}
	return "t." + ident(c.Filled) + " IS NOT NULL AND (" + strings.Join(differ, " OR ") + ")"
}

// tallyText looks at one range: last key, rows left, rows that disagree, rows
// whose new shape knows more, and the keys of those that disagree.
func tallyText(c *engines.SchemaChange, after string) string {
	var more []string
	for _, m := range c.Up {
		more = append(more, differs("t."+ident(m.Column), "("+m.Expr+")"))
	}
	key, filled := "t."+ident(c.Key), "t."+ident(c.Filled)
	return "SELECT MAX(k), COALESCE(SUM(unfilled), 0), COALESCE(SUM(differs), 0), COALESCE(SUM(more), 0),\n" +
		" COALESCE(SUBSTRING_INDEX(GROUP_CONCAT(IF(differs, k, NULL) ORDER BY k), ',', " + strconv.Itoa(engines.TallyKeys) + "), '')\n" +
		"FROM (SELECT " + key + " AS k, " + filled + " IS NULL AS unfilled, " + disagree(c) + " AS differs,\n" +
		"  " + filled + " IS NOT NULL AND (" + strings.Join(more, " OR ") + ") AS more\n" +
		" FROM " + qualified(c.Table) + " t WHERE " + key + " > " + after + " ORDER BY " + key + " LIMIT " + strconv.Itoa(engines.TallyRange) + ") r"
}
