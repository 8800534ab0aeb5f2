package engines

import "fmt"

// KnownError is a failure on our own side of the wire, or an answer that was
// understood, with what is known of the action's effect.
type KnownError struct {
	Outcome Outcome
	Err     error
}

// Error returns the cause's text.
func (e *KnownError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *KnownError) Unwrap() error { return e.Err }

// Known says of err what it means for the action's effect.
func Known(o Outcome, err error) error { return &KnownError{o, err} }

// Refuse is an error that says why nothing was done.
func Refuse(format string, args ...any) error {
	return &KnownError{Refused, fmt.Errorf(format, args...)}
}
