package steps

import (
	"errors"
	"fmt"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
)

// Refusal is why a command is not carried out. Nothing has run.
type Refusal struct {
	Why  string
	Next string
}

// Error gives the reason.
func (r *Refusal) Error() string { return "not run: " + r.Why }

// NextMove gives the sentence for the person at the keyboard.
func (r *Refusal) NextMove() string { return r.Next }

func refuse(next, format string, args ...any) error {
	return &Refusal{Why: fmt.Sprintf(format, args...), Next: next}
}

// ErrNothing is a command that changes nothing in the present state.
var ErrNothing = errors.New("nothing to do")

// Evidence is what the session attaches to a command: what it knows at this
// moment and the person who acts. Decide takes it as given.
type Evidence struct {
	By       string
	Operator bool // holds the operator token
	Typed    string
	Seen     int64 // newest entry on the screen
	SeenStep runbooks.StepID
	Attempt  int
	ShownMS  int64
	W, H     int
	Way      string                    // text of the way-back tile as shown
	Plan     *Plan                     // for Arm: made from the state; for Confirm: made again now
	PlanErr  error                     // why there is no plan
	Plans    map[runbooks.StepID]*Plan // for TakeBack: of every step that is held, made again as it was confirmed
	Shut     bool                      // for TakeBack: a proof has shown that writes are not open on the other side
	Verdicts []checks.Verdict          // gates of the step, fresh
	Same     map[string]string         // target → what changed about its identity; empty if all are the bound ones
	Now      time.Time                 // of the session's clock
	Signed   *Signed                   // for Approve: what was found out about the signature; nil: nobody can
	Rows     []string                  // for Reveal: rows by key, as they would be shown
	ByVoice  bool                      // for Answer: another person's word, written down by this one
}

// Decide says what follows from a command: events to be written, or why not.
// For Confirm the last event is the intent; nothing may be sent before it is durable.
func Decide(s State, c Command, ev Evidence) ([]Event, error) {
	if s.Result != "" {
		return nil, refuse("start a new session", "the session is closed (%s)", s.Result)
	}
	switch c := c.(type) { // what somebody else than the operator may do as well
	case Note:
		return decideNote(ev, c)
	case Approve:
		return decideApprove(s, c, ev)
	case Deny:
		return decideDeny(s, c, ev)
	}
	if !ev.Operator {
		return nil, refuse("ask the operator for the token", "%s does not hold the operator token", ev.By)
	}
	switch c := c.(type) {
	case Arm:
		return decideArm(s, c, ev)
	case Disarm:
		return decideDisarm(s, ev)
	case Confirm:
		return decideConfirm(s, c, ev)
	case Skip:
		return decideSkip(s, c, ev)
	case Hold:
		return decideHold(s, c, ev)
	case Pace:
		return decidePace(s, c, ev)
	case Throttle:
		return decideThrottle(s, c, ev)
	case Reveal:
		return decideReveal(s, ev)
	case Settle:
		return decideSettle(s, c, ev)
	case TakeBack:
		return decideTakeBack(s, c, ev)
	case BackOut:
		return decideBackOut(s, c, ev)
	case Interrupt:
		return decideInterrupt(s, ev)
	case Waive:
		return decideWaive(s, c, ev)
	case OverrideGate:
		return decideOverride(s, c, ev)
	case Answer:
		return decideAnswer(s, c, ev)
	case Handover:
		return decideHandover(s, c, ev)
	case End:
		return decideEnd(s, c, ev)
	}
	return nil, ErrNothing
}

func event(by string, id runbooks.StepID, attempt int, b audit.Body) Event {
	return Event{Meta: audit.Meta{By: by, Step: string(id), Attempt: int64(attempt)}, Body: b}
}

func decideNote(ev Evidence, n Note) ([]Event, error) {
	if n.Text == "" {
		return nil, refuse("type a text", "an empty note")
	}
	return []Event{event(ev.By, "", 0, entries.Note{Text: n.Text})}, nil
}

// decideThrottle leaves a line in the record: how hard a comparison drove production
// is a thing that is asked afterwards.
func decideThrottle(s State, c Throttle, ev Evidence) ([]Event, error) {
	if _, err := engines.ParsePace(c.Limits, engines.ComparePace{Workers: 1}); err != nil {
		return nil, refuse("write pairs such as: workers 4 max-active 20", "%s", err)
	}
	it, _ := s.Current()
	return []Event{event(ev.By, it.Step.ID, 0, entries.Note{Text: "pace of the comparison: " + c.Limits})}, nil
}

