package steps

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
)

// Taking is how a person takes a window of single steps back while clients are
// held: the abort lists that were confirmed with its steps, for what was begun of
// them, shown together and confirmed once. An own confirmation for each of them
// would make clients wait for a person.
type Taking struct {
	Steps []runbooks.StepID // in the order in which they are taken back
	Acts  []engines.Action  // what is sent, in that order
	Doubt runbooks.StepID   // step whose opening statement was begun: a proof must show that it did nothing; empty if none was
	Ends  engines.TargetID  // side on which clients go on
	Word  string
	Text  string // what is shown and hashed
	// Digest is the SHA-256 of Text, in hex.
	Digest string
}

// Takeable gives the steps whose plans Taking needs, or why nothing of a window
// can be taken back now.
func (s State) Takeable() ([]runbooks.StepID, error) {
	if it, ok := s.Current(); ok && (s.Busy() || s.Steps[it.Step.ID].Phase == Unclear) {
		return nil, refuse("press v to ask the proof, or d to decide", "step %s is %s", it.Step.ID, s.Steps[it.Step.ID].Phase)
	}
	return s.held(true)
}

// HeldNow is what of a window of single steps would have to be taken back now,
// also while a step of it runs; doubt is its opening step, if that was begun.
func (s State) HeldNow() (held []runbooks.StepID, doubt runbooks.StepID) {
	held, err := s.held(true)
	if err != nil {
		held = nil
	}
	if id := s.Opening(); id != "" && s.Steps[id].Phase != Undone && s.Steps[id].moved(engines.OpensGreen) {
		doubt = id
	}
	return held, doubt
}

// Taking makes the plan of taking the window back, from the plans of its steps as
// they were confirmed.
func (s State) Taking(plans map[runbooks.StepID]*Plan) (Taking, error) {
	held, err := s.Takeable()
	if err == nil {
		held, err = s.inOrder(held, plans)
	}
	if err != nil {
		return Taking{}, err
	}
	it := s.Walk[s.freezeAt()]
	t := Taking{Steps: held, Ends: it.Step.From, Word: string(it.Step.From)}
	var b strings.Builder
	fmt.Fprintf(&b, "turquoise take back v1\nconfirm: %s\n", oneLine(t.Word))
	for _, id := range held {
		x := s.Steps[id]
		if x.Phase != Undone && x.moved(engines.OpensGreen) {
			t.Doubt = id
		}
		fmt.Fprintf(&b, "step: %s\nplan-sha256: %s\n", id, x.Digest)
		begun := x.MayStand()
		for i, a := range plans[id].Parts.Abort {
			if a.Undoes > 0 && !slices.Contains(begun, a.Undoes) {
				continue
			}
			writeAction(&b, fmt.Sprintf("abort: %d", i+1), a, plans[id].Limit)
			a.Undoes = 0 // it is: what was not begun is not here
			t.Acts = append(t.Acts, a)
		}
	}
	t.Text = b.String()
	sum := sha256.Sum256([]byte(t.Text))
	t.Digest = hex.EncodeToString(sum[:])
	return t, nil
}

// sameTaking refuses what a person confirms if it is not what was shown.
func (s State) sameTaking(c TakeBack, held []runbooks.StepID, ev Evidence) error {
	t, err := s.Taking(ev.Plans)
	switch {
	case err != nil:
		return err
	case c.Digest != t.Digest || !slices.Equal(held, t.Steps):
		return refuse("press b to see it as it is now", "what is to be taken back changed, nothing has run")
	case ev.Typed != t.Word:
		return refuse("type the word as shown", "what was typed is not the word that was asked for")
	case ev.Seen < s.Bearing:
		return refuse("look at the card again", "entry %d bears on this step and was not on the screen (newest shown: %d)", s.Bearing, ev.Seen)
	}
	for at, what := range ev.Same {
		return refuse("find out which server answers there", "target %s: %s", at, what)
	}
	return nil
}

// Opening is the step that opens writes in the window of single steps that the
// walk stands in; until it has, the window takes itself back. Empty elsewhere.
func (s State) Opening() runbooks.StepID {
	it, ok := s.Current()
	for i, w := range s.Walk {
		if ok && i >= s.Pos && len(w.Parts) == 0 && together(w, it) && w.Step.Kind == "open" {
			return w.Step.ID
		}
	}
	return ""
}
