package steps

import (
	"maps"
	"slices"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
)

// Event is one line of the record on its way to mean something: what was
// decided or what happened, with the place it has in the record once it is written.
type Event struct {
	audit.Meta
	Seq  int64
	Leaf string // leaf hash of its line; empty before it is written
	At   time.Time
	Body audit.Body
}

// Stmt is what the record knows of one statement of a step.
type Stmt struct {
	N       int
	Part    string // main, abort, undo
	Begun   int64  // seq of its stmt.begin
	At      time.Time
	Ended   bool
	Outcome engines.Outcome
	Took    time.Duration
	Why     string
}

// StepState is one step's life so far.
type StepState struct {
	Phase     Phase
	Attempt   int
	Text      string // plan text of this attempt
	Digest    string
	PlanSeq   int64
	IntentSeq int64
	Intent    string // leaf hash of the intent: a signed decision names it
	Stmts     []Stmt
	Left      []int             // main actions of attempts before this one that nobody took back
	Batch     int               // largest batch that the operator allows; 0: as planned
	Vars      map[string]string // what the plan knew
	Why       string
	Armed     time.Time
	Started   time.Time
	Ended     time.Time
	Outcome   engines.Outcome
}

// FreezeState is the freeze clock as recorded.
type FreezeState struct {
	On      bool
	Since   time.Time
	Ended   time.Time
	Elapsed time.Duration // of a freeze that is over
}

// State is a cutover at one point of its record.
type State struct {
	Operator  string
	Book      *runbooks.Runbook
	Stepwise  bool
	Walk      []runbooks.Item
	Pos       int // index of the current item; len(Walk) when the walk is over
	Steps     map[runbooks.StepID]StepState
	Vars      map[string]string
	Bound     map[engines.TargetID]engines.Identity
	BoundAt   map[engines.TargetID]int64 // entry that bound it
	Writes    engines.TargetID           // who takes writes; empty while frozen
	Opened    bool                       // writes have been open on the other side
	Freeze    FreezeState
	Holding   string
	HoldSeq   int64
	Back      string // the way back being walked
	BackSeq   int64
	Result    string // set when closed
	Stopped   string // why nothing may run any more
	Bearing   int64  // newest entry that bears on the current step
	Origin    string // of the record: signed texts name it
	Requests  []Request
	Overrides []Override
	Answers   []Said
	Ahead     []GivenAhead
	Waivers   []Waived
	Change    string   // ticket of the change
	Author    string   // of the runbook; "-": not told
	Loaded    int64    // seq of the line that loaded the runbook
	Owed      []int64  // waivers whose approval is still to come
	Operators []string // everybody who operated this session
	Keys      []string // fingerprints of their keys
	Signers   string   // hash of the signers file it was opened with
	People    []string // persons bound to a role in the record

	checked   entries.CheckResult // newest check, for the request that follows it
	checkedAt int64
	found     []Found // checks of the newest preflight that did not pass
	Started   time.Time
	Newest    int64
}

// New is the state before the first line.
func New(book *runbooks.Runbook, stepwise bool) State {
	return State{
		Book: book, Stepwise: stepwise, Walk: runbooks.Sequence(book, stepwise),
		Steps: map[runbooks.StepID]StepState{}, Vars: map[string]string{},
		Bound: map[engines.TargetID]engines.Identity{}, BoundAt: map[engines.TargetID]int64{}, Writes: "blue", Bearing: -1, Newest: -1,
	}
}

// Current returns the item of the walk that is next, and whether there is one.
func (s State) Current() (runbooks.Item, bool) {
	if s.Pos >= len(s.Walk) {
		return runbooks.Item{}, false
	}
	return s.Walk[s.Pos], true
}

// Step returns what is known of a step.
func (s State) Step(id runbooks.StepID) StepState { return s.Steps[id] }

// Planned gives the attempt that the plan of a step is for, and the values it was
// made from: of the plan that stands, or of the one that arming would make.
func (s State) Planned(id runbooks.StepID) (attempt int, vars map[string]string) {
	x := s.Steps[id]
	switch x.Phase {
	case Armed, Running, Proving, Unclear:
		return x.Attempt, x.Vars
	}
	return s.Anew(id)
}

