package session

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// gateWait bounds how long a step waits for its gates after it when the
// runbook names no timeout.
const gateWait = 10 * time.Minute

// prove asks a proof until it holds or its limit is over, and records the answer.
// It returns what the server said last; err is set if nobody could be asked.
func (x *execution) prove(ctx context.Context, p engines.Proof) (ok bool, is string, err error) {
	args, _, err := x.binds(p.Binds)
	if err != nil {
		return false, "", err
	}
	is, err = x.s.ask(ctx, x.sealed, p, args, x.plan.Limit)
	ok = err == nil && is == p.Want
	e := x.event(entries.CheckResult{Check: title(p), Kind: "proof", Want: p.Want, Is: answer(is, err)}, p.Target)
	if err == nil {
		e.OK = audit.OK(ok)
	}
	x.pending = append(x.pending, e)
	x.say(!ok, "proof: %s: %s", title(p), short(answer(is, err)))
	return ok, is, err
}

func title(p engines.Proof) string {
	if p.Title != "" {
		return p.Title
	}
	return "effect on " + string(p.Target)
}

func answer(is string, err error) string {
	switch {
	case err != nil:
		return "could not be asked"
	case is == "":
		return "no row"
	}
	return cut(is, keptAnswer)
}

// keptAnswer is how much of a server's answer or error stands in the record: more
// than a screen shows, less than a table would need.
const keptAnswer = 400

// ask puts a proof's question until the answer is the wanted one or the limit is
// over. Only a read leaves here; it may be repeated.
func (s *Session) ask(ctx context.Context, sealed audit.Sealed, p engines.Proof, args []string, limit time.Duration) (string, error) {
	if p.Limit > 0 {
		limit = p.Limit
	}
	ctx, cancel := context.WithTimeout(ctx, limit+answerGrace)
	defer cancel()
	text, err := render(s.cfg.Secrets, p.Text)
	if err != nil {
		return "", err
	}
	over := s.cfg.Now().Add(limit)
	is := ""
	for {
		conn, cerr := s.conns.conn(ctx, p.Target, "", s.bound(p.Target))
		if cerr != nil {
			return is, cerr
		}
		res, derr := conn.Do(ctx, engines.Statement{Verb: p.Verb, Text: text, Args: args, Tag: sealed.Tag(0), Limit: limit})
		if derr != nil && conn.Classify(derr) != engines.Refused {
			s.conns.drop(p.Target, "")
		}
		if derr == nil {
			is, _ = res.First()
		}
		err = derr
		if err == nil && is == p.Want || p.Every <= 0 || s.cfg.Now().After(over) {
			return is, err
		}
		t := time.NewTimer(p.Every)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return is, ctx.Err()
		}
	}
}

// after asks the proofs and gates that stand after the last action.
func (x *execution) after(ctx context.Context) *failure {
	for _, p := range x.plan.Parts.After {
		ok, is, err := x.prove(ctx, p)
		if err != nil {
			return &failure{engines.Unclear, 0, fmt.Sprintf("%s could not be proven: %v", title(p), err)}
		}
		if !ok {
			return &failure{engines.Refused, 0, fmt.Sprintf("%s: is %s, want %s", title(p), answer(is, nil), p.Want)}
		}
	}
	if x.it.Step.Kind == steps.KindPreflight {
		if f := x.preflight(ctx); f != nil {
			return f
		}
	}
	if err := x.flushed(); err != nil {
		return &failure{engines.Unclear, 0, "the record cannot be written: " + err.Error()}
	}
	return x.gatesAfter(ctx)
}

// gatesAfter waits until every gate after the step is open.
func (x *execution) gatesAfter(ctx context.Context) *failure {
	gates := x.it.Step.After
	if len(gates) == 0 {
		return nil
	}
	wait := x.it.Step.Timeout
	if wait == 0 {
		wait = gateWait
	}
	over := x.s.cfg.Now().Add(wait)
	for {
		vs := x.s.verdicts(gates)
		closed := firstClosed(vs)
		if closed == nil || x.s.cfg.Now().After(over) || ctx.Err() != nil {
			for _, v := range vs {
				x.pending = append(x.pending, x.event(afterBody(v, x.s.cfg.Now()), ""))
				x.pending[len(x.pending)-1].OK = statusOK(v.Status)
			}
			if closed == nil {
				return nil
			}
			why := fmt.Sprintf("gate %s %s %s: is %s", closed.Gate.Gauge, closed.Gate.Op, closed.Gate.Want, closed.Is)
			if ctx.Err() != nil {
				why = "interrupted while it waited: " + why
			}
			return &failure{engines.Refused, 0, why}
		}
		select {
		case <-x.s.sampled():
		case <-ctx.Done():
		}
	}
}

