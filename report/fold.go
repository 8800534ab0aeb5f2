package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// fold walks the entries once. What an answer belongs to is found by ref, the
// seq of the line it answers, never by order alone.
type fold struct {
	n         *Night
	state     steps.State
	steps     map[string]*Step
	plans     map[int64]*Attempt // step.plan seq
	intents   map[int64]*Attempt // step.intent seq
	stmts     map[int64]*Statement
	approvals map[int64]int // approval.requested seq: index
	people    map[string]*Person
	tracks    map[string]*Track
	odd       map[string][]Exception
	checks    map[int64]Check
	running   *Attempt
}

func newFold(n *Night) *fold {
	return &fold{n: n, steps: map[string]*Step{}, plans: map[int64]*Attempt{}, intents: map[int64]*Attempt{},
		stmts: map[int64]*Statement{}, approvals: map[int64]int{}, people: map[string]*Person{},
		tracks: map[string]*Track{}, odd: map[string][]Exception{}, checks: map[int64]Check{}}
}

func (f *fold) run() {
	f.n.Book = f.book()
	book := f.n.Book
	if book == nil {
		book = &runbooks.Runbook{}
	}
	f.state = steps.New(book, f.stepwise())
	for _, l := range f.n.Entries {
		f.segment(l)
		if l.Body == nil {
			f.strange("withheld", l, "entry "+num(l.Seq)+": "+l.Withheld)
			continue
		}
		held := f.state.Freeze.On
		f.state = steps.Apply(f.state, steps.Event{Meta: l.Meta, Seq: l.Seq, At: l.Time, Body: l.Body})
		if held && !f.state.Freeze.On { // a night with a way back has more than one
			f.n.Freezes = append(f.n.Freezes, f.state.Freeze)
		}
		f.person(l)
		f.line(l)
	}
	f.end()
}

// book is the runbook as it was loaded, out of the evidence.
func (f *fold) book() *runbooks.Runbook {
	for _, l := range f.n.Entries {
		b, ok := l.Body.(entries.RunbookLoaded)
		if !ok {
			continue
		}
		for _, ev := range b.Evidence {
			src, err := audit.ReadEvidence(f.n.Dir, ev)
			if err != nil {
				continue
			}
			if book, _ := runbooks.Parse(b.Name, src); book != nil {
				return book
			}
		}
	}
	return nil
}

func (f *fold) stepwise() bool {
	return slices.ContainsFunc(f.n.Entries, func(l Line) bool {
		p, ok := l.Body.(entries.ParamSet)
		return ok && p.Name == "window" && p.Value != nil && *p.Value == "stepwise"
	})
}

func (f *fold) segment(l Line) {
	n := f.n
	if len(n.Segments) == 0 || n.Segments[len(n.Segments)-1].N != l.Seg {
		s := Segment{N: l.Seg, First: l.Seq, From: l.Time, Host: l.From}
		switch b := l.Body.(type) {
		case entries.SessionOpen:
			s.Why = "opened"
		case entries.SessionResume:
			s.Why = "resumed after " + b.After
			if b.Reason != "" {
				s.Why += ": " + b.Reason
			}
			if b.Torn != nil {
				s.Why += "; an unfinished line before it is named and kept"
			}
		}
		n.Segments = append(n.Segments, s)
	}
	last := &n.Segments[len(n.Segments)-1]
	last.Last, last.To = l.Seq, l.Time
}

// person notes everybody who acts, also one who never said who he is.
func (f *fold) person(l Line) {
	if l.By == audit.System || l.By == "" {
		return
	}
	p := f.people[l.By]
	if p == nil {
		p = &Person{Principal: l.By}
		f.people[l.By] = p
	}
	switch b := l.Body.(type) {
	case entries.SessionOpen:
		p.Role, p.Key = "operator", keyText(b.Key)
		p.sign(b.Signature, "the session key")
	case entries.SessionResume:
		p.Role = "operator"
		p.sign(b.Signature, fmt.Sprintf("the key of segment %d", l.Seg))
	case entries.SessionHandover:
		p.Role = "operator, from " + clock(l.Time)
		p.sign(b.Signature, "the session key after the hand-over")
	case entries.ApprovalGranted:
		p.Role, p.Key = firstOf(p.Role, "approver"), keyText(&b.Key)
		p.sign(b.Signature, "the approval at entry "+num(l.Seq))
	case entries.ApprovalWaived:
		p.sign(b.Signature, "the waiver at entry "+num(l.Seq))
	case entries.StepReconciled:
		p.sign(b.Signature, "the decision at entry "+num(l.Seq))
	}
}

func (p *Person) sign(signature, what string) {
	if signature != "" {
		p.Signed = append(p.Signed, what)
	}
}

