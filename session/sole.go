package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// One cockpit drives a database at a time. For one record on one machine the lock
// of its folder sees to that; for two records, or two machines, the database
// itself does: each side holds a lock that lives and dies with a connection of
// this session. It is asked for again before anything that changes a server.

const (
	// soleWait is how long a lock of somebody else is looked at again: a cockpit
	// that just ended gives its own back when the server has seen it go.
	soleWait = time.Second
	// soleWaitHeld is the same for a dead-man: clients wait.
	soleWaitHeld = 500 * time.Millisecond
	soleAgain    = 20 * time.Millisecond
	// soleLimit bounds one question about a lock.
	soleLimit = 3 * time.Second
	// soleEvery is how often a lock is looked at while nothing runs.
	soleEvery = 10 * time.Second
)

// CheckSole is the name of the check by which the record says who drives a target.
const CheckSole = "one cockpit"

// ErrDriven is another cockpit, of another record or another machine, that drives
// a target of this session.
var ErrDriven = errors.New("another cockpit drives it")

// sole is what a session knows of the locks on its targets.
type sole struct {
	doors  *doors                              // one connection for each lock, used for nothing else
	on     []engines.TargetID                  // targets that have such a lock
	others map[engines.TargetID]engines.Holder // who held one when a dead-man took over
	broken []steps.Event                       // locks of others that were broken when the session began
	mu     sync.Mutex                          // one question about locks at a time
	forked error                               // another copy of this session goes on elsewhere; guarded by mu
	ours   map[engines.TargetID]string         // session of ours that took the lock last; guarded by mu
}

// alone takes the lock of every target that has one, before anything is written.
func (s *Session) alone(ctx context.Context) error {
	wait := soleWait
	if s.cfg.Standby != nil {
		wait = soleWaitHeld
	}
	for _, t := range s.sole.on {
		h, err := s.claim(ctx, t, wait)
		if h != nil && s.cfg.BreakLock != "" {
			h, err = s.evict(ctx, t, *h)
		}
		switch {
		case err != nil:
			return err
		case h == nil:
		case s.cfg.Standby != nil: // the operator's plan is confirmed and clients wait: this process waits for nobody
			s.sole.others[t] = *h
		default:
			return &engines.Error{Op: "drive", Object: string(t) + " (" + s.known[t].Place() + ")", Err: fmt.Errorf("%w: %s", ErrDriven, h),
				Next: "end that cockpit, or look on there with turquoise attach; if its machine is gone: --break-lock REASON ends its session on the server"}
		}
	}
	return nil
}

// evict ends the session that holds a lock and takes the lock.
func (s *Session) evict(ctx context.Context, t engines.TargetID, h engines.Holder) (*engines.Holder, error) {
	c, err := s.sole.doors.conn(ctx, t, "", s.known[t])
	if err != nil {
		return nil, err
	}
	if err := c.(engines.Exclusive).Evict(ctx, h); err != nil {
		return nil, err
	}
	s.sole.broken = append(s.sole.broken, steps.Event{Meta: audit.Meta{By: s.cfg.Person, Target: string(t)},
		Body: entries.Deviation{What: fmt.Sprintf("the lock of another cockpit on %s was broken and its session ended: %s", t, h), Reason: s.cfg.BreakLock}})
	return s.claim(ctx, t, soleWait)
}

// claim asks for the lock of a target until it is had or the wait is over, and
// names who has it then.
func (s *Session) claim(ctx context.Context, t engines.TargetID, wait time.Duration) (*engines.Holder, error) {
	end := time.NewTimer(wait)
	defer end.Stop()
	for {
		h, err := s.claimOnce(ctx, t)
		if h == nil || err != nil {
			return nil, err
		}
		select {
		case <-end.C:
			return h, nil
		case <-ctx.Done():
			return h, nil
		case <-time.After(soleAgain):
		}
	}
}

