package steps

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
)

// Inputs is all that a plan may depend on.
type Inputs struct {
	Book     *runbooks.Runbook
	Values   runbooks.Values
	Planners map[string]engines.Planner // by engine name
	Known    map[engines.TargetID]engines.Identity
	Vars     map[string]string
	Run      string
	Attempt  int
	InBlock  bool
}

// defaultLimit of one action whose step names no timeout: long enough for a
// catalogue statement behind a lock, short enough that a person still waits.
const defaultLimit = 30 * time.Second

// Make plans one item of the walk. Same inputs, same bytes.
func Make(in Inputs, it runbooks.Item) (Plan, error) {
	s := it.Step
	p := Plan{Step: s.ID, Title: s.Title, Risk: s.Risk, Word: word(it), Budget: it.Budget, Limit: s.Timeout}
	if p.Limit == 0 {
		p.Limit = defaultLimit
	}
	if len(it.Parts) == 0 {
		parts, err := planStep(in, s)
		if err != nil {
			return Plan{}, err
		}
		p.Parts, p.Needs = parts, s.Before
	} else {
		p.Block = true
		in.InBlock = true
		for _, part := range it.Parts {
			q, err := planStep(in, part)
			if err != nil {
				return Plan{}, err
			}
			limitTo(q.Actions, part.Timeout)
			p.Parts.Append(q)
			p.Needs = append(p.Needs, part.Before...)
		}
		p.Needs = append(p.Needs, s.Before...)
		p.Parts.Abort = cleanUpLast(p.Parts.Abort)
	}
	p.Text = planText(in, p, it)
	sum := sha256.Sum256([]byte(p.Text))
	p.Digest = hex.EncodeToString(sum[:])
	return p, nil
}

// limitTo gives the actions of a block's part the timeout of that part: inside
// the window a statement must not wait as long as one outside of it.
func limitTo(as []engines.Action, d time.Duration) {
	for i := range as {
		if as[i].Limit == 0 {
			as[i].Limit = d
		}
	}
}

func planStep(in Inputs, s runbooks.Step) (engines.Parts, error) {
	k, ok := KindByName(s.Kind)
	if !ok {
		return engines.Parts{}, &ErrKind{s.ID, s.Kind, s.Stage, "unknown kind"}
	}
	parts, err := k.plan(in, s)
	if err != nil {
		return parts, err
	}
	if len(parts.Undo) == 0 && parts.UndoNone == "" {
		parts.UndoNone = s.UndoNone
	}
	return parts, nil
}

// cleanUp marks abort actions that may wait until traffic flows again.
const cleanUp = "clean up:"

// cleanUpLast moves what need not be done before traffic is back to the end.
func cleanUpLast(as []engines.Action) []engines.Action {
	var first, last []engines.Action
	for _, a := range as {
		if strings.HasPrefix(a.Title, cleanUp) {
			last = append(last, a)
		} else {
			first = append(first, a)
		}
	}
	return append(first, last...)
}

// word is what must be typed: part of the plan, so it is hashed.
func word(it runbooks.Item) string {
	s := it.Step
	switch s.Risk {
	case runbooks.Read:
		return "y"
	case runbooks.Change:
		return string(s.ID)
	case runbooks.Traffic:
		if s.Word != "" {
			return s.Word
		}
		if s.Kind == "route" || opens(s.Kind) || len(it.Parts) > 0 {
			return string(s.To)
		}
		return string(s.On)
	}
	return s.Phrase
}

// planText prints the plan: the bytes that are shown, hashed, approved and run.
// Text lines are prefixed "| ", so no statement can pose as a label.
func planText(in Inputs, p Plan, it runbooks.Item) string {
	var b strings.Builder
	fmt.Fprintf(&b, "turquoise plan v1\nrunbook-sha256: %s\nstep: %s\ntitle: %s\nrisk: %s\nconfirm: %s\n",
		in.Book.Digest, p.Step, oneLine(p.Title), p.Risk, oneLine(p.Word))
	if p.Block {
		fmt.Fprintf(&b, "block: %d steps, budget %s\n", len(it.Parts), p.Budget)
	}
	for _, t := range in.Book.Targets {
		if id, ok := in.Known[t.ID]; ok {
			fmt.Fprintf(&b, "target: %s %s\n", t.ID, oneLine(id.String()))
		}
	}
	for i, a := range p.Parts.Actions {
		writeAction(&b, fmt.Sprintf("action: %d", i+1), a, p.Limit)
	}
	for i, pr := range p.Parts.After {
		writeProof(&b, fmt.Sprintf("proof: after.%d", i+1), pr)
	}
	for i, a := range p.Parts.Abort {
		writeAction(&b, fmt.Sprintf("abort: %d", i+1), a, p.Limit)
	}
	switch {
	case len(p.Parts.Undo) > 0:
		for i, a := range p.Parts.Undo {
			writeAction(&b, fmt.Sprintf("undo: %d", i+1), a, p.Limit)
		}
	case len(it.Step.Undo) > 0:
		ids := make([]string, len(it.Step.Undo))
		for i, id := range it.Step.Undo {
			ids[i] = string(id)
		}
		fmt.Fprintf(&b, "undo: steps %s\n", strings.Join(ids, " "))
	default:
		b.WriteString("undo: -\n")
	}
	return b.String()
}

