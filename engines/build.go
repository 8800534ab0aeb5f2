package engines

import "time"

// Act is an SQL action of a target.
func Act(t TargetID, title, text string) Action {
	return Action{Target: t, Verb: SQL, Title: title, Text: text}
}

// Ask is a proof by SQL on a target.
func Ask(t TargetID, title, text, want string) *Proof {
	return &Proof{Target: t, Verb: SQL, Title: title, Text: text, Want: want}
}

// Until makes a proof a poll.
func Until(p *Proof, every, limit time.Duration) *Proof {
	p.Every, p.Limit = every, limit
	return p
}

// Proven gives an action its proof.
func Proven(a Action, p *Proof) Action {
	a.Proof = p
	return a
}

// Undoing marks actions of an undo or abort list as the answer to action n.
func Undoing(n int, as ...Action) []Action {
	for i := range as {
		as[i].Undoes = n
	}
	return as
}

// Checked is a read whose proof must hold before the next action runs.
func Checked(t TargetID, title, text, want string) Action {
	return Proven(Act(t, title, text), Ask(t, title, text, want))
}
