package session

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/steps"
)

// Start begins a cutover: it asks every target who it is, opens the record and
// writes down runbook, parameters and servers before anything else may happen.
func Start(ctx context.Context, cfg Config) (*Session, error) {
	s, err := prepare(ctx, cfg)
	if err != nil {
		return nil, err
	}
	o := s.recordOptions(nil)
	if s.log, err = audit.Create(cfg.Dir, o); err != nil {
		return nil, s.giveUp(err)
	}
	rec, err := audit.Load(cfg.Dir)
	if err != nil {
		return nil, s.giveUp(err)
	}
	s.replay(rec.Entries)
	if err := s.introduce(); err != nil {
		return nil, s.giveUp(err)
	}
	s.begin()
	return s, nil
}

// Resume goes on with a record: the state is the recorded one, a step that was
// running is unclear, and the servers are asked again who they are.
func Resume(ctx context.Context, cfg Config, reason string) (*Session, error) {
	if err := audit.Free(cfg.Dir, cfg.Now()); errors.Is(err, audit.ErrHeld) {
		return nil, err // the nearer lock first: it names a process of this machine
	}
	s, err := prepare(ctx, cfg)
	if err != nil {
		return nil, err
	}
	left, err := leftBehind(cfg)
	if err != nil {
		return nil, s.giveUp(err)
	}
	s.fenced = len(left) > 0
	o := s.recordOptions(&reason)
	var rec audit.Recovery
	if s.log, rec, err = audit.Resume(cfg.Dir, o); err != nil {
		return nil, s.giveUp(err)
	}
	s.replay(rec.Record.Entries)
	s.readHMACKey()
	s.state = steps.Apply(s.state, steps.Event{Seq: s.state.Newest + 1, At: cfg.Now(), Meta: audit.Meta{By: cfg.Person}, Body: entries.SessionResume{Key: s.opKey}})
	s.mu.Lock()
	if err = s.takeOver(reason); err == nil {
		err = s.takeIn(left)
	}
	if err == nil {
		err = s.compare()
	}
	if evs := append(s.soleEvents(), s.clockState()...); err == nil && len(evs) > 0 {
		_, err = s.commit(evs...)
	}
	s.mu.Unlock()
	if err != nil {
		return nil, s.giveUp(err)
	}
	s.begin()
	return s, nil
}

// prepare opens the readers and asks every server who it is. Nothing is written.
func prepare(ctx context.Context, cfg Config) (*Session, error) {
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &Session{cfg: cfg, ctx: run, stop: cancel, known: map[engines.TargetID]engines.Identity{}, clocks: map[engines.TargetID]serverClock{},
		state: steps.New(cfg.Book, cfg.Stepwise), subs: map[chan Snapshot]struct{}{},
		stepCh: make(chan struct{}), hands: make(chan struct{}, 1), lookers: map[string]bool{}, tickCh: make(chan struct{}), started: cfg.Now(), lab: true,
		waiting: map[int64]Intent{}, tried: map[string][sha256.Size]byte{}, sole: sole{others: map[engines.TargetID]engines.Holder{}, ours: map[engines.TargetID]string{}}}
	s.conns = newDoors(s.openConn)
	s.sole.doors = newDoors(func(ctx context.Context, t engines.TargetID, _ string) (engines.Conn, error) {
		return s.openAs(ctx, t, "lock")
	})
	readers := map[engines.TargetID]engines.Reader{}
	for _, t := range cfg.Book.Targets {
		e, ok := cfg.Engines[t.Engine]
		if !ok {
			return nil, s.giveUp(&engines.Error{Op: "open target", Object: string(t.ID), Err: fmt.Errorf("no engine %q", t.Engine), Next: "see turquoise lint"})
		}
		if e.OpenReader != nil {
			r, err := e.OpenReader(s.request(ctx, t.ID, "sampler"))
			if err != nil {
				return nil, s.giveUp(err)
			}
			readers[t.ID] = r
		}
		c, err := s.conns.conn(ctx, t.ID, "", engines.Identity{})
		if err != nil {
			return nil, s.giveUp(err)
		}
		asked := cfg.Now()
		who, err := c.Identify(ctx)
		if err != nil {
			return nil, s.giveUp(err)
		}
		s.known[t.ID], s.clocks[t.ID] = who, clockOf(who, asked, cfg.Now())
		if _, ok := c.(engines.Exclusive); ok {
			s.sole.on = append(s.sole.on, t.ID)
		}
		s.lab = s.lab && who.Lab != ""
	}
	s.sampler = newSampler(cfg.every(), cfg.Now, readers)
	s.peers = readers
	if err := s.apart(); err != nil {
		return nil, err
	}
	if err := s.alone(ctx); err != nil {
		return nil, s.giveUp(err)
	}
	return s, nil
}

