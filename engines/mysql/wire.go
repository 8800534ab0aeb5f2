package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// tagMark begins the comment in front of every statement of ours, by which the
// server's own log tells them from those of others under the same account.
const tagMark = "/* tq "

// marked puts the comment of its connection in front of a text that carries none
// of its own.
func (l *link) marked(text string) string {
	if strings.HasPrefix(text, tagMark) {
		return text
	}
	return l.mark + text
}

// answers reports whether a statement's answer is rows. The first word decides;
// a tag in front of it is passed over.
func answers(text string) bool {
	for strings.HasPrefix(text, "/*") {
		text = strings.TrimLeft(text[skip(text, 0):], " \n\t")
	}
	word := text
	if i := strings.IndexAny(text, " \t\n("); i >= 0 {
		word = text[:i]
	}
	switch strings.ToUpper(word) {
	case "SELECT", "SHOW", "WITH", "CALL", "XA", "TABLE", "EXPLAIN", "CHECKSUM":
		return true
	}
	return false
}

// run sends one text and reads everything that comes back. The text has no
// parameters any more: what is planned is what is sent.
func (l *link) run(ctx context.Context, text string) (engines.Result, error) {
	if l.dead {
		return engines.Result{}, errLost
	}
	if err := ctx.Err(); err != nil {
		return engines.Result{}, err
	}
	start := time.Now()
	var res engines.Result
	var err error
	if answers(text) {
		res, err = l.ask(ctx, l.marked(text))
	} else {
		var r driver.Result
		if r, err = l.raw.ExecContext(ctx, l.marked(text), nil); err == nil {
			res.Affected, _ = r.RowsAffected() // an OK packet always has the number
		}
	}
	res.Took = time.Since(start)
	if err != nil {
		err = mask(orCause(ctx, err))
		var se *ServerError
		if !errors.As(err, &se) {
			// The line is not in step with the server any more.
			l.dead = true
			_ = l.raw.Close()
		}
	}
	return res, err
}

// orCause names the end of a context where the driver only saw its line close.
func orCause(ctx context.Context, err error) error {
	if c := ctx.Err(); c != nil && !isServerError(err) {
		return c
	}
	return err
}

// ask reads rows. CALL may give several results: the first that has columns
// counts, the rest is read so that the line stays in step.
func (l *link) ask(ctx context.Context, text string) (res engines.Result, err error) {
	rows, err := l.raw.QueryContext(ctx, text, nil)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for first := true; ; {
		cols := rows.Columns()
		took := first && len(cols) > 0
		if took {
			res.Columns, first = cols, false
		}
		for len(cols) > 0 {
			dest := make([]driver.Value, len(cols))
			if err := rows.Next(dest); err == io.EOF {
				break
			} else if err != nil {
				return res, err
			}
			if took {
				res.Rows = append(res.Rows, texts(dest))
			}
		}
		more, ok := rows.(driver.RowsNextResultSet)
		if !ok || !more.HasNextResultSet() {
			break
		}
		if err := more.NextResultSet(); err == io.EOF {
			break
		} else if err != nil {
			return res, err
		}
	}
	return project(text, res)
}

// project keeps the columns that a text names in its comment.
func project(text string, res engines.Result) (engines.Result, error) {
	names := keptOf(text)
	if names == nil {
		return res, nil
	}
	if len(res.Rows) == 0 {
		none := "none"
		return engines.Result{Columns: names[:1], Rows: [][]*string{{&none}}}, nil
	}
	out := engines.Result{Columns: names}
	for _, row := range res.Rows {
		var keep []*string
		for _, n := range names {
			i := column(res.Columns, n)
			if i < 0 {
				return res, fmt.Errorf("%w: %s", errColumn, n)
			}
			keep = append(keep, row[i])
		}
		out.Rows = append(out.Rows, keep)
	}
	return out, nil
}

func column(columns []string, name string) int {
	for i, c := range columns {
		if strings.EqualFold(c, name) {
			return i
		}
	}
	return -1
}

func texts(row []driver.Value) []*string {
	out := make([]*string, len(row))
	for i, v := range row {
		if s, ok := printed(v); ok {
			out[i] = &s
		}
	}
	return out
}

// printed is a value as the server had written it.
func printed(v driver.Value) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", false
	case []byte:
		return string(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	case float32:
		return strconv.FormatFloat(float64(v), 'g', -1, 32), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	}
	return fmt.Sprint(v), true
}

// send runs a statement whose answer does not matter.
func (l *link) send(ctx context.Context, text string) error {
	_, err := l.run(ctx, text)
	return err
}

// one asks for exactly one row.
func (l *link) one(ctx context.Context, text string) ([]*string, error) {
	res, err := l.run(ctx, text)
	if err != nil {
		return nil, err
	}
	if len(res.Rows) != 1 {
		return nil, errRow
	}
	return res.Rows[0], nil
}

func text(row []*string, i int) string {
	if i >= len(row) || row[i] == nil {
		return ""
	}
	return *row[i]
}
