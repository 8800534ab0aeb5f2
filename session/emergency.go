package session

import (
	"errors"
	"fmt"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/steps"
)

// spare writes events to the emergency file, after the record failed, and lets
// them count for the screens of this process. Two things may be written here:
// what became of a statement that was on record when it was sent, and the abort
// plan that was confirmed with a block, for clients are waiting. A resumed
// session asks the servers; it believes nothing in the file. s.mu is held.
func (s *Session) spare(evs []steps.Event) error {
	fault := s.log.Fault()
	switch {
	case fault == nil:
		return errors.New("bug: the record is good")
	case s.cfg.Emergency == "":
		return fault
	case s.emergency == nil:
		e, err := s.log.Emergency(s.cfg.Emergency)
		if err != nil {
			return errors.Join(fault, err)
		}
		s.emergency = e
		if s.anchors != nil {
			e.Tell(s.anchors.Emergency)
		}
		now := s.cfg.Now()
		at := now.UTC().Format(time.RFC3339Nano)
		if err := e.Write(now, audit.Meta{By: audit.System, OK: audit.OK(false)}, entries.LogFault{Kind: "write", From: at, To: at, Cause: fault.Error()}); err != nil {
			return errors.Join(fault, err)
		}
		s.say(now, true, "the record failed; what happens now is written to "+e.Name())
	}
	for _, e := range evs {
		e.At = s.cfg.Now()
		if err := s.emergency.Write(e.At, e.Meta, e.Body); err != nil {
			return errors.Join(fault, err)
		}
		e.Seq = s.state.Newest + 1 // a number of this process alone; the record has none for it
		s.state = steps.Apply(s.state, e)
	}
	s.changed()
	return nil
}

// keep makes events durable: in the record, or, if that has failed, in the
// emergency file. It returns the number of the last of them. s.mu is held.
func (s *Session) keep(evs ...steps.Event) (int64, error) {
	es, err := s.commit(evs...)
	if err == nil {
		for i := len(es) - 1; i >= 0; i-- {
			if es[i].Type == evs[len(evs)-1].Body.Type() {
				return es[i].Seq, nil
			}
		}
		return 0, errors.New("bug: the record does not hold what it took")
	}
	if s.log.Fault() == nil {
		return 0, err // refused for what it says, not for want of a disk
	}
	if serr := s.spare(evs); serr != nil {
		return 0, serr
	}
	return s.state.Newest, nil
}

// EmergencyFile is the path of the file that stands in for a record that failed,
// empty if there is none.
func (s *Session) EmergencyFile() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.emergency == nil {
		return ""
	}
	return s.emergency.Name()
}

// leftBehind gives the emergency files of this session that the record does not
// know yet.
func leftBehind(cfg Config) ([]audit.EmergencyFile, error) {
	if cfg.Emergency == "" {
		return nil, nil
	}
	all, err := audit.ReadEmergencies(cfg.Emergency, cfg.Sid)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	rec, err := audit.Load(cfg.Dir)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, e := range rec.Entries {
		if b, err := entries.Types().Decode(e); err == nil {
			if f, ok := b.(entries.LogFault); ok {
				known[f.EmergencySHA256] = true
			}
		}
	}
	var out []audit.EmergencyFile
	for _, f := range all {
		if !known[f.SHA256] {
			out = append(out, f)
		}
	}
	return out, nil
}

// takeIn puts emergency files into the record: their bytes as evidence, the fault
// with its hash, and what they claim. s.mu is held.
func (s *Session) takeIn(files []audit.EmergencyFile) error {
	for _, f := range files {
		ev, err := s.log.AddEvidence(f.Content, "application/jsonl", "emergency file")
		if err != nil {
			return err
		}
		cause, to := "not known: the file does not begin with it", f.To
		if len(f.Lines) > 0 {
			if b, err := entries.Types().Decode(audit.Entry{Type: f.Lines[0].Type, Body: f.Lines[0].Body}); err == nil {
				if fault, ok := b.(entries.LogFault); ok {
					cause = fault.Cause
				}
			}
		}
		s.claims = append(s.claims, claims(f)...)
		_, err = s.commit(
			steps.Event{Meta: audit.Meta{By: audit.System, OK: audit.OK(false)}, Body: entries.LogFault{Kind: "write", Cause: cause, EmergencySHA256: f.SHA256,
				From: f.From.UTC().Format(time.RFC3339Nano), To: to.UTC().Format(time.RFC3339Nano)}},
			steps.Event{Meta: audit.Meta{By: s.cfg.Person}, Body: entries.Deviation{What: "what ran while the record could not be written stands in an emergency file",
				Reason: cause, Evidence: []audit.Evidence{ev}}})
		if err != nil {
			return err
		}
	}
	return nil
}

// claims says in words what an emergency file tells of statements and outcomes.
func claims(f audit.EmergencyFile) []string {
	out := []string{fmt.Sprintf("%s, %s to %s:", f.Name, f.From.UTC().Format(time.RFC3339), f.To.UTC().Format(time.RFC3339))}
	for _, l := range f.Lines {
		b, err := entries.Types().Decode(audit.Entry{Type: l.Type, Body: l.Body})
		if err != nil {
			continue
		}
		switch b := b.(type) {
		case entries.StmtBegin:
			out = append(out, fmt.Sprintf("  step %s, %s action %d on %s: sent", l.Meta.Step, b.Part, b.I, l.Meta.Target))
		case entries.StmtEnd:
			out = append(out, fmt.Sprintf("  step %s on %s: %s", l.Meta.Step, l.Meta.Target, b.Outcome))
		case entries.StepOutcome:
			out = append(out, fmt.Sprintf("  step %s: %s %s", l.Meta.Step, b.Outcome, b.Why))
		}
	}
	return out
}

// Claims are the lines that emergency files, taken in by this resume, tell. The
// proofs decide, not they.
func (s *Session) Claims() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.claims
}
