package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// verify looks again. On an unclear step it asks the world, by the proofs of the
// confirmed plan, what became of the statements that were begun.
func (s *Session) verify(ctx context.Context, who Person, v steps.Verify) error {
	s.mu.Lock()
	id, doubt := s.state.Doubt()
	if !doubt || v.Step != id {
		s.denied = ""
		s.changed()
		s.mu.Unlock()
		return nil
	}
	if !s.holdsToken(who) {
		s.mu.Unlock()
		return &steps.Refusal{Why: who.Name + " does not hold the operator token", Next: "ask the operator"}
	}
	it, _ := s.state.Current()
	x := s.state.Step(id)
	p, err := s.plan(it)
	vars := s.state.Vars
	s.mu.Unlock()
	if err == nil && p.Digest != x.Digest {
		err = fmt.Errorf("the plan made now differs from the confirmed one")
	}
	if err != nil {
		return &engines.Error{Op: "prove step", Object: string(id), Err: err, Next: "look at the servers and decide with d"}
	}
	w, err := s.look(ctx, *p, x, vars)
	if err != nil {
		return err
	}
	if allThere(*p, w.found) {
		w.gates = s.waitGates(ctx, it.Step.After)
	}
	return s.reconcile(who, it, x, *p, w)
}

// look asks the servers.
func (s *Session) look(ctx context.Context, p steps.Plan, x steps.StepState, vars map[string]string) (w world, err error) {
	ctx, done, err := s.take(ctx)
	if err != nil {
		return w, err
	}
	defer done()
	if err := s.departedAll(ctx, p, x); err != nil {
		return w, err
	}
	w.found = s.askWorld(ctx, p, x, vars)
	if allThere(p, w.found) {
		w.after = s.askAfter(ctx, p, vars)
	}
	return w, nil
}

// world is what the servers and the gauges say of an unclear step.
type world struct {
	found []finding       // by statement that was begun
	after []finding       // the proofs behind the last action
	gates *checks.Verdict // the first gate after the step that is not open
}

// finding is what the world says of one begun statement.
type finding struct {
	n     int
	ended bool // the record has its answer: done
	reads bool // the statement itself is a question: it has no effect to look for
	lost  bool // its answer held values that later steps need, and is lost
	asked bool
	holds bool
	is    string
	err   error
	proof engines.Proof
}

// there reports whether the statement's effect is known to be there. A read has
// done its work when its answer is on record, whatever it would answer now.
func (f finding) there() bool {
	return !f.lost && !f.reads && f.asked && f.holds || (f.reads || !f.asked) && f.ended
}

// open reports whether nobody can say.
func (f finding) open() bool { return f.err != nil || !f.reads && !f.asked && !f.ended }

// askWorld puts the proof of every statement that was begun. The executor begins
// a statement only when the one before was proven, so of reads the record decides;
// but a look behind the statement that opens writes is asked again when its answer
// is lost: nothing is taken back from there, and the look says that it is done.
func (s *Session) askWorld(ctx context.Context, p steps.Plan, x steps.StepState, vars map[string]string) []finding {
	var out []finding
	opened := false
	for i, st := range x.Stmts {
		if st.Part != entries.PartMain || st.N > len(p.Parts.Actions) || i+1 < len(x.Stmts) && x.Stmts[i+1].N == st.N {
			continue // of a statement that was sent again the last one counts
		}
		a := p.Parts.Actions[st.N-1]
		f := finding{n: st.N, ended: st.Ended && st.Outcome == engines.Done, reads: reads(a)}
		if opened && i == len(x.Stmts)-1 && !f.ended && a.Proof != nil && len(a.Captures) == 0 {
			f.reads = false
		}
		f.lost = !f.ended && !f.reads && len(a.Captures) > 0
		opened = opened || a.Starts == engines.OpensGreen
		if a.Proof != nil && !f.reads {
			pr := *a.Proof
			if i < len(x.Stmts)-1 {
				pr.Every = 0 // it held once; only the last one may still be on its way
			}
			f.ask(ctx, s, pr, p.Limit, vars)
		}
		out = append(out, f)
	}
	for i := range out[:max(0, len(out)-1)] {
		out[i].ended = out[i].ended || out[i].reads
	}
	return out
}