func (s *Session) claimOnce(ctx context.Context, t engines.TargetID) (*engines.Holder, error) {
	s.sole.mu.Lock()
	defer s.sole.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, soleLimit)
	defer cancel()
	c, err := s.sole.doors.conn(ctx, t, "", s.bound(t))
	if err != nil {
		return nil, err
	}
	lock := c.(engines.Exclusive)
	h, err := lock.Claim(ctx)
	if err == nil && h != nil && h.Session != "" && h.Session == s.sole.ours[t] {
		// The network lost our connection and the server has not noticed: it is ended.
		if err = lock.Evict(ctx, *h); err == nil {
			h, err = lock.Claim(ctx)
		}
	}
	switch {
	case err != nil:
		s.sole.doors.drop(t, "") // what is not known to be held is taken anew
	case h == nil:
		s.sole.ours[t] = lock.Session()
	}
	return h, err
}

// forkedBy notes that another copy of this session goes on elsewhere.
func (s *Session) forkedBy(err error) {
	s.sole.mu.Lock()
	s.sole.forked = err
	s.sole.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alarm(s.cfg.Now(), true, Alarm{ID: "forked", Level: WarningLevel, Text: "ANOTHER COPY OF THIS SESSION GOES ON ELSEWHERE",
		Consequence: "no step that changes anything can be confirmed here: " + err.Error()})
}

// mayDrive asks for the locks before a command that leads to a change.
func (s *Session) mayDrive(ctx context.Context, c steps.Command) error {
	switch c := c.(type) {
	case steps.Arm:
		return s.soleNow(ctx, c.Step)
	case steps.Confirm:
		return s.soleNow(ctx, c.Step)
	}
	return nil
}

// soleNow refuses to change a server that somebody else drives, or of which
// nobody can say who does.
func (s *Session) soleNow(ctx context.Context, id runbooks.StepID) error {
	s.mu.Lock()
	it, ok := s.state.Current()
	s.mu.Unlock()
	if !ok || it.Step.ID != id || it.Step.Risk == runbooks.Read {
		return nil
	}
	s.sole.mu.Lock()
	forked := s.sole.forked
	s.sole.mu.Unlock()
	if forked != nil {
		return &steps.Refusal{Why: forked.Error(), Next: "find the other cockpit; end one of the two, and tell who keeps the record"}
	}
	for _, t := range s.sole.on {
		h, err := s.claimOnce(ctx, t)
		switch {
		case err != nil:
			return &steps.Refusal{Why: fmt.Sprintf("nobody can say whether another cockpit drives %s: %v", t, err), Next: "see whether the server answers, then confirm again"}
		case h != nil:
			return &steps.Refusal{Why: fmt.Sprintf("another cockpit drives %s: %s", t, h), Next: "find out who that is before anything else; end one of the two cockpits"}
		}
	}
	return nil
}

// soleEvents are the lines that say who drives the targets. s.mu is held.
func (s *Session) soleEvents() []steps.Event {
	var out []steps.Event
	for _, t := range s.sole.on {
		h, other := s.sole.others[t]
		is := "this session holds its lock"
		if other {
			is = "its lock is held by " + h.String()
		}
		out = append(out, steps.Event{Meta: audit.Meta{By: audit.System, Target: string(t), OK: audit.OK(!other)},
			Body: entries.CheckResult{Check: CheckSole, Kind: "watch", Want: "no other cockpit drives it", Is: is}})
	}
	return append(out, s.sole.broken...)
}

// keepSole looks at the locks while the session stands: a lock whose connection
// died is taken again, and one that somebody else has taken since is an alarm.
func (s *Session) keepSole() {
	defer s.wg.Done()
	t := time.NewTicker(soleEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-s.ctx.Done():
			return
		}
		for _, id := range s.sole.on {
			h, err := s.claimOnce(s.ctx, id)
			if err != nil {
				continue // a silent server has its own alarm, and nothing is changed without an answer
			}
			s.mu.Lock()
			a := Alarm{ID: "driven " + string(id), Level: WarningLevel, Consequence: "no step that changes anything can be confirmed here; find out who drives it"}
			if h != nil {
				a.Text = fmt.Sprintf("ANOTHER COCKPIT DRIVES %s: %s", strings.ToUpper(string(id)), h)
			}
			s.alarm(s.cfg.Now(), h != nil, a)
			s.mu.Unlock()
		}
	}
}
