package mysql

import (
	"context"
	"slices"

	"github.com/turquoise-db/turquoise/engines"
)

// InspectOnly asks some checks alone; none named is all.
func (r *Reader) InspectOnly(ctx context.Context, in engines.Scope, ids ...string) []engines.Finding {
	return r.inspect(ctx, in, slices.DeleteFunc(checkTable(), func(c check) bool { return len(ids) > 0 && !slices.Contains(ids, c.id) }))
}

// CheckIDs lists the checks, so that a test can demand that each has its rows.
func CheckIDs() []string {
	var out []string
	for _, c := range checkTable() {
		out = append(out, c.id)
	}
	return out
}
