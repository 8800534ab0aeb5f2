package engines

// Error says what was tried, on what, why it failed, and what to do now.
type Error struct {
	Op     string // "read replication lag"
	Object string // "green (orders-green:5432/orders)"
	Err    error
	Next   string // one imperative sentence for the person at the keyboard; empty if there is nothing to do
}

// Error returns operation, object and cause in one line.
func (e *Error) Error() string {
	s := e.Op
	if e.Object != "" {
		s += ": " + e.Object
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// NextMove returns the sentence for the person at the keyboard.
func (e *Error) NextMove() string { return e.Next }
