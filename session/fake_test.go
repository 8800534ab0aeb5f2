package session_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errRefused = errors.New("the server says no")
	errLost    = errors.New("connection reset by peer")
)

// servers is a fake engine and all of its servers. It says in which order we
// act; it says nothing of what a real server would do.
type servers struct {
	mu     sync.Mutex
	sent   []string                                         // texts of Do, in order
	on     map[string]func() (engines.Result, error)        // what a text is answered; default: done, row "t"
	flight func(tag string) bool                            // whether a statement still runs; nil: none does
	gauge  float64                                          // green/lag_seconds
	who    func(engines.TargetID) (engines.Identity, error) // nil: everybody is who they were
	slot   string                                           // green/rev_slot_state; empty: never read
	found  []engines.Finding                                // of the preflight, each on its target
	late   time.Duration                                    // added to the clock
	start  time.Time
}

func newServers() *servers {
	return &servers{on: map[string]func() (engines.Result, error){}, start: time.Now()}
}

func (v *servers) now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return time.Now().Add(v.late)
}

func (v *servers) texts() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]string(nil), v.sent...)
}

func (v *servers) engine() engines.Engine {
	return engines.Engine{Name: "fake", Planner: planner{}, Names: engines.Names{WayBack: "rev_slot_state"},
		Open:       func(o engines.OpenRequest) (engines.Conn, error) { return door{v, o.Target}, nil },
		OpenReader: func(o engines.OpenRequest) (engines.Reader, error) { return door{v, o.Target}, nil }}
}

func row(s string) engines.Result {
	return engines.Result{Rows: [][]*string{{&s}}, Took: time.Millisecond}
}

// door is a connection and a reader at once.
type door struct {
	v  *servers
	id engines.TargetID
}

func (d door) Identify(context.Context) (engines.Identity, error) {
	d.v.mu.Lock()
	who := d.v.who
	d.v.mu.Unlock()
	if who != nil {
		return who(d.id)
	}
	return d.same()
}

func (d door) same() (engines.Identity, error) {
	return engines.Identity{Engine: "fake", Version: "1", System: string(d.id), Host: "127.0.0.1", Port: 1, Lab: "lab", Started: "s", Writable: true}, nil
}

func (d door) Do(_ context.Context, s engines.Statement) (engines.Result, error) {
	d.v.mu.Lock()
	d.v.sent = append(d.v.sent, s.Text)
	f := d.v.on[s.Text]
	d.v.mu.Unlock()
	if f != nil {
		return f()
	}
	return row("t"), nil
}

func (d door) Classify(err error) engines.Outcome {
	switch {
	case err == nil:
		return engines.Done
	case errors.Is(err, errRefused):
		return engines.Refused
	}
	return engines.Unclear
}

func (d door) Gauges(context.Context, engines.Scope) []engines.Reading {
	now := d.v.now()
	d.v.mu.Lock()
	defer d.v.mu.Unlock()
	out := []engines.Reading{{Gauge: engines.Gauge(d.id, "lag_seconds"), At: now, Value: d.v.gauge, Unit: engines.Seconds}}
	if d.v.slot != "" {
		out = append(out, engines.Reading{Gauge: engines.Gauge(d.id, "rev_slot_state"), At: now, Text: d.v.slot})
	}
	return out
}
func (door) Clients(context.Context, engines.Scope) ([]engines.ClientGroup, error) { return nil, nil }
func (door) Close() error                                                          { return nil }

func (d door) Inspect(context.Context, engines.Scope) []engines.Finding {
	d.v.mu.Lock()
	defer d.v.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(d.v.found), func(f engines.Finding) bool { return f.Target != d.id })
}

// planner plans a window of three actions with proofs and an abort list.
type planner struct{}

func (planner) Supports(string, string) bool { return true }
func (planner) GaugeNames() []string         { return []string{"lag_seconds"} }
func (planner) Plan(r engines.Request) (engines.Parts, error) {
	a := engines.Action{Target: r.On, Text: r.Kind, Title: r.Kind,
		Proof: &engines.Proof{Target: r.On, Text: "is it " + r.Kind, Want: "t"}}
	p := engines.Parts{UndoNone: "test"}
	switch r.Kind {
	case "freeze":
		a.Starts = engines.FreezeBegins
		p.Abort = []engines.Action{{Target: r.On, Text: "thaw", Title: "thaw", Undoes: 1, Starts: engines.WritesOpen}}
	case "catchup":
		p.Abort = []engines.Action{{Target: r.On, Text: "uncatch", Title: "uncatch", Undoes: 1}}
	case "persist":
		a.Text = fmt.Sprintf("token %s.%d", r.Run, r.Attempt)
	case "open":
		a.Starts = engines.OpensGreen
	}
	p.Actions = []engines.Action{a}
	return p, nil
}

