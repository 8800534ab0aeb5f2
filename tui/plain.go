package tui

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// Plain is the line mode: labelled lines, no box, no colour, no redraw, on the
// same Session and with the same guards. It can do what the full screen can.
// It returns when the walk is over, the person leaves, the input ends or ctx does;
// the Result says whether the session was ended.
func Plain(ctx context.Context, c Config, in io.Reader, out io.Writer) (Result, error) {
	ch, cancel := c.Session.Subscribe()
	defer cancel()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	p := &plain{ctx: ctx, sess: c.Session, me: c.Me, out: out, now: c.Now, flush: c.Flush, gates: map[string]checks.Status{}}
	p.th = NewTheme(NoColour, false, c.ASCII)
	p.newsAt, p.saidAt = p.now(), p.now()
	lines := typedLines(ctx, in, c.Now)
	for {
		select {
		case <-ctx.Done():
			return p.result, p.err
		case s, ok := <-ch:
			if !ok {
				p.say("STATE", "the session has closed this screen.")
				return p.result, p.err
			}
			p.onSnapshot(s)
		case <-c.Beat:
			p.onBeat()
		case l, ok := <-lines:
			if !ok {
				return p.result, p.err
			}
			p.onLine(l)
		}
		if p.done || p.err != nil {
			return p.result, p.err
		}
	}
}

// stamped is a line with the time at which it was complete: what was complete
// before a question was asked does not answer it.
type stamped struct {
	text string
	at   time.Time
}