func firstClosed(vs []checks.Verdict) *checks.Verdict {
	for i := range vs {
		if vs[i].Status != checks.Pass {
			return &vs[i]
		}
	}
	return nil
}

func afterBody(v checks.Verdict, now time.Time) entries.CheckResult {
	b := entries.CheckResult{Check: string(v.Gate.Gauge), Kind: "after", Want: string(v.Gate.Op) + " " + v.Gate.Want, Is: answer(v.Is, nil), Reason: v.Reason}
	b.SampleAt, b.AgeUS = entries.Sampled(v.Basis.At, now)
	return b
}

func statusOK(st checks.Status) *bool {
	switch st {
	case checks.Pass:
		return audit.OK(true)
	case checks.Fail:
		return audit.OK(false)
	}
	return nil
}

// preflight runs every read-only check on every target. A check that blocks and
// a check that could not look both stop the walk, unless a second person signed
// for this one and this attempt; what it says goes into the record all the same.
func (x *execution) preflight(ctx context.Context) *failure {
	bad := []string{}
	for _, t := range x.s.cfg.Book.Targets {
		r := x.s.sampler.readers[t.ID]
		if r == nil {
			continue
		}
		for _, f := range r.Inspect(ctx, x.s.scope(t.ID)) {
			if why := x.found(f); why != "" {
				bad = append(bad, why)
			}
		}
	}
	if len(bad) > 0 {
		return &failure{engines.Refused, 0, "preflight: " + strings.Join(bad, ", ")}
	}
	return nil
}

// found records one check and says why it stops the walk, if it does.
func (x *execution) found(f engines.Finding) string {
	b := entries.CheckResult{Check: f.ID + " " + f.Title, Kind: entries.KindPreflight, Want: f.Want, Is: answer(f.Is, nil), Reason: f.Cause}
	if f.Waive == engines.SecondPerson {
		b.Waive = entries.WaiveSecond
	}
	if f.Level == engines.Caution {
		b.Level = entries.LevelCaution
	}
	e := x.event(b, f.Target)
	why, over := "", x.s.passedOver(x.it.Step.ID, x.attempt, steps.FoundName(b.Check, f.Target), f.Level == engines.Blind)
	switch {
	case f.Level == engines.Block && over:
		e.OK = audit.OK(false)
		x.say(false, "overridden: %s %s: is %s, want %s", f.ID, f.Title, f.Is, f.Want)
	case f.Level == engines.Block:
		e.OK, why = audit.OK(false), f.ID+" on "+string(f.Target)
		x.say(true, "%s %s: is %s, want %s; next: %s", f.ID, f.Title, f.Is, f.Want, f.Next)
	case f.Level == engines.Blind && over:
		x.say(false, "overridden: %s %s: could not look: %s", f.ID, f.Title, f.Is)
	case f.Level == engines.Blind:
		why = f.ID + " on " + string(f.Target) + " (blind)"
		x.say(true, "%s %s: could not look: %s; next: %s", f.ID, f.Title, f.Is, f.Next)
	case f.Level == engines.Caution:
		e.OK = audit.OK(true)
		x.say(false, "caution %s %s: %s", f.ID, f.Title, f.Is)
	default:
		e.OK = audit.OK(true)
	}
	x.pending = append(x.pending, e)
	return why
}

// passedOver reports whether a second person signed for a check and an attempt.
func (s *Session) passedOver(id runbooks.StepID, attempt int, name string, blind bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.PassedOver(id, attempt, name, blind)
}

// binds gives the values of bound parameters and how they are recorded.
func (x *execution) binds(bs []engines.Bind) ([]string, []entries.Bind, error) {
	return bindsFrom(bs, x.vars)
}

func bindsFrom(bs []engines.Bind, vars map[string]string) ([]string, []entries.Bind, error) {
	var args []string
	var rec []entries.Bind
	for _, b := range bs {
		v, ok := vars[b.Var]
		if !ok {
			return nil, nil, fmt.Errorf("no value for %s (%s)", b.Var, b.Why)
		}
		args = append(args, v)
		rec = append(rec, entries.Bind{Name: b.Var, Value: v})
	}
	return args, rec, nil
}

// scope is what the readers are told about the run.
func (s *Session) scope(on engines.TargetID) engines.Scope {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := engines.Scope{Run: s.cfg.Run, On: on, From: "blue", To: "green",
		Params: s.cfg.Values.Text, Lists: s.cfg.Values.Lists, Change: s.cfg.Book.Change, Vars: s.state.Vars, Peer: s.peers}
	return in
}
