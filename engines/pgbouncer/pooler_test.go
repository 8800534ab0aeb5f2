package pgbouncer

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

type rig struct {
	t    *testing.T
	l    *lab.PairLab
	exec *Conn
	hold *Conn
	vars map[string]string
}

func newRig(t *testing.T) *rig { return newRigOf(t, lab.Options{}) }

func newRigOf(t *testing.T, o lab.Options) *rig {
	l := labtest.Pair(t, o)
	r := &rig{t: t, l: l, vars: map[string]string{}}
	open := func(role string) *Conn {
		c, err := Open(engines.OpenRequest{Ctx: t.Context(), Target: "router", DSN: l.PoolerAdminDSN(),
			Params: map[string]string{"file": l.Pooler.IniPath}, Run: "t1", Person: "tester", Role: role})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := c.Close(); err != nil {
				t.Errorf("close %s: %v", role, err)
			}
		})
		return c
	}
	r.exec, r.hold = open("executor"), open("hold")
	return r
}

func (r *rig) request(kind string, from, to engines.TargetID) engines.Request {
	known := map[engines.TargetID]engines.Identity{"blue": {Major: r.l.Blue.Major}, "green": {Major: r.l.Green.Major}}
	id, err := r.exec.Identify(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	known["router"] = id
	return engines.Request{Kind: kind, Run: "t1", On: "router", From: from, To: to, Vars: r.vars, Known: known, Params: map[string]string{
		"file":      r.l.Pooler.IniPath,
		"blue_host": "127.0.0.1", "blue_port": strconv.Itoa(r.l.Blue.Port),
		"green_host": "127.0.0.1", "green_port": strconv.Itoa(r.l.Green.Port),
	}}
}

func (r *rig) plan(kind string, from, to engines.TargetID) engines.Parts {
	r.t.Helper()
	p, err := Planner{}.Plan(r.request(kind, from, to))
	if err != nil {
		r.t.Fatalf("plan %s: %v", kind, err)
	}
	return p
}

func (r *rig) run(as []engines.Action) {
	r.t.Helper()
	for _, a := range as {
		c := r.exec
		if a.Session == "hold" {
			c = r.hold
		}
		res, err := c.Do(r.t.Context(), engines.Statement{Verb: a.Verb, Text: a.Text, Limit: a.Limit})
		if err != nil || c.Classify(err) != engines.Done {
			r.t.Fatalf("%s: %v (%s)", a.Title, err, c.Classify(err))
		}
		for _, cp := range a.Captures {
			r.vars[cp.Var] = *res.Rows[0][cp.Column]
		}
		if a.Proof != nil {
			r.prove(*a.Proof)
		}
	}
}

func (r *rig) prove(p engines.Proof) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), max(p.Limit, time.Second))
	defer cancel()
	for {
		res, err := r.exec.Do(ctx, engines.Statement{Verb: p.Verb, Text: p.Text})
		if err != nil {
			r.t.Fatalf("proof %s: %v", p.Title, err)
		}
		is, _ := res.First()
		if is == p.Want {
			return
		}
		select {
		case <-ctx.Done():
			r.t.Fatalf("proof %s: is %q, wanted %q", p.Title, is, p.Want)
		case <-time.After(max(p.Every, time.Millisecond)):
		}
	}
}

