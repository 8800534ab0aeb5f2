package engines

import (
	"context"
	"errors"
	"time"
)

// Comparer is one open door to a server for comparing its data with another
// server's: sums over ranges of a table, and hashes of rows by key. It reads
// only, holds no snapshot between two questions, and is used by one goroutine.
// An engine without OpenComparer cannot compare data; lint refuses the step.
type Comparer interface {
	Identify(ctx context.Context) (Identity, error)
	// Shapes lists the tables of users as they stand in the catalogue. What holds
	// data and cannot be compared row by row comes as a note, never left out.
	Shapes(ctx context.Context) ([]TableShape, []Note, error)
	// SelfTest hashes fixed literals of the named types. The same answer on two
	// servers says that their hashes of these types may be compared.
	SelfTest(ctx context.Context, types []string) (map[string]string, error)
	// Cuts returns keys that divide a table into ranges of about rows rows, in
	// the key's order, without reading the table where statistics allow it. No
	// cuts means one range.
	Cuts(ctx context.Context, d TableDigest, rows int64) ([]string, error)
	// Sum is number and sum of the row hashes of one part, read in one statement.
	Sum(ctx context.Context, d TableDigest, p Part) (Sum, error)
	// Slices divides a part into slices and sums each; empty slices are left out.
	Slices(ctx context.Context, d TableDigest, p Part, n int) (map[int]Sum, error)
	// Rows lists key and hash of the rows of a part, all of them or those of the
	// named slices.
	Rows(ctx context.Context, d TableDigest, p Part, n int, slices []int) ([]RowHash, error)
	// ByKey lists key and hash of the rows that have one of the keys.
	ByKey(ctx context.Context, d TableDigest, keys []Key) ([]RowHash, error)
	// Values reads whole rows as text, for people who asked for them.
	Values(ctx context.Context, d TableDigest, keys []Key) ([]RowValues, error)
	// Fingerprint is a text for each table that changes with its columns.
	Fingerprint(ctx context.Context) (map[string]string, error)
	// Load is what the server suffers now.
	Load(ctx context.Context) (Load, error)
	// Position is behind every commit that an earlier question of this session
	// has seen, as the server writes it.
	Position(ctx context.Context) (string, error)
	// Applied reports whether everything that the other server had at the
	// position has been applied here. linked is false if no replication from
	// there can be found.
	Applied(ctx context.Context, from Comparer, position string) (applied, linked bool, err error)
	// Schema lists what the catalogue says, in a form that two versions share.
	Schema(ctx context.Context) ([]SchemaFact, error)
	// Sequences lists all sequences with what is needed to compare them.
	Sequences(ctx context.Context) ([]SequenceFact, error)
	Close() error
}

// Seer is a Comparer that knows which transactions its server does not show yet. A log
// tells a commit before sessions see it: for as long as a synchronous standby takes.
type Seer interface {
	// Unseen says of a Transaction's ID whether a look that begins now may miss it.
	Unseen(ctx context.Context) (func(id uint64) bool, error)
}

// KeySummer is a Comparer that sums rows by their keys: one answer for each group of
// keys instead of one for each row. Without it, or at the strength Cryptographic,
// rows are read one by one.
type KeySummer interface {
	// SumsByKey gives number and sum of the rows of each group of so many keys, in the
	// order of the keys. Keys without a row add nothing. Rows that lie between the keys
	// of a group may be summed with it, which depends on the keys alone: all servers
	// decide alike.
	SumsByKey(ctx context.Context, d TableDigest, keys []Key, group int) ([]Sum, error)
}

// Storer is a Comparer of a server whose log does not tell all that may change rows:
// a rewritten table, a partition that is taken off. Without it the log tells it.
type Storer interface {
	// Stored is a text for each table that changes whenever its rows may have been
	// replaced as a whole. It need not mean that they were.
	Stored(ctx context.Context) (map[string]string, error)
}

// CompareSession is the session name of comparing actions: their door reads both
// sides and lives as long as the cutover's process.
const CompareSession = "compare"

// Digests pairs the tables of two sides and says how each pair is summed. tests
// holds the answers of both sides' SelfTest. It is pure.
type Digests func(blue, green Side, strength Strength) ([]TableDigest, []Note)

// ErrGap is a log that does not tell everything since a position any more: what
// was committed meanwhile is not known.
var ErrGap = errors.New("the log does not tell everything since")

