package steps

import (
	"maps"
	"time"

	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
)

// Apply gives the state after an event. It never fails: an event it does not
// read changes nothing.
func Apply(s State, e Event) State {
	s.Newest = e.Seq
	switch b := e.Body.(type) {
	case entries.SessionOpen:
		s.Started, s.Origin, s.Signers, s.Change = e.At, b.Origin, b.PeopleSHA256, b.Change.Ticket
		s = s.operates(e.By, b.Key)
	case entries.RunbookLoaded:
		s.Loaded, s.Author = e.Seq, b.Author
	case entries.SessionResume:
		s = applyResume(s, e, b)
	case entries.SessionHandover:
		s = s.operates(b.To, b.Key)
	case entries.SessionClose:
		s.Result = b.Result
	case entries.TargetBound:
		s = applyBound(s, e, b)
	case entries.TargetChanged:
		s.Stopped = "target " + e.Target + " changed: " + b.Field + " was " + b.Was + ", is " + b.Is
		s.Bearing = e.Seq
	case entries.HoldBegin:
		s.Holding, s.HoldSeq = b.Reason, e.Seq
	case entries.HoldEnd:
		s.Holding = ""
	case entries.VarCaptured:
		s.Vars = maps.Clone(s.Vars)
		s.Vars[b.Name] = b.Value
	case entries.RollbackBegin:
		s = applyBack(s, e)
	default:
		s = applyStep(applyPeople(s, e).waivedBy(e), e)
	}
	return s
}

// applyResume: a step that was running when the process ended is unclear, and a
// box that was open is closed.
func applyResume(s State, e Event, b entries.SessionResume) State {
	if who := s.Operator; e.By != "" { // another person is the operator only after a hand-over
		s = s.operates(e.By, b.Key)
		s.Operator = who
	}
	for id, x := range s.Steps {
		switch x.Phase {
		case Running, Proving:
			x.Phase, x.Why = Unclear, "the process ended while it ran"
			s = s.set(id, x)
		case Armed:
			x.Phase = Pending
			s = s.set(id, x).forgo(id, "the session was resumed since")
		}
	}
	return s
}

func applyBound(s State, e Event, b entries.TargetBound) State {
	s.Bound, s.BoundAt = maps.Clone(s.Bound), maps.Clone(s.BoundAt)
	s.BoundAt[engines.TargetID(e.Target)] = e.Seq
	s.Bound[engines.TargetID(e.Target)] = engines.Identity{
		Engine: b.Engine, Version: b.Version, Host: b.Host, Port: int(b.Port),
		Database: b.Database, System: b.SystemID, Login: b.Login, Started: b.Backend,
	}
	s.Bearing = e.Seq
	return s
}

// applyBack puts the steps of the way back behind what was done; what was not
// done of the walk is passed over.
func applyBack(s State, e Event) State {
	w, ok := s.fitting()
	if !ok {
		return s
	}
	s.Back, s.BackSeq = w.Name, e.Seq
	keep := s.Walk[:s.Pos:s.Pos]
	if it, ok := s.Current(); ok && s.Steps[it.Step.ID].Phase != Pending {
		keep = s.Walk[: s.Pos+1 : s.Pos+1]
	}
	s.Walk = append(keep, runbooks.SequenceBack(w, s.Stepwise)...)
	s.Pos = len(keep)
	return s
}

func applyStep(s State, e Event) State {
	id := runbooks.StepID(e.Step)
	x := s.Steps[id]
	switch b := e.Body.(type) {
	case entries.StepPlan:
		x = StepState{Phase: Armed, Left: left(x), Attempt: int(e.Attempt), Text: b.Plan, Digest: b.PlanSHA256, PlanSeq: e.Seq, Vars: maps.Clone(s.Vars), Armed: e.At}
		s.Bearing = e.Seq
	case entries.StepDisarmed:
		x.Phase = Pending
		s = s.forgo(id, "its box was closed")
	case entries.StepIntent:
		s = s.used(b.Approvals, e.Seq)
		if !x.standing() { // a second intent of an attempt takes back what the first began
			x.Stmts, x.Started = nil, e.At
		} else if i := s.place(id); i >= 0 {
			s.Pos = i // of a window of single steps, latest first
		}
		x.Phase, x.IntentSeq, x.Intent = Running, e.Seq, e.Leaf
	case entries.StmtBegin:
		x.Stmts = append(x.Stmts[:len(x.Stmts):len(x.Stmts)], Stmt{N: int(b.I), Part: part(b.Part), Begun: e.Seq, At: e.At})
	case entries.StmtEnd:
		x.Stmts = endStmt(x.Stmts, e, b)
		s = applyClock(s, x, e, b)
	case entries.StepOutcome:
		x.Outcome, x.Ended, x.Why = engines.ParseOutcome(b.Outcome), e.At, b.Why
		x.Phase = phaseOf(x.Outcome, b.Why)
		if x.Phase == Undone {
			x.Left = nil
			return s.set(id, x).back()
		}
		return s.set(id, x).settled(id, x)
	case entries.StepReconciled:
		x.Phase, x.Ended = reconciled(b), e.At
		x.Why = b.Next
		if x.Phase == Done {
			s = s.openedUnseen(x, e)
		}
		return s.set(id, x).settled(id, x)
	case entries.StepPace:
		x.Batch = int(b.Rows)
	case entries.StepSkipped:
		x.Phase, x.Why, x.Ended = Skipped, b.Reason, e.At
		return s.set(id, x).settled(id, x)
	default:
		return s
	}
	if id == "" {
		return s
	}
	return s.set(id, x)
}

