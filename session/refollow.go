package session

import (
	"context"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// The session looks this often whether it still follows what it should. The pause
// between two tries grows: a line that was cut for a moment is soon followed
// again, a server that is gone is not asked every second.
const (
	followEvery = time.Second
	followFirst = 2 * time.Second
	followAgain = 15 * time.Second
)

// refollow keeps the data followed between the step that began it and the one
// that ends it. After a crash, or when a stream was cut, it goes on by the
// confirmed action: from what was kept, if the logs still tell everything since,
// else every row is compared again. The gate of green's doubts stays closed until
// that is done. It only reads.
func (s *Session) refollow(ctx context.Context) {
	t := time.NewTicker(followEvery)
	defer t.Stop()
	var next time.Time
	pause := followFirst
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		a, ok := s.unfollowed()
		if !ok || s.cfg.Now().Before(next) {
			continue
		}
		s.tell(true, "the changes are not followed: what is not verified is compared again")
		_, err := s.conns.conn(ctx, a.Target, a.Session, s.bound(a.Target))
		if d := s.compared.Load(); err == nil && d != nil {
			err = d.Again(ctx, a.Text)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.tell(true, "compared again: "+err.Error())
			next = s.cfg.Now().Add(pause)
			pause = min(2*pause, followAgain)
		default:
			pause = followFirst
			next = s.cfg.Now().Add(pause)
			s.tell(false, "every row is equal; the changes are followed again")
		}
	}
}

// unfollowed is the action that begins to follow, if that step is done, its end
// is not, nothing runs, and nobody follows.
func (s *Session) unfollowed() (engines.Action, bool) {
	if st, ok := s.following(); ok && st.Lost == nil {
		return engines.Action{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.leaving != "" || s.state.Busy() {
		return engines.Action{}, false
	}
	followed := map[engines.Followed]engines.Action{}
	look := func(it runbooks.Item) {
		if it.Step.Kind != "compare" || s.state.Step(it.Step.ID).Phase != steps.Done {
			return
		}
		x := s.state.Step(it.Step.ID)
		p, err := steps.Make(s.inputs(x.Attempt, x.Vars), it)
		if err != nil {
			return // the step's own card says why
		}
		for _, a := range p.Parts.Actions {
			o, err := engines.ParseCompareOrder(a.Text)
			switch {
			case a.Verb != engines.Compare || err != nil:
			case it.Step.Stage == "track":
				followed[o.Followed()] = a
			case it.Step.Stage == "drop":
				delete(followed, o.Followed())
			}
		}
	}
	for _, it := range runbooks.Sequence(s.cfg.Book, s.cfg.Stepwise) {
		look(it)
	}
	for _, w := range s.cfg.Book.Back {
		for _, it := range runbooks.SequenceBack(w, s.cfg.Stepwise) {
			look(it)
		}
	}
	for _, a := range followed {
		return a, true // one at a time: a step ends it before another begins
	}
	return engines.Action{}, false
}

func (s *Session) tell(bad bool, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.say(s.cfg.Now(), bad, text)
	s.changed()
}