// apart refuses what must not be: blue and green the same server, and targets
// that are not of the lab where only the lab is allowed.
func (s *Session) apart() error {
	b, g := s.known["blue"], s.known["green"]
	if b.System != "" && b.System == g.System && b.Host == g.Host && b.Port == g.Port {
		return s.giveUp(&engines.Error{Op: "bind targets", Object: "blue and green", Err: fmt.Errorf("both are %s", b), Next: "check the two connection strings"})
	}
	if s.cfg.LabOnly && !s.lab {
		return s.giveUp(&engines.Error{Op: "rehearse", Object: s.cfg.Book.Name, Err: fmt.Errorf("a target is not a server of the lab"), Next: "use turquoise run for real servers: every step asks for its own confirmation"})
	}
	if s.cfg.Fail != nil && !s.lab {
		return s.giveUp(fmt.Errorf("bug: proofs made to fail outside the lab"))
	}
	return nil
}

func (s *Session) request(ctx context.Context, t engines.TargetID, role string) engines.OpenRequest {
	return engines.OpenRequest{Ctx: ctx, Target: t, DSN: s.cfg.DSN[t], Params: s.cfg.Params[t], Run: s.cfg.Run, Sid: s.cfg.Sid, Person: s.cfg.Person, Role: role}
}

func (s *Session) openConn(ctx context.Context, t engines.TargetID, session string) (engines.Conn, error) {
	if session == engines.CompareSession {
		return s.openCompare(ctx, t)
	}
	role := "executor"
	if session != "" {
		role = session
	}
	return s.openAs(ctx, t, role)
}

func (s *Session) openAs(ctx context.Context, t engines.TargetID, role string) (engines.Conn, error) {
	target, _ := s.cfg.Book.Target(t)
	return s.cfg.Engines[target.Engine].Open(s.request(ctx, t, role))
}

func (s *Session) giveUp(err error) error {
	s.stop()
	s.conns.closeAll()
	s.sole.doors.closeAll()
	for _, r := range s.peers {
		_ = r.Close() // the reason for giving up is the error that counts
	}
	if s.log != nil {
		_ = s.log.Release()
	}
	if s.anchors != nil {
		s.anchors.Close()
	}
	return err
}

// recordOptions completes the record's dependencies with its first line.
func (s *Session) recordOptions(resume *string) audit.Options {
	o := s.cfg.Record
	if s.cfg.Anchor != nil {
		s.begun = make(chan struct{})
		s.anchors = s.cfg.Anchor(anchored{s})
		o.Sealed = s.anchors.Head
	}
	o.Standby = s.cfg.Standby
	o.Sid, o.Secrets, o.Types = s.cfg.Sid, s.secretValues(), entries.Types()
	tool := entries.Tool{Name: "turquoise", Version: s.cfg.Tool.Version, Revision: s.cfg.Tool.Revision, ExeSHA256: s.cfg.Tool.ExeSHA256}
	o.First = func(op audit.Opening) audit.Line {
		m := audit.Meta{By: s.cfg.Person}
		e, err := s.endorse(op, audit.Endorsement, s.cfg.Person, s.cfg.operatorName(), s.cfg.People.Key)
		s.opKey = e.key
		if op.Recovery != nil {
			after := "crash"
			switch {
			case op.Recovery.Suspended:
				after = "suspend"
			case s.fenced:
				after = "fence"
			}
			b := entries.SessionResume{After: after, Tool: tool, VKey: op.VKey, Torn: op.Recovery.Torn, Host: s.cfg.Host,
				Endorsement: e.text, Signature: e.signature, Key: e.key}
			if resume != nil {
				b.Reason = *resume
			}
			if s.cfg.Standby != nil {
				b.Standby = standbyLine(op.Recovery.Record, op.VKey)
			}
			for _, d := range op.Recovery.InDoubt {
				b.InDoubt = append(b.InDoubt, entries.Doubt{Attempt: d.Attempt, Seq: d.Seq, Step: d.Step})
			}
			return audit.Line{Meta: m, Body: b, Err: err}
		}
		if err == nil {
			err = s.newHMACKey(o.Rand)
		}
		change := s.cfg.ChangeSaid
		change.Ticket = s.cfg.Change
		mode := "production"
		if s.lab {
			mode = "lab"
		}
		if s.cfg.Scripted {
			mode = "rehearsal"
		}
		return audit.Line{Meta: m, Err: err, Body: entries.SessionOpen{Endorsement: e.text, Signature: e.signature, Key: e.key, PeopleSHA256: s.signersSum(), HMACKey: s.hmacName,
			Origin: op.Origin, VKey: op.VKey, Mode: mode, Tool: tool, Host: s.cfg.Host,
			Change: change, MaxSkewMS: 500, ReserveBytes: 16 << 20}}
	}
	return o
}