// typedLines reads lines until the input ends. The reader stays behind if ctx
// ends while it waits for a person; it holds nothing but the input.
func typedLines(ctx context.Context, in io.Reader, now func() time.Time) <-chan stamped {
	out := make(chan stamped)
	go func() {
		defer close(out)
		sc := bufio.NewScanner(in)
		for sc.Scan() {
			select {
			case out <- stamped{strings.TrimRight(sc.Text(), "\r"), now()}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// question is what the next line answers.
type question int

const (
	askMenu question = iota
	askWord
	askReason
	askStop
	askDecision
	askLeave
	askKey
	askDesk
	askTaking
)

type plain struct {
	ctx    context.Context
	sess   Session
	me     session.Person
	th     *Theme // for its glyphs
	out    io.Writer
	now    func() time.Time
	flush  func() // throws typed-ahead input away
	newsAt time.Time
	saidAt time.Time // of the newest line
	silent bool      // it was said that no news come
	snap   session.Snapshot
	asked  question
	since  time.Time // of the question
	card   session.Card
	arming runbooks.StepID
	heldAt string // hold of which the head was told
	pend   string // what the reason is for
	next   string // of a decision; the gate of an override
	desk   string // whose answer is asked
	late   bool   // the key that is asked for signs a verdict on what ran under a waiver
	menu   []choice
	entry  int
	last   string // state and step that were printed
	gates  map[string]checks.Status
	alarms map[string]bool
	result Result
	done   bool
	err    error
}

// choice is one numbered line of the menu.
type choice struct{ id, words string }

func (p *plain) say(label, format string, args ...any) {
	txt := format
	if len(args) > 0 {
		txt = fmt.Sprintf(format, args...)
	}
	p.saidAt = p.now()
	var b strings.Builder
	p.th.write(&b, p.spelledFor(label, clean(txt)))
	if _, err := fmt.Fprintf(p.out, "%s %-6s %s\n", utc(p.snap.Now), label, b.String()); err != nil && p.err == nil {
		p.err = fmt.Errorf("write the plain screen: %w", err)
	}
}

func (p *plain) onSnapshot(s session.Snapshot) {
	if s.Seq <= p.snap.Seq && p.snap.Seq > 0 {
		return
	}
	first := p.snap.Seq == 0
	p.tellKeys(s)
	p.snap, p.newsAt = s, p.now()
	if p.silent {
		p.silent = false
		p.say("STATE", "news again.")
	}
	p.tellRecord(first)
	p.tellAlarms()
	p.tellGates()
	p.tellTicket()
	c := s.Cards[s.Current]
	state := fmt.Sprint(s.Current, c.Phase, s.Freeze.State, s.Holding, s.Finished, failing(c.Before) == 0, failing(c.Found), c.PlanErr == "")
	switch {
	case p.arming != "" && c.ID == p.arming && c.Armed && c.Digest != "":
		p.arming, p.last = "", state
		p.askRun(c)
	case p.asked == askWord && (s.Current != p.card.ID || c.Digest != p.card.Digest || failing(c.Before) > 0 || !c.Armed):
		p.say("STATE", "plan or checks changed, nothing has run.")
		p.do(steps.Disarm{}, "")
		p.tellState()
	case state != p.last && p.asked == askMenu:
		p.last = state
		p.tellState()
	}
}

// tellKeys gives the rows that somebody asked to see, once.
func (p *plain) tellKeys(s session.Snapshot) {
	if s.Compared == nil || p.snap.Compared != nil && slices.Equal(p.snap.Compared.Keys, s.Compared.Keys) {
		return
	}
	for _, r := range s.Compared.Keys {
		p.say("KEYS", "%s", clean(r))
	}
}

// tellTicket gives the head of the record once for each hold.
func (p *plain) tellTicket() {
	at := ""
	if p.snap.Record.Ticket != "" {
		at = string(p.snap.Current) + " " + p.snap.Holding
	}
	if at != p.heldAt && at != "" {
		p.say("HEAD", "for the change ticket: %s", p.snap.Record.Ticket)
	}
	p.heldAt = at
}

func (p *plain) tellRecord(first bool) {
	for _, l := range p.snap.Record.Lines {
		if l.Seq > p.entry {
			if !first {
				p.say("AUDIT", "%d %s %s %s %s", l.Seq, short(l.Hash, 6), l.By, l.Step, l.Text)
			}
			p.entry = l.Seq
		}
	}
}

func (p *plain) tellAlarms() {
	open := map[string]bool{}
	for _, a := range p.snap.Alarms {
		if a.Over {
			continue
		}
		open[a.ID] = true
		if !p.alarms[a.ID] {
			word := "CAUTION"
			if a.Level == session.WarningLevel {
				word = "WARNING"
			}
			p.say("ALARM", "%s: %s, since %s: %s", word, a.Text, utc(a.Since), a.Consequence)
		}
	}
	p.alarms = open
}

// tellGates says when a gate changes its state, and only then.
func (p *plain) tellGates() {
	c := p.snap.Cards[p.snap.Current]
	for _, r := range c.Before {
		is := r.Status
		if r.Stale {
			is = checks.Unknown
		}
		key := string(c.ID) + " " + r.Name
		if was, ok := p.gates[key]; ok && was != is {
			p.say("GAUGE", "%s: %s, want %s, is %s", r.Name, is, r.Want, r.Is)
		}
		p.gates[key] = is
	}
}

func (p *plain) tellState() {
	s := p.snap
	c := s.Cards[s.Current]
	p.say("STATE", "%s %s. writes: %s. freeze: %s. way back: %s, %s, %s, %s.", strings.ToLower(s.Mode.String()), s.Change,
		writesOn(s), strings.TrimSpace(line(freezeSegs(s.Freeze, true)).plain()), strings.ToLower(wayState(s.Way)), s.Way.Now, loses(s.Way).plain(), until(s.Way))
	if o := s.Outage; o != nil {
		p.say("STATE", "%s", outageLine(*o, 200).plain())
	}
	if s.Finished {
		for _, l := range Farewell(s) {
			p.say("END", "%s", l)
		}
		p.done = true
		return
	}
	if walkOver(s) {
		p.say("STEP", "every step has ended. end the session by leaving.")
		p.askMenu()
		return
	}
	p.say("STEP", "%s %s. risk %s. planned %s. %s.", c.ID, c.Title, c.Risk, clock(c.Planned), c.Phase)
	if c.Outcome != "" {
		p.say("STEP", "outcome: %s", c.Outcome)
	}
	for i, r := range sorted(c.Before) {
		is := "passes"
		if !passes(r) {
			is = "DOES NOT PASS"
		}
		p.say("CHECK", "%d of %d %s: %s. want %s. is %s. %s", i+1, len(c.Before), is, r.Name, r.Want, r.Is, r.Reason)
	}
	for _, r := range c.Found {
		p.say("CHECK", "found: %s %s. want %s. is %s.", r.Name, foundWord(r), r.Want, r.Is)
	}
	if c.PlanErr != "" {
		p.say("CHECK", "no plan yet: %s", c.PlanErr)
	}
	p.askMenu()
}

// tellPlan prints what would run, word for word.
func (p *plain) tellPlan(c session.Card) {
	n := 0
	part := func(sts []session.Statement) {
		for _, st := range sts {
			if st.Title != "" || st.Note != "" {
				p.say("PART", "%d on %s by %s: %s. %s", st.N, st.Target, st.Verb, st.Title, st.Note)
			}
			for _, l := range strings.Split(strings.TrimRight(st.Text, "\n"), "\n") {
				n++
				p.say("LINE", "%d %s", n, l)
			}
		}
	}
	p.say("RUN", "as %s, plan %s, risk %s:", c.RunAs, short(c.Digest, 8), c.Risk)
	part(c.Statements)
	if len(c.Abort) > 0 {
		p.say("RUN", "if it fails, by itself:")
		part(c.Abort)
	}
	if c.Block {
		p.say("RUN", "%s", windowLine(p.snap.Cards[c.ID], 200).plain())
	}
	p.say("UNDO", "%s", c.Undo)
}

func (p *plain) ask(q question, format string, args ...any) {
	if p.flush != nil {
		p.flush()
	}
	p.asked, p.since = q, p.now()
	p.say("ASK", format, args...)
}

// askMenu offers by number what the keys of the full screen offer now.
func (p *plain) askMenu() {
	p.menu = p.menu[:0]
	words := map[keyID]string{"x": "run", "v": "verify again", "h": "hold", "s": "skip", "b": "back out", "d": "decide", "n": "note", "w": "pace of the comparison", "K": "keys of rows that differ", "W": "rows a batch", "o": "override", "g": "go / no-go", "A": "second person signs", "a": "acknowledge", "ctrl+c": "interrupt"}
	if p.snap.Holding != "" {
		words["h"] = "resume"
	}
	k := look{me: p.me}
	for _, b := range keyTable() {
		if w := words[b.id]; w != "" && whyOff(b, p.snap, k) == "" {
			p.menu = append(p.menu, choice{string(b.id), w})
		}
	}
	p.menu = append(p.menu, choice{"?", "state again"}, choice{"R", "plan, alarms, status"}, choice{"q", "leave"})
	var parts []string
	for i, c := range p.menu {
		parts = append(parts, strconv.Itoa(i+1)+" "+c.words)
	}
	p.ask(askMenu, "%s. number?", strings.Join(parts, "  "))
}

func (p *plain) askRun(c session.Card) {
	p.card = c
	p.tellPlan(c)
	word := c.Word
	if byKey(c) {
		word = "y"
	}
	if c.Risk == runbooks.NoReturn {
		p.say("RUN", "POINT OF NO RETURN. There is no undo.")
	}
	for _, l := range againstLines(c, allAgainst, 200) {
		p.say("CHECK", "%s", strings.TrimSpace(l.plain()))
	}
	p.tellApproval(c)
	p.ask(askWord, "type %s to run, or an empty line to cancel:", word)
}
