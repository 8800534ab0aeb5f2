package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// settlement is what resume --settle reports; its JSON keys are part of the interface.
type settlement struct {
	Sid        string            `json:"sid"`
	Record     string            `json:"record"`
	Step       runbooks.StepID   `json:"step,omitempty"`
	How        string            `json:"how"`
	Phase      string            `json:"phase,omitempty"`
	Why        string            `json:"why,omitempty"`
	Unclear    bool              `json:"unclear"`
	Statements []settledStmt     `json:"statements"`
	Output     []string          `json:"output"`
	WritesOn   string            `json:"writes_on"`
	Frozen     bool              `json:"frozen"`
	Next       runbooks.StepID   `json:"next_step,omitempty"`
	Targets    map[string]string `json:"targets"`
	Error      string            `json:"error,omitempty"`
}

type settledStmt struct {
	N       int    `json:"n"`
	Part    string `json:"part"`
	Ended   bool   `json:"ended"`
	Outcome string `json:"outcome,omitempty"`
}

// decide settles the unclear step and waits until what that starts has ended.
func (r resumption) decide(ctx context.Context, s *session.Session, operator string) (settlement, error) {
	id, doubt := s.State().Doubt()
	var err error
	switch {
	case !doubt && r.settle != "verify":
		err = exit(ExitRefused, &steps.Refusal{Why: "no step is unclear", Next: "leave --settle out"})
	case doubt:
		var c steps.Command = steps.Verify{Step: id}
		if r.settle != "verify" {
			c = steps.Settle{Step: id, Next: r.settle, Reason: r.reason}
		}
		h := s.Handle(session.Person{Name: operator, Role: "operator"})
		if err = h.Do(ctx, session.Intent{Command: c, Seen: session.Seen{Step: id, Attempt: s.State().Step(id).Attempt}}); err == nil {
			err = s.Wait(ctx, func(st steps.State) bool { return !st.Busy() })
		}
	}
	st := s.State()
	snap := s.Snapshot()
	out := settlement{Sid: snap.Sid, Record: s.Dir(), How: r.settle, Statements: []settledStmt{}, Output: []string{},
		WritesOn: string(st.Writes), Frozen: st.Freeze.On, Targets: map[string]string{}}
	if doubt {
		x := st.Step(id)
		_, out.Unclear = st.Doubt()
		out.Step, out.Phase, out.Why = id, x.Phase.String(), x.Why
		for _, m := range x.Stmts {
			one := settledStmt{N: m.N, Part: m.Part, Ended: m.Ended}
			if m.Ended {
				one.Outcome = m.Outcome.String()
			}
			out.Statements = append(out.Statements, one)
		}
		for _, l := range snap.Cards[id].Output {
			out.Output = append(out.Output, l.Text)
		}
	}
	for t, who := range st.Bound {
		out.Targets[string(t)] = who.String()
	}
	if it, ok := st.Current(); ok {
		out.Next = it.Step.ID
	}
	return out, err
}

// settled prints the result. A step that stays unclear is status 1.
func (a *App) settled(out settlement, asJSON bool, err error) error {
	if err != nil {
		out.Error = err.Error()
	}
	if asJSON {
		enc := json.NewEncoder(a.Out)
		enc.SetIndent("", "  ")
		if perr := enc.Encode(out); perr != nil {
			return errors.Join(err, perr)
		}
	} else {
		for _, l := range out.Output {
			a.tell("  %s", l)
		}
		line := "nothing was in doubt"
		if out.Step != "" {
			line = fmt.Sprintf("step %s: %s %s", out.Step, out.Phase, out.Why)
		}
		if _, perr := fmt.Fprintf(a.Out, "%s; writes on %s; next step %s\n", clean(line), dash(out.WritesOn), dash(string(out.Next))); perr != nil {
			return errors.Join(err, perr)
		}
	}
	if err == nil && out.Unclear {
		err = &engines.Error{Op: "settle step", Object: string(out.Step), Err: errors.New("still unclear"), Next: "decide with --settle done, run_again, roll_back or stop, and a --reason"}
	}
	return err
}
