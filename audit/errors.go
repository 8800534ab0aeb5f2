package audit

import "errors"

// What callers branch on.
var (
	// ErrHeld: another process writes this record.
	ErrHeld = errors.New("another cockpit holds this session")
	// ErrForked: a copy of this record was gone on with elsewhere.
	ErrForked = errors.New("another copy of this session goes on from the same entry")
	// ErrFenced: a write failed earlier; this log accepts nothing any more.
	ErrFenced = errors.New("audit log is fenced")
	// ErrClosed: the log was closed or released.
	ErrClosed = errors.New("audit log is closed")
	// ErrEnded: the record holds session.close; nothing can follow it.
	ErrEnded = errors.New("the session of this record has ended")
	// ErrExists: the directory holds a record already.
	ErrExists = errors.New("a record exists here")
	// ErrBroken: the record does not check; verify says what and where.
	ErrBroken = errors.New("the record is broken")
	// ErrSecret: the line holds a secret in clear and was not written.
	ErrSecret = errors.New("the line contains a secret")
)

// Error says what was tried, on what, why it failed, and what to do now.
type Error struct {
	Op     string
	Object string
	Err    error
	Next   string
}

func (e *Error) Error() string { return e.Op + ": " + e.Object + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// NextMove is one sentence for the person at the keyboard, or nothing.
func (e *Error) NextMove() string { return e.Next }
