package session

import (
	"fmt"
	"time"

	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// Approval is what waits for a second person, as a screen shows it.
type Approval struct {
	Need     int // signatures besides the operator's act; 0: none is asked for
	Act      string
	Standing bool // a request stands now
	Asked    time.Time
	Until    time.Time
	Signed   []string // "bob at 02:13:40Z"
	Denied   string
	Waived   bool
	MayWaive bool
	Enough   bool
	Plan     string         // what is signed, when it is a plan
	Why      string         // why nobody can sign
	Hint     string         // of a demo: where a second person's key lies
	Texts    []ApprovalText // one per person who may
}

// ApprovalText is the text for one person, the bytes that are signed.
type ApprovalText struct{ Who, File, Text string }

// Desk is one answer of a poll.
type Desk struct {
	Name     string
	Answered bool
	Go       bool
	By       string
	ByVoice  bool
	At       time.Time
	Comment  string
}

// approval of the current step: its own, or that of a check to be overridden.
// s.mu is held.
func (s *Session) approval(it runbooks.Item, now time.Time) Approval {
	a := Approval{Need: int(steps.Policy(it.Step).Need), Act: steps.ActRun, MayWaive: it.Step.BreakGlass && s.cfg.People.Key != nil, Hint: s.cfg.People.Hint}
	for _, who := range s.state.ApprovedAhead(it.Step, now) {
		a.Signed = append(a.Signed, who+" (ahead)")
	}
	a.Enough = a.Need > 0 && len(a.Signed) >= a.Need
	r, ok := s.newest(it.Step.ID, now)
	switch {
	case s.cfg.People.Signers == nil:
		a.Why = "no file says who may sign: start with --signers"
	case len(s.mayAsk(r)) == 0:
		a.Why = "the signers file names nobody else than the operator"
	}
	if !ok {
		return a
	}
	a.Need, a.Act, a.Standing, a.Asked, a.Until = r.Need, r.Act, r.Open(now), r.At, r.Until
	a.Denied, a.Waived, a.Enough, a.Plan = r.Denied, r.Waiver != 0, r.Enough(), r.Plan
	if a.Act != steps.ActRun {
		a.Signed = nil // what was approved ahead is the run
	}
	for _, g := range r.Grants {
		a.Signed = append(a.Signed, g.By)
	}
	for _, who := range s.mayAsk(r) {
		if t, err := steps.ApprovalText(s.state, r, who, who); err == nil {
			a.Texts = append(a.Texts, ApprovalText{who, s.requestFile(r, who), t})
		}
	}
	return a
}

// newest is the request that stands for a step, or the newest one of this attempt.
func (s *Session) newest(id runbooks.StepID, now time.Time) (steps.Request, bool) {
	x := s.state.Step(id)
	for i := len(s.state.Requests) - 1; i >= 0; i-- {
		r := s.state.Requests[i]
		if r.Step != id {
			continue
		}
		if r.Open(now) || r.Denied != "" && r.Attempt >= x.Attempt {
			return r, true
		}
	}
	return steps.Request{}, false
}

func (s *Session) desks(it runbooks.Item) []Desk {
	var out []Desk
	for _, d := range it.Step.Desks {
		v := Desk{Name: d}
		if a, ok := s.state.Said(it.Step.ID, d); ok {
			v = Desk{Name: d, Answered: true, Go: a.Go, By: a.By, ByVoice: a.ByVoice, At: a.At, Comment: a.Comment}
		}
		out = append(out, v)
	}
	return out
}

// owedStatus lists what people decided against the rule, for the STATUS list.
func (s *Session) owedStatus() []string {
	var out []string
	for _, seq := range s.state.Owed {
		out = append(out, fmt.Sprintf("approval waived at entry %d: it is owed", seq))
	}
	for _, o := range s.state.Overrides {
		what := "gate"
		if o.Found {
			what = "check"
		}
		out = append(out, fmt.Sprintf("step %s ran against %s %s", o.Step, what, o.Check))
	}
	return out
}
