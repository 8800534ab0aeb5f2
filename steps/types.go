package steps

import (
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
)

// Phase of a step's life.
type Phase int

// The phases. Unclear is left only by a proof or a signed decision.
const (
	Pending Phase = iota
	Armed
	Running
	Proving
	Done
	Failed  // the server refused, nothing was sent, or the effect was not there
	Unclear // something may have been sent, no answer we trust
	Skipped
	Undone // aborted by its own abort plan: traffic is back where it was
	numPhases
)

var phaseNames = [numPhases]string{"pending", "armed", "running", "proving", "done", "failed", "unclear", "skipped", "undone"}

// String returns the word on the screen.
func (p Phase) String() string {
	if p < 0 || p >= numPhases {
		return "pending"
	}
	return phaseNames[p]
}

// Plan is a step's actions as shown, hashed, confirmed and run.
type Plan struct {
	Step   runbooks.StepID
	Title  string
	Risk   runbooks.Risk
	Word   string // what must be typed; "y" for Read
	Text   string // the plan text; Digest is its SHA-256
	Digest string
	Block  bool
	Budget time.Duration
	Limit  time.Duration // of one action without an own limit
	Parts  engines.Parts
	Needs  []runbooks.Gate // gates evaluated again between confirm and run
}

// Command is what a person asks of the session.
type Command interface{ command() }

// The commands.
type (
	// Arm plans the current step anew and freezes the plan for the box.
	Arm struct{ Step runbooks.StepID }
	// Disarm closes the box; nothing has run.
	Disarm struct{}
	// Confirm runs the armed plan if digest and word are the plan's.
	Confirm struct {
		Step   runbooks.StepID
		Digest string
	}
	// Skip passes over the current step, with a reason.
	Skip struct {
		Step   runbooks.StepID
		Reason string
	}
	// Hold stops or goes on with the walk.
	Hold struct {
		On     bool
		Reason string
	}
	// Pace sets how many rows a batch of the running job may take.
	Pace struct {
		Step runbooks.StepID
		Rows int
	}
	// Note writes a remark into the record.
	Note struct{ Text string }
	// Throttle changes how much of the servers a running comparison may take, in words
	// such as "workers 4 max-active 20".
	Throttle struct{ Limits string }
	// Reveal shows the keys of the rows that differ as they are; that they were shown
	// goes into the record, they do not.
	Reveal struct{}
	// Ack acknowledges an alarm.
	Ack struct{ Alarm string }
	// Interrupt asks the running step to stop: cancel what can be cancelled.
	Interrupt struct{}
	// Verify evaluates checks again; on an Unclear step it asks the proofs.
	Verify struct{ Step runbooks.StepID }
	// Settle is a person's decision on an Unclear step: done, run_again, roll_back or
	// stop. Statement and Signature are the operator's own, where he has a key.
	// ByPlan rolls back because the confirmed plan says so: nobody decides.
	Settle struct {
		ByPlan               bool
		Step                 runbooks.StepID
		Next                 string
		Reason               string
		Statement, Signature string
	}
	// TakeBack takes back the next step of a window of single steps in which
	// clients are held and writes are not open on the other side. A person confirms
	// the whole window at once: Digest is what was shown; the dead-man gives none.
	TakeBack struct{ Reason, Digest string }
	// Approve hands in a second person's signature over the text of a request.
	// Way says how it came: screen, command or carried; WayAhead is an approval of the
	// whole runbook, WayLate a Verdict on what ran under the waiver of entry Waiver.
	Approve struct {
		Statement, Signature, Way string
		Waiver                    int64
		Verdict                   string
	}
	// Deny is a second person's no.
	Deny struct {
		Step   runbooks.StepID
		Reason string
	}
	// Waive goes on without the approval that a step needs, where the runbook
	// permits it. Statement and Signature are the operator's own.
	Waive struct {
		Step                         runbooks.StepID
		Reason, Statement, Signature string
	}
	// OverrideGate goes against a gate that is not open, with a second person.
	OverrideGate struct {
		Step          runbooks.StepID
		Check, Reason string
	}
	// Answer is the go or no-go of one desk for a step.
	Answer struct {
		Step    runbooks.StepID
		Desk    string
		Go      bool
		Comment string
	}
	// Handover makes another person the operator.
	Handover struct{ To, Reason string }
	// BackOut changes over to the way back that fits.
	BackOut struct{ Reason string }
	// End closes the session for good.
	End struct{ Reason string }
)

func (Approve) command()      {}
func (Deny) command()         {}
func (Waive) command()        {}
func (OverrideGate) command() {}
func (Answer) command()       {}
func (Handover) command()     {}

func (Arm) command()       {}
func (Disarm) command()    {}
func (Confirm) command()   {}
func (Skip) command()      {}
func (Hold) command()      {}
func (Pace) command()      {}
func (Note) command()      {}
func (Throttle) command()  {}
func (Reveal) command()    {}
func (Ack) command()       {}
func (Interrupt) command() {}
func (Verify) command()    {}
func (Settle) command()    {}
func (TakeBack) command()  {}
func (BackOut) command()   {}
func (End) command()       {}
