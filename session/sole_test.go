package session_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// turnstile is the lock that a server keeps for cockpits: one session at a time.
type turnstile struct {
	mu   sync.Mutex
	next int
	held map[engines.TargetID]string
	dead bool // the server does not answer
}

type locker struct {
	door
	l       *turnstile
	session string
}

func (d locker) Session() string                            { return d.session }
func (d locker) Gone(context.Context, string) (bool, error) { return true, nil }

func (d locker) Claim(context.Context) (*engines.Holder, error) {
	d.l.mu.Lock()
	defer d.l.mu.Unlock()
	switch at := d.l.held[d.id]; {
	case d.l.dead:
		return nil, errLost
	case at == "" || at == d.session:
		d.l.held[d.id] = d.session
		return nil, nil
	default:
		return &engines.Holder{Session: at, Who: "turq (turquoise/r1/ann) from 10.0.0.7"}, nil
	}
}

func (d locker) Evict(_ context.Context, h engines.Holder) error { return d.l.end(d.id, h.Session) }

func (d locker) Close() error { return d.l.end(d.id, d.session) }

func (l *turnstile) end(t engines.TargetID, session string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[t] == session {
		l.held[t] = ""
	}
	return nil
}

func (l *turnstile) to(t engines.TargetID, session string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[t] = session
}

// locked is a night's configuration whose servers keep a lock.
func locked(v *servers, l *turnstile, dir string) session.Config {
	cfg := config(v, dir)
	e := v.engine()
	e.Open = func(o engines.OpenRequest) (engines.Conn, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.next++
		return locker{door{v, o.Target}, l, fmt.Sprint(l.next)}, nil
	}
	cfg.Engines = map[string]engines.Engine{"fake": e}
	return cfg
}

// TestOneCockpitDrives: a second one, with a record of its own as on another
// machine, is refused by the name of the first, and leaves no record behind.
func TestOneCockpitDrives(t *testing.T) {
	v, l, tmp := newServers(), &turnstile{held: map[engines.TargetID]string{}}, t.TempDir()
	n := begin(t, v, locked(v, l, filepath.Join(tmp, "a")))
	_, err := session.Start(t.Context(), locked(v, l, filepath.Join(tmp, "b")))
	if !errors.Is(err, session.ErrDriven) || !strings.Contains(err.Error(), "blue (127.0.0.1:1)") || !strings.Contains(err.Error(), "turquoise/r1/ann) from 10.0.0.7") {
		t.Fatalf("a second cockpit got %v", err)
	}
	if es, err := os.ReadDir(filepath.Join(tmp, "b")); err == nil {
		t.Errorf("the refused one left %v", es)
	}
	checks, es := bodies[entries.CheckResult](t, filepath.Join(tmp, "a"))
	said := 0
	for i, c := range checks {
		if c.Check == session.CheckSole && es[i].OK != nil && *es[i].OK {
			said++
		}
	}
	if said != 2 {
		t.Errorf("the record says of %d targets who drives them, want 2", said)
	}
	if err := n.s.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := locked(v, l, filepath.Join(tmp, "b"))
	cfg.Change, cfg.ChangeSaid = "CHG-7", entries.Change{Title: "Move orders", WindowFrom: "2026-11-21T02:00:00Z", WindowTo: "2026-11-21T04:00:00Z"}
	cfg.Git = &entries.Git{Author: "bo@example", Commit: strings.Repeat("ab", 20), Dirty: true}
	begin(t, v, cfg)
	if books, _ := bodies[entries.RunbookLoaded](t, cfg.Dir); len(books) != 1 || *books[0].Git != *cfg.Git {
		t.Errorf("where the runbook comes from is not on record: %+v", books)
	}
	want := cfg.ChangeSaid
	want.Ticket = cfg.Change
	if opens, _ := bodies[entries.SessionOpen](t, cfg.Dir); len(opens) != 1 || opens[0].Change != want {
		t.Errorf("the change on record is %+v", opens)
	}
}

// TestALockThatWasTaken: before anything that changes a server the lock is asked
// for again. One that somebody else has, or of which nobody can say who has it,
// stops the step; one that was only lost with its connection is taken again.
func TestALockThatWasTaken(t *testing.T) {
	v, l := newServers(), &turnstile{held: map[engines.TargetID]string{}}
	n := begin(t, v, locked(v, l, t.TempDir()))
	arm := session.Intent{Command: steps.Arm{Step: "1.1"}}
	n.shown()
	l.to("green", "stranger")
	if err := n.do(arm); err == nil || !strings.Contains(err.Error(), "another cockpit drives green: session stranger") {
		t.Fatalf("armed although somebody else drives green: %v", err)
	}
	l.to("green", "")
	n.arm(t, "1.1")
	l.to("blue", "stranger")
	if err := n.confirmArmed(); err == nil || !strings.Contains(err.Error(), "another cockpit drives blue") {
		t.Fatalf("confirmed although somebody else drives blue: %v", err)
	}
	l.to("blue", "")
	l.mu.Lock()
	l.dead = true
	l.mu.Unlock()
	if err := n.confirmArmed(); err == nil || !strings.Contains(err.Error(), "nobody can say whether another cockpit drives blue") {
		t.Fatalf("confirmed although the lock could not be asked: %v", err)
	}
	l.mu.Lock()
	l.dead = false
	l.mu.Unlock()
	if err := n.confirmArmed(); err != nil {
		t.Fatal(err)
	}
	n.over("1.1", steps.Done)
}

