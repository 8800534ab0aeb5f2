package session

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/steps"
)

// begin starts the sampler and the clock of the screens.
func (s *Session) begin() {
	if s.begun != nil {
		close(s.begun)
	}
	s.watchDisk()
	s.sampler.scope = s.scope
	s.sampler.tick = s.roundDone
	s.sampler.more = func(t engines.TargetID) []engines.Reading {
		return append(s.compareReadings(t), s.releaseReadings(t)...)
	}
	s.sampler.run(s.ctx, &s.wg)
	if s.cfg.Values.Text["verify"] != "none" {
		s.wg.Add(1)
		go func() {
			defer s.wg.Done()
			s.refollow(s.ctx)
		}()
	}
	s.wg.Add(2)
	go s.keepSole()
	go func() {
		defer s.wg.Done()
		t := time.NewTicker(frameEvery)
		defer t.Stop()
		for n := 0; ; n++ {
			select {
			case <-t.C:
				if n%4 == 0 {
					s.takeSigned()
					s.takeNotes()
				}
				s.mu.Lock()
				if n%4 == 0 { // the screens' clock: at least one frame a second
					s.watch()
					s.expire()
					s.noteReadings(s.cfg.Now())
					s.noteClock(s.cfg.Now())
				}
				if n%4 == 0 || s.dirty {
					s.publish()
				}
				s.mu.Unlock()
			case <-s.ctx.Done():
				return
			}
		}
	}()
}

func (s *Session) roundDone() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.tickCh)
	s.tickCh = make(chan struct{})
}

// sampled is closed after the next round of samples.
func (s *Session) sampled() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tickCh
}

// Suspend ends the process' part in the session: the running step ends by
// itself and is recorded, no other starts, and the record can be resumed.
func (s *Session) Suspend(reason string) error {
	s.mu.Lock()
	already := s.closed
	s.leaving = reason
	s.mu.Unlock()
	if already {
		return nil
	}
	s.rest()
	s.mu.Lock()
	s.unserve()
	suspend := steps.Event{Meta: audit.Meta{By: audit.System}, Body: entries.SessionSuspend{Reason: reason}}
	_, err := s.keep(suspend)
	s.mu.Unlock()
	return errors.Join(err, s.Close())
}

// rest waits for the step that runs, and for a window that is being taken back.
func (s *Session) rest() {
	s.mu.Lock()
	ended, taking := s.ended, s.taking
	s.mu.Unlock()
	for _, c := range []chan struct{}{ended, taking} {
		if c != nil {
			<-c
		}
	}
}

// end writes the closing line. s.mu is held.
func (s *Session) end(evs []steps.Event) error {
	last := evs[len(evs)-1]
	evs = append(append(evs[:len(evs)-1:len(evs)-1], s.clockState()...), s.outage()...)
	if len(evs) > 0 {
		if _, err := s.commit(evs...); err != nil {
			return err
		}
	}
	body := last.Body.(entries.SessionClose)
	if s.cfg.Scripted && body.Result == "cut_over" {
		body.Result = "rehearsed"
	}
	stmts := int64(0)
	for _, x := range s.state.Steps {
		stmts += int64(len(x.Stmts))
	}
	s.unserve() // nothing stands behind the closing line
	if s.film != nil {
		body.CastSHA256 = s.film()
	}
	body.Counts = entries.Counts{Entries: s.state.Newest + 1, Statements: stmts}
	if err := s.log.Close(last.Meta, body); err != nil {
		s.fault(err)
		return err
	}
	if k := s.cfg.People.Key; k != nil {
		if err := audit.SignFile(s.cfg.Dir, s.cfg.Record.Rand, k); err != nil {
			s.denied = err.Error() // the record is closed and stays as it is, one level lower
		}
	}
	_ = s.dropRequests() // nobody can sign them any more; a file that stays misleads nobody
	last.Body, last.Seq, last.At = body, s.state.Newest+1, s.cfg.Now()
	s.state = steps.Apply(s.state, last)
	s.changed()
	return nil
}

// Filmed says who ends the film of the screen and knows its hash, for the closing
// line. What is drawn after that is on no film. end must not ask the session.
func (s *Session) Filmed(end func() string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.film = end
}

// outage is what the clients saw, for the record, where somebody measured it.
// s.mu is held.
func (s *Session) outage() []steps.Event {
	if s.cfg.Meter == nil {
		return nil
	}
	o := s.cfg.Meter()
	if o == nil {
		return nil
	}
	is := fmt.Sprintf("longest gap without a commit %s, worst latency %s, %d of %d transactions failed",
		o.LongestGap.Round(time.Millisecond), o.Worst.Round(time.Millisecond), o.Failed, o.Acked+o.Failed)
	return []steps.Event{{Meta: audit.Meta{By: audit.System, OK: audit.OK(o.Failed == 0)},
		Body: entries.CheckResult{Check: entries.CheckOutage, Kind: "after", Want: "no transaction failed", Is: is}}}
}

// Close stops the probes and gives the record free. A step that runs is waited
// for. It writes nothing.
func (s *Session) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.rest()
	s.stop()
	s.wg.Wait()
	s.mu.Lock()
	s.unserve()
	s.mu.Unlock()
	s.served.Wait()
	s.settleAnchors()
	if s.anchors != nil {
		s.anchors.Close()
	}
	s.hands <- struct{}{} // for good: nobody may use what is closed now
	s.conns.closeAll()
	s.sole.doors.closeAll()
	var errs []error
	for _, r := range s.peers {
		errs = append(errs, r.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.emergency != nil {
		errs = append(errs, s.emergency.Close())
	}
	errs = append(errs, s.log.Release())
	for c := range s.subs {
		delete(s.subs, c)
		close(c)
	}
	close(s.stepCh)
	s.stepCh = make(chan struct{})
	return errors.Join(errs...)
}

func (s *Session) bound(t engines.TargetID) engines.Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[t]
}

