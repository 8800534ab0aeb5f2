package steps

import (
	"slices"
	"strings"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
)

// TakenBack begins, after AbortedWhy, the reason of a step whose window was taken
// back step by step.
const TakenBack = "taken back: "

// freezeAt is the place of the step that holds the clients in a window of single
// steps, the one that the walk stands in; -1 if it stands in none, or if that
// step was never planned. A block takes itself back.
func (s State) freezeAt() int {
	it, ok := s.Current()
	if !ok {
		return -1
	}
	for i, w := range s.Walk {
		if len(w.Parts) == 0 && together(w, it) && strings.Contains(s.Steps[w.Step.ID].Text, "\nclock: the freeze") {
			return i
		}
	}
	return -1
}

func together(a, b runbooks.Item) bool { return a.Phase == b.Phase && a.Back == b.Back }

// standing reports whether a step may have changed something that nobody took back.
func (x StepState) standing() bool {
	return slices.Contains([]Phase{Running, Proving, Unclear, Failed, Done}, x.Phase) || x.Phase == Skipped && len(x.MayStand()) > 0
}

// moved reports whether a main action that moves clock c was begun, by this
// attempt or by one before it.
func (x StepState) moved(c engines.Clock) bool {
	for _, n := range x.MayStand() {
		if clockIn(x.Text, entries.PartMain, n) == c {
			return true
		}
	}
	return false
}

// MayBeOpen reports whether writes were, or may have been, opened on the other
// side by the walk or by the step that runs.
func (s State) MayBeOpen() bool {
	it, ok := s.Current()
	x := s.Steps[it.Step.ID]
	return s.Opened || ok && x.Phase != Undone && x.moved(engines.OpensGreen)
}

// MayStand are the numbers of the main actions that were begun by this attempt,
// or by an earlier one that nobody took back.
func (x StepState) MayStand() []int {
	out := slices.Clone(x.Left)
	for _, st := range x.Stmts {
		if st.Part == entries.PartMain && !slices.Contains(out, st.N) {
			out = append(out, st.N)
		}
	}
	return out
}

// Held gives the steps of a window of single steps that have to be taken back
// before clients go on where they were, the latest first. It refuses where no
// client is held, where writes may be open on the other side, and where the
// confirmed plans do not say what is to be done.
func (s State) Held() ([]runbooks.StepID, error) { return s.held(false) }

// held is Held; shut says that a proof has shown that the opening statement, if
// it was begun, did nothing.
func (s State) held(shut bool) ([]runbooks.StepID, error) {
	from := s.freezeAt()
	if from < 0 {
		return nil, refuse("", "the walk stands in no window of single steps")
	}
	freeze := s.Steps[s.Walk[from].Step.ID]
	if freeze.Phase != Undone && !freeze.moved(engines.FreezeBegins) {
		return nil, refuse("", "no client is held")
	}
	var out []runbooks.StepID
	for _, w := range s.Walk[from:] {
		x := s.Steps[w.Step.ID]
		switch {
		case !together(w, s.Walk[from]):
			continue
		case x.Phase != Undone && x.moved(engines.OpensGreen) && !(shut && s.Freeze.On):
			return nil, refuse("look which side is right", "writes may be open on the other side since step %s", w.Step.ID)
		case x.standing():
			out = append(out, w.Step.ID)
		case len(x.Left) > 0:
			return nil, refuse("run it or decide by hand", "step %s was begun before and its new plan is not confirmed", w.Step.ID)
		}
	}
	if len(out) == 0 {
		return nil, refuse("", "no client is held")
	}
	slices.Reverse(out)
	return out, nil
}