// TrackRequest says what is followed, and from where.
type TrackRequest struct {
	Slot, Publication string // where the engine has such; a slot stands already
	From              string // position from which on nothing may be missing, as Tracker.Text writes it; empty: from the slot's, or from now
	Tables            []TableDigest
	Receives          bool // rows come to this side by replication: it must tell those too
}

// Tracker follows what is committed on one server, by keys: no other value is
// looked at. It is used by one goroutine, but for Confirm. Its positions are
// numbers that grow with the log; Comparer.Position and Applied take their text.
type Tracker interface {
	// Start is the position from which on everything is told. Opening fails with
	// ErrGap if that is behind TrackRequest.From.
	Start() uint64
	// Text writes a position as Comparer.Applied takes it, and Parse reads what
	// Text or Comparer.Position wrote.
	Text(position uint64) string
	Parse(text string) (uint64, error)
	// Next waits for the next committed transaction, or for word that nothing was
	// committed up to a position. After an error the stream is over, and what was
	// committed since is not known.
	Next(ctx context.Context) (Transaction, error)
	// Confirm says that nothing before the position is needed again.
	Confirm(position uint64)
	Close() error
}

// Patient is a Tracker whose stream may be left unread for a while: its server waits,
// keeps its log, and works no more for us. Its positions are bytes. Without it a
// stream that nobody reads is cut off.
type Patient interface {
	// Alive tells the server that we are there. It is called about once a second
	// while nothing is read, by the goroutine that reads.
	Alive() error
}

// Paced is a Tracker whose server can tell changes in batches: one that sends each
// change by itself works several times more for it.
type Paced interface {
	// Pace says how long the next batch is kept waiting behind the last one, at most; 0:
	// each change is told at once, as it is at first, behind what was not read yet. Any
	// goroutine may call it, and it ends a wait.
	Pace(every time.Duration)
}

// Transaction is what one commit changed, as far as it can be named.
type Transaction struct {
	ID        uint64 // as this server numbers it, for a Seer; 0: unknown
	Before    uint64 // a log that is read again from here tells it again
	Position  uint64 // behind the commit, in the log of this server
	Origin    string // replication it came through; empty: written here
	From      uint64 // behind the commit on the server it came from
	Rows      []RowChange
	Truncated []string // tables
	Reshaped  []string // tables whose columns are not those of before
	Tokens    []string // fence tokens and acknowledgements
	wide      map[string]bool
}

// mostRows is how many rows of one transaction are named: some 100 MB.
const mostRows = 1_000_000

// Add takes a row that was written. Of a transaction that wrote very many, the tables
// alone are named from there on: they are compared as a whole.
func (t *Transaction) Add(r RowChange) {
	if len(t.Rows) >= mostRows {
		if t.wide[r.Table] {
			return
		}
		if t.wide == nil {
			t.wide = map[string]bool{}
		}
		t.wide[r.Table] = true
		r = RowChange{Table: r.Table, Op: Written}
	}
	t.Rows = append(t.Rows, r)
}

// RowChange names a row that was written. Without a key only the table is known.
type RowChange struct {
	Table string
	Key   Key
	Op    RowOp
}

// RowOp is what was done to a row.
type RowOp int

// What may be done to a row. Written is one of the others, nobody knows which: rows
// of such a table are not counted. A row whose key changed is Updated, under both.
const (
	Written RowOp = iota
	Inserted
	Updated
	Deleted
)

// Repair is the statement that makes one row of the table like the given one: nil
// values delete it, exists says whether it is there to be updated. Turquoise
// prints it and never runs it.
type Repair func(d TableDigest, k Key, values map[string]*string, exists bool) string

// Side is what one server said of itself before a comparison.
type Side struct {
	Who    Identity
	Tables []TableShape
	Tests  map[string]string
}

// Strength of the sums.
type Strength int

// The strengths. Sum64 adds a 64-bit hash of each row: a differing part is
// missed with a chance of about 1 in 2^64, and of 1 in 2^50 at worst, where two
// columns of one row exchange their values. Cryptographic hashes the rows of a part in
// the order of their keys with SHA-256, which nobody can forge.
const (
	Sum64 Strength = iota
	Cryptographic
)

