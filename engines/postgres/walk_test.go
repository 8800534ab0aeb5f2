package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/postgres"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// walker performs plans as the executor does: each action once, its proof until
// it holds, captured values bound later.
type walker struct {
	t       *testing.T
	conns   map[engines.TargetID]engines.Conn
	readers map[engines.TargetID]engines.Reader
	known   map[engines.TargetID]engines.Identity
	params  map[string]string
	vars    map[string]string
	secrets *strings.Replacer
	attempt int
}

func newWalker(t *testing.T, l *lab.PairLab) *walker {
	t.Helper()
	return newWalkerAs(t, l, map[engines.TargetID]string{"blue": l.BlueDSN(), "green": l.GreenDSN()})
}

func newWalkerAs(t *testing.T, l *lab.PairLab, dsns map[engines.TargetID]string) *walker {
	t.Helper()
	// A verifier is taken as it is; the plain password is as good to this test.
	secret := l.Env()["TURQUOISE_REPL_PASSWORD"]
	w := &walker{t: t, conns: map[engines.TargetID]engines.Conn{}, readers: map[engines.TargetID]engines.Reader{},
		known: map[engines.TargetID]engines.Identity{}, vars: map[string]string{}, attempt: 1,
		secrets: strings.NewReplacer("${secret:repl}", secret, "${secret:repl_scram}", secret),
		params: map[string]string{
			"blue_conninfo":  fmt.Sprintf("host=127.0.0.1 port=%d dbname=app user=repl sslmode=disable", l.Blue.Port),
			"green_conninfo": fmt.Sprintf("host=127.0.0.1 port=%d dbname=app user=repl sslmode=disable", l.Green.Port),
			"router":         "none",
		}}
	for id, dsn := range dsns {
		o := engines.OpenRequest{Ctx: t.Context(), Target: id, DSN: dsn, Run: "r1", Person: "ann",
			Params: map[string]string{"tools": l.Green.Bin}}
		c, err := postgres.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		r, err := postgres.OpenReader(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = c.Close(), r.Close() })
		w.conns[id], w.readers[id] = c, r
		if w.known[id], err = c.Identify(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *walker) plan(kind, stage string, on, from, to engines.TargetID) engines.Parts {
	w.t.Helper()
	p, err := postgres.Engine().Planner.Plan(engines.Request{Kind: kind, Stage: stage, Run: "r1", Attempt: w.attempt, On: on,
		From: from, To: to, Params: w.params, Vars: w.vars, Known: w.known})
	if err != nil {
		w.t.Fatalf("plan %s/%s: %v", kind, stage, err)
	}
	return p
}

func (w *walker) ask(on engines.TargetID, verb engines.Verb, text string, binds []engines.Bind, limit time.Duration) (engines.Result, error) {
	var args []string
	for _, b := range binds {
		v, ok := w.vars[b.Var]
		if !ok {
			w.t.Fatalf("%q needs %s, which nothing captured", text, b.Var)
		}
		args = append(args, v)
	}
	if limit == 0 {
		limit = 30 * time.Second
	}
	return w.conns[on].Do(w.t.Context(), engines.Statement{Verb: verb, Text: w.secrets.Replace(text), Args: args, Limit: limit, Tag: "/* tq test */"})
}

func (w *walker) prove(p engines.Proof) {
	w.t.Helper()
	end := time.Now().Add(p.Limit)
	for {
		res, err := w.ask(p.Target, p.Verb, p.Text, p.Binds, 0)
		if err != nil {
			w.t.Fatalf("proof %q: %v\n%s", p.Title, err, p.Text)
		}
		is, _ := res.First()
		if is == p.Want {
			return
		}
		if p.Every == 0 || time.Now().After(end) {
			w.t.Fatalf("proof %q on %s: is %q, want %q", p.Title, p.Target, is, p.Want)
		}
	}
}

func (w *walker) do(as []engines.Action) {
	w.t.Helper()
	for _, a := range as {
		res, err := w.ask(a.Target, a.Verb, a.Text, a.Binds, a.Limit)
		if err != nil {
			w.t.Fatalf("action %q on %s: %v\n%s", a.Title, a.Target, err, a.Text)
		}
		for _, c := range a.Captures {
			w.vars[c.Var] = *res.Rows[0][c.Column]
		}
		if a.Proof != nil {
			w.prove(*a.Proof)
		}
	}
}

func (w *walker) step(kind, stage string, on, from, to engines.TargetID) engines.Parts {
	w.t.Helper()
	p := w.plan(kind, stage, on, from, to)
	w.do(p.Actions)
	for _, a := range p.After {
		w.prove(a)
	}
	return p
}

func (w *walker) gauges(on, from, to engines.TargetID) map[engines.GaugeID]engines.Reading {
	out := map[engines.GaugeID]engines.Reading{}
	for _, r := range w.readers[on].Gauges(w.t.Context(), engines.Scope{On: on, From: from, To: to, Params: w.params, Peer: w.readers}) {
		out[r.Gauge] = r
	}
	return out
}

// untilGauge reads until a gauge says so; the test's own limit ends a wait that
// never does.
func (w *walker) untilGauge(id engines.GaugeID, from, to engines.TargetID, ok func(engines.Reading) bool) {
	w.t.Helper()
	on, _ := id.Split()
	for w.t.Context().Err() == nil {
		if r := w.gauges(on, from, to)[id]; r.Err == nil && ok(r) {
			return
		}
	}
}

// window runs freeze to route from one side to the other.
func (w *walker) window(from, to engines.TargetID) {
	w.t.Helper()
	w.step("freeze", "", from, from, to)
	w.step("catchup", "", to, from, to)
	w.step("reverse", "slot", to, from, to)
	w.step("sequences", "", to, from, to)
	if g := w.gauges(to, from, to)[engines.Gauge(to, "sequences_behind_count")]; g.Err != nil || g.Value != 0 {
		w.t.Errorf("sequences behind: %v %v", g.Value, g.Err)
	}
	w.step("route", "", to, from, to)
	w.step("open", "", to, from, to)
	w.step("detach", "disable", to, from, to)
	w.step("reverse", "enable", from, from, to)
	w.step("detach", "drop", to, from, to)
	w.step("lock", "", from, from, to)
}

// TestThereAndBack walks every kind on a real pair of two major versions, moves
// the writes there and back, and finds each row and number on the side that has
// them.
func TestThereAndBack(t *testing.T) {
	t.Parallel()
	l := labtest.Pair(t, lab.Options{})
	w := newWalker(t, l)
	w.unhindered("blue", "green")
	w.build()
	w.ready()
	w.unhindered("blue", "green")
	mustExec(t, l.Blue.DSN(lab.RoleApp, "app"), "insert into notes (body) values ('before')")
	w.window("blue", "green")
	mustExec(t, l.Green.DSN(lab.RoleApp, "app"), "insert into notes (body) values ('on green')")
	refused(t, l.Blue.DSN(lab.RoleApp, "app"))

	w.untilGauge("blue/rev_worker_state", "blue", "green", func(r engines.Reading) bool { return r.Text == "running" })
	w.step("detach", "disable", "green", "blue", "green") // nothing to do: already dropped
	w.attempt++
	w.step("reverse", "publish", "blue", "green", "blue")
	w.step("reverse", "define", "green", "green", "blue")
	w.step("capture", "", "green", "green", "blue")
	w.window("green", "blue")
	mustExec(t, l.Blue.DSN(lab.RoleApp, "app"), "insert into notes (body) values ('back')")
	refused(t, l.Green.DSN(lab.RoleApp, "app"))
	if got := one(t, l.BlueDSN(), "select string_agg(body, ', ' order by id) from public.notes where id > 200"); got != "before, on green, back" {
		t.Errorf("notes on blue: %s", got)
	}
	w.takeDown(l)
}

// build makes green: control tables, roles, publication, schema, subscription.
func (w *walker) build() {
	w.t.Helper()
	w.step("control", "create", "blue", "blue", "green")
	for _, id := range []engines.TargetID{"blue", "green"} {
		w.step("role", "create", id, "blue", "green")
	}
	w.step("publish", "create", "blue", "blue", "green")
	w.step("seed", "schema", "green", "blue", "green")
	w.step("attach", "copy", "green", "blue", "green")
	w.untilGauge("green/pending_tables_count", "blue", "green", func(r engines.Reading) bool { return r.Value == 0 })
}

// ready is what comes between a green that is in step and the window.
func (w *walker) ready() {
	w.t.Helper()
	w.step("steady", "on", "green", "blue", "green")
	w.step("guard", "on", "green", "blue", "green")
	w.step("reverse", "publish", "green", "blue", "green")
	w.step("reverse", "define", "blue", "blue", "green")
	w.step("sequences", "margin", "green", "blue", "green")
	for _, id := range []engines.TargetID{"blue", "green"} {
		w.step("capture", "", id, "blue", "green")
	}
}

// unhindered demands that no check blocks or is blind.
func (w *walker) unhindered(from, to engines.TargetID) {
	w.t.Helper()
	for _, id := range []engines.TargetID{"blue", "green"} {
		for _, f := range w.readers[id].Inspect(w.t.Context(), engines.Scope{On: id, From: from, To: to, Params: w.params, Peer: w.readers}) {
			if f.Level == engines.Blind || f.Level == engines.Block {
				w.t.Errorf("%s on %s: %s: %s; next: %s", f.ID, id, levels[f.Level], f.Is, f.Next)
			}
		}
	}
}

// takeDown removes everything that a walk there and back left.
func (w *walker) takeDown(l *lab.PairLab) {
	w.t.Helper()
	w.step("close", "", "green", "green", "blue")
	w.step("attach", "drop", "green", "blue", "green")
	w.step("guard", "off", "green", "blue", "green")
	w.step("control", "drop", "blue", "blue", "green")
	w.step("role", "drop", "blue", "blue", "green")
	if got := one(w.t, l.BlueDSN(), "select count(*) from pg_replication_slots") + one(w.t, l.GreenDSN(), "select count(*) from pg_replication_slots"); got != "00" {
		w.t.Errorf("slots left: %s", got)
	}
}

func mustExec(t *testing.T, dsn, sql string) {
	t.Helper()
	one(t, dsn, "with x as ("+sql+" returning 1) select count(*) from x")
}

func one(t *testing.T, dsn, sql string) string {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
	var v any
	if err := c.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return fmt.Sprint(v)
}

func refused(t *testing.T, dsn string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err == nil {
		_ = c.Close(t.Context())
		t.Errorf("a closed side let an application in")
	}
}
