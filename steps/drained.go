package steps

import (
	"strconv"
	"strings"
	"time"
)

// Drained is when the side that gets the writes was shown to have everything up to
// the freeze position, in the window that the walk stands in; zero if it was not
// yet. position is the name of the captured value. The plans in the record say
// which proof asks for it, so replay needs no planner.
func (s State) Drained(position string) time.Time {
	it, ok := s.Current()
	if !ok || position == "" {
		return time.Time{}
	}
	for _, w := range s.Walk {
		if !together(w, it) {
			continue
		}
		x := s.Steps[w.Step.ID]
		n := proofOf(x.Text, position)
		if n == 0 || x.Phase == Undone {
			continue
		}
		for _, st := range x.Stmts { // what follows a proof is begun only if it holds
			if st.Part == "main" && st.N > n {
				return st.At
			}
		}
		if x.Phase == Done {
			return x.Ended
		}
	}
	return time.Time{}
}

// proofOf is the number of the last main action of a plan text whose proof is
// bound to a captured value; 0 if there is none.
func proofOf(plan, name string) (last int) {
	n := 0
	for _, l := range strings.Split(plan, "\n") {
		label, rest, _ := strings.Cut(l, ": ")
		switch {
		case label == "proof" && strings.HasPrefix(rest, "of "):
			first, _, _ := strings.Cut(strings.TrimPrefix(rest, "of "), " ")
			n, _ = strconv.Atoi(first) // 0 for a proof of an abort or undo list
		case label == "action" || label == "abort" || label == "undo":
			n = 0
		case label == "bind" && n > 0:
			if _, bound, ok := strings.Cut(rest, " := "); ok && strings.HasPrefix(bound, name+" ") {
				last = n
			}
		}
	}
	return last
}