// decideReveal leaves a line in the record: that values of the data were on a
// screen, how many, and none of them.
func decideReveal(s State, ev Evidence) ([]Event, error) {
	if len(ev.Rows) == 0 {
		return nil, refuse("go on", "no row is named now")
	}
	it, _ := s.Current()
	return []Event{event(ev.By, it.Step.ID, 0, entries.ViewDetail{What: "keys of rows that differ or were written on green by others", Rows: int64(len(ev.Rows))})}, nil
}

// free refuses what may not happen now, whoever asks.
func free(s State) (runbooks.Item, error) {
	it, ok := s.Current()
	switch {
	case s.Stopped != "":
		return it, refuse("end the session and start a new one", "%s", s.Stopped)
	case !ok:
		return it, refuse("end the session with q", "no step is left")
	case s.Busy():
		return it, refuse("wait until it has ended", "step %s is running", it.Step.ID)
	case s.Holding != "":
		return it, refuse("press h to go on", "the walk is held: %s", s.Holding)
	}
	return it, nil
}

func decideArm(s State, c Arm, ev Evidence) ([]Event, error) {
	it, err := free(s)
	if err != nil {
		return nil, err
	}
	x := s.Steps[it.Step.ID]
	switch {
	case c.Step != it.Step.ID:
		return nil, refuse("press . for the current step", "step %s is not the current one, %s is", c.Step, it.Step.ID)
	case x.Phase == Unclear:
		return nil, refuse("press v to ask the proof, or d to decide", "the outcome of step %s is unclear", it.Step.ID)
	case ev.PlanErr != nil:
		return nil, refuse("do the step that the plan waits for", "%v", ev.PlanErr)
	}
	if why := closedGate(s.notOverridden(it.Step.ID, x.Attempt+1, ev.Verdicts)); why != "" {
		return nil, refuse("press v to look again", "%s", why)
	}
	var out []Event
	if x.Phase == Armed { // one plan at a time: what was signed for the one before counts no more
		out = append(out, disarmed(ev.By, it.Step.ID, x, "armed again"))
	}
	out = append(out, event(audit.System, it.Step.ID, x.Attempt+1, entries.StepPlan{
		Title: ev.Plan.Title, Risk: ev.Plan.Risk.String(), Plan: ev.Plan.Text, PlanSHA256: ev.Plan.Digest, Needs: Policy(it.Step),
	}))
	if n := need(it.Step) - len(s.ahead(it.Step, ev.Now)); n > 0 {
		out = append(out, request(it, x.Attempt+1, ActRun, ev.Plan.Digest, n, ev.Now))
	}
	return out, nil
}

// notOverridden leaves out the gates that this attempt goes against.
func (s State) notOverridden(id runbooks.StepID, attempt int, vs []checks.Verdict) []checks.Verdict {
	var out []checks.Verdict
	for _, v := range vs {
		if _, over := s.Overridden(id, attempt, string(v.Gate.Gauge)); !over {
			out = append(out, v)
		}
	}
	return out
}

// need is the number of signatures besides the operator's own act. A step
// without return needs one whatever the runbook says.
func need(s runbooks.Step) int {
	n := max(s.Signers-1, 0)
	if s.Risk == runbooks.NoReturn {
		n = max(n, 1)
	}
	return n
}

// closedGate names the first gate that is not open; unknown counts as failing.
func closedGate(vs []checks.Verdict) string {
	for _, v := range vs {
		if v.Status != checks.Pass {
			return fmt.Sprintf("gate %s %s %s is %s: is %s%s", v.Gate.Gauge, v.Gate.Op, v.Gate.Want, v.Status, orDash(v.Is), because(v.Reason))
		}
	}
	return ""
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func because(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

func decideDisarm(s State, ev Evidence) ([]Event, error) {
	it, ok := s.Current()
	x := s.Steps[it.Step.ID]
	if !ok || x.Phase != Armed {
		return nil, ErrNothing
	}
	return []Event{disarmed(ev.By, it.Step.ID, x, "operator")}, nil
}

// disarmed takes the plan of an armed step back.
func disarmed(by string, id runbooks.StepID, x StepState, reason string) Event {
	e := event(by, id, x.Attempt, entries.StepDisarmed{Reason: reason})
	e.Ref = audit.Ref(x.PlanSeq)
	return e
}
