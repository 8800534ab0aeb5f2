package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// WalkOptions say how far a scripted walk goes.
type WalkOptions struct {
	Until    runbooks.StepID          // last step to run; empty: the last of the walk that may be run
	Second   ssh.Signer               // signs as the second person; nil: the walk ends before a step that needs one
	BackFrom runbooks.StepID          // after this step the way back is taken
	Hand     func(title string) error // does what a manual step asks of a person; nil: nobody does
	Say      func(format string, args ...any)
}

// WalkedStep is what came of one step.
type WalkedStep struct {
	ID      runbooks.StepID `json:"id"`
	Title   string          `json:"title"`
	Outcome string          `json:"outcome"`
	TookMS  int64           `json:"took_ms"`
	Freeze  int64           `json:"freeze_ms,omitempty"` // how long clients were held or turned away, of the step that let them in
	Why     string          `json:"why,omitempty"`
}

// gatePatience is how long a scripted walk waits for the gates before a step.
const gatePatience = 2 * time.Minute

// stepPatience is how long a step may run in the lab, whose tables are small: a
// gate behind a step that nobody can read would never let it end.
const stepPatience = 5 * time.Minute

// ErrStopped is a walk that ended before its last step.
var ErrStopped = errors.New("the walk stopped")

// Walk confirms one step after the other as a script. It does what a person
// does: it arms, takes the word from the card, confirms what was shown.
func Walk(ctx context.Context, s *session.Session, o WalkOptions) ([]WalkedStep, error) {
	h := s.Handle(session.Person{Name: s.State().Operator, Role: "operator"})
	var done []WalkedStep
	for {
		it, ok := s.State().Current()
		if !ok || o.Until == "" && o.BackFrom == "" && o.Second == nil && steps.Policy(it.Step).Need > 0 {
			return done, nil
		}
		id := it.Step.ID
		if err := answer(ctx, s, h, it.Step); err != nil {
			return done, err
		}
		if it.Step.Kind == "manual" && o.Hand != nil {
			if err := o.Hand(it.Step.Title); err != nil {
				return done, err
			}
		}
		if err := confirm(ctx, s, h, id, o.Second); err != nil {
			return done, err
		}
		if err := ended(ctx, s, id); err != nil {
			return done, err
		}
		x := s.State().Step(id)
		w := WalkedStep{ID: id, Title: it.Step.Title, Outcome: x.Phase.String(), TookMS: x.Ended.Sub(x.Started).Milliseconds(), Why: x.Why}
		if f := s.State().Freeze; !f.On && f.Ended.After(x.Started) {
			w.Freeze = f.Elapsed.Milliseconds()
		}
		done = append(done, w)
		o.tell(w)
		if x.Phase != steps.Done {
			return done, fmt.Errorf("%w at step %s (%s): %s", ErrStopped, id, x.Phase, x.Why)
		}
		if id == o.BackFrom {
			o.BackFrom = ""
			taken, err := backOut(ctx, s, h)
			for _, w := range taken {
				o.tell(w)
			}
			if done = append(done, taken...); err != nil {
				return done, err
			}
			continue
		}
		if id == o.Until {
			return done, nil
		}
	}
}

func (o WalkOptions) tell(w WalkedStep) {
	if o.Say != nil {
		o.Say("%-6s %-8s %6d ms  %s %s", w.ID, w.Outcome, w.TookMS, w.Title, w.Why)
	}
}

// confirm arms a step as soon as its gates are open, and confirms what is armed.
func confirm(ctx context.Context, s *session.Session, h *session.Handle, id runbooks.StepID, second ssh.Signer) error {
	ctx, cancel := context.WithTimeout(ctx, gatePatience)
	defer cancel()
	news, end := h.Subscribe()
	defer end()
	var last error
	for {
		if last = closed(s.Snapshot().Cards[id]); last == nil {
			last = armAndConfirm(ctx, s, h, id, second)
			var r *steps.Refusal
			if last == nil || !errors.As(last, &r) {
				return last
			}
		}
		select {
		case <-news:
		case <-ctx.Done():
			return fmt.Errorf("step %s: %w", id, last)
		}
	}
}

// ended waits for a running step, and says what it waits for when it does not end.
func ended(ctx context.Context, s *session.Session, id runbooks.StepID) error {
	ctx, cancel := context.WithTimeout(ctx, stepPatience)
	defer cancel()
	err := s.Wait(ctx, func(st steps.State) bool { return !st.Busy() })
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return err
	}
	card := s.Snapshot().Cards[id]
	card.Before = card.After
	return fmt.Errorf("%w: step %s runs for %s: %w", ErrStopped, id, stepPatience, errors.Join(closed(card), err))
}

// answer says go for every desk of a poll that has not answered.
func answer(ctx context.Context, s *session.Session, h *session.Handle, st runbooks.Step) error {
	for _, desk := range st.Desks {
		if a, ok := s.State().Said(st.ID, desk); ok && a.Go {
			continue
		}
		in := session.Intent{Command: steps.Answer{Step: st.ID, Desk: desk, Go: true, Comment: "scripted"}}
		if err := h.Do(ctx, in); err != nil {
			return err
		}
	}
	return nil
}

// closed names the first gate of a card that is not open; a script looks before
// it asks, as a person does.
func closed(c session.Card) error {
	for _, g := range c.Before {
		if g.Status != checks.Pass && !g.Over {
			return fmt.Errorf("gate %s %s is %s: %s", g.Name, g.Want, g.Is, g.Reason)
		}
	}
	return nil
}

func armAndConfirm(ctx context.Context, s *session.Session, h *session.Handle, id runbooks.StepID, second ssh.Signer) error {
	if err := h.Do(ctx, session.Intent{Command: steps.Arm{Step: id}}); err != nil {
		return err
	}
	if card := s.Snapshot().Cards[id]; card.Approval.Need > 0 && !card.Approval.Enough && second != nil {
		if err := approve(ctx, s, card, second); err != nil {
			return err
		}
	}
	snap := s.Snapshot()
	card := snap.Cards[id]
	return h.Do(ctx, session.Intent{Command: steps.Confirm{Step: id, Digest: card.Digest}, Typed: card.Word,
		Seen: session.Seen{Step: id, Attempt: card.Attempt, Entry: snap.Record.Count - 1}})
}
