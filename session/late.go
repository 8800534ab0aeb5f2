package session

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// Owed is what ran under a waiver and waits for a second person's verdict.
type Owed struct {
	Waiver  int64
	Step    runbooks.StepID
	Reason  string         // why it ran without
	Why     string         // why nobody can sign
	For     []ApprovalText // one per person who may, with the verdict approved
	Against []ApprovalText // and with the verdict not approved
}

// owed is the oldest waiver that waits, nil if none does. s.mu is held.
func (s *Session) owed() *Owed {
	late := s.state.Late()
	if len(late) == 0 {
		return nil
	}
	w := late[0]
	o := &Owed{Waiver: w.Seq, Step: w.Step, Reason: w.Reason}
	if s.cfg.People.Signers == nil {
		o.Why = "no file says who may sign: resume with --signers"
		return o
	}
	for _, who := range s.mayAsk(steps.Request{}) {
		for verdict, list := range map[string]*[]ApprovalText{steps.Approved: &o.For, steps.NotApproved: &o.Against} {
			if text, err := steps.LateText(s.state, w, verdict, who, who); err == nil {
				*list = append(*list, ApprovalText{who, s.lateFile(w.Seq, verdict, who), text})
			}
		}
	}
	if len(o.For) == 0 {
		o.Why = "the signers file names nobody else than the operator"
	}
	return o
}

// lateFile is the file of one person's verdict, to be signed as it lies there.
func (s *Session) lateFile(waiver int64, verdict, who string) string {
	word := "approved"
	if verdict == steps.NotApproved {
		word = "not-approved"
	}
	return filepath.Join(s.cfg.Dir, requestsDir, fmt.Sprintf("late-%08d-%s-%s.txt", waiver, fileWord(who), word))
}

// lateTexts are the texts of all verdicts that are owed. s.mu is held.
func (s *Session) lateTexts() []ApprovalText {
	o := s.owed()
	if o == nil {
		return nil
	}
	return append(append([]ApprovalText(nil), o.For...), o.Against...)
}

// writeLate puts the texts beside the record, once.
func (s *Session) writeLate(texts []ApprovalText) {
	for _, t := range texts {
		if _, err := os.Stat(t.File); !errors.Is(err, os.ErrNotExist) {
			continue
		}
		err := os.MkdirAll(filepath.Dir(t.File), 0o700)
		if err == nil {
			err = os.WriteFile(t.File, []byte(t.Text), 0o600)
		}
		if err != nil {
			s.debug("write the text of a late approval", "file", t.File, "err", err)
		}
	}
}

// lateText is the text of one person's verdict, found among what is owed.
func lateText(st steps.State, waiver int64, verdict, who string) (string, error) {
	for _, w := range st.Late() {
		if w.Seq == waiver {
			return steps.LateText(st, w, verdict, who, who)
		}
	}
	return "", &steps.Refusal{Why: fmt.Sprintf("nothing is owed for the waiver at entry %d", waiver), Next: "look at the record with L"}
}
