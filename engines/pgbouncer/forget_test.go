package pgbouncer

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/lab"
)

// client logs in through the pooler and asks one question.
func (r *rig) client() (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(r.l.AppDSN())
	if err != nil {
		return nil, err
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	c, err := pgx.ConnectConfig(r.t.Context(), cfg)
	if err != nil {
		return nil, err
	}
	r.t.Cleanup(func() { _ = c.Close(context.WithoutCancel(r.t.Context())) })
	return c, r.asks(c)
}

func (r *rig) asks(c *pgx.Conn) error {
	var n int
	return c.QueryRow(r.t.Context(), "select inet_server_port()").Scan(&n)
}

// TestClientsSurviveTheWayBackToAnOlderServer: new clients, and those that logged
// in while the newer server was behind the pooler, work after the way back.
func TestClientsSurviveTheWayBackToAnOlderServer(t *testing.T) {
	r := newRigOf(t, lab.Options{BlueMajor: 15, GreenMajor: 17})
	r.run(r.plan("capture", "blue", "green").Actions)
	must := func(c *pgx.Conn, err error) *pgx.Conn {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	old := must(r.client())
	for _, kind := range []string{"freeze", "route", "open"} {
		r.run(r.plan(kind, "blue", "green").Actions)
	}
	mid := must(r.client())
	for _, kind := range []string{"freeze", "route", "open"} {
		r.run(r.plan(kind, "green", "blue").Actions)
	}
	for name, c := range map[string]*pgx.Conn{"from before": old, "from the time on green": mid} {
		// Each may lose its connection once, at the way back; the next one works.
		if err := r.asks(c); err != nil {
			t.Logf("client %s: %v", name, err)
			must(r.client())
		}
	}
	for range 3 {
		must(r.client())
	}
	if got := r.port(); got != r.l.Blue.Port {
		t.Errorf("clients reach port %d after the way back; want blue's %d", got, r.l.Blue.Port)
	}
}