// secretValues are the values no line of the record may hold.
func (s *Session) secretValues() map[string]string {
	out := map[string]string{}
	for k, v := range s.cfg.Secrets {
		out[k] = v
	}
	for t, p := range dsnPasswords(s.cfg.DSN) {
		out["password_of_"+string(t)] = p
	}
	return out
}

// introduce writes down what the session stands on: runbook, parameters, servers.
func (s *Session) introduce() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.cfg.Book
	ev, err := s.log.AddEvidence(b.Source, "application/yaml", "runbook "+b.Name)
	if err != nil {
		return err
	}
	op := audit.Meta{By: s.cfg.Person}
	evs := []steps.Event{{Meta: op, Body: entries.RunbookLoaded{Name: b.Name, Title: b.Title, SHA256: b.Digest, Author: dashed(b.Author), Git: s.cfg.Git, Evidence: []audit.Evidence{ev}}}}
	evs = append(evs, s.policy(), s.bindOperator(s.cfg.Person, s.cfg.operatorName(), s.opKey))
	values := map[string]string{}
	maps.Copy(values, s.cfg.Values.Text)
	for n, l := range s.cfg.Values.Lists { // as they are given on a command line
		values[n] = strings.Join(l, ",")
	}
	for _, n := range slices.Sorted(maps.Keys(values)) {
		v := values[n]
		evs = append(evs, steps.Event{Meta: op, Body: entries.ParamSet{Name: n, Source: "resolved", Value: &v}})
	}
	window := "block"
	if s.cfg.Stepwise {
		window = "stepwise"
	}
	evs = append(evs, steps.Event{Meta: op, Body: entries.ParamSet{Name: "window", Source: "session", Value: &window}})
	for _, t := range b.Targets {
		evs = append(evs, steps.Event{Meta: audit.Meta{By: audit.System, Target: string(t.ID)}, Body: s.boundBody(t, s.known[t.ID])})
	}
	evs = append(evs, s.soleEvents()...)
	evs = append(evs, s.clockState()...)
	if s.cfg.Scripted {
		evs = append(evs, steps.Event{Meta: op, Body: entries.Deviation{What: "confirmations and approvals are scripted", Reason: "rehearsal in the lab: no person read the plans"}})
	}
	_, err = s.commit(evs...)
	return err
}

// compare checks on resume that the servers are the recorded ones. s.mu is held.
func (s *Session) compare() error {
	for id, was := range s.state.Bound {
		is, ok := s.known[id]
		if !ok || is.Same(was) {
			continue
		}
		ev := steps.Event{Meta: audit.Meta{By: audit.System, Target: string(id), OK: audit.OK(false)},
			Body: entries.TargetChanged{Field: "identity", Was: was.String() + " " + was.Started, Is: is.String() + " " + is.Started}}
		if is.System == was.System && is.Host == was.Host && is.Port == was.Port {
			// The same server after a restart: what a plan knows is bound anew, with
			// its own line, and plans made before are void because their digest moves.
			t, _ := s.cfg.Book.Target(id)
			ev = steps.Event{Meta: audit.Meta{By: audit.System, Target: string(id)}, Body: s.boundBody(t, is)}
		}
		if _, err := s.commit(ev); err != nil {
			return err
		}
	}
	return nil
}

// replay folds recorded lines into the state.
func (s *Session) replay(es []audit.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range es {
		s.lines = append(s.lines, recordLine(e))
		b, err := entries.Types().Decode(e)
		if err != nil {
			continue // Load and Resume have checked every line
		}
		if o, ok := b.(entries.SessionOpen); ok {
			s.hmacName = o.HMACKey
		}
		s.state = steps.Apply(s.state, steps.Event{Meta: e.Meta, Seq: e.Seq, At: e.Time, Leaf: e.Leaf.String(), Body: b})
	}
	if !s.state.Started.IsZero() {
		s.started = s.state.Started
	}
}
