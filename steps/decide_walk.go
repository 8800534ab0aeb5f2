package steps

import (
	"strings"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/runbooks"
)

// decideSkip passes over a step that was not begun. What moves traffic or has
// no return is not skipped: its effect is what the steps after it stand on.
func decideSkip(s State, c Skip, ev Evidence) ([]Event, error) {
	it, err := free(s)
	if err != nil {
		return nil, err
	}
	x := s.Steps[it.Step.ID]
	switch {
	case c.Step != it.Step.ID:
		return nil, refuse("press . for the current step", "step %s is not the current one", c.Step)
	case strings.TrimSpace(c.Reason) == "":
		return nil, refuse("type a reason", "skip without a reason")
	case it.Step.Kind == KindPreflight:
		// Else one person could pass over in one line what two may not.
		return nil, refuse("override a check by itself with o, or back out with b", "step %s asks what must be true before anything is changed and cannot be skipped", it.Step.ID)
	case it.Step.Risk >= runbooks.Traffic:
		return nil, refuse("run it or back out with b", "step %s is %s and cannot be skipped", it.Step.ID, it.Step.Risk)
	case x.Phase == Unclear:
		return nil, refuse("press v to ask the proof, or d to decide", "the outcome of step %s is unclear", it.Step.ID)
	}
	return []Event{event(ev.By, it.Step.ID, x.Attempt, entries.StepSkipped{Reason: c.Reason, Approvals: []int64{}})}, nil
}

func decideHold(s State, c Hold, ev Evidence) ([]Event, error) {
	if c.On == (s.Holding != "") {
		return nil, ErrNothing
	}
	if strings.TrimSpace(c.Reason) == "" {
		return nil, refuse("type a reason", "hold without a reason")
	}
	if c.On {
		return []Event{event(ev.By, "", 0, entries.HoldBegin{Reason: c.Reason})}, nil
	}
	e := event(ev.By, "", 0, entries.HoldEnd{Reason: c.Reason})
	e.Ref = audit.Ref(s.HoldSeq)
	return []Event{e}, nil
}

// The answers to an unclear outcome.
const (
	NextDone     = "done"
	NextRunAgain = "run_again"
	NextRollBack = "roll_back"
	NextStop     = "stop"
)

// decideSettle is a person's decision on an outcome nobody knows. For roll_back
// the session runs the abort plan of the confirmed block first and settles when
// that has brought traffic back.
func decideSettle(s State, c Settle, ev Evidence) ([]Event, error) {
	id, ok := s.Doubt()
	if !ok || id != c.Step {
		return nil, refuse("", "step %s is not unclear", c.Step)
	}
	if strings.TrimSpace(c.Reason) == "" {
		return nil, refuse("type a reason", "decision without a reason")
	}
	x := s.Steps[id]
	verdict := verdictOf(c.Next)
	if verdict == "" {
		return nil, refuse("choose done, run again, roll back or stop", "unknown decision %q", c.Next)
	}
	how := "decision"
	if c.ByPlan && c.Next == NextRollBack {
		how = entries.ByPlan
	}
	e := event(ev.By, id, x.Attempt, entries.StepReconciled{How: how, Verdict: verdict, Next: c.Next, Statement: c.Reason})
	e.Ref = audit.Ref(x.IntentSeq)
	if c.Signature == "" {
		return []Event{e}, nil
	}
	// The signed text has no place for the reason; it stands on the line before.
	e.Body = entries.StepReconciled{How: "decision", Verdict: verdict, Next: c.Next, Statement: c.Statement, Signature: c.Signature}
	return []Event{event(ev.By, id, x.Attempt, entries.Note{Text: "decided " + c.Next + ": " + c.Reason}), e}, nil
}

// verdictOf is what a decision says about the statements, empty for no decision.
func verdictOf(next string) string {
	return map[string]string{NextDone: "done", NextRunAgain: "not_done", NextRollBack: "partly", NextStop: "partly"}[next]
}

// decideBackOut changes over to the way back that fits the place of the walk.
func decideBackOut(s State, c BackOut, ev Evidence) ([]Event, error) {
	it, ok := s.Current()
	switch {
	case s.Stopped != "":
		return nil, refuse("end the session and start a new one", "%s", s.Stopped)
	case ok && s.Busy():
		return nil, refuse("wait until it has ended", "step %s is running", it.Step.ID)
	case s.Back != "":
		return nil, refuse("", "the way back %s is being walked already", s.Back)
	case strings.TrimSpace(c.Reason) == "":
		return nil, refuse("type a reason", "back out without a reason")
	}
	if id, doubt := s.Doubt(); doubt {
		return nil, refuse("press v to ask the proof, or d to decide", "the outcome of step %s is unclear", id)
	}
	if _, err := s.Takeable(); err == nil {
		return nil, refuse("take the window back first, then back out from before it", "clients are held in a window of single steps")
	}
	w, ok := s.fitting()
	if !ok {
		return nil, refuse("restore or export by hand", "no way back of the runbook fits here")
	}
	from := string(it.Step.ID)
	if from == "" {
		from = "end"
	}
	return []Event{event(ev.By, "", 0, entries.RollbackBegin{Reason: c.Reason, FromStep: from, WayBack: w.Name})}, nil
}

func decideInterrupt(s State, ev Evidence) ([]Event, error) {
	it, ok := s.Current()
	if !ok || !s.Busy() {
		return nil, refuse("press q to leave", "no step is running")
	}
	x := s.Steps[it.Step.ID]
	e := event(ev.By, it.Step.ID, x.Attempt, entries.StepInterrupt{How: "cancel"})
	e.Ref = audit.Ref(x.IntentSeq)
	return []Event{e}, nil
}

// decideEnd closes the session for good. It never does so while a step runs or
// an outcome is unclear.
func decideEnd(s State, c End, ev Evidence) ([]Event, error) {
	if it, ok := s.Current(); ok && s.Busy() {
		return nil, refuse("wait until it has ended", "step %s is running", it.Step.ID)
	}
	if id, doubt := s.Doubt(); doubt {
		return nil, refuse("press v to ask the proof, or d to decide", "the outcome of step %s is unclear", id)
	}
	if s.Freeze.On {
		return nil, refuse("open writes or back out first", "clients are waiting: the freeze is on")
	}
	_, left := s.Current()
	result := "cut_over"
	switch {
	case s.Back != "" && !left:
		result = "rolled_back"
	case left && s.Opened:
		result = "cut_over"
	case left:
		result = "aborted"
	}
	var out []Event
	if result == "aborted" || left {
		if strings.TrimSpace(c.Reason) == "" {
			return nil, refuse("type a reason", "ending before the last step")
		}
		out = append(out, event(ev.By, "", 0, entries.SessionAbort{Reason: c.Reason}))
	}
	if s.Back != "" {
		e := event(ev.By, "", 0, entries.RollbackEnd{Result: result, WritesOn: string(s.Writes)})
		e.Ref, e.OK = audit.Ref(s.BackSeq), audit.OK(!left)
		out = append(out, e)
	}
	return append(out, event(ev.By, "", 0, entries.SessionClose{Result: result, WritesOn: string(s.Writes), Owed: s.owed()})), nil
}
