package mysql

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// InspectOnly asks some checks alone; none named is all.
func (r *Reader) InspectOnly(ctx context.Context, in engines.Scope, ids ...string) []engines.Finding {
	return r.inspect(ctx, in, slices.DeleteFunc(checkTable(), func(c check) bool { return len(ids) > 0 && !slices.Contains(ids, c.ID) }))
}

// CheckIDs lists the checks, so that a test can demand that each has its rows.
func CheckIDs() []string {
	var out []string
	for _, c := range checkTable() {
		out = append(out, c.ID)
	}
	return out
}

// Requests are requests for every kind and stage, in both directions, on both
// products.
func Requests() []engines.Request {
	var out []engines.Request
	for _, v := range slices.Sorted(maps.Keys(variants)) {
		for _, k := range slices.Sorted(maps.Keys(kinds())) {
			kind, stage, _ := strings.Cut(k, "/")
			out = append(out, request(v, kind, stage, "blue", "blue", "green"), request(v, kind, stage, "green", "green", "blue"))
		}
	}
	return out
}

// Reads tells actions that change nothing.
func Reads(a engines.Action) bool { return reads(a) }

// SharedTable is a change of a table for tests without a runbook.
func SharedTable() *engines.SchemaChange { return changeOf("ddl") }