// port asks through the pooler which server answers.
func (r *rig) port() int {
	r.t.Helper()
	cfg, err := pgx.ParseConfig(r.l.AppDSN())
	if err != nil {
		r.t.Fatal(err)
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	c, err := pgx.ConnectConfig(r.t.Context(), cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() {
		if err := c.Close(context.WithoutCancel(r.t.Context())); err != nil {
			r.t.Error(err)
		}
	}()
	var n int
	if err := c.QueryRow(r.t.Context(), "select inet_server_port()").Scan(&n); err != nil {
		r.t.Fatal(err)
	}
	return n
}

func TestSwitchAndBack(t *testing.T) {
	r := newRigOf(t, lab.Options{BlueMajor: 17, GreenMajor: 17})
	before, err := os.ReadFile(r.l.Pooler.IniPath)
	if err != nil {
		t.Fatal(err)
	}
	r.run(r.plan("capture", "blue", "green").Actions)
	if got := r.port(); got != r.l.Blue.Port {
		t.Fatalf("clients reach port %d before the switch; want blue's %d", got, r.l.Blue.Port)
	}
	for _, kind := range []string{"freeze", "route", "open"} {
		r.run(r.plan(kind, "blue", "green").Actions)
	}
	if got := r.port(); got != r.l.Green.Port {
		t.Errorf("clients reach port %d after the switch; want green's %d", got, r.l.Green.Port)
	}
	// The way back uses the capture of before the switch.
	for _, kind := range []string{"freeze", "route", "open"} {
		r.run(r.plan(kind, "green", "blue").Actions)
	}
	if got := r.port(); got != r.l.Blue.Port {
		t.Errorf("clients reach port %d after the way back; want blue's %d", got, r.l.Blue.Port)
	}
	after, err := os.ReadFile(r.l.Pooler.IniPath)
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != string(after) {
		t.Errorf("switch and back changed the file:\n%s\nwanted\n%s", after, before)
	}
}

func TestAbort(t *testing.T) {
	r := newRig(t)
	r.run(r.plan("capture", "blue", "green").Actions)
	freeze, route := r.plan("freeze", "blue", "green"), r.plan("route", "blue", "green")
	r.run(freeze.Actions)
	r.run(route.Actions)
	r.run(route.Abort)
	r.run(freeze.Abort)
	r.run(freeze.Abort) // a second RESUME has its effect already
	if got := r.port(); got != r.l.Blue.Port {
		t.Errorf("clients reach port %d after the abort; want blue's %d", got, r.l.Blue.Port)
	}
}

// TestPauseHeldUp: an open transaction keeps PAUSE waiting; breaking its
// connection off and a RESUME on the other bring the clients back.
func TestPauseHeldUp(t *testing.T) {
	r := newRig(t)
	r.run(r.plan("capture", "blue", "green").Actions)
	cfg, err := pgx.ParseConfig(r.l.AppDSN())
	if err != nil {
		t.Fatal(err)
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	client, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := client.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	freeze := r.plan("freeze", "blue", "green")
	pause := freeze.Actions[0]
	_, err = r.hold.Do(t.Context(), engines.Statement{Verb: pause.Verb, Text: pause.Text, Limit: 100 * time.Millisecond})
	if !errors.Is(err, context.DeadlineExceeded) || r.hold.Classify(err) != engines.Unclear {
		t.Fatalf("a held-up PAUSE gave %v, %s; want a time-out that is unclear", err, r.hold.Classify(err))
	}
	r.run(freeze.Abort)
	if err := errors.Join(tx.Rollback(t.Context()), client.Close(t.Context())); err != nil {
		t.Error(err)
	}
	r.run(freeze.Actions) // on a new connection, and nothing holds it now
	r.run(freeze.Abort)
	if got := r.port(); got != r.l.Blue.Port {
		t.Errorf("clients reach port %d; want blue's %d", got, r.l.Blue.Port)
	}
}

func TestRefusals(t *testing.T) {
	r := newRig(t)
	for text, verb := range map[string]engines.Verb{
		`PAUSE "nope"`:         engines.SQL,
		"NONSENSE":             engines.SQL,
		"read: /etc/passwd":    engines.File,
		"edit: " + r.exec.file: engines.File,
		"select 1":             engines.Exec,
		"SHOW DATABASES\n-- of the answer: nope where name = app": engines.SQL,
	} {
		_, err := r.exec.Do(t.Context(), engines.Statement{Verb: verb, Text: text})
		if got := r.exec.Classify(err); err == nil || got != engines.Refused {
			t.Errorf("%q: %v, %s; want refused", text, err, got)
		}
	}
	id, err := r.exec.Identify(t.Context())
	if err != nil || id.Major != 1 || !id.Writable || id.Port != r.l.Pooler.Port {
		t.Errorf("identity %+v, %v", id, err)
	}
}

func TestReader(t *testing.T) {
	r := newRig(t)
	rd, err := OpenReader(engines.OpenRequest{Ctx: t.Context(), Target: "router", DSN: r.l.PoolerAdminDSN(),
		Params: map[string]string{"file": r.l.Pooler.IniPath}, Run: "t1", Person: "tester"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rd.Close(); err != nil {
			t.Error(err)
		}
	})
	r.port() // warms the pool
	in := engines.Scope{On: "router", Params: map[string]string{"budget": "20s"}}
	values := map[string]float64{}
	for _, g := range rd.Gauges(t.Context(), in) {
		if g.Err != nil {
			t.Errorf("%s: %v", g.Gauge, g.Err)
		}
		_, name := g.Gauge.Split()
		values[name] = g.Value
	}
	for _, name := range (Planner{}).GaugeNames() {
		if _, ok := values[name]; !ok {
			t.Errorf("gauge %s is promised and not read", name)
		}
	}
	if values["query_wait_seconds"] != 120 || values["paused_count"] != 0 || values["server_connections_count"] < 1 {
		t.Errorf("gauges %v", values)
	}
	in.From, in.To = "blue", "green"
	in.Peer = map[engines.TargetID]engines.Reader{"blue": major{n: 17}, "green": major{n: 18}}
	for _, f := range rd.Inspect(t.Context(), in) {
		if f.Level != engines.Pass {
			t.Errorf("finding on a healthy pooler: %+v", f)
		}
	}
	r.run(r.plan("capture", "blue", "green").Actions)
	freeze := r.plan("freeze", "blue", "green")
	r.run(freeze.Actions)
	in.Params["budget"] = "90s"
	if f := rd.wayBackParameters(t.Context(), engines.Scope{From: "blue", To: "green"}); f.Level != engines.Blind {
		t.Errorf("without the sides: %+v", f)
	}
	for to, want := range map[int]engines.Level{15: engines.Pass, 17: engines.Caution} {
		peers := map[engines.TargetID]engines.Reader{"blue": major{n: 13}, "green": major{n: to}}
		if f := rd.wayBackParameters(t.Context(), engines.Scope{From: "blue", To: "green", Peer: peers}); f.Level != want {
			t.Errorf("13 to %d: %+v", to, f)
		}
	}
	var blocked []string
	for _, f := range rd.Inspect(t.Context(), in) {
		if f.Level == engines.Block {
			blocked = append(blocked, f.Title)
		}
	}
	if got := strings.Join(blocked, "; "); got != "nothing is paused; clients wait long enough" {
		t.Errorf("blocked: %s", got)
	}
	r.run(freeze.Abort)
}

// major is a side of a given major version.
type major struct {
	engines.Reader
	n int
}

func (m major) Identify(context.Context) (engines.Identity, error) {
	return engines.Identity{Major: m.n}, nil
}

// A reader whose pooler is gone has no session to end, and must not fall over it.
func TestReaderOfADeadPooler(t *testing.T) {
	r := newRig(t)
	rd, err := OpenReader(engines.OpenRequest{Ctx: t.Context(), Target: "router", DSN: r.l.PoolerAdminDSN(), Run: "t1", Person: "tester"})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.l.Pooler.Stop(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the first finds the session ended, the second cannot get a new one
		if _, err := rd.Identify(t.Context()); err == nil {
			t.Error("a stopped pooler said who it is")
		}
	}
	if err := rd.Close(); err != nil {
		t.Error(err)
	}
}

// TestARestartedPoolerIsAnotherOne: it let every client go, and says it is not
// paused; whoever had asked it before must not take it for the same.
func TestARestartedPoolerIsAnotherOne(t *testing.T) {
	r := newRig(t)
	was, err := r.exec.Identify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 20 { // clients' queries are what is counted
		r.port()
	}
	if again, err := r.exec.Identify(t.Context()); err != nil || !again.Same(was) {
		t.Fatalf("asked again: %+v, %v; was %+v", again, err, was)
	}
	if err := errors.Join(r.l.Pooler.Stop(), r.l.Pooler.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	var is engines.Identity
	for range 2 { // the first finds the session ended
		is, err = r.exec.Identify(t.Context())
	}
	if err != nil || is.Same(was) || is.Started == "" {
		t.Errorf("after a restart: %+v, %v; was %+v", is, err, was)
	}
	if again, err := r.exec.Identify(t.Context()); err != nil || !again.Same(is) {
		t.Errorf("asked again after the restart: %+v, %v; was %+v", again, err, is)
	}
}