// reads reports whether an action leaves nothing behind on a server. What the
// comparison does it does in our own process: of one that died nothing is left, and
// what it had on servers is looked for by the statements before and after. A check
// is a question whose proof is its own text. What captures and has no proof is one by the contract of the
// planners (an effect has a proof); an author's own statement is under no contract.
func reads(a engines.Action) bool {
	if a.Verb == engines.Compare {
		return true
	}
	if a.Proof == nil {
		return len(a.Captures) > 0
	}
	return a.Proof.Target == a.Target && a.Proof.Verb == a.Verb && a.Proof.Text == a.Text
}

func (f *finding) ask(ctx context.Context, s *Session, p engines.Proof, limit time.Duration, vars map[string]string) {
	f.proof, f.asked = p, true
	args, _, err := bindsFrom(p.Binds, vars)
	if err == nil {
		f.is, err = s.ask(ctx, audit.Sealed{}, p, args, limit)
	}
	f.err, f.holds = err, err == nil && f.is == p.Want
}

func (s *Session) askAfter(ctx context.Context, p steps.Plan, vars map[string]string) []finding {
	out := make([]finding, len(p.Parts.After))
	for i, pr := range p.Parts.After {
		out[i].ask(ctx, s, pr, p.Limit, vars)
	}
	return out
}

func allThere(p steps.Plan, found []finding) bool {
	for _, f := range found {
		if !f.there() {
			return false
		}
	}
	return len(found) > 0 && len(found) == len(p.Parts.Actions)
}

// gateSlack is added to the longest dwell of the gates that an unclear step has
// to meet: the samples of the process before are gone.
const gateSlack = 5 * time.Second

// waitGates gives the gates after a step as long as they need to be looked at
// anew, and returns the first that is not open then.
func (s *Session) waitGates(ctx context.Context, gates []runbooks.Gate) *checks.Verdict {
	dwell := time.Duration(0)
	for _, g := range gates {
		dwell = max(dwell, g.For)
	}
	over := s.cfg.Now().Add(dwell + gateSlack)
	for {
		next := s.sampled()
		shut := firstClosed(s.verdicts(gates))
		if shut == nil || s.cfg.Now().After(over) {
			return shut
		}
		select {
		case <-next:
		case <-ctx.Done():
			return shut
		case <-s.ctx.Done():
			return shut
		}
	}
}

// departedAll waits until no statement of the step runs on a server any more: a
// client that died does not end what it had sent, and a proof asked while that
// still runs would lie. The server's own limit ends it.
func (s *Session) departedAll(ctx context.Context, p steps.Plan, x steps.StepState) error {
	if len(x.Stmts) == 0 {
		return nil
	}
	last := x.Stmts[len(x.Stmts)-1]
	as := p.Parts.Actions
	if last.Part == entries.PartAbort {
		as = p.Parts.Abort
	}
	if last.N > len(as) {
		return nil
	}
	a := as[last.N-1]
	limit := p.Limit
	if a.Limit > 0 {
		limit = a.Limit
	}
	ctx, cancel := context.WithTimeout(ctx, limit+2*answerGrace)
	defer cancel()
	tag := fmt.Sprintf("/* tq s=%s n=%d i=%d ", s.cfg.Sid, x.IntentSeq, last.N)
	for {
		conn, err := s.conns.conn(ctx, a.Target, "", s.bound(a.Target))
		if err != nil {
			return nil // the proof meets the same, and says so
		}
		f, ok := conn.(engines.Flight)
		if !ok {
			return nil
		}
		flies, err := f.InFlight(ctx, tag)
		if err == nil && !flies {
			return nil
		}
		t := time.NewTimer(flightEvery)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return &engines.Error{Op: "prove step", Object: fmt.Sprintf("action %d on %s", last.N, a.Target),
				Err: errors.Join(errors.New("its statement still runs on the server"), err), Next: "wait until the server has ended it, then press v again"}
		}
	}
}

