package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// answerGrace is added to the server's own time limit before we give up waiting:
// reaching it means the server did not keep its limit, so the outcome is Unclear.
const answerGrace = 5 * time.Second

// execution performs one confirmed plan. Only it calls Do of an engines.Conn.
type execution struct {
	s       *Session
	it      runbooks.Item
	plan    steps.Plan
	sealed  audit.Sealed
	attempt int
	part    string // main, abort, undo
	vars    map[string]string
	begun   map[int]bool
	opened  bool // the action after which nothing is aborted was begun
	freeze  time.Time
	start   time.Time
	pending []steps.Event // outcome of the last action, written with the next intent of one
	proofs  []int64
	lost    lost // what the newest action lost
}

func newExecution(s *Session, it runbooks.Item, p steps.Plan, sealed audit.Sealed) *execution {
	x := s.state.Step(it.Step.ID)
	return &execution{s: s, it: it, plan: p, sealed: sealed, attempt: x.Attempt, part: entries.PartMain,
		vars: maps.Clone(s.state.Vars), begun: map[int]bool{}, start: s.cfg.Now()}
}

// failure is how a plan stopped.
type failure struct {
	outcome engines.Outcome
	action  int
	why     string
}

// run performs the plan, proves it and settles the step.
func (x *execution) run(ctx context.Context) {
	defer func() {
		if r := recover(); r != nil {
			x.s.debug("panic in a step", "step", x.it.Step.ID, "panic", r, "stack", string(debug.Stack()))
			x.settle(engines.Unclear, fmt.Sprintf("panic: %v", r))
		}
	}()
	if f := x.anchored(ctx); f != nil {
		x.settle(f.outcome, f.why)
		return
	}
	f := x.actions(ctx, x.plan.Parts.Actions)
	if f == nil {
		f = x.after(ctx)
	}
	if f == nil {
		x.settle(engines.Done, "")
		return
	}
	if err := x.flush(); err != nil {
		return // the record is fenced: nothing runs, resume sorts it out
	}
	if x.plan.Block && !x.opened {
		x.abort(*f)
		return
	}
	x.settle(f.outcome, f.why)
}

func (x *execution) actions(ctx context.Context, as []engines.Action) *failure {
	for i, a := range as {
		if err := ctx.Err(); err != nil {
			return &failure{engines.Unsent, i + 1, "interrupted before action " + fmt.Sprint(i+1)}
		}
		if x.plan.Block && x.plan.Budget > 0 && !x.freeze.IsZero() && !x.opened && x.s.cfg.Now().Sub(x.freeze) > x.plan.Budget {
			return &failure{engines.Unsent, i + 1, fmt.Sprintf("outage budget %s overrun before action %d", x.plan.Budget, i+1)}
		}
		if f := x.act(ctx, i+1, a); f != nil {
			return f
		}
	}
	return nil
}

// act sends one action and proves it. The intent is durable before the first
// byte goes out; the answer is durable before the next one does.
func (x *execution) act(ctx context.Context, n int, a engines.Action) *failure {
	if over, f := x.passedOver(ctx, n, a); over || f != nil {
		return f
	}
	if a.Repeat != nil {
		return x.repeat(ctx, n, a)
	}
	for attempt := 1; ; attempt++ {
		got, f := x.send(ctx, n, a)
		if f != nil {
			return f
		}
		if !lockRefused(a, attempt, got) {
			return x.ended(n, a, got.seq, got.res, got.err, got.out)
		}
		x.answered(a, got)
		if f := x.standAside(ctx, n, a, attempt, got.conn); f != nil {
			return f
		}
	}
}

// sending is a statement and what came back.
type sending struct {
	conn  engines.Conn
	seq   int64 // of its beginning in the record
	res   engines.Result
	err   error
	out   engines.Outcome
	notes []string // of a job: what its batches did
}

// send puts the beginning of an action into the record and sends it once.
func (x *execution) send(ctx context.Context, n int, a engines.Action) (sending, *failure) {
	limit := a.Limit
	if limit == 0 {
		limit = x.plan.Limit
	}
	got, st, f := x.open(ctx, n, a)
	if f != nil || got.err != nil {
		return got, f
	}
	st.Limit = limit
	c, cancel := context.WithTimeout(ctx, limit+answerGrace)
	got.res, got.err = got.conn.Do(c, st)
	got.out = got.conn.Classify(got.err)
	cancel()
	x.crash("after-send", n)
	x.noteLost(ctx, a, got, limit)
	return got, nil
}

