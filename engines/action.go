package engines

import "time"

// Verb says through which door an action leaves.
type Verb int

// The verbs. SQL is also used for the admin consoles that speak SQL's wire
// protocol (PgBouncer).
const (
	SQL Verb = iota
	AWS
	VCL
	Sock
	Exec
	File
	Manual
	Compare // reads two sides and follows them; its door is no server's
	numVerbs
)

var verbNames = [numVerbs]string{"sql", "aws", "vcl", "sock", "exec", "file", "manual", "compare"}

// String returns the word used in plans and in the record.
func (v Verb) String() string {
	if v < 0 || v >= numVerbs {
		return "unknown"
	}
	return verbNames[v]
}

// Bind fills parameter $i (by its place in Action.Binds, from 1) with a value
// that is known only while the plan runs. The text of the statement is fixed
// and hashed; the value is recorded with the action.
type Bind struct {
	Var string // name of the captured value
	Why string // "freeze position, read by action 6"
}

// Capture keeps a column of the first row of an action's answer under a name.
// Captured values may be used by later plans and binds. They go into the
// record, so they are positions, names and counters, never row values.
type Capture struct {
	Var    string
	Column int // from 0
}

// Action is one thing that will be sent: a statement, a call, a command, an
// instruction to a person. What is planned is what is shown, hashed, approved,
// executed and recorded: the same bytes.
type Action struct {
	Target   TargetID
	Verb     Verb
	Title    string        // a few words for the card and the alarm line
	Text     string        // verbatim; secrets stay ${secret:slot}
	Binds    []Bind        // values of $1, $2, … in order
	Captures []Capture     // what is kept of the answer
	Limit    time.Duration // the server's own time limit; 0 takes the step's
	Proof    *Proof        // asked after Done where it is an effect that must be seen, and always after Unclear
	Session  string        // connection to use; "" is the executor's, "hold" a second one that may be closed to break a PAUSE
	Starts   Clock         // which clock the answer to this action moves
	Lock     *Lock         // how it waits for locks; nil: as the connection does
	Only     *Proof        // asked before: the action is sent only if it holds, else it is passed over
	Repeat   *Repeat       // sent again and again until its answer has no row; nil: once
	Undoes   int           // in an abort or undo list: number (from 1) of the main action this one takes back; run only if that was begun. 0: always
}

// Lock is the lock discipline of a statement: a short wait, given up and begun
// again later, so that nobody queues behind a statement that waits itself.
type Lock struct {
	Wait     time.Duration // longest wait for a lock; 0: no limit
	Attempts int           // how often it is sent; again only if the server says that the wait alone failed it
	Pause    time.Duration // before the second attempt; half as long again before each further one
	Object   string        // what is locked, for the list of who holds it
}

// Repeat makes an action a job of batches. The action binds BatchVar as its
// first value, changes what it changes in one transaction of its own, and
// answers with one row (checkpoint, rows done so far, rows of this batch) until nothing is left,
// then with none.
type Repeat struct {
	Most  int           // largest batch
	Ratio float64       // pause after a batch, as a part of the time it took
	Slow  time.Duration // a batch that takes longer is halved
}

// BatchVar is the value that a repeated action binds: how many rows it takes.
const BatchVar = "batch_rows"

// Clock says what the answer to an action means for the freeze clock.
type Clock int

// The clocks. FreezeBegins is the answer to the first freezing statement,
// WritesOpen the answer that lets writes in again, on either side.
// OpensGreen marks the action after which nothing is aborted automatically.
const (
	NoClock Clock = iota
	FreezeBegins
	WritesOpen
	OpensGreen
)

// Proof is a read-only question whose answer decides whether an effect is there.
// The executor repeats it every Every until it holds or Limit is over.
type Proof struct {
	Target TargetID
	Verb   Verb
	Title  string
	Text   string
	Binds  []Bind
	Want   string        // the first row's columns, joined by " / "; compared exactly
	Every  time.Duration // 0: asked once
	Limit  time.Duration
}

// Parts is what a planner contributes to a step: actions in order, proofs after
// them all, the way to take them back, and the abort list of a block.
type Parts struct {
	Actions  []Action
	After    []Proof  // proofs after the last action
	Undo     []Action // by own confirmation, later
	UndoNone string   // reason why there is nothing to undo; set when Undo is empty
	Abort    []Action // run by itself if a block fails after one of these actions began
}

// Append adds the parts of q behind those of p. Numbers in Undoes are moved
// along, and aborts of later parts come first.
func (p *Parts) Append(q Parts) {
	n := len(p.Actions)
	p.Actions = append(p.Actions, q.Actions...)
	p.After = append(p.After, q.After...)
	p.Undo = append(shift(q.Undo, n), p.Undo...)
	p.Abort = append(shift(q.Abort, n), p.Abort...)
	if len(p.Undo) > 0 {
		p.UndoNone = ""
	} else if p.UndoNone == "" {
		p.UndoNone = q.UndoNone
	}
}

func shift(as []Action, n int) []Action {
	out := make([]Action, len(as))
	for i, a := range as {
		if a.Undoes > 0 {
			a.Undoes += n
		}
		out[i] = a
	}
	return out
}