// Anew is Planned for a plan that arming makes, whatever stands.
func (s State) Anew(id runbooks.StepID) (attempt int, vars map[string]string) {
	return s.Steps[id].Attempt + 1, s.Vars
}

// Busy reports whether a step runs now.
func (s State) Busy() bool {
	it, ok := s.Current()
	if !ok {
		return false
	}
	p := s.Steps[it.Step.ID].Phase
	return p == Running || p == Proving
}

// Doubt returns the step whose outcome is not known, if there is one.
func (s State) Doubt() (runbooks.StepID, bool) {
	it, ok := s.Current()
	if ok && s.Steps[it.Step.ID].Phase == Unclear {
		return it.Step.ID, true
	}
	return "", false
}

// Begun reports whether main action n of a step was begun.
func (x StepState) Begun(n int) bool {
	for _, st := range x.Stmts {
		if st.Part == "main" && st.N == n {
			return true
		}
	}
	return false
}

// set returns s with one step's state replaced; maps are copied, so that a
// snapshot taken before stays what it was.
func (s State) set(id runbooks.StepID, x StepState) State {
	s.Steps = maps.Clone(s.Steps)
	s.Steps[id] = x
	return s
}

// fitting returns the way back that fits the place where the walk is.
func (s State) fitting() (runbooks.WayBack, bool) {
	if s.Back != "" {
		return runbooks.WayBack{}, false
	}
	if _, err := s.held(true); err == nil {
		return runbooks.WayBack{}, false // first the window takes itself back: clients wait
	}
	done := -1 // place of the newest step that may have changed something
	for i, it := range s.Walk {
		switch x := s.Steps[it.Step.ID]; {
		case x.Phase == Failed && len(x.MayStand()) == 0: // nothing of it was begun
		case slices.Contains([]Phase{Done, Failed, Unclear, Running, Proving}, x.Phase):
			done = i
		}
	}
	for _, w := range s.Book.Back {
		from, until := s.place(w.After), len(s.Walk)
		if w.Until != "" {
			until = s.place(w.Until)
		}
		if done >= from && done < until && from >= 0 {
			if from == s.window() && !s.Opened {
				continue // the block ran but writes never opened: still the way before it
			}
			return w, true
		}
		if done >= until && until == s.window() && !s.Opened {
			return w, true
		}
	}
	return runbooks.WayBack{}, false
}

// place is the index in the walk of a step, or of the block that holds it.
func (s State) place(id runbooks.StepID) int {
	for i, it := range s.Walk {
		if it.Step.ID == id {
			return i
		}
		for _, p := range it.Parts {
			if p.ID == id {
				return i
			}
		}
	}
	return -1
}

// opens reports whether steps of the kind let clients in to the other side.
func opens(kind string) bool { return kind == "open" || kind == "switch" }

// window is the index of the item that opens writes on the other side.
func (s State) window() int {
	for i, it := range s.Walk {
		if opens(it.Step.Kind) {
			return i
		}
		for _, p := range it.Parts {
			if opens(p.Kind) {
				return i
			}
		}
	}
	return -1
}

// WayBackNow names the way back that would be taken, for the tile.
func (s State) WayBackNow() (runbooks.WayBack, bool) { return s.fitting() }

// ClosesHere reports whether the current step is the last one before which the
// runbook leads back.
func (s State) ClosesHere() bool {
	it, ok := s.Current()
	if _, open := s.fitting(); !ok || !open {
		return false
	}
	if s.Opening() != "" {
		return false // a window of single steps takes itself back until then
	}
	x := s.Steps[it.Step.ID]
	x.Phase = Done
	next := s.set(it.Step.ID, x)
	for _, st := range append([]runbooks.Step{it.Step}, it.Parts...) {
		next.Opened = next.Opened || opens(st.Kind)
	}
	_, open := next.fitting()
	return !open
}

// ClosedSince is the step that ended the way back; empty while there is one.
func (s State) ClosedSince() runbooks.StepID {
	var out runbooks.StepID
	for _, w := range s.Book.Back {
		i := s.place(w.Until)
		if w.Until == "" || i < 0 || i >= s.Pos {
			continue
		}
		if _, open := s.fitting(); !open && s.Opened {
			out = s.Walk[i].Step.ID
		}
	}
	return out
}
