package enginetest

import (
	"context"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// patience is how long anything of the suite may last that ends by a promise: a
// loaded machine needs more than an idle one, which needs milliseconds.
const patience = 30 * time.Second

// Subject describes an engine and one real server to the suite.
type Subject struct {
	Engine engines.Engine
	Open   engines.OpenRequest    // target, params, run, person; Ctx and DSN are filled in
	Addr   string                 // host:port of the server
	DSN    func(at string) string // the connection string with another host:port; it holds Secret
	Other  string                 // connection string of another server or database, which must not pass for this one; empty: the engine tells none apart
	Bad    []string               // connection strings nobody can read, each with Secret in it
	Secret string                 // a password that may stand nowhere

	// Start says that the identity has a start time from the beginning.
	Start bool

	// Change is a statement that changes the server, another one for each i, and
	// Applied asks over a connection of the test's own whether it did. Where the
	// line was cut the old session is gone by then, if the engine can tell.
	Change  func(i int) engines.Statement
	Applied func(t *testing.T, i int) bool

	Reads   engines.Statement   // answers at once and changes nothing
	Refused []engines.Statement // the server says no
	Hostile []engines.Statement // the server answers with text that moves a cursor or holds a Value, in an error or a notice
	Value   string              // as it would stand in a row; may stand in no error
	// SQLState: a refusal carries the state of the SQL standard, and says whether all
	// of it is kept: of the first one in Refused it is, of the second one in Hostile not.
	SQLState bool

	// Echo is a question whose answer is its one bound value, $1; no text: the
	// engine binds nothing.
	Echo engines.Statement

	// Lasts is a statement that goes on for long. Late is its outcome when Limit
	// is over: Refused where the server ends it by itself, else Unclear. After
	// brings the server back from one that was given up; nil: nothing is left.
	Lasts engines.Statement
	Late  engines.Outcome
	After func(t *testing.T)

	// Client connects one client of an application under a name that the server
	// shows in its list of clients, until the test ends.
	Client func(t *testing.T, name string)
	// Nameless: the server knows its clients by address alone.
	Nameless bool
	// OnWire gives bytes by which the request of a statement is known on the wire;
	// nil: its text goes out as it stands.
	OnWire func(st engines.Statement) string
	// Clientless: the server keeps no list of clients, and the reader says so.
	Clientless bool
	// Serial: the server does one thing at a time, and a reader waits with everybody.
	Serial bool
	// Passwordless: the server takes no password. A connection string with one in
	// it is then one nobody can read, and stands in Bad.
	Passwordless bool

	Scopes []engines.Scope // in which gauges are read; together they give every gauge that is promised
	Plans  []engines.Request
	// Conninfos are the parameters of Plans that are connection strings: one with a
	// password in it is refused, for it would stand in the plan.
	Conninfos []string
	// ReadsOnly tells actions that change nothing and need no proof.
	ReadsOnly func(a engines.Action) bool
}

// Exercise holds the contract against an engine. It takes some seconds: real
// servers answer, and nothing waits for a time to pass but the limits asked for.
func Exercise(t *testing.T, s Subject) {
	t.Helper()
	for _, p := range []struct {
		name string
		run  func(*testing.T, Subject)
	}{
		{"identity", identity}, {"outcomes", outcomes}, {"bound values", boundValues}, {"cut lines", cutLines}, {"a lost line", lostLine},
		{"limits", limits}, {"given up", givenUp}, {"text of the server", serverText}, {"codes of errors", codes}, {"secrets", secrets},
		{"gauges", gauges}, {"clients", clients}, {"checks", inspections}, {"a reader of its own", readerAlone},
		{"a reader of a dead server", deadReader}, {"close", closeTwice}, {"a dead server", deadServer}, {"plans", plans}, {"the lock of a cockpit", exclusive},
	} {
		t.Run(p.name, func(t *testing.T) { p.run(t, s) })
	}
}

// request is what the engine is opened with at a place.
func (s Subject) request(ctx context.Context, at, role string) engines.OpenRequest {
	o := s.Open
	o.Ctx, o.DSN, o.Role = ctx, s.DSN(at), role
	return o
}

// conn opens a connection at a place until the test ends.
func (s Subject) conn(t *testing.T, at string) engines.Conn {
	t.Helper()
	c, err := s.Engine.Open(s.request(t.Context(), at, "executor"))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// reader opens a reader at a place until the test ends.
func (s Subject) reader(t *testing.T, at string) engines.Reader {
	t.Helper()
	r, err := s.Engine.OpenReader(s.request(t.Context(), at, "sampler"))
	if err != nil {
		t.Fatalf("open a reader: %v", err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// within gives a call the suite's patience.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// send is the one place of the suite from which a statement goes to a server.
func send(ctx context.Context, c engines.Conn, st engines.Statement) (engines.Result, error) {
	return c.Do(ctx, st)
}

// outcome sends one statement and says what the engine makes of it.
func outcome(ctx context.Context, c engines.Conn, st engines.Statement) (engines.Outcome, error) {
	_, err := send(ctx, c, st)
	return c.Classify(err), err
}

// wired gives the bytes of a statement's request.
func (s Subject) wired(st engines.Statement) string {
	if s.OnWire != nil {
		return s.OnWire(st)
	}
	return st.Text
}

// over is a context that has ended.
func over(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
