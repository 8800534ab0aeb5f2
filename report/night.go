package report

import (
	"fmt"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// Night is a whole record, read and folded. Nothing in it comes from outside
// the record but Verified.
type Night struct {
	Dir      string
	Sid      string
	Head     audit.Head
	Entries  []Line
	Verified audit.Report // what verify said when the report was made

	Open     entries.SessionOpen
	Operator string
	Started  time.Time
	Ended    time.Time // zero: not closed
	Close    *entries.SessionClose
	Runbook  entries.RunbookLoaded
	Book     *runbooks.Runbook   // nil: its bytes are not in the bundle
	Freeze   steps.FreezeState   // the last
	Freezes  []steps.FreezeState // all, in their order
	Writes   string

	People     []Person
	Targets    []Target
	Params     []entries.ParamSet
	Steps      []*Step // in the order in which they were first planned
	Exceptions []Exceptions
	Gauges     []Track
	Segments   []Segment
	Approvals  []Approval
	Data       DataProof
	After      []Late // signed after the close
	Outage     string // what the clients saw, as recorded; empty: not recorded
}

// Line is one entry with its decoded body. Body is nil for a withheld line.
type Line struct {
	audit.Entry
	Body     audit.Body
	Withheld string // why, if it was
}

// Person is somebody who acts in the record.
type Person struct {
	Principal string   `json:"principal"`
	Name      string   `json:"name"`
	Role      string   `json:"role"`
	Key       string   `json:"key"`
	Signed    []string `json:"signed"`
}

// Target is a server as it named itself.
type Target struct {
	ID string `json:"id"`
	entries.TargetBound
}

// Step is one step of the walk with all its attempts.
type Step struct {
	ID, Title, Risk, Phase string
	Planned                time.Duration // zero: the runbook names none
	Attempts               []*Attempt
	Skipped                string // reason
	SkippedAt              int64
}

// Attempt is one plan of a step and what became of it.
type Attempt struct {
	N            int64
	Step         string
	Plan         string
	Digest       string
	PlanSeq      int64
	Confirm      *entries.StepConfirm
	ConfirmSeq   int64
	By           string
	Intent       int64 // seq, -1 if nothing was sent
	Began, Ended time.Time
	Approvals    []int64
	Statements   []*Statement
	Checks       []Check
	Outcome      string // done, refused, unsent, unclear; empty: open
	Why          string
	Took         time.Duration
	Settled      string // how a doubt was ended
	Disarmed     string
}

// Ran reports whether anything of the attempt may have been sent.
func (a *Attempt) Ran() bool { return a.Intent >= 0 }

// Statement is one text that was sent, and the answer.
type Statement struct {
	Seq    int64
	At     time.Time
	Target string
	entries.StmtBegin
	End   *entries.StmtEnd
	EndOf int64
}

// Check is one check, gate or proof with its place in the record.
type Check struct {
	Seq    int64  `json:"seq"`
	Target string `json:"target"`
	OK     *bool  `json:"ok"`
	entries.CheckResult
}

// The answers of a check in a word.
const (
	verdictPass    = "pass"
	verdictCaution = "caution"
	verdictFail    = "FAIL"
	verdictUnknown = "unknown"
)

// Verdict is the answer in a word. A caution passes and is never shown as a pass.
func (c Check) Verdict() string {
	switch {
	case c.OK == nil:
		return verdictUnknown
	case *c.OK && c.Level == entries.LevelCaution:
		return verdictCaution
	case *c.OK:
		return verdictPass
	}
	return verdictFail
}

// Approval is a request for signatures and its answers.
type Approval struct {
	Seq  int64
	Step string
	entries.ApprovalRequested
	Granted  []Grant
	Waived   string // reason, and what became of it
	WaivedAt int64  // entry
}

// Grant is one signature or refusal.
type Grant struct {
	Seq     int64
	By, Way string
	Key     entries.Key
	Denied  string
	At      time.Time
}

// Exceptions are all events of one kind that an auditor asks about. An empty
// list is printed as none, so that nothing is left out in silence.
type Exceptions struct {
	Kind  string      `json:"kind"`
	Items []Exception `json:"items"`
}

// Exception is one of them.
type Exception struct {
	Seq  int64  `json:"seq"`
	Step string `json:"step"`
	What string `json:"what"`
}

// Segment is one life of the cockpit.
type Segment struct {
	N           int64
	First, Last int64
	From, To    time.Time
	Host, Why   string
}

// Track is what one gauge read over the night.
type Track struct {
	Name, Unit string
	At         []time.Time
	V          []*int64
}

// Read folds the record in dir. A record whose chain is broken is refused: a
// report of it would vouch for lines that verify does not.
func Read(dir string, verified audit.Report) (*Night, error) {
	rec, err := audit.Load(dir)
	if err != nil {
		return nil, err
	}
	n := &Night{Dir: dir, Sid: rec.Sid, Head: rec.Head, Verified: verified}
	types := entries.Types()
	for _, e := range rec.Entries {
		b, err := types.Decode(e)
		if err != nil {
			return nil, &audit.Error{Op: "read entry", Object: fmt.Sprintf("%s seq %d", dir, e.Seq), Err: err, Next: "run turquoise verify " + dir}
		}
		n.Entries = append(n.Entries, Line{Entry: e, Body: b})
	}
	newFold(n).run()
	return n, nil
}
