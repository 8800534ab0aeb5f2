package session

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// card is all that is known about a step. Only the current step has its plan,
// gates and output worked out: the others are looked at seldom. s.mu is held.
func (s *Session) card(it runbooks.Item, current bool, now time.Time) Card {
	x := s.state.Step(it.Step.ID)
	st := it.Step
	c := Card{ID: st.ID, Title: st.Title, Why: st.Why, Risk: st.Risk, Phase: x.Phase, PhaseName: it.PhaseName, On: st.On,
		Expect: st.Expect, Block: len(it.Parts) > 0, Budget: it.Budget, Planned: st.Planned, Attempt: x.Attempt, Digest: x.Digest, PlanText: x.Text,
		Started: x.Started, Elapsed: took(x, now), Outcome: outcome(x), Undo: undoLine(st), NoSkip: st.Kind == steps.KindPreflight, Need: max(0, st.Signers-1)}
	who := s.known[st.On]
	c.RunAs = who.Login + " @ " + who.Place()
	if !current {
		return c
	}
	c.Armed = x.Phase == steps.Armed
	c.Approval, c.Desks = s.approval(it, now), s.desks(it)
	c.CanVerify, c.CanDecide = x.Phase == steps.Unclear, x.Phase == steps.Unclear
	if !x.Started.IsZero() { // before that, the output is of the step before it
		c.Output = s.out[:len(s.out):len(s.out)]
	}
	if s.log == nil { // a record that is looked at again
		c.fromText(x)
	} else if p, err := s.plan(it); err != nil {
		c.PlanErr = err.Error()
	} else {
		c.Word = p.Word
		if x.Phase == steps.Pending || x.Phase == steps.Failed || x.Phase == steps.Undone {
			c.PlanText, c.Digest = p.Text, p.Digest
		}
		c.Statements = statements(p.Parts.Actions, x, "main")
		c.Abort = statements(p.Parts.Abort, x, "abort")
		c.UndoText = statements(p.Parts.Undo, x, "undo")
		c.Batch = batchOf(p.Parts.Actions, x)
		if c.Block {
			c.Prediction = s.predict(it, p.Parts.Actions, now)
		}
		if len(p.Parts.Undo) == 0 && len(st.Undo) == 0 && p.Parts.UndoNone != "" {
			c.Undo = "none needed: " + p.Parts.UndoNone
			if st.Risk == runbooks.NoReturn {
				c.Undo = "none: " + p.Parts.UndoNone
			}
		}
	}
	for _, g := range it.Gates() {
		r := s.checkRow(g, now)
		_, r.Over = s.state.Overridden(st.ID, attemptOf(x), r.Name)
		c.Before = append(c.Before, r)
	}
	for _, g := range st.After {
		c.After = append(c.After, s.checkRow(g, now))
	}
	c.Found = s.foundRows(st.ID, x)
	for _, o := range s.state.Against() {
		c.Against = append(c.Against, Against{Step: o.Step, Check: o.Check, Is: o.Is, Reason: o.Reason, Signed: o.Signed})
	}
	return c
}

// foundRows is what a preflight did not pass on. While it stands failed the next
// attempt counts, afterwards the one that ran.
func (s *Session) foundRows(id runbooks.StepID, x steps.StepState) []CheckRow {
	var out []CheckRow
	for _, f := range s.state.Found(id) {
		r := CheckRow{Name: f.Name(), Want: f.Check.Want, Is: f.Check.Is, Reason: f.Check.Reason, Status: checks.Fail, Never: !f.May()}
		if f.Blind {
			r.Status = checks.Unknown
		}
		attempt := attemptOf(x)
		if x.Phase == steps.Running || x.Phase == steps.Proving || x.Phase == steps.Done {
			attempt = x.Attempt
		}
		r.Over = s.state.PassedOver(id, attempt, r.Name, f.Blind)
		out = append(out, r)
	}
	return out
}

// attemptOf is the attempt that the card is about: the one that is armed, or the
// next.
func attemptOf(x steps.StepState) int {
	if x.Phase == steps.Armed {
		return x.Attempt
	}
	return x.Attempt + 1
}

func outcome(x steps.StepState) string {
	switch x.Phase {
	case steps.Done:
		return "done"
	case steps.Failed:
		return strings.TrimSuffix(x.Outcome.String()+": "+x.Why, ": ")
	case steps.Unclear:
		return "unclear: " + x.Why
	case steps.Undone:
		return x.Why
	case steps.Skipped:
		return "skipped: " + x.Why
	}
	return ""
}

func undoLine(st runbooks.Step) string {
	switch {
	case len(st.Undo) > 0:
		ids := make([]string, len(st.Undo))
		for i, id := range st.Undo {
			ids[i] = string(id)
		}
		return "steps " + strings.Join(ids, ", ")
	case st.UndoNone != "":
		return "none: " + st.UndoNone
	}
	return ""
}

