package session

import (
	"fmt"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

func engineID(s string) engines.TargetID { return engines.TargetID(s) }

// snapshot is everything a screen shows, as of now. s.mu is held.
func (s *Session) snapshot() Snapshot {
	s.seq++
	now := s.cfg.Now()
	st := s.state
	snap := Snapshot{
		Seq: s.seq, Now: now, Started: s.started, Sid: s.cfg.Sid, Mode: s.mode(), Change: s.cfg.Change,
		Book:     BookRef{Name: st.Book.Name, Title: st.Book.Title, Digest: st.Book.Digest},
		Operator: s.cfg.Person, Finished: st.Result != "", Result: st.Result, Holding: st.Holding, Denied: s.denied,
		Freeze: s.freezeView(now), Alarms: s.alarms.list(), Way: s.wayBack(), Taking: s.takingNow(), Owed: s.owed(),
		Record: RecordTail{Count: int(st.Newest + 1), Head: s.headHash(), OK: s.logFault() == nil, State: "chain unbroken, synced", Path: s.cfg.Dir, Lines: s.lines[:len(s.lines):len(s.lines)]},
		Cards:  map[runbooks.StepID]Card{}, Gauges: map[engines.GaugeID]Gauge{},
	}
	if err := s.logFault(); err != nil {
		snap.Record.State = "FENCED: " + err.Error()
	}
	if s.cfg.Meter != nil {
		snap.Outage = s.cfg.Meter()
	}
	it, ok := st.Current()
	if ok {
		snap.Current = it.Step.ID
	}
	if s.log != nil && st.Result == "" && (st.Holding != "" || ok && it.Step.Kind == steps.KindHold) {
		snap.Record.Ticket = s.log.Head().Ticket()
	}
	s.phaseRows(&snap, now)
	for _, id := range s.sampler.ids() {
		if g, ok := s.sampler.gauge(id, now); ok {
			s.gateOn(&g, it, now)
			snap.Gauges[id] = g
		}
	}
	for _, w := range st.Walk {
		snap.Cards[w.Step.ID] = s.card(w, w.Step.ID == snap.Current, now)
	}
	s.tiles(&snap, now)
	s.sides(&snap)
	snap.Status = s.status()
	return snap
}

func (s *Session) mode() Mode {
	if s.lab {
		return Rehearsal
	}
	return Production
}

func (s *Session) headHash() string {
	if n := len(s.lines); n > 0 {
		return s.lines[n-1].Hash
	}
	return ""
}

func (s *Session) freezeView(now time.Time) Freeze {
	f := s.state.Freeze
	v := Freeze{State: "off", Since: f.Since, Elapsed: f.Elapsed, Budget: s.budget(), Position: s.state.Vars[s.names("blue").Position]}
	switch {
	case f.On:
		v.State, v.Elapsed = "frozen", now.Sub(f.Since)
		v.Reached = s.state.Drained(s.names("blue").Position)
	case !f.Ended.IsZero():
		v.State = "open"
	}
	return v
}

func (s *Session) phaseRows(snap *Snapshot, now time.Time) {
	for _, it := range s.state.Walk {
		if n := len(snap.Phases); n == 0 || snap.Phases[n-1].Number != it.Phase || snap.Phases[n-1].Back != it.Back {
			snap.Phases = append(snap.Phases, PhaseRow{Number: it.Phase, Name: it.PhaseName, Back: it.Back})
		}
		row := &snap.Phases[len(snap.Phases)-1]
		x := s.state.Step(it.Step.ID)
		r := StepRow{ID: it.Step.ID, Title: it.Step.Title, Phase: x.Phase, Risk: it.Step.Risk, Hold: it.Step.Kind == steps.KindHold,
			Took: took(x, now), Planned: it.Step.Planned, Current: it.Step.ID == snap.Current}
		for _, p := range it.Parts {
			r.Parts = append(r.Parts, StepRow{ID: p.ID, Title: p.Title, Risk: p.Risk, Planned: p.Planned, Phase: x.Phase})
		}
		row.Steps = append(row.Steps, r)
		row.Total++
		snap.Plan += it.Step.Planned
		if x.Phase == steps.Done || x.Phase == steps.Skipped {
			row.Done++
		}
	}
	snap.Late = s.late(now)
}

// late is how far the walk is behind its plan: the time since the start beyond
// what everything up to and with the current step was planned to take. s.mu is held.
func (s *Session) late(now time.Time) time.Duration {
	if s.state.Result != "" {
		return 0
	}
	var due time.Duration
	for _, it := range s.state.Walk {
		due += it.Step.Planned
		if x := s.state.Step(it.Step.ID); x.Phase != steps.Done && x.Phase != steps.Skipped {
			break
		}
	}
	return max(now.Sub(s.started)-due, 0)
}

func took(x steps.StepState, now time.Time) time.Duration {
	switch {
	case x.Started.IsZero():
		return 0
	case x.Ended.Before(x.Started):
		return now.Sub(x.Started)
	}
	return x.Ended.Sub(x.Started)
}

// gateOn marks a gauge that a gate of the current step watches.
func (s *Session) gateOn(g *Gauge, it runbooks.Item, now time.Time) {
	for _, gate := range append(it.Gates(), it.Step.After...) {
		if gate.Gauge == g.ID {
			v := s.sampler.eval(gate, now)
			g.Gate, g.Verdict, g.Held, g.NeedHold = string(gate.Op)+" "+gate.Want, v.Status, v.Held, gate.For
			return
		}
	}
}

// tiles fills connections, sequences and rows.
func (s *Session) tiles(snap *Snapshot, now time.Time) {
	stale := 3 * s.cfg.every()
	for i, id := range []engines.TargetID{"blue", "green"} {
		c := s.sampler.clientsOf(id)
		t := &snap.Clients[i]
		if !c.at.IsZero() {
			t.Age = now.Sub(c.at)
		}
		t.Stale = c.at.IsZero() || c.err != nil || t.Age > stale
		byApp := map[string]int{}
		for _, g := range c.groups {
			name := g.App
			if name == "" {
				name = g.User
			}
			byApp[name] += g.Count
			t.Total += g.Count
		}
		t.Rows = appRows(byApp)
	}
	if g, ok := snap.Gauges["green/sequences_behind_count"]; ok {
		snap.Seqs.Behind, snap.Seqs.Age, snap.Seqs.Stale = int(g.Value), g.Age, g.Stale
	} else {
		snap.Seqs.Stale = true
	}
	if g, ok := snap.Gauges["green/sequence_count"]; ok {
		snap.Seqs.Known = int(g.Value)
	}
	snap.Seqs.SetIn = s.raises()
	b, bok := snap.Gauges["blue/row_estimate_count"]
	g, gok := snap.Gauges["green/row_estimate_count"]
	snap.Rows = RowTile{Blue: int64(b.Value), Green: int64(g.Value), Age: max(b.Age, g.Age), Stale: !bok || !gok || b.Stale || g.Stale}
	if t, ok := snap.Gauges["blue/table_count"]; ok {
		snap.Rows.Tables = int(t.Value)
	}
	snap.Compared = s.lookAtData()
	if t, ok := s.compareTile(); ok {
		snap.Rows = t
	}
}

// sides fills the header.
func (s *Session) sides(snap *Snapshot) {
	for i, id := range []engines.TargetID{"blue", "green"} {
		snap.Sides[i] = s.side(id, snap)
	}
	for _, t := range s.state.Book.Targets {
		if t.Colour == "router" {
			snap.Router = s.router(t.ID, snap)
		}
	}
	if s.cfg.Book.Change != nil {
		s.releaseSides(snap)
		return
	}
	if snap.Halves = s.halves(snap); snap.Halves != nil {
		snap.Link = Link{State: "none"}
		for i, h := range snap.Halves {
			if !h.Stale { // the router itself knows better than our last switch
				snap.Sides[i].Badge = map[bool]string{true: "SERVES", false: "idle"}[h.Serves]
			}
		}
		return
	}
	l, ok := snap.Gauges[engines.Gauge("green", s.names("green").Link)]
	r, rok := snap.Gauges[engines.Gauge("blue", s.names("blue").LinkBack)]
	snap.Link = Link{Forward: true, State: "unknown", Stale: true}
	switch {
	case ok && !l.Stale && l.Text == "running":
		snap.Link = Link{Forward: true, State: "streaming"}
	case rok && !r.Stale && r.Text == "running":
		snap.Link = Link{Forward: false, State: "streaming"}
	case ok && !l.Stale:
		snap.Link = Link{Forward: true, State: l.Text}
	}
}

// names gives the engine's own words of a target.
func (s *Session) names(id engines.TargetID) engines.Names {
	t, _ := s.state.Book.Target(id)
	return s.cfg.Engines[t.Engine].Names
}

// title is what a server is called in front of its version: what it says of
// itself, where an engine serves two products.
func (s *Session) title(id engines.TargetID) string {
	if t := s.known[id].Extra[engines.ExtraTitle]; t != "" {
		return t
	}
	return s.names(id).Title
}

func (s *Session) side(id engines.TargetID, snap *Snapshot) Side {
	who := s.known[id]
	t, _ := s.state.Book.Target(id)
	v := Side{Target: id, Name: string(id), Version: who.Version, Colour: t.Colour, Reached: s.sampler.lostWhy(id) == nil,
		Login: who.Login + " @ " + who.Place()}
	if title := s.title(id); title != "" {
		v.Version = title + " " + who.Version
	}
	switch {
	case t.ID == "": // no server of this runbook, but what its router leads to
		v.Colour, v.Badge = string(id), "idle"
		if s.state.Writes == id {
			v.Badge = "SERVES"
		}
	case !v.Reached:
		v.Badge = "unreachable"
	case t.Colour == "router":
		v.Badge = "routing"
	case s.state.Freeze.On:
		v.Badge = "FROZEN"
		if it, ok := s.state.Current(); ok && it.Step.To == id {
			v.Badge = "waiting"
		}
	case s.state.Writes == id:
		v.Badge = "WRITES"
	case s.state.Opened:
		v.Badge = "closed"
	default:
		v.Badge = "standby"
	}
	return v
}

// router is the tile of what moves the traffic. s.mu is held.
func (s *Session) router(id engines.TargetID, snap *Snapshot) RouterTile {
	r := RouterTile{Side: s.side(id, snap), Writes: s.state.Writes, Moved: s.state.Freeze.Ended, Stale: true}
	if !s.state.Opened {
		r.Moved = time.Time{}
	}
	read := func(name string) float64 {
		g, ok := snap.Gauges[engines.Gauge(id, name)]
		if !ok {
			return 0
		}
		r.Stale, r.Age = r.Stale || g.Stale, max(r.Age, g.Age)
		return g.Value
	}
	if _, ok := snap.Gauges[engines.Gauge(id, "paused_count")]; ok {
		r.Stale = false
	}
	r.Paused, r.Refuses = read("paused_count") > 0, s.names(id).Refuses
	r.Clients, r.Waiting, r.Servers = int(read("client_connections_count")), int(read("waiting_clients_count")), int(read("server_connections_count"))
	r.MaxWait = time.Duration(read("max_wait_seconds") * float64(time.Second))
	if r.Paused && !r.Stale {
		r.Badge = map[bool]string{false: "paused", true: "refuses"}[r.Refuses]
	}
	return r
}

// raises is the next step that sets the sequences of the side that gets the writes.
func (s *Session) raises() runbooks.StepID {
	for _, it := range s.state.Walk {
		if x := s.state.Step(it.Step.ID); x.Phase == steps.Done || x.Phase == steps.Skipped {
			continue
		}
		for _, st := range append([]runbooks.Step{it.Step}, it.Parts...) {
			if st.Kind == "sequences" && st.Stage == "" {
				return st.ID
			}
		}
	}
	return ""
}

// status is the list that must be empty at a good end.
func (s *Session) status() []string {
	var out []string
	for _, it := range s.state.Walk {
		x := s.state.Step(it.Step.ID)
		switch x.Phase {
		case steps.Skipped:
			out = append(out, fmt.Sprintf("step %s skipped: %s", it.Step.ID, x.Why))
		case steps.Unclear:
			out = append(out, fmt.Sprintf("step %s unclear: %s", it.Step.ID, x.Why))
		case steps.Undone:
			out = append(out, fmt.Sprintf("step %s %s", it.Step.ID, x.Why))
		}
	}
	out = append(out, s.owedStatus()...)
	for _, a := range s.alarms.all {
		if !a.Acked {
			out = append(out, "alarm not acknowledged: "+a.Text)
		}
	}
	return out
}

func recordLine(e audit.Entry) RecordLine {
	return RecordLine{Seq: int(e.Seq), At: e.Time, By: e.By, Step: e.Step, Text: lineText(e), Hash: e.Leaf.String()[:6]}
}
