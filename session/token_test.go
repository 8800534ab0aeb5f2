package session_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// TestA10OneOperatorToken: who is not the operator on record can look on and take
// notes, whatever role a screen claims; nothing else is decided or sent.
func TestA10OneOperatorToken(t *testing.T) {
	for _, who := range []session.Person{{Name: "eve", Role: "operator"}, {Name: "", Role: "operator"}, {Name: "ann", Role: session.RoleViewer}, {Name: "bob", Role: "approver"}} {
		v := newServers()
		n := begin(t, v, config(v, t.TempDir()))
		snap := n.shown()
		other := n.s.Handle(who)
		id := snap.Current
		for _, c := range []steps.Command{
			steps.Arm{Step: id}, steps.Disarm{}, steps.Confirm{Step: id, Digest: snap.Cards[id].Digest}, steps.Skip{Step: id, Reason: "x"}, steps.Hold{On: true, Reason: "x"},
			steps.Interrupt{}, steps.Settle{Step: id, Next: steps.NextStop, Reason: "x"}, steps.TakeBack{Reason: "x", Digest: "x"}, steps.BackOut{Reason: "x"},
			steps.OverrideGate{Step: id, Check: "green/lag_seconds", Reason: "x"}, steps.Waive{Step: id, Reason: "x"}, steps.Answer{Step: id, Desk: "x", Go: true},
			steps.Handover{To: "eve", Reason: "x"}, steps.Ack{Alarm: "x"}, steps.End{Reason: "x"},
		} {
			var r *steps.Refusal
			err := other.Do(t.Context(), session.Intent{Command: c, Typed: "x", Seen: session.Seen{Step: id, Entry: n.s.Snapshot().Record.Count}})
			if !errors.As(err, &r) || !strings.Contains(err.Error(), "operator token") {
				t.Errorf("%s %q: %T: %v", who.Role, who.Name, c, err)
			}
		}
		if st := n.s.State(); len(v.texts()) != 0 || st.Step(id).Phase != steps.Pending || st.Holding != "" || st.Result != "" {
			t.Errorf("%s %q: sent %q, step %s, held %q", who.Role, who.Name, v.texts(), st.Step(id).Phase, st.Holding)
		}
		if err := other.Do(t.Context(), session.Intent{Command: steps.Note{Text: "I see it too"}}); err != nil {
			t.Errorf("%s %q: a note: %v", who.Role, who.Name, err)
		}
	}
}