// open opens the door of an action and makes its beginning durable. A text whose
// secrets are not there is never sent.
func (x *execution) open(ctx context.Context, n int, a engines.Action) (got sending, st engines.Statement, f *failure) {
	x.lost = lost{}
	conn, err := x.s.conns.conn(ctx, a.Target, a.Session, x.s.bound(a.Target))
	if err != nil {
		x.lost.line = !errors.Is(err, errAnother)
		return got, st, &failure{engines.Unsent, n, fmt.Sprintf("action %d on %s: %v", n, a.Target, err)}
	}
	args, binds, err := x.binds(a.Binds)
	if err != nil {
		return got, st, &failure{engines.Unsent, n, fmt.Sprintf("action %d: %v", n, err)}
	}
	tag := x.sealed.Tag(int64(n))
	begin := x.event(entries.StmtBegin{I: int64(n), Verb: a.Verb.String(), Text: a.Text, Tag: tag,
		Part: x.part, Binds: binds, Secrets: x.s.secretUses(a.Text)}, a.Target)
	begin.Ref = audit.Ref(x.sealed.Seq())
	x.crash("before-begin", n)
	seq, err := x.begin(begin)
	if err != nil {
		return got, st, &failure{engines.Unsent, n, "the record cannot be written: " + err.Error()}
	}
	if x.part == entries.PartMain {
		x.begun[n] = true
		x.opened = x.opened || a.Starts == engines.OpensGreen
	}
	x.crash("after-begin", n)
	got = sending{conn: conn, seq: seq}
	text, err := render(x.s.cfg.Secrets, a.Text)
	if err != nil {
		got.err, got.out = err, engines.Unsent
		return got, st, nil
	}
	return got, engines.Statement{Verb: a.Verb, Text: text, Args: args, Tag: tag, LockWait: lockWait(a.Lock)}, nil
}

// ended keeps the answer and decides, by proof where there is one, whether the
// plan goes on.
func (x *execution) ended(n int, a engines.Action, seq int64, res engines.Result, err error, out engines.Outcome) *failure {
	x.answered(a, sending{seq: seq, res: res, err: err, out: out})
	return x.went(n, a, res, err, out)
}

// answered puts what came back into the record, with the next beginning.
func (x *execution) answered(a engines.Action, got sending) {
	end := entries.StmtEnd{Outcome: got.out.String(), TookUS: got.res.Took.Microseconds(), Command: got.res.Command, ServerTime: got.res.ServerTime, RequestID: got.res.RequestID,
		Notices: append(got.notes, got.res.Notices...)}
	if got.out == engines.Done {
		rows := got.res.Affected
		end.Rows = &rows
	}
	if got.err != nil {
		end.Error = maskedError(got.err)
	}
	e := x.event(end, a.Target)
	e.Ref, e.OK = audit.Ref(got.seq), entries.Ok(got.out.String())
	x.pending = append(x.pending, e)
}

// went moves the clocks by an answer that is on record, and proves its effect.
func (x *execution) went(n int, a engines.Action, res engines.Result, err error, out engines.Outcome) *failure {
	if out == engines.Done {
		if f := x.capture(n, a, res); f != nil {
			return f
		}
		if a.Starts == engines.FreezeBegins && x.freeze.IsZero() {
			x.freeze = x.s.cfg.Now()
		}
	} else {
		x.say(true, "action %d on %s: %s: %v", n, a.Target, out, err)
	}
	if a.Starts != engines.NoClock || out == engines.Unclear {
		if err := x.flushed(); err != nil {
			return &failure{engines.Unclear, n, "the record cannot be written: " + err.Error()}
		}
	}
	x.crash("after-end", n)
	return x.proven(n, a, err, out)
}

// proven asks the action's proof. A refused or unclear action goes on only if
// its proof says that the effect is there.
func (x *execution) proven(n int, a engines.Action, err error, out engines.Outcome) *failure {
	if f := x.s.cfg.Fail; f != nil && x.part == entries.PartMain && f(n) {
		return &failure{engines.Refused, n, fmt.Sprintf("proof of action %d (%s) made to fail by the rehearsal", n, a.Title)}
	}
	if a.Proof == nil {
		if out == engines.Done {
			return nil
		}
		return &failure{out, n, fmt.Sprintf("action %d (%s) on %s: %s: %v", n, a.Title, a.Target, out, err)}
	}
	ctx := x.s.ctx
	ok, is, perr := x.prove(ctx, *a.Proof)
	switch {
	case ok && out != engines.Done && len(a.Captures) > 0:
		return &failure{out, n, fmt.Sprintf("action %d (%s): its effect is there, but its answer is lost, and with it what later steps need: %v", n, a.Title, err)}
	case ok:
		return nil
	case perr != nil && out != engines.Refused && out != engines.Unsent:
		x.lost.line, x.lost.answered = !errors.Is(perr, errAnother), out == engines.Done
		return &failure{engines.Unclear, n, fmt.Sprintf("action %d (%s): its proof could not be asked: %v", n, a.Title, perr)}
	case out == engines.Unclear:
		return &failure{engines.Unclear, n, fmt.Sprintf("action %d (%s): %v; its proof says: %s, want %s", n, a.Title, err, is, a.Proof.Want)}
	case out == engines.Done:
		return &failure{engines.Refused, n, fmt.Sprintf("action %d (%s) was answered, but its effect is not there: is %s, want %s", n, a.Title, is, a.Proof.Want)}
	}
	return &failure{out, n, fmt.Sprintf("action %d (%s) on %s: %s: %v", n, a.Title, a.Target, out, err)}
}

