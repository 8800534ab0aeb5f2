package session

import (
	"slices"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/steps"
)

const meansStandby = "If this cockpit dies while clients are held, this key seals what its dead-man does to take the window back, and nothing else."

// endorseAhead signs the key of a dead-man with the operator's, for the next
// segment of the record, and writes that down. In a session that nobody endorsed
// there is nothing to sign. s.mu is held.
func (s *Session) endorseAhead(d Deadman) error {
	if s.cfg.People.Key == nil {
		return nil
	}
	ev := steps.Event{Meta: audit.Meta{By: s.state.Operator}}
	es, err := s.log.Standby(func(op audit.Opening) audit.Line {
		op.VKey = d.Key()
		e, err := s.endorse(op, audit.StandbyEndorsement, ev.By, s.cfg.operatorName(), s.cfg.People.Key)
		if err != nil {
			return audit.Line{Err: err}
		}
		ev.Body = entries.SessionStandby{Endorsement: e.text, Signature: e.signature, Key: *e.key, VKey: op.VKey}
		return audit.Line{Meta: ev.Meta, Body: ev.Body}
	})
	if err != nil {
		s.fault(err)
		return err
	}
	s.adopt([]steps.Event{ev}, es)
	return nil
}

// standbyLine is the endorsement of this process' key in a record, nil if none
// counts: then what it does is endorsed by nobody, and verify says so.
func standbyLine(rec audit.Record, vkey string) *int64 {
	for _, e := range slices.Backward(rec.Entries) {
		b, err := entries.Types().Decode(e)
		if err != nil {
			return nil
		}
		switch b := b.(type) {
		case entries.SessionResume, entries.SessionHandover:
			return nil // given to another process, or by another operator
		case entries.SessionStandby:
			if b.VKey != vkey {
				return nil // only the newest counts
			}
			return audit.Ref(e.Seq)
		}
	}
	return nil
}

// guardAnew gives a session that was handed over a dead-man whose key the new
// operator endorsed: what the one before endorsed counts no more. The old one
// stays until the new one stands.
func (s *Session) guardAnew() {
	s.mu.Lock()
	old := s.deadman
	s.deadman = nil
	s.mu.Unlock()
	if old == nil {
		return
	}
	err := s.guard(steps.Plan{})
	if rest := old.Rest(); rest != nil {
		s.debug("let go of the dead-man of the one before", "err", rest)
	}
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alarms.raise(s.cfg.Now(), Alarm{ID: "deadman", Level: WarningLevel, Text: "NO DEAD-MAN: " + err.Error(),
		Consequence: "if this cockpit dies while clients are held, nobody takes the window back; arm the step again"})
	s.publish()
}
