package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/steps"
)

// Deadman is another process, started before clients are held, that takes a
// window back when this one dies or falls silent inside it: a pooler stays paused
// when nobody is left to resume it. It knows no way of its own: it resumes the
// session and runs the abort plan that was confirmed with the block.
type Deadman interface {
	// Beat says that this process lives.
	Beat() error
	// Rest ends the watch: what becomes of this process from here on is nobody's
	// business any more.
	Rest() error
	// String names the process and what it waits for.
	String() string
	// Key is the public half of the key that it would seal the record with.
	Key() string
}

// beatEvery is the interval of the beats; DeadmanSilence is how many of them may
// be missing.
const beatEvery = time.Second

// DeadmanSilence is how long a cockpit may be silent before its dead-man ends it.
// A record on a slow disk holds up a beat; less would take back windows that only
// waited for a disk.
const DeadmanSilence = 5 * beatEvery

// guard starts the dead-man of a window, once, before its block can be confirmed,
// or the step that begins its freeze. While clients are held each step that is
// armed starts it, for the one from before may be gone.
func (s *Session) guard(p steps.Plan) error {
	s.mu.Lock()
	have, holds := s.deadman != nil, p.Block || s.state.Freeze.On
	s.mu.Unlock()
	for _, a := range p.Parts.Actions {
		holds = holds || a.Starts == engines.FreezeBegins
	}
	if !holds || have || s.cfg.Deadman == nil {
		return nil
	}
	d, err := s.cfg.Deadman()
	if err != nil {
		return &engines.Error{Op: "start the dead-man", Object: s.cfg.Sid, Err: err, Next: "mend what it says, then arm the step again: no window opens without it"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err = s.commit(steps.Event{Meta: audit.Meta{By: audit.System, OK: audit.OK(true)}, Body: entries.CheckResult{
		Check: "dead-man", Kind: "watch", Want: "a process that takes the window back when this one falls silent", Is: d.String()}})
	if err != nil {
		return errors.Join(err, d.Rest())
	}
	if err := s.endorseAhead(d); err != nil && !s.state.Freeze.On { // who waits already must not wait for a signature
		return errors.Join(err, d.Rest())
	}
	s.deadman = d
	s.alarms.clear(s.cfg.Now(), "deadman")
	s.say(s.cfg.Now(), false, "dead-man: "+d.String())
	s.wg.Add(1)
	go s.beat(d)
	return nil
}

// beat goes on until the session is closed. It takes the lock that every act of
// the session takes: a process whose state is stuck does not count as alive.
func (s *Session) beat(d Deadman) {
	defer s.wg.Done()
	t := time.NewTicker(beatEvery)
	defer t.Stop()
	for {
		fault := s.alive()
		if fault != nil { // what the session itself does then, no other process can do better
			s.debug("the dead-man rests: the record failed", "err", fault)
			_ = d.Rest() // nothing of it is needed any more
			return
		}
		if err := d.Beat(); err != nil {
			s.unguarded(d, err)
			return
		}
		select {
		case <-t.C:
		case <-s.ctx.Done():
			if s.Abandons() {
				return // the end of this process is its sign
			}
			if err := d.Rest(); err != nil {
				s.debug("end the dead-man", "err", err)
			}
			return
		}
	}
}

// signLimit is how long a key may take to sign, a person's touch included, before
// this process counts as stuck.
const signLimit = 30 * time.Second

// alive waits for the lock that every act takes, or for the sign that it is held
// by a key that is being asked. It gives the fault of the record, if it could look.
func (s *Session) alive() error {
	t := time.NewTicker(beatEvery / 50)
	defer t.Stop()
	for !s.mu.TryLock() {
		if until := s.asking.Load(); until != 0 && s.cfg.Now().UnixNano() < until {
			return nil
		}
		select {
		case <-t.C:
		case <-s.ctx.Done():
			return nil
		}
	}
	defer s.mu.Unlock()
	return s.log.Fault()
}

// Abandons reports whether clients would wait for nobody if this process went now:
// they are held between two steps of a window. Its dead-man then stays, and takes
// the window back when the process is gone.
func (s *Session) Abandons() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.state.Held()
	return err == nil && s.deadman != nil
}

// unguarded raises an alarm and lets the next arming start another one.
func (s *Session) unguarded(d Deadman, why error) {
	_ = d.Rest() // it is gone: the reason is the error that counts
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deadman != d {
		return // another one has its place
	}
	s.deadman = nil
	s.alarms.raise(s.cfg.Now(), Alarm{ID: "deadman", Level: WarningLevel, Text: "THE DEAD-MAN IS GONE: " + why.Error(),
		Consequence: "if this cockpit dies while clients are held, nobody takes the window back; arm the step again"})
	if s.log.Fault() == nil && s.state.Result == "" {
		_, _ = s.commit(steps.Event{Meta: audit.Meta{By: audit.System}, Body: entries.AlarmRaised{Alarm: "deadman", Level: "warning", Text: "the dead-man is gone: " + why.Error()}})
	}
	s.publish()
}

// Recorded gives the state that a record tells, which another process may be
// writing. It opens and writes nothing.
func Recorded(cfg Config) (steps.State, error) {
	s, err := recorded(cfg)
	if err != nil {
		return steps.State{}, err
	}
	return s.state, nil
}

func recorded(cfg Config) (*Session, error) {
	rec, err := audit.Load(cfg.Dir)
	if err != nil {
		return nil, err
	}
	s := &Session{cfg: cfg, state: steps.New(cfg.Book, cfg.Stepwise)}
	s.replay(rec.Entries)
	s.known = s.state.Bound
	return s, nil
}

// Held reports whether a record, which another process may be writing, shows a
// window inside which clients may be held and that may still be taken back. It
// opens and writes nothing.
func Held(cfg Config) (bool, error) {
	s, err := recorded(cfg)
	if err != nil {
		return false, err
	}
	return s.held()
}

// held is Held of this session's state. s.mu is held, or nobody else has s.
func (s *Session) held() (bool, error) {
	it, ok := s.state.Current()
	if !ok {
		return false, nil
	}
	if len(it.Parts) == 0 {
		_, err := s.state.Held()
		return err == nil, nil // the reason is for a person
	}
	x := s.state.Step(it.Step.ID)
	begun := false
	for _, st := range x.Stmts {
		begun = begun || st.Part == entries.PartMain
	}
	if x.Phase != steps.Running && x.Phase != steps.Proving && x.Phase != steps.Unclear || !begun {
		return false, nil
	}
	p, err := s.plan(it)
	if err != nil || !p.Block {
		return false, err
	}
	for n, a := range p.Parts.Actions {
		if a.Starts == engines.OpensGreen && x.Begun(n+1) {
			return false, nil
		}
	}
	return true, nil
}

// TakeBack runs the abort plan of a block that stopped inside, or those of the
// steps of a window of single steps, as the dead-man does. It refuses where writes
// may be open on the other side: then only a person knows which side is right.
func (s *Session) TakeBack(ctx context.Context, who Person, reason string) error {
	s.mu.Lock()
	if it, ok := s.state.Current(); ok && len(it.Parts) == 0 {
		held, err := s.state.Held()
		s.mu.Unlock()
		for range held {
			if err := s.takeBackOne(ctx, who, steps.TakeBack{Reason: reason}); err != nil {
				return err
			}
		}
		return err
	}
	id, doubt := s.state.Doubt()
	held, err := s.held()
	s.mu.Unlock()
	switch {
	case err != nil:
		return err
	case !doubt || !held:
		return &steps.Refusal{Why: "there is nothing that may be taken back without a person", Next: "turquoise resume " + s.cfg.Sid}
	}
	return s.takeBackOne(ctx, who, steps.Settle{Step: id, Next: steps.NextRollBack, Reason: reason, ByPlan: true})
}

// takeBackOne takes back one step and waits until that is over.
func (s *Session) takeBackOne(ctx context.Context, who Person, c steps.Command) error {
	if err := s.do(ctx, who, Intent{Command: c}); err != nil {
		return err
	}
	s.mu.Lock()
	ended, id := s.ended, s.undoing
	s.mu.Unlock()
	select {
	case <-ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	if x := s.State().Step(id); x.Phase != steps.Undone {
		return fmt.Errorf("step %s is %s: %s", id, x.Phase, x.Why)
	}
	return nil
}
