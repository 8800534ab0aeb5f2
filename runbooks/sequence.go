package runbooks

import (
	"slices"
	"strconv"
	"time"
)

// Item is one thing of the walk that has an own confirmation: a step, or a block
// whose parts run back to back.
type Item struct {
	Phase     int
	PhaseName string
	Back      bool // part of a way back
	Step      Step
	Parts     []Step
	Budget    time.Duration
}

// Gates returns what must hold before the item may start: its own gates and
// those of its parts.
func (it Item) Gates() []Gate {
	gs := slices.Clone(it.Step.Before)
	for _, p := range it.Parts {
		for _, g := range p.Before {
			if !slices.Contains(gs, g) {
				gs = append(gs, g)
			}
		}
	}
	return gs
}

// Sequence returns the walk. Stepwise, the steps of a block stand for themselves.
func Sequence(b *Runbook, stepwise bool) []Item { return flatten(b.Phases, stepwise, false) }

// SequenceBack returns the walk of a way back.
func SequenceBack(w WayBack, stepwise bool) []Item { return flatten(w.Phases, stepwise, true) }

func flatten(ps []Phase, stepwise, back bool) []Item {
	var its []Item
	for _, p := range ps {
		if p.Block && !stepwise && len(p.Steps) > 0 {
			its = append(its, Item{Phase: p.Number, PhaseName: p.Name, Back: back, Step: p.step(), Parts: slices.Clone(p.Steps), Budget: p.Budget})
			continue
		}
		for _, s := range p.Steps {
			its = append(its, Item{Phase: p.Number, PhaseName: p.Name, Back: back, Step: s, Budget: p.Budget})
		}
	}
	return its
}

// step is the block as one step. What only the last part can promise (gates
// after it, expectation) is the block's promise.
func (p Phase) step() Step {
	first, last := p.Steps[0], p.Steps[len(p.Steps)-1]
	s := Step{
		ID: p.blockID(), Title: p.Title, Why: p.Why, Kind: "block", On: first.To, From: first.From, To: first.To,
		Risk: p.Risk, Word: p.Word, After: last.After, Expect: last.Expect, Line: first.Line,
	}
	if s.Title == "" {
		s.Title = p.Name
	}
	if s.Word == "" {
		s.Word = string(s.To)
	}
	s.UndoNone = "until writes are open its abort plan takes it back; after that the way back does"
	for _, q := range p.Steps {
		s.Planned += q.Planned
	}
	p.people(&s)
	return s
}

// nobody stands for the approvers of a block where no name is on all lists. No
// signers file can name it.
const nobody = "-"

// people is what the steps of a block ask of people and of anchors, together: as
// many signatures as the strictest of them, by those whom each of them takes, and
// ahead only if none of them is against it.
func (p Phase) people(s *Step) {
	s.Ahead = true
	for _, q := range p.Steps {
		s.Signers = max(s.Signers, q.Signers)
		if q.Anchor == Before {
			s.Anchor = Before
		}
		if q.Signers < minSigners {
			continue
		}
		s.Ahead = s.Ahead && q.Ahead
		if len(q.Approvers) == 0 {
			continue
		}
		if len(s.Approvers) == 0 {
			s.Approvers = slices.Clone(q.Approvers)
		} else {
			s.Approvers = slices.DeleteFunc(s.Approvers, func(who string) bool { return !slices.Contains(q.Approvers, who) })
			if len(s.Approvers) == 0 {
				s.Approvers = []string{nobody}
			}
		}
	}
	s.Ahead = s.Ahead && s.Signers >= minSigners
}

// blockID is the phase's number, with the way's letter.
func (p Phase) blockID() StepID {
	letter := ""
	if m := stepForm.FindStringSubmatch(string(p.Steps[0].ID)); m != nil {
		letter = m[1]
	}
	return StepID(letter + strconv.Itoa(p.Number))
}

// place counts the steps of the walk; -1 if there is no such step.
func (b *Runbook) place(id StepID) int {
	n := 0
	for _, p := range b.Phases {
		for _, s := range p.Steps {
			if s.ID == id {
				return n
			}
			n++
		}
		if len(p.Steps) > 0 && p.blockID() == id {
			return n - 1
		}
	}
	return -1
}
