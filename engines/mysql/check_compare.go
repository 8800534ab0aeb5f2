package mysql

import (
	"context"
	"slices"

	"github.com/turquoise-db/turquoise/engines"
)

func (k *look) list(ds []engines.Difference) []string {
	out := make([]string, len(ds))
	for i, d := range ds {
		out[i] = d.Tell(k.in.On, k.other())
	}
	return out
}

// pairs is a query's first column with its second, made canonical.
func (e *eye) pairs(ctx context.Context, sql string, canonical func(string) string) (map[string]string, error) {
	rows, err := e.rows(ctx, sql)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(rows))
	for _, r := range rows {
		out[text(r, 0)] = canonical(text(r, 1))
	}
	return out, nil
}

// compare asks both sides the same and lists what differs, by name. The runbook
// may expect a difference.
func (k *look) compare(ctx context.Context, sql string, canonical func(string) string) ([]engines.Difference, error) {
	mine, err := k.me.pairs(ctx, sql, canonical)
	if err != nil {
		return nil, err
	}
	theirs, err := k.peer.pairs(ctx, sql, canonical)
	if err != nil {
		return nil, err
	}
	return k.unexpected(engines.Differences(mine, theirs)), nil
}

func (k *look) unexpected(ds []engines.Difference) []engines.Difference {
	return slices.DeleteFunc(ds, func(d engines.Difference) bool { return slices.Contains(k.p.Lists["expected_schema_diff"], d.Name) })
}