// prewarm opens what the current step's plan will use, before anything is shown.
func (s *Session) prewarm(ctx context.Context) error {
	s.mu.Lock()
	it, ok := s.state.Current()
	busy := s.state.Busy()
	var p *steps.Plan
	if ok && !busy {
		p, _ = s.plan(it) // Decide tells why there is none
	}
	s.mu.Unlock()
	if p == nil {
		return nil
	}
	if err := s.guard(*p); err != nil {
		return err
	}
	if !s.free() {
		return nil
	}
	defer func() { <-s.hands }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	return s.warm(ctx, *p)
}

// warm opens every connection that the current plan will use.
func (s *Session) warm(ctx context.Context, p steps.Plan) error {
	seen := map[door]bool{}
	for _, as := range [][]engines.Action{p.Parts.Actions, p.Parts.Abort} {
		for _, a := range as {
			k := door{a.Target, a.Session}
			if seen[k] {
				continue
			}
			seen[k] = true
			if _, err := s.conns.conn(ctx, a.Target, a.Session, s.bound(a.Target)); err != nil {
				return err
			}
		}
	}
	return nil
}

// say adds a line to the output of the running step. s.mu is held.
func (s *Session) say(at time.Time, bad bool, text string) {
	s.out = append(s.out, OutputLine{At: at, Text: text, Bad: bad})
	if len(s.out) > keepLines {
		s.out = s.out[len(s.out)-keepLines:]
	}
}

func (s *Session) debug(msg string, args ...any) {
	if s.cfg.Log != nil {
		s.cfg.Log.Error(msg, args...)
	}
}

// short cuts a value for a line of output.
func short(v string) string {
	const most = 60
	return cut(v, most)
}

func cut(v string, most int) string {
	if r := []rune(v); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return v
}

// maskedError keeps of an error what the engine left in it: engines mask. It is
// called masked unless the engine says that all is there that the server said.
func maskedError(err error) *entries.Error {
	var c interface{ SQLState() string }
	var w interface{ Whole() bool }
	var f interface{ Fields() map[string]string }
	e := &entries.Error{Class: "engine", Message: cut(strings.ToValidUTF8(err.Error(), "\uFFFD"), keptAnswer)}
	e.Masked = !errors.As(err, &w) || !w.Whole() || e.Message != err.Error()
	if errors.As(err, &c) {
		e.Class, e.Code = "sqlstate", c.SQLState()
	}
	if errors.As(err, &f) {
		e.Fields = f.Fields()
	}
	return e
}

// The forms of connection strings besides addresses: password=… among words, and
// user:password@network(address)/database.
var (
	passwordForm = regexp.MustCompile(`password='?([^' ]+)`)
	userForm     = regexp.MustCompile(`^[^:@/]*:(.+)@[a-z0-9]*(?:\([^)]*\))?/`)
)

// dsnPasswords finds the passwords inside connection strings, so that the
// record's scanner knows them.
func dsnPasswords(dsn map[engines.TargetID]string) map[engines.TargetID]string {
	out := map[engines.TargetID]string{}
	for t, d := range dsn {
		if u, err := url.Parse(d); err == nil && u.User != nil {
			if p, ok := u.User.Password(); ok && p != "" {
				out[t] = p
			}
		} else if m := passwordForm.FindStringSubmatch(d); m != nil {
			out[t] = m[1]
		} else if m := userForm.FindStringSubmatch(d); m != nil {
			out[t] = m[1]
		}
	}
	return out
}

// intentRefs points the intent at the confirm and the gates of its own batch.
func intentRefs(e steps.Event) func([]audit.Entry) (audit.Meta, audit.Body) {
	return func(batch []audit.Entry) (audit.Meta, audit.Body) {
		b := e.Body.(entries.StepIntent)
		for _, l := range batch {
			switch l.Type {
			case "step.confirm":
				b.Confirm = l.Seq
			case "check.result":
				b.Gates = append(b.Gates, l.Seq)
			}
		}
		return e.Meta, b
	}
}

func denied(c steps.Command, why error) audit.Body {
	name := "command"
	switch c.(type) {
	case steps.Arm:
		name = "arm"
	case steps.Confirm:
		name = "confirm"
	case steps.Skip:
		name = "skip"
	case steps.Pace:
		name = "rows a batch"
	case steps.Hold:
		name = "hold"
	case steps.Settle:
		name = "decide"
	case steps.Reveal:
		name = "show keys"
	case steps.TakeBack:
		name = "take back"
	case steps.BackOut:
		name = "back out"
	case steps.Interrupt:
		name = "interrupt"
	case steps.End:
		name = "end"
	case steps.Approve:
		name = "approve"
	case steps.Deny:
		name = "deny"
	case steps.Waive:
		name = "waive"
	case steps.OverrideGate:
		name = "override"
	case steps.Answer:
		name = "answer"
	case steps.Handover:
		name = "hand over"
	}
	return entries.CommandDenied{Command: name, Why: why.Error()}
}
