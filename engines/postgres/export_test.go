package postgres

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

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

// Requests are requests for every kind and stage, in both directions.
func Requests() []engines.Request {
	var out []engines.Request
	for _, k := range slices.Sorted(maps.Keys(kinds())) {
		kind, stage, _ := strings.Cut(k, "/")
		out = append(out, request(kind, stage, "blue", "blue", "green"), request(kind, stage, "green", "green", "blue"))
	}
	return out
}

// SharedTable is a change of a table for tests without a runbook.
func SharedTable() *engines.SchemaChange {
	return &engines.SchemaChange{On: "blue", Router: "router", Table: "shop.customer", Key: "id", Filled: "family_name",
		Old:   []engines.Object{{Kind: "column", Name: "name"}},
		New:   []engines.Object{{Kind: "column", Name: "given_name"}, {Kind: "column", Name: "family_name"}, {Kind: "index", Name: "customer_family_i"}},
		Both:  []engines.Object{{Kind: "trigger", Name: "customer_sync"}},
		Up:    []engines.Mapped{{Column: "given_name", Expr: "tq.name_up_given(name)"}, {Column: "family_name", Expr: "tq.name_up_family(name)"}},
		Down:  []engines.Mapped{{Column: "name", Expr: "tq.name_down(given_name, family_name)"}},
		Roles: map[engines.Colour]string{engines.Blue: "shop_blue", engines.Turquoise: "shop_turquoise", engines.Green: "shop_green"}}
}

// releaseArgs are arguments for the kinds that need some.
func releaseArgs(kind string) map[string]string {
	return map[string]map[string]string{
		"ddl":        {"text": "CREATE INDEX CONCURRENTLY customer_family_i ON shop.customer (family_name)", "leaves": "index customer_family_i", "lock_timeout": "0"},
		"backfill":   {"batch": "10000", "checkpoint": "tq.progress"},
		"sessions":   {"colour": "blue"},
		"fence-role": {"colour": "blue"},
	}[kind]
}

// SetBatchRows makes answers of batches hold fewer changes, until the returned
// function is called.
func SetBatchRows(n int) func() {
	was := batchRows
	batchRows = n
	return func() { batchRows = was }
}

// SetLateAfter makes a log late sooner, until the returned function is called.
func SetLateAfter(d time.Duration) func() {
	was := lateAfter
	lateAfter = d
	return func() { lateAfter = was }
}

// SetMostAgain makes a first batch tell less again, until the returned function is called.
func SetMostAgain(n uint64) func() {
	was := mostAgain
	mostAgain = n
	return func() { mostAgain = was }
}

// Asked is how far apart batches are after answers to what a log said in a while.
func Asked(every time.Duration, answers ...Answer) time.Duration {
	var b batch
	for _, a := range answers {
		b.fresh = a.Messages
		b.learn(a.While, a.Bytes, !a.Cut)
	}
	return sooner(every, b.says)
}

// Answer is what one told of so much log.
type Answer struct {
	While    time.Duration
	Messages int
	Bytes    uint64
	Cut      bool
}
