package session

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// Past is a session as its record tells it: the same state, folded from the same
// lines, at any of them. It has no connection and no log, so it can change
// nothing. It is used by one goroutine.
type Past struct {
	lines []pastLine
	dir   string
	sid   string
	book  *runbooks.Runbook
	stepw bool
	at    int // lines folded so far
	s     *Session
}

type pastLine struct {
	audit.Entry
	body audit.Body
}

// OpenPast reads the record in dir. A record whose chain is broken is refused.
func OpenPast(dir string) (*Past, error) {
	rec, err := audit.Load(dir)
	if err != nil {
		return nil, err
	}
	p := &Past{dir: dir, sid: rec.Sid}
	types := entries.Types()
	for _, e := range rec.Entries {
		b, err := types.Decode(e)
		if err != nil {
			return nil, &audit.Error{Op: "replay", Object: dir, Err: err, Next: "run turquoise verify " + dir}
		}
		p.lines = append(p.lines, pastLine{e, b})
	}
	if err := p.findBook(); err != nil {
		return nil, err
	}
	p.rewind()
	return p, nil
}

// findBook takes the runbook and its parameters out of the record.
func (p *Past) findBook() error {
	given := map[string]string{}
	var src []byte
	name := ""
	for _, l := range p.lines {
		switch b := l.body.(type) {
		case entries.RunbookLoaded:
			name = b.Name
			for _, ev := range b.Evidence {
				raw, err := audit.ReadEvidence(p.dir, ev)
				if err != nil {
					return &audit.Error{Op: "replay", Object: p.dir, Err: fmt.Errorf("runbook %s: %w", b.Name, err),
						Next: "take the folder with its evidence; turquoise export tells what can be told without it"}
				}
				src = raw
			}
		case entries.ParamSet:
			switch {
			case b.Name == "window":
				p.stepw = b.Value != nil && *b.Value == "stepwise"
			case b.Value != nil:
				given[b.Name] = *b.Value
			}
		}
	}
	book, fs := runbooks.Parse(name, src)
	if runbooks.Refused(fs) {
		return &audit.Error{Op: "replay", Object: p.dir, Err: fmt.Errorf("the recorded runbook cannot be read: %s", fs[0]), Next: "use the version of turquoise that wrote the record"}
	}
	values, _ := runbooks.Resolve(book, given, func(string) (string, bool) { return "", true })
	p.book = book.With(values)
	return nil
}

func (p *Past) rewind() {
	p.at = 0
	p.s = &Session{state: steps.New(p.book, p.stepw), known: map[engines.TargetID]engines.Identity{},
		cfg: Config{Book: p.book, Dir: p.dir, Sid: p.sid, Stepwise: p.stepw}}
	if len(p.lines) > 0 {
		p.s.started = p.lines[0].Time
	}
	p.s.cfg.Now = func() time.Time { return p.s.started }
	p.s.sampler = newSampler(readingsIdle, p.s.cfg.Now, nil)
}

// Len is the number of lines.
func (p *Past) Len() int { return len(p.lines) }

// Time is when line i was written.
func (p *Past) Time(i int) time.Time { return p.lines[p.clamp(i)].Time }

func (p *Past) clamp(i int) int { return max(0, min(i, len(p.lines)-1)) }

// StepFrom is the line where the next step (dir 1) or the one before (dir -1)
// was planned, seen from line i.
func (p *Past) StepFrom(i, dir int) int {
	for k := p.clamp(i) + dir; k >= 0 && k < len(p.lines); k += dir {
		if p.lines[k].Type == "step.plan" {
			return k
		}
	}
	if dir < 0 {
		return 0
	}
	return len(p.lines) - 1
}

// At is the screen as it was when line i was written.
func (p *Past) At(i int) Snapshot { return p.Between(i, p.Time(i)) }

// Between is the screen at a moment after line i.
func (p *Past) Between(i int, at time.Time) Snapshot {
	i = p.clamp(i)
	if i+1 < p.at {
		p.rewind()
	}
	for p.at <= i {
		p.fold(p.lines[p.at])
		p.at++
	}
	p.s.cfg.Now = func() time.Time { return at }
	snap := p.s.snapshot()
	snap.Mode, snap.Record.State = Replayed, "replay: read from the record"
	return snap
}

