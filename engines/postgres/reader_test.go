package postgres_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/postgres"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// TestGaugesAreUnknownWhenTheServerIsGone: no gauge is left out and none reads
// zero; names are those that lint knows.
func TestGaugesAreUnknownWhenTheServerIsGone(t *testing.T) {
	l := labtest.Pair(t, lab.Options{})
	w := newWalker(t, l)
	names := postgres.Engine().Planner.GaugeNames()
	up := w.gauges("green", "blue", "green")
	for id, r := range up {
		if _, n := id.Split(); !slices.Contains(names, n) {
			t.Errorf("%s is not in the engine's list", id)
		}
		if r.Err != nil && strings.Contains(r.Err.Error(), "SQLSTATE") {
			t.Errorf("%s: %v", id, r.Err)
		}
	}
	if r := up["green/connections_count"]; r.Err != nil || r.Value < 2 {
		t.Errorf("connections: %+v", r)
	}
	if r := up["green/worker_state"]; r.Text != "none" {
		t.Errorf("worker without a subscription: %+v", r)
	}
	if r := up["green/sequences_behind_count"]; r.Err != nil || r.Value == 0 {
		t.Errorf("an empty green is not behind: %+v", r)
	}
	if err := l.Green.Stop(); err != nil {
		t.Fatal(err)
	}
	down := w.gauges("green", "blue", "green")
	for id := range up {
		if r, ok := down[id]; !ok || r.Err == nil || r.Value != 0 || r.Text != "" {
			t.Errorf("%s of a dead server: %+v", id, r)
		}
	}
}

// TestABlindRoleIsNotZero: a role that cannot see other sessions gives no count.
func TestABlindRoleIsNotZero(t *testing.T) {
	l := labtest.Pair(t, lab.Options{})
	seeing, err := postgres.OpenReader(engines.OpenRequest{Ctx: t.Context(), Target: "blue", DSN: l.BlueDSN(), Run: "r1", Person: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = seeing.Close() }()
	blind, err := postgres.OpenReader(engines.OpenRequest{Ctx: t.Context(), Target: "blue", DSN: l.Blue.DSN(lab.RoleBatch, "app"), Run: "r1", Person: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = blind.Close() }()
	in := engines.Scope{On: "blue", From: "blue", To: "green"}
	for _, r := range blind.Gauges(t.Context(), in) {
		if r.Gauge == "blue/oldest_writer_seconds" && r.Err == nil {
			t.Errorf("a blind role reads %v", r.Value)
		}
	}
	if _, err := blind.Clients(t.Context(), in); err == nil {
		t.Error("a blind role lists clients")
	}
	groups, err := seeing.Clients(t.Context(), in)
	if err != nil || !slices.ContainsFunc(groups, func(g engines.ClientGroup) bool { return g.User == lab.RoleBatch }) {
		t.Errorf("clients: %+v, %v", groups, err)
	}
	rows, err := seeing.RowCounts(t.Context())
	if i := slices.IndexFunc(rows, func(r engines.TableRows) bool { return r.Name == "accounts" }); err != nil || i < 0 || rows[i].Rows != 5000 || !rows[i].Exact {
		t.Errorf("rows: %+v, %v", rows, err)
	}
}
