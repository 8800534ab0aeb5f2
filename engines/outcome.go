package engines

import "time"

// Outcome is how an action ended, as far as we can know.
type Outcome int

// The outcomes. Unclear is the zero value: an outcome nobody established may
// have changed something. Refused means the server answered no. Unsent means
// that by our own count of sent bytes not one byte left.
const (
	Unclear Outcome = iota
	Refused
	Unsent
	Done
	numOutcomes
)

var outcomeNames = [numOutcomes]string{"unclear", "refused", "unsent", "done"}

// String returns the word used on the screen and in the record.
func (o Outcome) String() string {
	if o < 0 || o >= numOutcomes {
		return "unclear"
	}
	return outcomeNames[o]
}

// ParseOutcome reads what String wrote; anything else is Unclear.
func ParseOutcome(s string) Outcome {
	for i, n := range outcomeNames {
		if n == s {
			return Outcome(i)
		}
	}
	return Unclear
}

// Result is the server's answer to an action or a proof. Values are text as the
// server prints them; a NULL is a nil pointer.
type Result struct {
	Columns    []string
	Rows       [][]*string
	Affected   int64
	Command    string // command tag, "ALTER ROLE"
	Notices    []string
	Took       time.Duration
	ServerTime string // if the server named one
	RequestID  string // of a service that gives each call one; of the last call
}

// First returns the first row joined by " / " and whether there is one.
// NULL prints as "null".
func (r Result) First() (string, bool) {
	if len(r.Rows) == 0 {
		return "", false
	}
	s := ""
	for i, v := range r.Rows[0] {
		if i > 0 {
			s += " / "
		}
		if v == nil {
			s += "null"
		} else {
			s += *v
		}
	}
	return s, true
}