// TestALockIsBroken with a reason: the other session ends, the record says so, and
// the cockpit that lost it changes nothing any more.
func TestALockIsBroken(t *testing.T) {
	v, l, tmp := newServers(), &turnstile{held: map[engines.TargetID]string{}}, t.TempDir()
	first := begin(t, v, locked(v, l, filepath.Join(tmp, "a")))
	cfg := locked(v, l, filepath.Join(tmp, "b"))
	cfg.BreakLock = "the machine of the first burnt down"
	begin(t, v, cfg)
	devs, es := bodies[entries.Deviation](t, filepath.Join(tmp, "b"))
	if len(devs) != 2 || devs[0].Reason != cfg.BreakLock || es[0].Target != "blue" || !strings.Contains(devs[0].What, "10.0.0.7") {
		t.Errorf("deviations %+v", devs)
	}
	first.shown()
	if err := first.do(session.Intent{Command: steps.Arm{Step: "1.1"}}); err == nil || !strings.Contains(err.Error(), "another cockpit drives blue") {
		t.Errorf("the first cockpit, whose lock was broken, got %v", err)
	}
}

// TestADeadmanWaitsForNoLock: clients are held, and the plan is confirmed. The
// record says who had it.
func TestADeadmanWaitsForNoLock(t *testing.T) {
	v, l, dir := newServers(), &turnstile{held: map[engines.TargetID]string{}}, t.TempDir()
	n := begin(t, v, locked(v, l, dir))
	if err := n.s.Suspend("gone"); err != nil {
		t.Fatal(err)
	}
	l.to("blue", "stranger")
	cfg := locked(v, l, dir)
	var err error
	if cfg.Standby, err = audit.NewStandby(cfg.Record.Origin, cfg.Record.Rand); err != nil {
		t.Fatal(err)
	}
	s, err := session.Resume(t.Context(), cfg, "dead-man: test")
	if err != nil {
		t.Fatal(err)
	}
	attach(t, v, s)
	checks, es := bodies[entries.CheckResult](t, dir)
	last := len(checks) - 2 // blue comes first
	if checks[last].Check != session.CheckSole || es[last].OK == nil || *es[last].OK || !strings.Contains(checks[last].Is, "session stranger") {
		t.Errorf("the record says %+v", checks[last])
	}
}

// TestOurOwnLostSession: the network dropped the connection that holds a lock and
// the server has not noticed. It is ours, so it is ended and the lock taken again.
func TestOurOwnLostSession(t *testing.T) {
	v, l := newServers(), &turnstile{held: map[engines.TargetID]string{}}
	n := begin(t, v, locked(v, l, t.TempDir()))
	n.shown()
	l.mu.Lock()
	held := l.held["blue"]
	l.dead = true
	l.mu.Unlock()
	if err := n.do(session.Intent{Command: steps.Arm{Step: "1.1"}}); err == nil {
		t.Fatal("armed although the lock could not be asked")
	}
	l.mu.Lock()
	l.dead, l.held["blue"] = false, held // the server keeps what it did not see end
	l.mu.Unlock()
	n.arm(t, "1.1")
	if l.held["blue"] == held {
		t.Error("the lock is still with the lost session")
	}
}

// TestAHoldShowsTheHead of the record as verify compares it, and only while it
// holds.
func TestAHoldShowsTheHead(t *testing.T) {
	v, dir := newServers(), t.TempDir()
	n := begin(t, v, config(v, dir))
	if got := n.s.Snapshot().Record.Ticket; got != "" {
		t.Errorf("without a hold: %q", got)
	}
	if err := n.do(session.Intent{Command: steps.Hold{On: true, Reason: "the network team"}}); err != nil {
		t.Fatal(err)
	}
	line := n.s.Snapshot().Record.Ticket
	if err := n.s.Close(); err != nil {
		t.Fatal(err)
	}
	h, err := audit.ParseTicket(line)
	if err != nil {
		t.Fatal(err)
	}
	rep := audit.Verify(dir, audit.VerifyOptions{Types: entries.Types(), Vouches: []audit.Vouch{audit.TicketVouch(h)}})
	if rep.Covered < h.Size || h.Size == 0 {
		t.Errorf("the head on the screen covers %d entries, verify says %d: %v", h.Size, rep.Covered, rep.Findings)
	}
}

// told is an anchor that says at once that another copy of the session goes on.
type told struct{ session.Anchors }

func (told) Emergency(audit.EmergencyLine) {}
func (told) Head(audit.Head)               {}
func (told) Settle(context.Context) bool   { return true }
func (told) Close()                        {}

// TestACopyThatGoesOnElsewhere stops what changes a server, also where no server
// has a lock; what only reads goes on.
func TestACopyThatGoesOnElsewhere(t *testing.T) {
	v := newServers()
	cfg := config(v, t.TempDir())
	var to session.Anchored
	cfg.Anchor = func(a session.Anchored) session.Anchors { to = a; return told{} }
	n := begin(t, v, cfg)
	n.shown()
	to.Failed(v.now(), errors.New("the bucket does not answer"))
	n.arm(t, "1.1")
	to.Failed(v.now(), fmt.Errorf("copy entries: %w: nights/1", audit.ErrForked))
	if err := n.confirmArmed(); err == nil || !strings.Contains(err.Error(), "another copy of this session goes on") {
		t.Errorf("confirmed although a copy goes on elsewhere: %v", err)
	}
	alarms := n.s.Snapshot().Alarms
	if len(alarms) == 0 || !strings.Contains(alarms[0].Text, "ANOTHER COPY") {
		t.Errorf("alarms %+v", alarms)
	}
}
