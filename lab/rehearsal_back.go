package lab

import (
	"context"
	"errors"
	"fmt"

	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// backOut goes over to the way back as a person does: a window of single steps in
// which clients wait is taken back first, by the list that the screen shows.
func backOut(ctx context.Context, s *session.Session, h *session.Handle) ([]WalkedStep, error) {
	taken, err := TakeBack(ctx, s, h)
	if err != nil {
		return taken, err
	}
	return taken, h.Do(ctx, session.Intent{Command: steps.BackOut{Reason: "rehearsal of the way back"}})
}

// TakeBack takes back the window of single steps in which clients wait, if there
// is one, as the screen shows it. An error is what stands after all.
func TakeBack(ctx context.Context, s *session.Session, h *session.Handle) ([]WalkedStep, error) {
	var taken []WalkedStep
	if snap := s.Snapshot(); snap.Taking != nil {
		in := session.Intent{Command: steps.TakeBack{Reason: "rehearsal of the way back", Digest: snap.Taking.Digest}, Typed: snap.Taking.Word,
			Seen: session.Seen{Step: snap.Current, Entry: snap.Record.Count - 1}}
		if err := h.Do(ctx, in); err != nil {
			return nil, err
		}
		over := func(st steps.State) bool {
			held, _ := st.HeldNow()
			_, doubt := st.Doubt()
			return !st.Busy() && (len(held) == 0 || doubt)
		}
		ctx, cancel := context.WithTimeout(ctx, stepPatience)
		defer cancel()
		if err := s.Wait(ctx, over); err != nil {
			return nil, err
		}
		for _, id := range snap.Taking.Steps {
			x := s.State().Step(id)
			w := WalkedStep{ID: id, Title: snap.Cards[id].Title, Outcome: x.Phase.String(), TookMS: x.Ended.Sub(x.Started).Milliseconds(), Why: x.Why}
			taken = append(taken, w)
			if x.Phase != steps.Undone {
				return taken, fmt.Errorf("%w: step %s was not taken back (%s): %s", ErrStopped, id, x.Phase, x.Why)
			}
		}
	} else if held, doubt := s.State().HeldNow(); len(held) > 0 {
		return nil, errors.Join(ErrStopped, fmt.Errorf("steps %v stand and nothing takes them back (doubt: %q)", held, doubt))
	}
	return taken, nil
}