func (p *Past) fold(l pastLine) {
	s := p.s
	s.state = steps.Apply(s.state, steps.Event{Meta: l.Meta, Seq: l.Seq, At: l.Time, Body: l.body})
	s.lines = append(s.lines, recordLine(l.Entry))
	switch b := l.body.(type) {
	case entries.SessionOpen:
		s.cfg.Person, s.cfg.Change = l.By, b.Change.Ticket
	case entries.SessionHandover:
		s.cfg.Person = b.To
	case entries.TargetBound:
		s.known[engines.TargetID(l.Target)] = s.state.Bound[engines.TargetID(l.Target)]
	case entries.AlarmRaised:
		level := CautionLevel
		if b.Level == "warning" {
			level = WarningLevel
		}
		s.alarms.raise(l.Time, Alarm{ID: b.Alarm, Level: level, Text: b.Text})
	case entries.AlarmAcked:
		for i := range s.alarms.all {
			if s.alarms.all[i].ID == b.Alarm {
				s.alarms.all[i].Acked = true
			}
		}
	case entries.CommandDenied:
		s.denied = b.Why
	case entries.GaugeSample:
		p.read(b, l.Time)
	case entries.StepIntent:
		s.out, s.denied = nil, ""
	case entries.StmtEnd, entries.StepOutcome:
		s.say(l.Time, l.OK == nil || !*l.OK, recordLine(l.Entry).Text)
	case entries.CheckResult:
		if b.Kind == "proof" {
			s.say(l.Time, l.OK == nil || !*l.OK, recordLine(l.Entry).Text)
		}
	}
}

// read takes recorded readings for those of the sampler.
func (p *Past) read(b entries.GaugeSample, at time.Time) {
	from, err := time.Parse(time.RFC3339Nano, b.From)
	if err != nil {
		from = at
	}
	for _, r := range b.Series {
		id := engines.GaugeID(r.Gauge)
		h := p.s.sampler.hist[id]
		if h == nil {
			h = checks.NewHistory(historyLen)
			p.s.sampler.hist[id] = h
		}
		for i, v := range r.V {
			h.Add(sampleOf(id, r.Unit, v, from.Add(time.Duration(i)*time.Duration(b.EveryMS)*time.Millisecond)))
		}
	}
}

func sampleOf(id engines.GaugeID, unit string, v *int64, at time.Time) checks.Sample {
	s := checks.Sample{Gauge: id, At: at, Unit: engines.Unit(unit)}
	word, state := strings.CutPrefix(unit, stateUnit)
	switch {
	case v == nil:
		s.Err, s.Value = errUnread, math.NaN()
	case state:
		s.Text, s.Unit, s.Value = word, "", float64(*v)
	case unit == "µs":
		s.Value, s.Unit = float64(*v)/micro, engines.Seconds
	default:
		s.Value = float64(*v)
	}
	return s
}

// errUnread stands for a reading that failed that night.
var errUnread = errors.New("no reading is recorded")

// fromText fills a card from the recorded plan: what was shown that night, with
// no planner asked. s.mu is held.
func (c *Card) fromText(x steps.StepState) {
	if x.Text == "" {
		c.PlanErr = "no plan was made for it at this moment of the record"
		return
	}
	parts := map[string]*[]Statement{"action": &c.Statements, "abort": &c.Abort, "undo": &c.UndoText}
	var open *Statement
	proof := false
	for line := range strings.Lines(x.Text) {
		line = strings.TrimSuffix(line, "\n")
		if text, ok := strings.CutPrefix(line, "| "); ok {
			if open != nil && !proof {
				open.Text = strings.TrimPrefix(open.Text+"\n"+text, "\n")
				open.Title = short(firstLine(open.Text)) // titles are not part of a plan
			}
			continue
		}
		label, rest, _ := strings.Cut(line, ": ")
		switch list := parts[label]; {
		case label == "confirm":
			c.Word = rest
		case label == "proof":
			proof = true
		case label == "want" && open != nil:
			open.Note = "proof: want " + rest
		case list != nil:
			var t Statement
			if n, _ := fmt.Sscanf(rest, "%d %s %s", &t.N, &t.Target, &t.Verb); n < 3 {
				open = nil // "undo: steps A1.2" names steps, not a statement
				continue
			}
			t.State, t.Took = stateOf(x, partOf(label), t.N)
			*list = append(*list, t)
			open, proof = &(*list)[len(*list)-1], false
		}
	}
}

// partOf is how the record calls the part of a plan with this label.
func partOf(label string) string {
	if label == "action" {
		return entries.PartMain
	}
	return label
}

// stateOf is what became of statement n of a part of the plan.
func stateOf(x steps.StepState, part string, n int) (string, time.Duration) {
	for _, st := range x.Stmts {
		if st.Part != part || st.N != n {
			continue
		}
		if !st.Ended {
			return "running", 0
		}
		return st.Outcome.String(), st.Took
	}
	return "", 0
}
