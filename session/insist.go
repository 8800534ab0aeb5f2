package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/steps"
)

// lost is what an action lost on its way.
type lost struct {
	line bool         // the connection, or there was none to be had
	conn engines.Conn // on which the answer was lost; nil: nothing was sent
	gone bool         // its session has ended on the server: what it asked does not happen any more
	// answered: the statement was, and the connection was lost when its proof was asked.
	answered bool
}

// leastPatience is how long an abort plan goes on after a lost connection even if
// the outage budget is used up: it was often the budget that began it, and giving
// up leaves clients waiting for a person.
const leastPatience = 10 * time.Second

// retryFirst and retryMost bound the pauses between two tries.
const (
	retryFirst = 50 * time.Millisecond
	retryMost  = time.Second
)

// abort runs the confirmed abort plan by itself. It is not bound to the
// operator's interrupt: traffic is waiting.
func (x *execution) abort(f failure) {
	ctx := context.WithoutCancel(x.s.ctx)
	x.say(true, "%s: the abort plan runs", f.why)
	x.part = entries.PartAbort
	over := x.s.cfg.Now().Add(leastPatience)
	if !x.freeze.IsZero() && x.freeze.Add(x.plan.Budget).After(over) {
		over = x.freeze.Add(x.plan.Budget)
	}
	for i, a := range x.plan.Parts.Abort {
		if a.Undoes > 0 && !x.begun[a.Undoes] {
			continue
		}
		if g := x.insist(ctx, i+1, a, over); g != nil {
			if err := x.flush(); err != nil {
				return
			}
			x.settle(engines.Unclear, fmt.Sprintf("%s; the abort plan stopped at its action %d: %s", f.why, i+1, g.why))
			return
		}
	}
	x.settle(engines.Refused, steps.AbortedWhy+f.why)
}

// insist performs one action of an abort plan. A connection that is lost does not
// end it: another one is opened, whose server is asked who it is, until over. What
// was sent is sent again only if its session is gone from the server and its proof
// says that the effect is not there.
func (x *execution) insist(ctx context.Context, n int, a engines.Action, over time.Time) *failure {
	pause := retryFirst
	g := x.act(ctx, n, a)
	for g != nil && x.lost.line && x.s.cfg.Now().Before(over) {
		x.say(true, "the connection to %s was lost in action %d of the abort plan: it is opened again", a.Target, n)
		wait(ctx, pause)
		pause = min(2*pause, retryMost)
		if g.outcome != engines.Unsent {
			is, answer := x.became(ctx, n, a, over)
			if answer == there {
				return nil
			}
			if g = is; answer == unknown {
				continue
			}
		}
		g = x.act(ctx, n, a)
	}
	return g
}

// fate is what became of a statement.
type fate int

const (
	unknown fate = iota
	there        // its effect is there
	not          // it is not, and will not come by itself
)

// became asks what became of a statement whose answer, or whose proof's, was lost.
// If nothing can tell, or telling does not help, the line counts as not lost: then
// the failure stands.
func (x *execution) became(ctx context.Context, n int, a engines.Action, over time.Time) (*failure, fate) {
	g := &failure{engines.Unclear, n, fmt.Sprintf("action %d (%s): what became of it could not be asked", n, a.Title)}
	if a.Proof == nil {
		x.lost.line = false
		return g, unknown
	}
	if !x.lost.gone && !x.lost.answered {
		x.lost.gone = x.departed(ctx, a, over.Sub(x.s.cfg.Now()))
	}
	ok, is, err := x.prove(ctx, *a.Proof)
	switch {
	case ok:
		return nil, there
	case err != nil:
		x.lost.line = !errors.Is(err, errAnother)
		g.why += ": " + err.Error()
	case x.lost.answered: // the server said done and means something else: a person looks
		x.lost.line = false
		g.why = fmt.Sprintf("action %d (%s) was answered, but its effect is not there: is %s, want %s", n, a.Title, is, a.Proof.Want)
	case x.lost.gone:
		return g, not
	}
	return g, unknown
}

// wait lets a moment go by between two tries.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// departed waits until the session whose answer was lost is gone from the
// server, and reports that: a proof asked while its statement still runs would
// lie. A server that cannot be asked ends what a lost client had sent.
func (x *execution) departed(ctx context.Context, a engines.Action, limit time.Duration) bool {
	d, ok := x.lost.conn.(engines.Departure)
	if !ok {
		return true
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	for {
		if c, err := x.s.conns.conn(ctx, a.Target, a.Session, x.s.bound(a.Target)); err == nil {
			if now, ok := c.(engines.Departure); ok {
				if gone, err := now.Gone(ctx, d.Session()); err == nil && gone {
					return true
				}
			}
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return false
		}
	}
}