// left is what of a step may stand when it is planned anew.
func left(x StepState) []int {
	if x.Phase == Undone {
		return nil
	}
	return x.MayStand()
}

func part(p string) string {
	if p == "" {
		return "main"
	}
	return p
}

func endStmt(sts []Stmt, e Event, b entries.StmtEnd) []Stmt {
	out := append([]Stmt(nil), sts...)
	for i := range out {
		if e.Ref != nil && out[i].Begun == *e.Ref {
			out[i].Ended, out[i].Outcome = true, engines.ParseOutcome(b.Outcome)
			out[i].Took = time.Duration(b.TookUS) * time.Microsecond
			if b.Error != nil {
				out[i].Why = b.Error.Code + " " + b.Error.Message
			}
		}
	}
	return out
}

// AbortedWhy begins the reason of a block whose abort plan brought traffic back.
const AbortedWhy = "aborted: "

func phaseOf(o engines.Outcome, why string) Phase {
	switch o {
	case engines.Done:
		return Done
	case engines.Refused, engines.Unsent:
		if len(why) >= len(AbortedWhy) && why[:len(AbortedWhy)] == AbortedWhy {
			return Undone
		}
		return Failed
	}
	return Unclear
}

func reconciled(b entries.StepReconciled) Phase {
	switch {
	case b.Verdict == "done":
		return Done
	case b.Next == NextRollBack:
		return Unclear // decided, not done: the outcome of the abort plan ends the doubt
	case b.Verdict == "not_done":
		return Failed
	case b.Next == "run_again":
		return Failed
	}
	return Unclear
}

// settled moves the walk on when its current step is over.
func (s State) settled(id runbooks.StepID, x StepState) State {
	it, ok := s.Current()
	if !ok || it.Step.ID != id {
		return s
	}
	if x.Phase == Done || x.Phase == Skipped {
		s.Pos++
	}
	return s
}

// applyClock moves the freeze clock. The plan in the record names the clocks by
// the words that planText printed, so replay needs no planner.
func applyClock(s State, x StepState, e Event, b entries.StmtEnd) State {
	if engines.ParseOutcome(b.Outcome) != engines.Done || e.Ref == nil {
		return s
	}
	for _, st := range x.Stmts {
		if st.Begun != *e.Ref {
			continue
		}
		c, to := clockIn(x.Text, st.Part, st.N), s.openTo(st.Part)
		switch {
		case c == engines.FreezeBegins && !s.Freeze.On:
			s.Freeze, s.Writes = FreezeState{On: true, Since: e.At}, ""
		case c == engines.WritesOpen || c == engines.OpensGreen:
			s = s.open(e, c == engines.OpensGreen && st.Part == "main", to)
		}
	}
	return s
}

// openedUnseen moves the clock for a step that a proof or a person found done
// although the answer of its opening statement was lost.
func (s State) openedUnseen(x StepState, e Event) State {
	for _, st := range x.Stmts {
		if st.Part != "main" || st.Ended && st.Outcome == engines.Done {
			continue
		}
		if c := clockIn(x.Text, st.Part, st.N); c == engines.WritesOpen || c == engines.OpensGreen {
			s = s.open(e, c == engines.OpensGreen, s.openTo(st.Part))
		}
	}
	return s
}

// open ends the freeze: to takes writes from here on.
func (s State) open(e Event, green bool, to engines.TargetID) State {
	if s.Freeze.On {
		s.Freeze = FreezeState{Since: s.Freeze.Since, Ended: e.At, Elapsed: e.At.Sub(s.Freeze.Since)}
	}
	s.Writes = to
	if green {
		s.Opened = s.Back == ""
	}
	return s
}

// openTo is the side that takes writes after an opening statement of the
// current step: the side that gets them, or the old one in an abort.
func (s State) openTo(part string) engines.TargetID {
	it, ok := s.Current()
	if !ok {
		return s.Writes
	}
	if part != "main" {
		return it.Step.From
	}
	return it.Step.To
}
