package session

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/steps"
)

// maxSig is how much of a signature file is read: an armored signature is far
// smaller.
const maxSig = 64 << 10

// takeSigned looks for signatures that were put beside the texts that wait for
// them, as `ssh-keygen -Y sign` does, and hands them in. The key decides who
// signed, not who laid the file there. One that was refused is not tried again.
func (s *Session) takeSigned() {
	type text struct{ file, statement, way string }
	s.mu.Lock()
	var texts []text
	for _, r := range s.state.Requests {
		if !r.Open(s.cfg.Now()) || r.Enough() {
			continue
		}
		for _, who := range s.mayAsk(r) {
			if t, err := steps.ApprovalText(s.state, r, who, who); err == nil {
				texts = append(texts, text{s.requestFile(r, who), t, "carried"})
			}
		}
	}
	late := s.lateTexts()
	s.mu.Unlock()
	s.writeLate(late)
	for _, t := range late {
		texts = append(texts, text{t.File, t.Text, steps.WayLate})
	}
	for _, t := range texts {
		info, err := os.Stat(t.file + ".sig")
		if err != nil || info.Size() > maxSig {
			continue
		}
		armored, err := os.ReadFile(t.file + ".sig")
		if err != nil {
			continue
		}
		if sum := sha256.Sum256(armored); s.tried[t.file] != sum {
			s.tried[t.file] = sum
			s.handIn(t.statement, string(armored), t.way)
		}
	}
}

func (s *Session) handIn(statement, armored, way string) {
	in := Intent{Command: steps.Approve{Statement: statement, Signature: armored, Way: way}}
	err := s.do(s.ctx, Person{Name: audit.System, Role: "approver"}, in)
	var r *steps.Refusal
	if err != nil && !errors.As(err, &r) { // a refusal is on record and on the screens
		s.debug("take in signature", "err", err)
	}
}

// expire ends requests that ran out. s.mu is held.
func (s *Session) expire() {
	evs := steps.ExpireApprovals(s.state, s.cfg.Now())
	if len(evs) == 0 || s.log.Fault() != nil || s.state.Result != "" || s.leaving != "" {
		return
	}
	if _, err := s.commit(evs...); err == nil { // a fault is shown by commit itself
		s.denied = "the request for an approval ran out"
	}
}

// dropRequests removes the texts that nobody can sign any more: what was signed
// is in the record.
func (s *Session) dropRequests() error {
	return os.RemoveAll(filepath.Join(s.cfg.Dir, requestsDir))
}