// capture keeps what later statements need. A missing value stops the plan: a
// statement bound to nothing must not be sent.
func (x *execution) capture(n int, a engines.Action, res engines.Result) *failure {
	for _, c := range a.Captures {
		if len(res.Rows) == 0 || c.Column >= len(res.Rows[0]) || res.Rows[0][c.Column] == nil {
			return &failure{engines.Refused, n, fmt.Sprintf("action %d (%s): the answer has no %s", n, a.Title, c.Var)}
		}
		v := *res.Rows[0][c.Column]
		x.vars[c.Var] = v
		e := x.event(entries.VarCaptured{Name: c.Var, Value: v}, a.Target)
		x.pending = append(x.pending, e)
		x.say(false, "%s = %s", c.Var, short(v))
	}
	return nil
}

// begin writes what is pending and the beginning of a statement with one fsync.
// Only the abort plan may begin a statement that the record does not hold.
func (x *execution) begin(e steps.Event) (int64, error) {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	evs := append(x.pending, e)
	if x.part == entries.PartAbort {
		x.pending = nil
		return x.s.keep(evs...)
	}
	es, err := x.s.commit(evs...)
	if err != nil {
		if x.s.log.Fault() == nil {
			x.pending = nil
		}
		return 0, err
	}
	x.pending = nil
	for i := len(es) - 1; i >= 0; i-- {
		if es[i].Type == "stmt.begin" {
			return es[i].Seq, nil
		}
	}
	return 0, errors.New("bug: no stmt.begin in its own batch")
}

// flush makes the pending outcomes durable.
func (x *execution) flush() error {
	if len(x.pending) == 0 {
		return nil
	}
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	evs := x.pending
	x.pending = nil
	_, err := x.s.keep(evs...)
	return err
}

// flushed makes the pending outcomes durable and says whether the plan may go
// on: the abort plan also where only the emergency file takes them.
func (x *execution) flushed() error {
	if err := x.flush(); err != nil {
		return err
	}
	if x.part == entries.PartAbort {
		return nil
	}
	return x.s.log.Fault()
}

// settle writes the step's outcome.
func (x *execution) settle(out engines.Outcome, why string) {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	e := x.event(entries.StepOutcome{Outcome: out.String(), Proofs: x.proofs, TookUS: x.s.cfg.Now().Sub(x.start).Microseconds(), Why: why}, "")
	e.Ref, e.OK = audit.Ref(x.sealed.Seq()), entries.Ok(out.String())
	evs := append(x.pending, e)
	x.pending = nil
	x.s.crashAt(x.it.Step.ID, "before-outcome")
	if _, err := x.s.keep(evs...); err != nil {
		x.s.cancel = nil
		return
	}
	x.s.crashAt(x.it.Step.ID, "after-outcome")
	x.s.cancel = nil
	if why != "" {
		x.s.say(x.s.cfg.Now(), true, why)
	}
	x.s.changed()
}

func (x *execution) event(b audit.Body, t engines.TargetID) steps.Event {
	return steps.Event{Meta: audit.Meta{By: x.s.cfg.Person, Step: string(x.it.Step.ID), Attempt: int64(x.attempt), Target: string(t)}, Body: b}
}

func (x *execution) crash(point string, n int) {
	x.s.crashAt(x.it.Step.ID, fmt.Sprintf("%s:%s:%d", x.part, point, n))
}

func (x *execution) say(bad bool, format string, args ...any) {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	x.s.say(x.s.cfg.Now(), bad, fmt.Sprintf(format, args...))
}

// render puts secrets into a text, only here and only for the wire.
func render(secrets map[string]string, text string) (string, error) {
	for slot, v := range secrets {
		text = strings.ReplaceAll(text, "${secret:"+slot+"}", v)
	}
	if i := strings.Index(text, "${secret:"); i >= 0 {
		return "", fmt.Errorf("no secret for %s", short(text[i:]))
	}
	return text, nil
}
