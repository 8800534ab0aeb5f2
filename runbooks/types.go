package runbooks

import (
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// StepID is the number a step is known by: "3.2"; a block has its phase's number: "5".
type StepID string

// Risk decides how a step must be confirmed.
type Risk int

// The risks, in rising order: the approval policy and the skip rule compare
// them. Read asks for y, Change for the step's number, Traffic for the side,
// NoReturn for a phrase and a second person.
const (
	Read Risk = iota
	Change
	Traffic
	NoReturn
	numRisks
)

var riskNames = [numRisks]string{"READ", "CHANGE", "TRAFFIC", "NO RETURN"}

// String returns the word on the card and in the record.
func (r Risk) String() string {
	if r < 0 || r >= numRisks {
		return "NO RETURN"
	}
	return riskNames[r]
}

// Op compares a gauge with the wanted value.
type Op string

// The comparisons.
const (
	Less         Op = "<"
	LessEqual    Op = "<="
	Equal        Op = "=="
	NotEqual     Op = "!="
	GreaterEqual Op = ">="
	Greater      Op = ">"
)

// Gate is a condition on a gauge. It is Pass only if every fresh sample of the
// last For met it.
type Gate struct {
	Gauge  engines.GaugeID
	Op     Op
	Want   string        // a number with a unit ("2s", "64KiB", "0") or a word ("active")
	For    time.Duration // dwell; 0: the newest sample decides
	MaxAge time.Duration // 0: three sampling intervals

	wantParam, forParam string // parameters that give them
}

// Param is a value the operator gives, or its default.
type Param struct {
	Name     string
	Type     string // text, int, duration, list, bool, dsn, phrase
	Default  string
	List     []string // default of a list
	Doc      string
	Required bool
	Secret   bool
}

// Ref points at a secret; it never holds one.
type Ref struct {
	Kind string // env, file, service, passfile
	Name string
}

// Target is a server or router of the runbook.
type Target struct {
	ID     engines.TargetID
	Engine string
	Colour string // blue, green, turquoise, router
	DSN    Ref
	Params map[string]string // file, database, …; may refer to environment variables by ${env:NAME}

	engineParam string // parameter that names the engine
	path        string
}

// Secret names a slot that plans may refer to as ${secret:name}.
type Secret struct {
	Name string
	From Ref
}

// Step is one thing the operator confirms.
type Step struct {
	ID       StepID
	Title    string
	Why      string
	Kind     string
	Stage    string // refines the kind: create, drop, define, enable, …
	Args     map[string]string
	On       engines.TargetID
	From, To engines.TargetID // which side has the writes, which gets them; default blue, green
	Risk     Risk
	Before   []Gate
	After    []Gate
	Expect   string
	Undo     []StepID // steps of the runbook that take this one back
	UndoNone string   // reason why there is nothing to undo
	Planned  time.Duration
	Timeout  time.Duration
	Signers  int    // persons that must sign, the operator included
	Phrase   string // what is typed for NO RETURN
	Word     string // what is typed for TRAFFIC if not the side of On
	Line     int    // in the source

	BreakGlass bool     // may be run without its second signature, which is then owed
	Ahead      bool     // its second signature may be given before the session, over the whole runbook
	Approvers  []string // who may give it, as the signers file names them; empty: all but the operator
	Anchor     string   // Before: nothing is sent until somebody outside has taken its intent; else Async
	Desks      []string // who must say go before the step runs, by desk

	path string // of the step in the source, for findings of Lint
}

// When a step's intent has to lie with somebody outside.
const (
	Async  = "async"  // whenever they come to it
	Before = "before" // before the step sends anything
)

// Phase groups steps. A Block is confirmed once and run back to back.
type Phase struct {
	Number int
	Name   string
	Block  bool
	Budget time.Duration // of the block: first freezing answer to writes open
	Risk   Risk          // of the block
	Word   string        // typed for the block
	Title  string        // of the block
	Why    string
	Steps  []Step
	Edge   Edge // of a release on a shared database: which states it leads between

	budgetParam string // parameter that gives the budget
	path        string
}

// WayBack is a walk that takes the cutover back, offered while the newest Done
// step lies in [After, Until).
type WayBack struct {
	Name   string
	Title  string
	After  StepID // first step from which on it is the right way
	Until  StepID // step that closes it; empty: end of the book
	Loses  string // "nothing", …
	Ends   string // who has the writes afterwards
	Phases []Phase

	path string
}

// Runbook is the plan of the night.
type Runbook struct {
	Name, Title, Why string
	Author           string // who wrote it, as the signers file names them; empty: not told
	File             string
	Digest           string // sha256 of the source bytes, hex
	Source           []byte
	Params           []Param
	Secrets          []Secret
	Targets          []Target
	Phases           []Phase
	Back             []WayBack
	Change           *engines.SchemaChange // of a shared database; nil: there is none

	marks map[string]pos // where each value stands in the source, by path
}

// Target returns a target by id.
func (b *Runbook) Target(id engines.TargetID) (Target, bool) {
	for _, t := range b.Targets {
		if t.ID == id {
			return t, true
		}
	}
	return Target{}, false
}

// Values are the parameters of one run, resolved.
type Values struct {
	Text    map[string]string
	Lists   map[string][]string
	Targets map[engines.TargetID]map[string]string // parameters of the targets, environment filled in
}

// Finding is what an author of a runbook is told, all at once.
type Finding struct {
	File         string
	Line, Column int
	Message      string
	Next         string
	Excerpt      string // the line with a caret below the column
	Warning      bool
}