func book() *runbooks.Runbook {
	src := []byte("name: small\n")
	step := func(id runbooks.StepID, kind string, risk runbooks.Risk, args map[string]string) runbooks.Step {
		return runbooks.Step{ID: id, Title: "step " + string(id), Kind: kind, On: "green", From: "blue", To: "green", Risk: risk, Args: args, UndoNone: "test"}
	}
	first := step("1.1", "sql", runbooks.Change, map[string]string{"text": "CREATE x", "proof": "is x", "want": "t"})
	first.Before = []runbooks.Gate{{Gauge: "green/lag_seconds", Op: runbooks.Less, Want: "2s"}}
	return &runbooks.Runbook{Name: "small", Title: "small", Source: src, Digest: runbooks.Digest(src),
		Targets: []runbooks.Target{{ID: "blue", Engine: "fake", Colour: "blue"}, {ID: "green", Engine: "fake", Colour: "green"}},
		Phases: []runbooks.Phase{
			{Number: 1, Name: "ready", Steps: []runbooks.Step{first}},
			{Number: 2, Name: "window", Block: true, Budget: 20 * time.Second, Risk: runbooks.Traffic,
				Steps: []runbooks.Step{step("2.1", "freeze", runbooks.Traffic, nil), step("2.2", "catchup", runbooks.Change, nil), step("2.3", "open", runbooks.Traffic, nil)}},
		}}
}

func config(v *servers, dir string) session.Config {
	const sid = "20260301-small-0a1b"
	return session.Config{Book: book(), Engines: map[string]engines.Engine{"fake": v.engine()}, Dir: dir, Sid: sid, Run: "r1", Person: "ann",
		Every: time.Second, Now: v.now,
		Record: audit.Options{Origin: "local/turquoise/" + sid, From: "test/-/-", Now: v.now, Rand: rand.Reader,
			Mono: func() time.Duration { return v.now().Sub(v.start) }}}
}

// night is a session and the operator at it.
type night struct {
	t *testing.T
	s *session.Session
	h *session.Handle
	v *servers
}

func begin(t *testing.T, v *servers, cfg session.Config) *night {
	t.Helper()
	s, err := session.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return attach(t, v, s)
}

func attach(t *testing.T, v *servers, s *session.Session) *night {
	t.Helper()
	t.Cleanup(func() { _ = s.Close() })
	return &night{t, s, s.Handle(session.Person{Name: "ann", Role: "operator"}), v}
}

func (n *night) do(in session.Intent) error { return n.h.Do(n.t.Context(), in) }

// shown waits until the sampler has looked, then returns the newest screen.
func (n *night) shown() session.Snapshot {
	n.t.Helper()
	sub, stop := n.h.Subscribe()
	defer stop()
	for s := range sub {
		if _, ok := s.Gauges["green/lag_seconds"]; ok {
			return s
		}
	}
	n.t.Fatal("the session ended before a sample was taken")
	panic("unreachable")
}

func (n *night) confirm() error {
	snap := n.shown()
	if err := n.do(session.Intent{Command: steps.Arm{Step: snap.Current}}); err != nil {
		return err
	}
	snap = n.s.Snapshot()
	c := snap.Cards[snap.Current]
	return n.do(session.Intent{Command: steps.Confirm{Step: c.ID, Digest: c.Digest}, Typed: c.Word,
		Seen: session.Seen{Step: c.ID, Attempt: c.Attempt, Entry: snap.Record.Count - 1}})
}

// run confirms the current step and waits until it is over.
func (n *night) run(id runbooks.StepID, want steps.Phase) steps.StepState {
	n.t.Helper()
	if err := n.confirm(); err != nil {
		n.t.Fatal(err)
	}
	return n.over(id, want)
}

func (n *night) over(id runbooks.StepID, want steps.Phase) steps.StepState {
	n.t.Helper()
	err := n.s.Wait(n.t.Context(), func(s steps.State) bool {
		p := s.Step(id).Phase
		return p != steps.Pending && p != steps.Armed && p != steps.Running && p != steps.Proving
	})
	if err != nil {
		n.t.Fatal(err)
	}
	x := n.s.State().Step(id)
	if x.Phase != want {
		n.t.Fatalf("step %s is %s (%s), want %s; sent %q", id, x.Phase, x.Why, want, n.v.texts())
	}
	return x
}

// until waits for a screen.
func (n *night) until(cond func(session.Snapshot) bool) {
	n.t.Helper()
	sub, stop := n.h.Subscribe()
	defer stop()
	for s := range sub {
		if cond(s) {
			return
		}
	}
	n.t.Fatal("the session ended before that")
}

// bodies are the lines of one type in a record, with their entries.
func bodies[B audit.Body](t *testing.T, dir string) (out []B, es []audit.Entry) {
	t.Helper()
	rec, err := audit.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range rec.Entries {
		b, err := entries.Types().Decode(e)
		if err != nil {
			t.Fatal(err)
		}
		if b, ok := b.(B); ok {
			out, es = append(out, b), append(es, e)
		}
	}
	return out, es
}
