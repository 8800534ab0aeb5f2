package engines

import "context"

// Sequencer is the ability of a Reader to list sequences with their states. A
// Reader without it has no sequences to compare.
type Sequencer interface {
	SequenceStates(ctx context.Context) ([]SequenceState, error)
}

// SequenceState is one sequence as it stands. Compare next values, not last
// ones: a sequence that was never called hands out Last itself.
type SequenceState struct {
	Schema, Name string
	Last         int64
	Called       bool
	Increment    int64
	Min, Max     int64
	Cycle        bool
}

// String returns the sequence's name for a screen, unquoted.
func (s SequenceState) String() string { return s.Schema + "." + s.Name }

// RowCounter is the ability of a Reader to count the rows of user tables.
type RowCounter interface {
	RowCounts(ctx context.Context) ([]TableRows, error)
}

// TableRows is a table's number of rows: counted, or the server's estimate.
type TableRows struct {
	Schema, Name string
	Rows         int64
	Exact        bool
}

// Departure is the ability of a Conn to name its session on the server and to
// ask, on a new connection, whether an earlier one has ended. A proof after a
// lost answer waits for that: a statement whose client is gone may still run.
type Departure interface {
	// Session names this connection's session on the server.
	Session() string
	// Gone reports whether the named session has ended.
	Gone(ctx context.Context, session string) (bool, error)
}

// Flight is the ability of a Conn to see whether a statement that was sent
// earlier, by this process or by one that died, still runs on the server. A
// Conn without it belongs to a server that ends what a lost client had asked.
type Flight interface {
	// InFlight reports whether another session runs a statement whose text
	// begins with this comment.
	InFlight(ctx context.Context, tag string) (bool, error)
}

// Progress is the ability of a Comparer to say how far its server has come in the
// other one's log, as Tracker.Text writes it. linked is false if no replication
// from there can be found. Where the server's own log says so, it is not needed.
type Progress interface {
	Progress(ctx context.Context, from Comparer) (position string, linked bool, err error)
}

// Exact is the ability of a Tracker to read on up to where its server stands, as
// Comparer.Position says, without waiting for a later commit. A proof then covers
// what was committed behind its token too.
type Exact interface{ Exact() }

// Contention is the ability of a Conn to tell that a statement was refused
// because a lock was not to be had, which proves that nothing was done, and to
// say who holds it. A Conn without it is never sent the same statement twice.
type Contention interface {
	// LockRefused reports whether the error of the last Do says only that.
	LockRefused(err error) bool
	// Holders names the sessions that hold a lock on an object, the oldest first,
	// one line each for a person.
	Holders(ctx context.Context, object string) ([]string, error)
}

// Exclusive is the ability of a Conn to keep every other cockpit away from its
// database, whatever machine that runs on. A Conn without it belongs to a server
// that has no such lock: a router, a program.
type Exclusive interface {
	Departure
	// Claim takes the lock for as long as this connection lives. Nil: this
	// connection has it, now or since before. It never waits.
	Claim(ctx context.Context) (*Holder, error)
	// Evict ends a holder's session on the server. One that is gone is no error.
	Evict(ctx context.Context, h Holder) error
}

// Holder is the session of another cockpit that holds the lock.
type Holder struct {
	Session string // as the server numbers it; empty: it was gone before it could be asked about
	Who     string // for a person: login, the name it gives itself, from where, since when
}

// String names the holder in one line.
func (h Holder) String() string {
	if h.Session == "" {
		return "a session that is gone since"
	}
	return "session " + h.Session + ", " + h.Who
}
