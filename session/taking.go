package session

import (
	"context"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// Taking is a window of single steps that would be taken back now, while clients
// are held: its steps in their order, and every statement that would be sent.
type Taking struct {
	Steps      []runbooks.StepID
	Statements []Statement
	Ends       engines.TargetID // side on which clients go on
	Doubt      runbooks.StepID  // step that may have opened writes: its proof is asked first; empty if none was begun
	Word       string           // what must be typed
	Text       string           // the bytes of Digest
	Digest     string
}

// takingNow is what a screen shows of it; nil if nothing can be taken back.
// s.mu is held.
func (s *Session) takingNow() *Taking {
	if _, err := s.state.Takeable(); err != nil || s.log == nil {
		return nil
	}
	t, err := s.state.Taking(s.heldPlans())
	if err != nil {
		s.debug("plan of taking the window back", "err", err)
		return nil
	}
	return &Taking{Steps: t.Steps, Statements: statements(t.Acts, steps.StepState{}, ""), Ends: t.Ends, Doubt: t.Doubt, Word: t.Word, Text: t.Text, Digest: t.Digest}
}

// openingShut asks the proof of the step that may have opened writes, before a
// window of single steps is taken back.
func (s *Session) openingShut(ctx context.Context) bool {
	s.mu.Lock()
	_, doubt := s.state.HeldNow()
	s.mu.Unlock()
	return doubt != "" && s.provenShut(ctx, doubt)
}

// takeRest takes back the steps of a window behind the one whose abort list runs,
// as they were confirmed with it. It does not stop for a person who leaves:
// clients wait. One that fails ends it; the step says what became of it.
func (s *Session) takeRest(ev steps.Evidence, reason string, over chan struct{}) {
	defer s.wg.Done()
	defer close(over)
	for {
		s.mu.Lock()
		ended := s.ended
		s.mu.Unlock()
		<-ended
		s.mu.Lock()
		more := s.state.Step(s.undoing).Phase == steps.Undone
		if more {
			more = s.takeNext(ev, reason)
		}
		s.mu.Unlock()
		if !more {
			return
		}
	}
}

// takeNext begins the next step and reports whether there was one. s.mu is held.
func (s *Session) takeNext(ev steps.Evidence, reason string) bool {
	if _, err := s.state.Held(); err != nil {
		return false // nothing of the window stands any more
	}
	ev.Plans, ev.Seen, ev.Now = s.heldPlans(), s.state.Newest, s.cfg.Now()
	evs, err := steps.Decide(s.state, steps.TakeBack{Reason: reason}, ev)
	if err == nil {
		err = s.abort(evs, runbooks.StepID(evs[len(evs)-1].Step), *ev.Plans[runbooks.StepID(evs[len(evs)-1].Step)], steps.TakenBack+reason)
	}
	if err != nil {
		s.denied = err.Error()
		s.say(s.cfg.Now(), true, "the rest of the window was not taken back: "+err.Error())
		s.changed()
	}
	return err == nil
}

// windowBack is the way back inside a window of single steps: its own abort lists.
// s.mu is held.
func (s *Session) windowBack(fits bool) (WayBack, bool) {
	until := s.state.Opening()
	held, doubt := s.state.HeldNow()
	v := WayBack{State: "OPEN", Name: "the window", Now: "take the window back", Loses: "nothing", Until: string(until)}
	switch {
	case until == "" || doubt == "" && len(held) == 0 && (fits || s.state.Back != ""):
		return WayBack{}, false
	case doubt != "":
		v.State, v.Now, v.Loses = "UNKNOWN", "step "+string(doubt)+" may have opened writes", ""
	case len(held) == 0 && !s.state.Busy():
		v.State, v.Now = "UNKNOWN", "a step of the window has begun: look at it"
	}
	return v, true
}
