package tui

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/postgres"
	"github.com/turquoise-db/turquoise/lab/labtest"
	"github.com/turquoise-db/turquoise/session"
)

func TestMain(m *testing.M) { os.Exit(labtest.Main(m)) }

// Names as a real server gives them back: sessions that call themselves what
// they like are counted, and break no frame.
func TestHostileNamesFromARealServer(t *testing.T) {
	db := labtest.Postgres(t, 15)
	const sessions = 48
	for i := range sessions {
		cfg, err := pgx.ParseConfig(db.DSN)
		if err != nil {
			t.Fatal(err)
		}
		cfg.RuntimeParams["application_name"] = fmt.Sprintf("%s-%02d", hostile[i%6], i)
		c, err := pgx.ConnectConfig(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(t.Context())
	}
	r, err := postgres.OpenReader(engines.OpenRequest{Ctx: t.Context(), Target: "blue", DSN: db.DSN, Run: "r1", Role: "sampler"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	groups, err := r.Clients(t.Context(), engines.Scope{Run: "r1", On: "blue", From: "blue", To: "green"})
	if err != nil {
		t.Fatal(err)
	}
	s := ready()
	s.Clients[0] = session.ClientTable{Age: time.Second}
	for _, g := range groups {
		s.Clients[0].Rows = append(s.Clients[0].Rows, session.ClientRow{App: g.App, Count: g.Count})
		s.Clients[0].Total += g.Count
	}
	if s.Clients[0].Total < sessions {
		t.Fatalf("%d sessions seen of %d: %v", s.Clients[0].Total, sessions, groups)
	}
	for i, sz := range sizes {
		g := newRig(t, s, sz[0], sz[1])
		g.typed("3")
		checkFrame(t, uint64(i), g.m.View().Content, sz[0], sz[1])
		g.shows(fmt.Sprint(s.Clients[0].Total))
	}
}
