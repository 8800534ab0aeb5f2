package engines

import (
	"context"
	"time"
)

// Identity is how a server names itself. Two identities are the same server
// only if Same says so; a changed start time is a restart and voids captured facts.
type Identity struct {
	Engine   string // "postgres", "pgbouncer"
	Version  string // "17.12"
	Major    int    // 17
	System   string // system identifier, server_uuid, cluster id
	Host     string // as dialled
	Port     int
	Database string
	Login    string
	Started  string // server's start time, as it prints it
	Writable bool   // neither in recovery nor read-only for us
	Lab      string // run id of a lab server; empty on anything else
	Extra    map[string]string
}

// Keys of Extra that mean the same on every engine. Both may be missing.
const (
	ExtraClock  = "clock_us"      // the server's wall clock when it answered, in microseconds since 1970
	ExtraTitle  = "title"         // what the product is called: "MariaDB"; empty: the engine's own title
	ExtraLogged = "log_statement" // which statements its log holds: all, mod, ddl or none
)

// Keys of Extra of a service of AWS: whose credentials call it, as STS names them,
// and in which region. All four are there or none: none where STS did not answer.
const (
	ExtraAWSAccount = "aws_account"
	ExtraAWSCaller  = "aws_caller_arn"
	ExtraAWSRegion  = "aws_region"
	ExtraAWSUser    = "aws_user_id"
)

// Same reports whether two identities are the same running server and database.
func (i Identity) Same(o Identity) bool {
	return i.Engine == o.Engine && i.System == o.System && i.Host == o.Host &&
		i.Port == o.Port && i.Database == o.Database && i.Started == o.Started
}

// String names the server for plans and cards: "postgres 17.12 host:5432/app id 731… as turquoise".
func (i Identity) String() string {
	return i.Engine + " " + i.Version + " " + i.Place() + " id " + i.System + " as " + i.Login
}

// Place is where the server was dialled: "host:5432/app", "host:3306" where no
// database was named, the path alone of a Unix socket.
func (i Identity) Place() string {
	s := i.Host
	if i.Port != 0 {
		s += ":" + itoa(i.Port)
	}
	if i.Database != "" {
		s += "/" + i.Database
	}
	return s
}

func itoa(n int) string {
	if n == 0 {
		return "0"
	}
	var b [20]byte
	i := len(b)
	for ; n > 0; n /= 10 {
		i--
		b[i] = byte('0' + n%10)
	}
	return string(b[i:])
}

// Conn is one open door to a target, used by one goroutine at a time.
type Conn interface {
	// Identify asks the server who it is, on this very connection.
	Identify(ctx context.Context) (Identity, error)
	// Do sends one action's text with the given bind values and waits for the
	// answer. tag is a comment that the server's own log shows; secrets in text
	// are already rendered. It never sends twice. A ctx that ends after the
	// first byte gives an error that classifies as Unclear.
	Do(ctx context.Context, s Statement) (Result, error)
	// Classify says what is known after the last Do.
	Classify(err error) Outcome
	Close() error
}

// Statement is an action dressed for the wire.
type Statement struct {
	Verb  Verb
	Text  string // secrets rendered
	Args  []string
	Tag   string
	Limit time.Duration
	// LockWait is how long the server may wait for a lock: negative for ever, 0 as
	// the connection usually does.
	LockWait time.Duration
}

// Reader asks read-only questions. It has its own connection and never shares
// it with a Conn.
type Reader interface {
	Identify(ctx context.Context) (Identity, error)
	// Gauges reads all gauges of the target. A gauge that could not be read has
	// Err set; it is never left out and never zero.
	Gauges(ctx context.Context, in Scope) []Reading
	// Clients lists who is connected, our own sessions and the replication's excluded.
	Clients(ctx context.Context, in Scope) ([]ClientGroup, error)
	// Inspect runs the preflight checks of the target.
	Inspect(ctx context.Context, in Scope) []Finding
	Close() error
}

// Reading is one raw value of a gauge, in base units.
type Reading struct {
	Gauge GaugeID
	At    time.Time // time of the datum, by our clock
	Took  time.Duration
	Value float64
	Unit  Unit
	Text  string // for gauges that are words: "active", "lost"
	Err   error
}

// Unit of a reading.
type Unit string

// The units.
const (
	Seconds Unit = "s"
	Bytes   Unit = "B"
	Count   Unit = "n"
	Bool    Unit = "bool"
)

// ClientGroup is a set of client sessions that look alike.
type ClientGroup struct {
	User, App, Addr, State string
	Count                  int
	OldestXact             time.Duration
}

// Scope is what a reader needs to know about the run: names of objects, the
// other side, the direction.
type Scope struct {
	Run      string
	On       TargetID
	From, To TargetID // which side has the writes, which gets them
	Params   map[string]string
	Lists    map[string][]string
	Vars     map[string]string
	Peer     map[TargetID]Reader // the other sides, for checks that compare
	Change   *SchemaChange       // of a shared database; nil: there is none
}

// Level of a finding.
type Level int

// The levels. Blind is the zero value: a check that could not look proves nothing.
const (
	Blind Level = iota
	Block
	Caution
	Info
	Pass
)

// Waive says who may go on against a check that stops the walk.
type Waive int

// Never is the zero value: a check of which nobody said more can only be mended.
// SecondPerson takes the operator's reason and another person's signature.
const (
	Never Waive = iota
	SecondPerson
)

// Finding is the answer of one preflight check.
type Finding struct {
	ID     string // "PG03"
	Title  string
	Target TargetID
	Level  Level
	Want   string
	Is     string
	Cause  string // why it matters
	Next   string // what to do
	Waive  Waive  // where Level is Block or Blind
}