func (s *Session) checkRow(g runbooks.Gate, now time.Time) CheckRow {
	v := s.sampler.eval(g, now)
	want := string(g.Op) + " " + g.Want
	if g.For > 0 {
		want += " for " + whole(g.For)
	}
	r := CheckRow{Name: string(g.Gauge), Want: want, Is: v.Is, Status: v.Status, Reason: v.Reason, Stale: v.Status == checks.Unknown,
		Held: v.Held, NeedHold: g.For}
	if !v.Basis.At.IsZero() {
		r.Age = now.Sub(v.Basis.At)
	}
	return r
}

// whole writes a duration as a runbook does: 60s, 10m, not 1m0s.
func whole(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func statements(as []engines.Action, x steps.StepState, part string) []Statement {
	out := make([]Statement, 0, len(as))
	for i, a := range as {
		t := Statement{N: i + 1, Target: a.Target, Verb: a.Verb.String(), Title: a.Title, Text: a.Text, Note: note(a)}
		for _, st := range x.Stmts {
			if st.Part != part || st.N != i+1 {
				continue
			}
			t.State, t.Took = "running", 0
			if st.Ended {
				t.State, t.Took = st.Outcome.String(), st.Took
			}
		}
		out = append(out, t)
	}
	return out
}

func note(a engines.Action) string {
	var n []string
	for i, b := range a.Binds {
		n = append(n, fmt.Sprintf("$%d := %s (%s)", i+1, b.Var, b.Why))
	}
	if a.Undoes > 0 {
		n = append(n, fmt.Sprintf("if action %d was begun", a.Undoes))
	}
	if a.Proof != nil {
		n = append(n, "proof: "+title(*a.Proof)+": want "+a.Proof.Want)
	}
	return strings.Join(n, "; ")
}

// wayBack is the tile: can we go back now, and what does it cost. s.mu is held.
func (s *Session) wayBack() WayBack {
	_, fits := s.state.WayBackNow()
	return s.releaseWay(s.plannedWay(), fits || s.state.Back != "")
}

// plannedWay is the way back as the runbook has it.
func (s *Session) plannedWay() WayBack {
	w, ok := s.state.WayBackNow()
	it, _ := s.state.Current()
	if v, in := s.windowBack(ok); in {
		return v
	}
	switch {
	case s.state.Back != "":
		return WayBack{State: "OPEN", Name: s.state.Back, Walks: true, Now: "being walked", Loses: "nothing", Until: "-"}
	case !ok && s.state.Opened:
		return WayBack{State: "CLOSED", Now: "restore only" + since(s.state.ClosedSince()), Loses: "commits since the switch"}
	case !ok:
		return WayBack{State: "OPEN", Now: "nothing was changed yet", Loses: "nothing", Until: "the first change"}
	}
	v := WayBack{State: "OPEN", Name: w.Name, Now: w.Title, Loses: w.Loses, Until: string(w.Until)}
	for _, p := range w.Phases {
		for _, st := range p.Steps {
			v.Takes += st.Planned
		}
	}
	if v.Until == "" {
		v.Until = "the end"
	}
	if s.state.Opened {
		switch g, ok := s.wayBackGauge(); {
		case !ok || g.Stale:
			v.State = "UNKNOWN"
		case g.At.Before(s.state.Freeze.Ended):
			// Read before the window made what it tells of, which a proof in it has seen.
		case g.Text == "lost" || g.Text == "none":
			v.State, v.Loses = "LOSES DATA", "commits on green since the switch"
		}
	}
	if s.state.ClosesHere() {
		v.After = string(it.Step.ID) + " restore only"
		if v.State == "OPEN" { // a loss, and what nobody knows, must not be covered
			v.State = "CLOSES HERE"
		}
	}
	return v
}

func since(id runbooks.StepID) string {
	if id == "" {
		return ""
	}
	return ", since " + string(id)
}

// wayBackGauge reads what the way back stands on: a slot is seen on the side with
// the writes, a replica on the other one. s.mu is held.
func (s *Session) wayBackGauge() (Gauge, bool) {
	for _, id := range []engines.TargetID{"green", "blue"} {
		if g, ok := s.sampler.gauge(engines.Gauge(id, s.names(id).WayBack), s.cfg.Now()); ok {
			return g, true
		}
	}
	return Gauge{}, false
}

func gaugeOf(id engines.GaugeID, h *checks.History, now time.Time, every time.Duration) Gauge {
	g := Gauge{ID: id, Stale: true, History: h.Values(60)}
	last, ok := h.Newest()
	if !ok {
		return g
	}
	g.Value, g.Text, g.Unit, g.At, g.Took = last.Value, last.Text, last.Unit, last.At, last.Took
	g.Age = now.Sub(last.At)
	g.Stale = last.Err != nil || g.Age > 3*every || math.IsNaN(last.Value)
	if last.Err != nil {
		g.Err = last.Err.Error()
		g.Never = last.Text == "" && !slices.ContainsFunc(g.History, func(v float64) bool { return !math.IsNaN(v) })
	}
	return g
}

func appRows(by map[string]int) []ClientRow {
	out := make([]ClientRow, 0, len(by))
	for a, n := range by {
		out = append(out, ClientRow{App: a, Count: n})
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Count != out[j].Count {
			return out[i].Count > out[j].Count
		}
		return out[i].App < out[j].App
	})
	return out
}
