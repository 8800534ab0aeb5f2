package steps

import (
	"slices"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/runbooks"
)

// Said is the newest answer of one desk.
type Said struct {
	Step    runbooks.StepID
	Desk    string
	Go      bool
	By      string
	ByVoice bool
	Comment string
	At      time.Time
}

// Said returns what a desk said about a step.
func (s State) Said(id runbooks.StepID, desk string) (Said, bool) {
	for _, a := range s.Answers {
		if a.Step == id && a.Desk == desk {
			return a, true
		}
	}
	return Said{}, false
}

func applyAnswer(s State, e Event, b entries.PollAnswer) State {
	a := Said{Step: runbooks.StepID(e.Step), Desk: b.Desk, Go: e.OK != nil && *e.OK, By: e.By, ByVoice: b.ByVoice, Comment: b.Comment, At: e.At}
	s.Bearing = e.Seq
	s.Answers = slices.DeleteFunc(slices.Clone(s.Answers), func(o Said) bool { return o.Step == a.Step && o.Desk == a.Desk })
	s.Answers = append(s.Answers, a)
	return s
}

// polled refuses a step while a desk has said no go, or nothing: silence is not
// a go.
func (s State) polled(it runbooks.Item) error {
	for _, d := range it.Step.Desks {
		a, ok := s.Said(it.Step.ID, d)
		switch {
		case !ok:
			return refuse("press g for the poll", "the desk %s has not answered", d)
		case !a.Go:
			return refuse("press g for the poll, or back out with b", "the desk %s says no go%s", d, because(a.Comment))
		}
	}
	return nil
}

// decideAnswer writes down what a desk says. The newest answer counts.
func decideAnswer(s State, c Answer, ev Evidence) ([]Event, error) {
	it, err := free(s)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Step != it.Step.ID:
		return nil, refuse("press . for the current step", "step %s is not the current one", c.Step)
	case !slices.Contains(it.Step.Desks, c.Desk):
		return nil, refuse("choose a desk of the runbook", "step %s asks no desk %q", c.Step, c.Desk)
	case !c.Go && strings.TrimSpace(c.Comment) == "":
		return nil, refuse("type what stands against it", "a no go without a word why")
	}
	e := event(ev.By, it.Step.ID, 0, entries.PollAnswer{Question: it.Step.Title, Desk: c.Desk, Comment: c.Comment, ByVoice: ev.ByVoice})
	e.OK = audit.OK(c.Go)
	return []Event{e}, nil
}

// decideHandover gives the operator's place to another person. The session adds
// endorsement and consent, which name the place of the line in the record.
func decideHandover(s State, c Handover, ev Evidence) ([]Event, error) {
	it, _ := s.Current()
	switch {
	case s.Busy() || s.Steps[it.Step.ID].Phase == Armed:
		return nil, refuse("wait until it has ended, or close its box", "step %s is %s", it.Step.ID, s.Steps[it.Step.ID].Phase)
	case strings.TrimSpace(c.To) == "" || c.To == s.Operator:
		return nil, refuse("name another person", "the session is handed over to nobody else")
	case strings.TrimSpace(c.Reason) == "":
		return nil, refuse("type a reason", "hand-over without a reason")
	}
	return []Event{event(c.To, "", 0, entries.SessionHandover{From: s.Operator, To: c.To, Reason: c.Reason})}, nil
}

// owed lists the waivers whose approval is still to come, never as nil.
func (s State) owed() []int64 { return append([]int64{}, s.Owed...) }
