package session

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
)

// lockWait is the wait of a statement as its connection takes it.
func lockWait(l *engines.Lock) time.Duration {
	switch {
	case l == nil:
		return 0
	case l.Wait == 0:
		return -1
	}
	return l.Wait
}

// lockRefused reports whether an action may be sent again: the server says that
// a lock was not to be had, which proves that nothing was done, and the plan
// allows one more attempt. Nothing else is ever sent twice.
func lockRefused(a engines.Action, attempt int, got sending) bool {
	if a.Lock == nil || attempt >= a.Lock.Attempts || got.out != engines.Refused {
		return false
	}
	c, ok := got.conn.(engines.Contention)
	return ok && c.LockRefused(got.err)
}

// standAside lets everybody pass who queued behind the statement, and says who
// holds the lock.
func (x *execution) standAside(ctx context.Context, n int, a engines.Action, attempt int, conn engines.Conn) *failure {
	who := "nobody any more"
	if hs, err := conn.(engines.Contention).Holders(ctx, a.Lock.Object); err != nil {
		who = "not known: " + err.Error()
	} else if len(hs) > 0 {
		who = strings.Join(hs, "; ")
	}
	pause := a.Lock.Pause
	for range attempt - 1 {
		pause += pause / 2
	}
	x.say(false, "attempt %d of %d: no lock on %s within %s, held by %s; next in %s", attempt, a.Lock.Attempts, a.Lock.Object, a.Lock.Wait, who, pause.Round(time.Millisecond))
	if !sleep(ctx, pause) {
		return &failure{engines.Unsent, n, fmt.Sprintf("interrupted after attempt %d of action %d, which got no lock: nothing was done", attempt, n)}
	}
	return nil
}

// sleep reports whether the whole time passed.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// passedOver asks whether an action is needed at all. One that is not leaves its
// effect to the world, so its proof is asked all the same.
func (x *execution) passedOver(ctx context.Context, n int, a engines.Action) (bool, *failure) {
	if a.Only == nil {
		return false, nil
	}
	args, _, err := x.binds(a.Only.Binds)
	is := ""
	if err == nil {
		is, err = x.s.ask(ctx, x.sealed, *a.Only, args, x.plan.Limit)
	}
	e := x.event(entries.CheckResult{Check: title(*a.Only), Kind: "only", Want: a.Only.Want, Is: answer(is, err)}, a.Only.Target)
	if err == nil {
		e.OK = audit.OK(is == a.Only.Want)
	}
	x.pending = append(x.pending, e)
	switch {
	case err != nil:
		return true, &failure{engines.Unsent, n, fmt.Sprintf("action %d (%s): nobody can say whether it is needed: %v", n, a.Title, err)}
	case is == a.Only.Want:
		return false, nil
	}
	x.say(false, "action %d (%s) is passed over: %s is %s", n, a.Title, title(*a.Only), answer(is, nil))
	if a.Proof == nil {
		return true, nil
	}
	return true, x.proven(n, a, nil, engines.Done)
}

// noteLost gives up a line whose answer was lost, and waits until its session is
// gone from the server.
func (x *execution) noteLost(ctx context.Context, a engines.Action, got sending, limit time.Duration) {
	if got.out == engines.Unclear {
		x.s.conns.drop(a.Target, a.Session)
		x.lost = lost{line: true, conn: got.conn}
		x.lost.gone = x.departed(ctx, a, limit)
	}
	x.lost.line = x.lost.line || got.out == engines.Unsent
}