// decideTakeBack begins to take back the next step of a window of single steps,
// by the abort list that was confirmed with it. It looks at all that are left: a
// window that can be taken back by half only is left to a person.
func decideTakeBack(s State, c TakeBack, ev Evidence) ([]Event, error) {
	switch {
	case s.Stopped != "":
		return nil, refuse("end the session and start a new one", "%s", s.Stopped)
	case s.Busy():
		return nil, refuse("wait until it has ended", "a step is running")
	case strings.TrimSpace(c.Reason) == "":
		return nil, refuse("type a reason", "take back without a reason")
	}
	held, err := s.held(ev.Shut)
	if _, no := s.Takeable(); err == nil && c.Digest != "" {
		err = no // a person is told of a doubt first
	}
	if err == nil {
		held, err = s.inOrder(held, ev.Plans)
	}
	if err == nil && c.Digest != "" {
		err = s.sameTaking(c, held, ev)
	}
	if err != nil {
		return nil, err
	}
	id := held[0]
	x := s.Steps[id]
	var out []Event
	if ev.Typed != "" { // a person's act; the dead-man types nothing
		confirm := event(ev.By, id, x.Attempt, entries.StepConfirm{PlanSHA256: x.Digest, Seen: ev.Seen, ShownMS: ev.ShownMS, Typed: ev.Typed,
			Screen: entries.Screen{H: int64(ev.H), W: int64(ev.W)}, WayBack: ev.Way})
		confirm.Ref = audit.Ref(x.PlanSeq)
		out = append(out, confirm)
	}
	if x.Phase == Unclear { // without this the second intent would be a blind retry
		e := event(ev.By, id, x.Attempt, entries.StepReconciled{How: entries.ByPlan, Verdict: verdictOf(NextRollBack), Next: NextRollBack, Statement: c.Reason})
		e.Ref = audit.Ref(x.IntentSeq)
		out = append(out, e)
	}
	intent := event(ev.By, id, x.Attempt, entries.StepIntent{PlanSHA256: x.Digest, Approvals: []int64{}, Gates: []int64{}})
	intent.Ref = audit.Ref(x.PlanSeq)
	return append(out, intent), nil
}

// inOrder refuses a window of which the confirmed plans cannot be made again, and
// gives the order in which its steps are taken back.
func (s State) inOrder(held []runbooks.StepID, plans map[runbooks.StepID]*Plan) ([]runbooks.StepID, error) {
	for _, id := range held {
		p := plans[id]
		switch {
		case p == nil:
			return nil, refuse("look at the servers and decide by hand", "there is no plan of step %s any more", id)
		case p.Digest != s.Steps[id].Digest:
			return nil, refuse("look at the servers and decide by hand", "the plan of step %s made now differs from the confirmed one", id)
		}
	}
	// What only cleans up must not keep clients waiting. A step that opens goes
	// first: what the proof said of it holds until somebody else opens.
	rank := func(id runbooks.StepID) int {
		if s.Steps[id].moved(engines.OpensGreen) {
			return -1
		}
		return waits(plans[id])
	}
	out := slices.Clone(held)
	slices.SortStableFunc(out, func(a, b runbooks.StepID) int { return rank(a) - rank(b) })
	return out, nil
}

// waits is 1 for a plan whose abort list may wait until traffic flows again.
func waits(p *Plan) int {
	for _, a := range p.Parts.Abort {
		if !strings.HasPrefix(a.Title, cleanUp) {
			return 0
		}
	}
	return 1
}

// back puts the walk before a window of which nothing stands any more.
func (s State) back() State {
	from := s.freezeAt()
	if from < 0 || from > s.Pos {
		return s
	}
	for _, w := range s.Walk[from:] {
		if x := s.Steps[w.Step.ID]; together(w, s.Walk[from]) && (x.standing() || len(x.Left) > 0) {
			return s
		}
	}
	s.Pos = from
	return s
}

// WindowAttempt is the attempt that the plan of an item speaks of. The steps of
// a window wait for the token that its freeze wrote; a freeze that was tried
// twice wrote the second one's.
func (s State) WindowAttempt(it runbooks.Item, attempt int) int {
	if len(it.Parts) > 0 || it.Step.Kind == "freeze" {
		return attempt
	}
	for _, w := range s.Walk {
		if w.Step.Kind == "freeze" && len(w.Parts) == 0 && together(w, it) && s.Steps[w.Step.ID].Attempt > 0 {
			return s.Steps[w.Step.ID].Attempt
		}
	}
	return attempt
}
