package session

import (
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// Intent is what a screen sends: values only.
type Intent struct {
	Command steps.Command
	Typed   string // what the person typed; the session compares, not the screen
	Seen    Seen   // what was on that screen
	ShownMS int64  // how long the box was open
	Width   int    // of the screen
	Height  int
	Sign    *Sign // for Approve and Handover: the key at this keyboard that signs
	ByVoice bool  // for Answer: another person's word, written down by this one
}

// Seen is the newest thing a screen had shown when the person acted.
type Seen struct {
	Step    runbooks.StepID
	Attempt int
	Entry   int // seq of the newest record entry on that screen
}

// Person is who sits at a screen.
type Person struct {
	Name string
	Role string // operator, approver, observer
}