// flightEvery is the pause between two looks at a statement that outlived its client.
const flightEvery = 50 * time.Millisecond

// reconcile writes what the proofs said and, where they decide, the verdict.
func (s *Session) reconcile(who Person, it runbooks.Item, x steps.StepState, p steps.Plan, w world) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := it.Step.ID
	if now, ok := s.state.Doubt(); !ok || now != id || s.state.Step(id).IntentSeq != x.IntentSeq {
		return nil // somebody decided while the world was asked
	}
	var evs []steps.Event
	for _, f := range append(append([]finding(nil), w.found...), w.after...) {
		if !f.asked {
			continue
		}
		e := steps.Event{Meta: audit.Meta{By: audit.System, Step: string(id), Attempt: int64(x.Attempt), Target: string(f.proof.Target)},
			Body: entries.CheckResult{Check: title(f.proof), Kind: "proof", Want: f.proof.Want, Is: answer(f.is, f.err)}}
		if f.err == nil {
			e.OK = audit.OK(f.holds)
		}
		evs = append(evs, e)
		what := fmt.Sprintf("action %d", f.n)
		if f.n == 0 {
			what = "after it"
		}
		s.say(s.cfg.Now(), !f.holds, fmt.Sprintf("%s: %s: the world says %s, want %s", what, title(f.proof), short(answer(f.is, f.err)), f.proof.Want))
	}
	verdict, next, why := judge(p, it, w)
	if verdict != "" {
		e := steps.Event{Meta: audit.Meta{By: who.Name, Step: string(id), Attempt: int64(x.Attempt), Ref: audit.Ref(x.IntentSeq)},
			Body: entries.StepReconciled{How: "proof", Verdict: verdict, Next: next}}
		e.OK = audit.OK(verdict == "done")
		evs = append(evs, e)
	}
	s.say(s.cfg.Now(), verdict != "done", why)
	if len(evs) == 0 {
		s.changed()
		return nil
	}
	_, err := s.commit(evs...)
	return err
}

// judge says what the findings prove about the step, if they prove anything.
func judge(p steps.Plan, it runbooks.Item, w world) (verdict, next, why string) {
	found := w.found
	if len(found) == 0 {
		return "not_done", steps.NextRunAgain, "nothing was sent: the step may be confirmed again"
	}
	var open *finding // the first that nobody can decide
	openedBegun := false
	for _, f := range found {
		if open == nil && (f.open() || it.Step.Kind == "sql" && !f.asked && !f.ended) {
			open = &f
		}
		openedBegun = openedBegun || p.Parts.Actions[f.n-1].Starts == engines.OpensGreen
	}
	switch last := found[len(found)-1]; {
	case open != nil && open.err != nil:
		return "", "", fmt.Sprintf("the proof of action %d could not be asked: mend the way to %s and press v again, or decide with d", open.n, open.proof.Target)
	case open != nil:
		return "", "", fmt.Sprintf("action %d has no proof and its answer is lost: decide with d", open.n)
	case p.Block && openedBegun && last.there():
		return "done", steps.NextDone, "writes are open on the other side: done"
	case p.Block:
		return "", "", "the block stopped inside: decide with d, roll back runs the abort plan that was confirmed"
	case allThere(p, found):
		return judgeAfter(w)
	}
	return "not_done", steps.NextRunAgain, "not all of it is there: a fresh plan may be confirmed"
}

// judgeAfter decides about a step whose every effect is there, by what has to
// hold behind it.
func judgeAfter(w world) (verdict, next, why string) {
	for _, f := range w.after {
		if !f.holds {
			return "", "", title(f.proof) + " does not hold yet: press v again, or decide with d"
		}
	}
	if g := w.gates; g != nil {
		return "", "", fmt.Sprintf("every effect is there, gate %s %s %s is %s: press v again, or decide with d", g.Gate.Gauge, g.Gate.Op, g.Gate.Want, orNothing(g.Is))
	}
	return "done", steps.NextDone, "every effect is there: done"
}

func orNothing(is string) string {
	if is == "" {
		return "not known"
	}
	return is
}
