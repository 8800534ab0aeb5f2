package session

import (
	"time"

	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// Mode says what is at stake, by what the servers answered.
type Mode int

// The modes. Unproved is the zero value and looks like Production.
const (
	Unproved Mode = iota
	Production
	Rehearsal
	Replayed // nothing is at stake: a record is looked at
)

// String returns the word on the banner.
func (m Mode) String() string {
	switch m {
	case Production:
		return "PRODUCTION"
	case Rehearsal:
		return "REHEARSAL"
	case Replayed:
		return "REPLAY"
	}
	return "UNPROVED"
}

// Snapshot is everything a screen shows: finished values, copied when published,
// never changed after. Slices and maps in it are shared between screens and must
// not be written.
type Snapshot struct {
	Seq          uint64
	Now, Started time.Time // Now: clock of the session, the only clock on the screen
	Sid          string
	Plan, Late   time.Duration // planned length of the whole walk; how late it is, 0 if it is not
	Mode         Mode
	Change       string // ticket
	Book         BookRef
	Operator     string
	Sides        [2]Side // blue, green
	Router       RouterTile
	Halves       *[2]Half // of the router; nil where the sides are servers of the runbook
	Release      *Release // of a database that versions share; nil where there is none
	Link         Link
	Freeze       Freeze
	Phases       []PhaseRow
	Current      runbooks.StepID
	Finished     bool
	Result       string // cut_over, rolled_back, aborted when Finished
	Cards        map[runbooks.StepID]Card
	Gauges       map[engines.GaugeID]Gauge
	Clients      [2]ClientTable
	Seqs         SeqTile
	Rows         RowTile
	Compared     *Compared // nil where nothing is compared or followed
	Outage       *Outage   // client-side meter, where there is one
	Way          WayBack
	Owed         *Owed   // nil: no verdict is owed on what ran under a waiver
	Taking       *Taking // nil: no window of single steps can be taken back
	Alarms       []Alarm
	Record       RecordTail
	Holding      string   // reason of a hold, empty if none
	Status       []string // K10: skipped, overridden, unclear, unacknowledged
	Denied       string   // newest refusal, "not run: …"
}

// BookRef names the runbook.
type BookRef struct{ Name, Title, Digest string }

// Side is one server in the header.
type Side struct {
	Target  engines.TargetID
	Name    string // printed name: "orders-blue"
	Version string // "PG 15.20", "MariaDB 10.11.19"
	Colour  string
	Badge   string // WRITES, FROZEN, standby, closed, unreachable, paused
	Login   string // as who we are there, "turquoise @ host:port/db"
	Reached bool
}

// RouterTile is what moves the traffic, as it answers itself; Target is empty
// where the runbook has none.
type RouterTile struct {
	Side
	Writes  engines.TargetID // side that the newest proof showed to have the writes
	Paused  bool
	Refuses bool // while paused clients are turned away; they do not wait
	Clients int  // connected, waiting ones among them
	Waiting int
	Servers int // its connections to the database
	MaxWait time.Duration
	Moved   time.Time // end of the last switch; zero if there was none
	Age     time.Duration
	Stale   bool
}

// Link is the replication between the sides.
type Link struct {
	Forward bool   // blue to green; false: green to blue
	State   string // "streaming", "stopped", "none", "unknown"
	Stale   bool
}

// Freeze is the freeze clock.
type Freeze struct {
	State    string // off, frozen, open
	Since    time.Time
	Elapsed  time.Duration
	Budget   time.Duration
	Position string    // freeze LSN
	Reached  time.Time // when the other side was proven to have everything up to Position; zero: not yet
}

// PhaseRow is one phase in the runbook pane.
type PhaseRow struct {
	Number int
	Name   string
	Back   bool // part of a way back
	Done   int
	Total  int
	Steps  []StepRow
}

// StepRow is one step in the runbook pane. A block is one row with Parts.
type StepRow struct {
	ID      runbooks.StepID
	Title   string
	Phase   steps.Phase
	Risk    runbooks.Risk
	Hold    bool // a planned stop
	Took    time.Duration
	Planned time.Duration
	Current bool
	Parts   []StepRow
}

// CheckRow is one line of BEFORE or AFTER on the card.
type CheckRow struct {
	Name, Want, Is string
	Status         checks.Status
	Over           bool // overridden for this attempt, with a second person's signature
	Never          bool // nobody may override it
	Age            time.Duration
	Stale          bool
	Reason         string
	Held, NeedHold time.Duration // how long it has held, of what the gate asks for
}

// Card is all that is known about a step.
type Card struct {
	ID         runbooks.StepID
	Title, Why string
	Risk       runbooks.Risk
	Phase      steps.Phase
	PhaseName  string
	On         engines.TargetID
	RunAs      string // "turquoise @ host:port/db"
	PlanText   string // the bytes that are hashed; empty until planned
	PlanErr    string // why there is no plan yet
	Digest     string // hex sha256 of PlanText
	Armed      bool   // the box is open: this plan is frozen and recorded
	Word       string // what must be typed ("y" for READ)
	Statements []Statement
	Abort      []Statement
	UndoText   []Statement
	Before     []CheckRow
	After      []CheckRow
	Found      []CheckRow // what the preflight of this step did not pass on, when it last asked
	Against    []Against  // checks that were overridden and that this step relies on
	NoSkip     bool       // a preflight: one of its checks may be overridden, it cannot be passed over
	Expect     string
	Undo       string // one line
	Block      bool
	Batch      int // most rows a batch of the job that the step runs takes; 0: it is no job
	Budget     time.Duration
	Prediction Prediction
	Started    time.Time
	Elapsed    time.Duration
	Planned    time.Duration
	Output     []OutputLine
	Outcome    string // done, refused, unsent, unclear with cause
	CanVerify  bool   // Unclear: v asks the proof
	CanDecide  bool
	Need       int // signatures besides the operator's
	Approval   Approval
	Desks      []Desk // of a poll; empty: none is asked
	Attempt    int
}

// Against is a check that did not pass and that a second person let be passed over.
type Against struct {
	Step              runbooks.StepID // that ran, or would run, against it
	Check, Is, Reason string
	Signed            []string
}

// Prediction is how long clients will wait in a block, said before it is
// confirmed. For is 0 if nobody can say; then Why says what is missing.
type Prediction struct {
	For time.Duration
	By  string // "gauges", "3 rehearsals"
	Why string // what it was computed from
}

// Statement is one verbatim text on the card.
type Statement struct {
	N      int
	Target engines.TargetID
	Verb   string
	Title  string
	Text   string
	Note   string // binds, want, "if action 9 was begun"
	State  string // "", running, done, refused, unsent, unclear, skipped
	Took   time.Duration
}

// OutputLine is a line of what happened in the step.
type OutputLine struct {
	At   time.Time
	Text string
	Bad  bool
}

// Gauge is one instrument.
type Gauge struct {
	ID       engines.GaugeID
	Value    float64
	Text     string
	Unit     engines.Unit
	At       time.Time
	Age      time.Duration
	Took     time.Duration // how long the question took
	Stale    bool          // also when never read
	Never    bool          // no reading of it has ever succeeded
	Err      string
	History  []float64 // newest last, NaN = no sample; at most 60
	Gate     string    // "< 2 s" if a gate of the current step watches it
	Verdict  checks.Status
	Held     time.Duration
	NeedHold time.Duration
}

// ClientTable is who is connected to a side.
type ClientTable struct {
	Total int
	Rows  []ClientRow // by application, most first
	Age   time.Duration
	Stale bool
}

// ClientRow is the sessions of one application.
type ClientRow struct {
	App   string
	Count int
}

// SeqTile sums up the sequences.
type SeqTile struct {
	Known, Behind int
	MaxGap        int64
	Worst         string
	SetIn         runbooks.StepID // step that raises them; empty if none is left
	Age           time.Duration
	Stale         bool
}

// RowTile sums up row counts; Exact is false for the server's estimates.
type RowTile struct {
	Tables      int
	Blue, Green int64
	Differ      int
	Exact       bool
	Age         time.Duration
	Stale       bool
}

// Compared is how the data stands, table by table.
type Compared struct {
	Reading    bool // the first comparison still reads
	Rows       int64
	Total      int64 // by the servers' estimates
	Rate       float64
	ETA        time.Duration // 0: nobody can say
	Elapsed    time.Duration // of the reading
	Held       string        // why it stands still; empty if it does not
	Pace       string        // the limits in force, as a person writes them
	Dirty      int           // rows that were written and not seen equal since
	Back       bool          // what is written on green is followed, not on blue
	Verified   string        // position of the side that has the writes up to which everything is verified
	VerifiedAt time.Time
	Behind     time.Duration // for how long a log was not read up to where its server was
	Every      time.Duration // a log is busy and read so far apart; 0: all the time
	Differ     []string      // rows that differ and do not move, by mark
	Foreign    int           // writes on green that did not come from blue
	Strangers  []string      // some of them, by mark
	Keys       []string      `json:"-"` // rows by mark and key, as they were when somebody asked; never sent to who looks on
	Unvouched  []string      // what following cannot vouch for, with the reason
	Lost       string        // why the changes are not known any more
	Tables     []ComparedTable
}

// ComparedTable is one table of a comparison.
type ComparedTable struct {
	Table       string
	Rows, Total int64 // compared of blue, and the servers' estimate
	Rate        float64
	Parts, Done int
	Suspects    int // differed when they were read, and are looked at again
	Dirty       int
	Differ      int
	Whole       string // why it is compared as a whole; empty if by key
}

// Outage is what the clients of the lab's workload saw.
type Outage struct {
	Acked, Failed, Unknown int64
	Gap, LongestGap, Worst time.Duration
	TPS                    float64
	Lost, Duplicated       int64 // after the comparison
	Compared               bool
}

// WayBack is the tile that is on every layout.
type WayBack struct {
	State string        // OPEN, CLOSES HERE, CLOSED, LOSES DATA, UNKNOWN
	Name  string        // of the way back that b would take; empty: there is nothing to go back from
	Walks bool          // it is being walked
	Now   string        // which way it is
	Takes time.Duration // planned time of its steps; 0 if nothing has to be walked
	Loses string
	Until string
	After string // what is left of it after the current step, where that changes it
}

// AlarmLevel orders alarms.
type AlarmLevel int

// The two levels.
const (
	CautionLevel AlarmLevel = iota
	WarningLevel
)

// Alarm is one condition that asks for a person.
type Alarm struct {
	ID          string
	Level       AlarmLevel
	Since       time.Time
	Text        string // what
	Consequence string
	Acked       bool
	Over        bool // kept for recall
}

// RecordTail is the newest part of the record.
type RecordTail struct {
	Count int
	Head  string // short hash
	State string // "chain unbroken, synced" or why nothing runs
	OK    bool
	Path  string
	Lines []RecordLine
	// Ticket is the line that names the record up to its newest seal, to be copied
	// into the change ticket; empty where the walk is not held.
	Ticket string
}

// RecordLine is one entry for the audit pane.
type RecordLine struct {
	Seq  int
	At   time.Time
	By   string
	Step string
	Text string
	Hash string
}
