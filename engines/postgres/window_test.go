package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/postgres"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

func planned(t *testing.T, r engines.Request) engines.Parts {
	t.Helper()
	p, err := postgres.Engine().Planner.Plan(r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestFreezeEndsEverySession: idle, idle in a transaction that wrote, and busy
// sessions are ended, a kept role's stay, and the proof of no writer holds.
func TestFreezeEndsEverySession(t *testing.T) {
	db := labtest.Postgres(t, 15)
	app := "f" + db.Name
	c := open(t, db.DSN)
	do := func(text string) engines.Result {
		t.Helper()
		res, err := c.Do(t.Context(), engines.Statement{Text: text, Limit: 10 * time.Second})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return res
	}
	do("CREATE ROLE " + app + " LOGIN PASSWORD 'x'")
	t.Cleanup(func() {
		// The role owns a table of the database, which goes first.
		if err := db.Server.Exec(context.Background(), db.Name, "drop owned by "+app, "drop role "+app); err != nil {
			t.Error(err)
		}
	})
	do("CREATE SCHEMA tq")
	do("CREATE TABLE tq.fence (token text PRIMARY KEY)")
	do("CREATE TABLE public.w (n int)")
	do("ALTER TABLE public.w OWNER TO " + app)
	dsn := fmt.Sprintf("postgres://%s:x@127.0.0.1:%d/%s?sslmode=disable", app, db.Server.Port, db.Name)
	var left []*pgx.Conn
	for range 3 {
		s, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, s)
		t.Cleanup(func() { _ = s.Close(context.Background()) })
	}
	if _, err := left[1].Exec(t.Context(), "begin; insert into public.w values (1)"); err != nil {
		t.Fatal(err)
	}
	busy := make(chan error, 1)
	go func() { _, err := left[2].Exec(t.Context(), "select pg_sleep(60)"); busy <- err }()

	// The lab's superuser stands for our own role here.
	p := planned(t, engines.Request{Kind: "freeze", Run: "r", Attempt: 1, On: "blue", From: "blue", To: "green",
		Params: map[string]string{"own_role": "postgres", "router": "none"}, Lists: map[string][]string{"app_roles": {app}}})
	for _, a := range p.Actions {
		do(a.Text)
		if a.Proof != nil {
			holds(t, c, *a.Proof)
		}
	}
	if err := <-busy; err == nil {
		t.Error("the busy session was not ended")
	}
	for i, s := range left[:2] {
		if _, err := s.Exec(t.Context(), "select 1"); err == nil {
			t.Errorf("session %d lives on", i)
		}
	}
	if p.Actions[0].Starts != engines.FreezeBegins || p.Abort[0].Starts != engines.WritesOpen || p.Abort[0].Undoes != 1 {
		t.Errorf("clocks: %+v, %+v", p.Actions[0], p.Abort[0])
	}
}

func holds(t *testing.T, c *postgres.Conn, p engines.Proof) {
	t.Helper()
	end := time.Now().Add(p.Limit)
	for {
		res, err := c.Do(t.Context(), engines.Statement{Text: p.Text})
		is, _ := res.First()
		if err == nil && is == p.Want {
			return
		}
		if err != nil || time.Now().After(end) {
			t.Fatalf("%s: is %q, want %q: %v", p.Title, is, p.Want, err)
		}
	}
}

// TestSequencesNeverGoBackwards: each row is a sequence as it stands where the
// writes were and where they go; the number handed out next is what counts.
func TestSequencesNeverGoBackwards(t *testing.T) {
	from, to := labtest.Postgres(t, 15), labtest.Postgres(t, 17)
	rows := []struct{ name, def, from, to, next string }{
		{"up", "increment 5", "96, true", "1, true", "101"},
		{"set_not_called", "", "500, false", "1, false", "500"},
		{"never", "start 7", "", "", "7"},
		{"down", "increment -1 minvalue -1000 maxvalue 1000 start 1000", "990, true", "1000, true", "989"},
		{"down_ahead", "increment -1 minvalue -1000 maxvalue 1000 start 1000", "990, true", "100, true", "99"},
		{"ahead", "", "10, true", "90, true", "91"},
		{"cached", "cache 20 increment 5", "96, true", "1, true", "101"},
		{"around", "maxvalue 10 cycle", "3, true", "9, true", "4"},
		{"Q \"o\"'te", "", "42, true", "1, true", "43"},
		{"level", "", "5, false", "4, true", "5"},
		{"empty_small", "as smallint", "32767, true", "1, true", "end"},
	}
	a, b := open(t, from.DSN), open(t, to.DSN)
	do := func(c *postgres.Conn, text string, args ...string) string {
		t.Helper()
		res, err := c.Do(t.Context(), engines.Statement{Text: text, Args: args})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		s, _ := res.First()
		return s
	}
	for _, r := range rows {
		q := pgx.Identifier{"public", r.name}.Sanitize()
		for _, side := range []struct {
			c   *postgres.Conn
			set string
		}{{a, r.from}, {b, r.to}} {
			do(side.c, "CREATE SEQUENCE "+q+" "+r.def)
			if side.set != "" {
				do(side.c, "SELECT setval($1::regclass, "+side.set+")", q)
			}
		}
	}
	p := planned(t, engines.Request{Kind: "sequences", Run: "r", Attempt: 1, On: "green", From: "blue", To: "green"})
	res, err := a.Do(t.Context(), engines.Statement{Text: p.Actions[0].Text})
	if err != nil {
		t.Fatal(err)
	}
	states := *res.Rows[0][0]
	raised := do(b, p.Actions[1].Text, states)
	if is := do(b, p.Actions[1].Proof.Text, states); is != "0" {
		t.Errorf("behind: %s", is)
	}
	if again := do(b, p.Actions[1].Text, states); again != fmt.Sprintf("0 / %d", len(rows)) || raised == again {
		t.Errorf("first %s, second time %s: it is not at rest", raised, again)
	}
	for _, r := range rows {
		res, err := b.Do(t.Context(), engines.Statement{Text: "SELECT nextval($1::regclass)", Args: []string{pgx.Identifier{"public", r.name}.Sanitize()}})
		got, _ := res.First()
		if err != nil {
			got = "end"
		}
		if got != r.next {
			t.Errorf("%s: next %s, want %s", r.name, got, r.next)
		}
	}
}