// TableShape is a table as its catalogue describes it.
type TableShape struct {
	Schema, Name string
	Columns      []ColumnShape
	Key          []string // columns of the key by which rows are told apart; none: rows are a multiset
	KeyFrom      string   // "primary key", "replica identity", "unique index"; empty without a key
	Identity     string   // how the log names a changed row: PostgreSQL's replica identity "default", "full", "nothing", "index"; MySQL "rows", "cascade" if rows change without a word in the log, "unknown" if nobody can tell
	Unlogged     bool
	Rows         int64  // the server's estimate
	Bytes        int64  // of the table without its indexes
	Scattered    bool   // the rows do not lie in the order of the key
	Encoding     string // of the server's text
	Denied       string // why our role may not read it; empty if it may
}

// Label is the name for people, unquoted.
func (t TableShape) Label() string { return t.Schema + "." + t.Name }

// ColumnShape is a column as the catalogue describes it.
type ColumnShape struct {
	Name      string
	Type      string // as the server writes it, with modifiers and schema
	Base      string // the type below domains, by its internal name: "int4", "_text"
	Class     string // 'b' base, 'c' composite, 'e' enum, 'r' range, 'm' multirange
	Send      string // schema-qualified function that gives the binary form; empty if there is none
	Builtin   bool   // the type and all it is made of came with the server
	Loose     bool   // its collation holds different texts for equal
	Stable    bool   // order of values does not depend on a collation
	Generated string // expression of a generated column; empty otherwise
	NotNull   bool
	Extension string // "hstore 1.8" if the type is an extension's
	Charset   string // character set of the column's text, where each column has its own
	Collation string // by which the column's text is ordered, where each column has its own
}

// TableDigest says how one pair of tables is summed. The statements' pieces are
// the engine's own; what is compared has the same text on both sides.
type TableDigest struct {
	Schema, Name string
	Key          []string // columns
	Types        []string // of the key's columns, for casts
	KeyHash      string   // expression: hash of the key
	RowHash      string   // expression: hash of the row
	Order        string   // expression: puts rows in the same order on both sides, for Cryptographic
	Columns      []string // compared, in the order of blue
	Kinds        []string // of the columns, where the engine needs them to write a value; else none
	Ordered      bool     // parts are ranges of the first key column
	Tracked      bool     // a key of the replica identity: changes can be followed
	Silent       bool     // no log tells that it was written
	Strength     Strength
	Rows         int64 // the larger of the two estimates
	Bytes        int64
}

// Label is the name for people, unquoted.
func (t TableDigest) Label() string { return t.Schema + "." + t.Name }

// Part is a range of the first key column, from Low on and below High, or one of
// Classes classes of the key's hash. The zero value is the whole table.
type Part struct {
	Low, High      string
	HasLow, HasEnd bool
	Class, Classes int
}

// Sum of a part or a slice.
type Sum struct {
	Count int64
	Hash  string
}

// Key is the text of each column of a row's key.
type Key []string

// RowHash is one row: its key, the hash of all of it, and which version of the
// row was seen. Rows without a key have none; Count says how many are equal.
type RowHash struct {
	Key     Key
	Hash    string
	Version string
	Count   int64
}

// RowValues is a row as text, by column.
type RowValues struct {
	Key    Key
	Values map[string]*string
}

// Load is what a server suffers.
type Load struct {
	Active  int     // sessions at work, our own left out
	Waiting int     // of these, how many wait for a lock
	Oldest  float64 // seconds: how long our own oldest snapshot has been held
}

// SchemaFact is one thing that a schema holds.
type SchemaFact struct {
	Kind   string // "column", "index", "trigger", "grant", …
	Object string
	Is     string
}

// SequenceFact is a sequence with all that its comparison needs.
type SequenceFact struct {
	SequenceState
	Start     int64 // what it was made to begin with
	Cache     int64
	Type      string
	Owner     string // schema.table.column; empty if nothing owns it
	Identity  string // "always", "by default"; empty if it serves no identity column
	Extension string // name of the extension it belongs to
	Denied    bool   // its state may not be read; only the definition is known
}

// Note is something that was not compared, or compared in a lesser way.
type Note struct {
	Object  string
	Why     string
	Blind   bool // data is there that nobody looked at: no verdict "equal" covers it
	Differs bool // it is a difference by itself: a table that one side lacks
}