func keyText(k *entries.Key) string {
	if k == nil || k.FP == "" {
		return ""
	}
	s := k.FP
	if k.Touch != nil && *k.Touch {
		s += ", touched"
	}
	if k.Pin != nil && *k.Pin {
		s += ", PIN"
	}
	return s
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func num(seq int64) string { return fmt.Sprint(seq) }

func clock(t time.Time) string { return t.UTC().Format("15:04:05Z") }

func (f *fold) step(l Line) *Step {
	s := f.steps[l.Step]
	if s == nil {
		s = &Step{ID: l.Step}
		f.steps[l.Step] = s
		f.n.Steps = append(f.n.Steps, s)
	}
	return s
}

func (f *fold) strange(kind string, l Line, what string) {
	f.odd[kind] = append(f.odd[kind], Exception{Seq: l.Seq, Step: l.Step, What: what})
}

// end completes what only the last line decides.
func (f *fold) end() {
	n := f.n
	n.Freeze, n.Writes = f.state.Freeze, string(f.state.Writes)
	if n.Freeze.On {
		n.Freezes = append(n.Freezes, n.Freeze)
	}
	f.signedLate()
	for _, id := range slices.Sorted(maps.Keys(f.people)) {
		n.People = append(n.People, *f.people[id])
	}
	for _, name := range slices.Sorted(maps.Keys(f.tracks)) {
		n.Gauges = append(n.Gauges, *f.tracks[name])
	}
	f.titles()
	for _, s := range n.Steps {
		for _, a := range s.Attempts {
			if a.Ran() && a.Outcome == "" && a.Settled == "" {
				f.odd["in doubt"] = append(f.odd["in doubt"], Exception{Seq: a.Intent, Step: s.ID, What: "begun, and no outcome is recorded"})
			}
		}
	}
	for i, g := range n.Segments[min(1, len(n.Segments)):] {
		before := n.Segments[i]
		f.odd["gaps in the log"] = append(f.odd["gaps in the log"], Exception{Seq: g.First,
			What: fmt.Sprintf("%s without a cockpit, %s to %s; %s", g.From.Sub(before.To).Round(time.Second), clock(before.To), clock(g.From), g.Why)})
	}
	n.Data = n.dataProof(f.checks)
	for _, kind := range kindsOfExceptions {
		n.Exceptions = append(n.Exceptions, Exceptions{Kind: kind, Items: f.odd[kind]})
	}
}

// signedLate adds what was signed after the close: who signed, and what became
// of each waiver.
func (f *fold) signedLate() {
	n := f.n
	n.After = n.readAfter()
	for _, l := range n.After {
		p := f.people[l.By]
		if p == nil {
			p = &Person{Principal: l.By, Name: l.Name, Role: "after the close"}
			f.people[l.By] = p
		}
		p.Key = firstOf(p.Key, l.Key)
		p.Signed = append(p.Signed, "a "+l.Kind+" after the close, "+l.At)
	}
	waived := f.odd["waived approvals"]
	for i, x := range waived {
		if s := n.settled(x.Seq); s != "" {
			waived[i].What += "; " + s
		}
	}
	for i, a := range n.Approvals {
		if s := n.settled(a.WaivedAt); a.Waived != "" && s != "" {
			n.Approvals[i].Waived += "; " + s
		}
	}
}

// kindsOfExceptions are all kinds that page 1 answers for, in its order.
var kindsOfExceptions = []string{"deviations", "handed over", "skipped", "overridden", "failed", "retried", "in doubt", "settled by a person",
	"waived approvals", "denied approvals", "rollbacks", "interrupted", "target changed or lost", "faults of the log", "clock steps", "gaps in the log", "withheld"}

// titles gives every step what the runbook says of it.
func (f *fold) titles() {
	if f.n.Book == nil {
		return
	}
	known := map[string]Step{}
	add := func(phases []runbooks.Phase) {
		for _, p := range phases {
			var sum time.Duration
			for _, s := range p.Steps {
				known[string(s.ID)] = Step{Title: s.Title, Phase: p.Name, Planned: s.Planned}
				sum += s.Planned
			}
			if p.Block && len(p.Steps) > 0 {
				id, _, _ := strings.Cut(string(p.Steps[0].ID), ".") // "5", on a way back "B2"
				known[id] = Step{Title: p.Title, Phase: p.Name, Planned: sum}
			}
		}
	}
	add(f.n.Book.Phases)
	for _, w := range f.n.Book.Back {
		add(w.Phases)
	}
	for _, s := range f.n.Steps {
		k := known[s.ID]
		s.Phase, s.Planned = k.Phase, k.Planned
		s.Title = firstOf(s.Title, strings.TrimSpace(k.Title))
	}
}
