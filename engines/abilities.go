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
