package enginetest

import (
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
)

// Steps performs steps of a shipped runbook on one real server as the executor
// does, without router and sessions.
type Steps struct {
	T       *testing.T
	Book    *runbooks.Runbook
	Conn    engines.Conn
	Read    engines.Reader
	Planner engines.Planner
	Params  map[string]string
	Known   map[engines.TargetID]engines.Identity

	byID map[runbooks.StepID]runbooks.Step
}

// stepLimit is the limit of one statement and of waiting for a gauge.
const stepLimit = 30 * time.Second

// NewSteps reads a runbook that ships. The caller connects.
func NewSteps(t *testing.T, name string) *Steps {
	t.Helper()
	src, ok := runbooks.Builtin(name)
	if !ok {
		t.Fatalf("%s does not ship", name)
	}
	book, fs := runbooks.Parse(name+".yaml", src)
	if book == nil {
		t.Fatalf("%v", fs)
	}
	s := &Steps{T: t, Book: book, byID: map[runbooks.StepID]runbooks.Step{}}
	all := runbooks.Sequence(book, true)
	for _, w := range book.Back {
		all = append(all, runbooks.SequenceBack(w, true)...)
	}
	for _, it := range all {
		s.byID[it.Step.ID] = it.Step
	}
	return s
}

// Plan plans a step as the session would.
func (s *Steps) Plan(id runbooks.StepID) engines.Parts {
	s.T.Helper()
	st, ok := s.byID[id]
	if !ok {
		s.T.Fatalf("no step %s", id)
	}
	if st.Kind == "sql" {
		return engines.Parts{Actions: []engines.Action{{Target: "db", Verb: engines.SQL, Title: st.Title, Text: st.Args["text"],
			Proof: &engines.Proof{Target: "db", Verb: engines.SQL, Title: st.Title, Text: st.Args["proof"], Want: st.Args["want"]}}}}
	}
	p, err := s.Planner.Plan(engines.Request{Kind: st.Kind, Stage: st.Stage, Run: "r1", Attempt: 1, On: "db", From: st.From, To: st.To,
		Params: s.Params, Args: st.Args, Change: s.Book.Change, Known: s.Known, Limit: st.Timeout})
	if err != nil {
		s.T.Fatalf("step %s: %v", id, err)
	}
	return p
}

// Send sends an action's text as often as it asks for, a small batch at a time.
func (s *Steps) Send(a engines.Action, batches int) error {
	st := engines.Statement{Verb: engines.SQL, Text: a.Text, Limit: stepLimit}
	if a.Lock != nil {
		if st.LockWait = a.Lock.Wait; st.LockWait == 0 {
			st.LockWait = -1
		}
	}
	if a.Repeat == nil {
		_, err := s.do(st)
		return err
	}
	st.Args = []string{"1000"}
	for range batches {
		res, err := s.do(st)
		if err != nil || len(res.Rows) == 0 {
			return err
		}
	}
	return nil
}

func (s *Steps) do(st engines.Statement) (engines.Result, error) {
	return s.Conn.Do(s.T.Context(), st)
}

// Holds asks a proof once.
func (s *Steps) Holds(p *engines.Proof) (bool, string) {
	s.T.Helper()
	res, err := s.do(engines.Statement{Verb: engines.SQL, Text: p.Text, Limit: stepLimit})
	if err != nil {
		s.T.Fatalf("%s: %v\n%s", p.Title, err, p.Text)
	}
	is, _ := res.First()
	return is == p.Want, is
}

// Walk performs steps and gives how many statements were sent. Steps of a router,
// a person or a gauge alone have no actions here.
func (s *Steps) Walk(ids ...runbooks.StepID) (sent int) {
	s.T.Helper()
	for _, id := range ids {
		for _, a := range s.Plan(id).Actions {
			if !s.due(id, a) {
				continue
			}
			if err := s.Send(a, 1000); err != nil {
				s.T.Fatalf("step %s: %v\n%s", id, err, a.Text)
			}
			sent++
			if a.Proof != nil {
				s.proven(id, a.Proof)
			}
		}
	}
	return sent
}

// due reports whether an action that is sent only on a condition is sent now. One
// that is passed over must have its effect there already.
func (s *Steps) due(id runbooks.StepID, a engines.Action) bool {
	s.T.Helper()
	if a.Only == nil {
		return true
	}
	if ok, _ := s.Holds(a.Only); ok {
		return true
	}
	s.proven(id, a.Proof)
	return false
}

func (s *Steps) proven(id runbooks.StepID, p *engines.Proof) {
	s.T.Helper()
	if ok, is := s.Holds(p); !ok {
		s.T.Fatalf("step %s: %s: is %q, want %q\n%s", id, p.Title, is, p.Want, p.Text)
	}
}

// Gauges reads all gauges of the server, by their short names.
func (s *Steps) Gauges() map[string]engines.Reading {
	out := map[string]engines.Reading{}
	for _, g := range s.Read.Gauges(s.T.Context(), engines.Scope{Run: "r1", On: "db", From: "blue", To: "green", Change: s.Book.Change, Params: s.Params}) {
		_, name := g.Gauge.Split()
		out[name] = g
	}
	return out
}

// Counted waits until the job that counts rows has done so since now.
func (s *Steps) Counted() map[string]engines.Reading {
	s.T.Helper()
	for since := time.Now(); s.T.Context().Err() == nil && time.Since(since) < stepLimit; {
		if g := s.Gauges(); g["left_count"].Err == nil && g["left_count"].At.After(since) {
			return g
		}
	}
	s.T.Fatalf("nobody counted: %v", s.Gauges()["left_count"].Err)
	return nil
}