func writeAction(b *strings.Builder, label string, a engines.Action, limit time.Duration) {
	fmt.Fprintf(b, "%s %s %s\n", label, a.Target, a.Verb)
	writeText(b, a.Text)
	for i, v := range a.Binds {
		fmt.Fprintf(b, "bind: $%d := %s (%s)\n", i+1, v.Var, oneLine(v.Why))
	}
	for _, c := range a.Captures {
		fmt.Fprintf(b, "capture: %s := column %d\n", c.Var, c.Column+1)
	}
	if a.Limit > 0 {
		limit = a.Limit
	}
	fmt.Fprintf(b, "limit: %s\n", limit)
	switch a.Starts {
	case engines.FreezeBegins:
		b.WriteString("clock: the freeze begins with the answer\n")
	case engines.WritesOpen:
		b.WriteString("clock: writes are open with the answer\n")
	case engines.OpensGreen:
		b.WriteString("clock: writes are open on the other side with the answer; nothing is aborted by itself from here on\n")
	}
	writeDiscipline(b, a)
	if a.Undoes > 0 {
		fmt.Fprintf(b, "if: action %d was begun\n", a.Undoes)
	}
	if a.Session != "" {
		fmt.Fprintf(b, "session: %s\n", a.Session)
	}
	if a.Proof != nil {
		writeProof(b, "proof: of "+strings.TrimPrefix(label, "action: "), *a.Proof)
	}
}

// writeDiscipline says how an action waits for locks, when it is passed over and
// how it is repeated.
func writeDiscipline(b *strings.Builder, a engines.Action) {
	if l := a.Lock; l != nil {
		wait := "as long as it takes"
		if l.Wait > 0 {
			wait = "at most " + l.Wait.String()
		}
		fmt.Fprintf(b, "lock: waits %s", wait)
		if l.Attempts > 1 {
			fmt.Fprintf(b, ", sent up to %d times, %s before the second, each pause half as long again; only if the lock alone failed it", l.Attempts, l.Pause)
		}
		b.WriteByte('\n')
	}
	if r := a.Repeat; r != nil {
		fmt.Fprintf(b, "repeat: until the answer has no row; at most %d rows, pause %g of its time, halved when it takes more than %s\n", r.Most, r.Ratio, r.Slow)
		b.WriteString("between: the gates before the step hold, and the walk is not held\n")
	}
	if a.Only != nil {
		fmt.Fprintf(b, "only if: %s %s\n", a.Only.Target, a.Only.Verb)
		writeText(b, a.Only.Text)
		fmt.Fprintf(b, "is: %s\n", oneLine(a.Only.Want))
	}
}

func writeProof(b *strings.Builder, label string, p engines.Proof) {
	fmt.Fprintf(b, "%s %s %s\n", label, p.Target, p.Verb)
	writeText(b, p.Text)
	for i, v := range p.Binds {
		fmt.Fprintf(b, "bind: $%d := %s (%s)\n", i+1, v.Var, oneLine(v.Why))
	}
	fmt.Fprintf(b, "want: %s\n", oneLine(p.Want))
	if p.Every > 0 {
		fmt.Fprintf(b, "poll: every %s, at most %s\n", p.Every, p.Limit)
	}
}

func writeText(b *strings.Builder, text string) {
	for _, l := range strings.Split(text, "\n") {
		b.WriteString("| ")
		b.WriteString(l)
		b.WriteByte('\n')
	}
}

// oneLine keeps a value from posing as further lines of the plan.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s
}
