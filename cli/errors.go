package cli

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

var errNotFolder = errors.New("not a folder")

// exitError ends the program with a status. A nil err means that the verb has
// already said everything.
type exitError struct {
	code int
	err  error
}

// Error returns the cause.
func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

// Unwrap returns the cause.
func (e *exitError) Unwrap() error { return e.err }

// exit ends the verb with a status; err may be nil.
func exit(code int, err error) error {
	if code == ExitOK && err == nil {
		return nil
	}
	return &exitError{code: code, err: err}
}

// usage ends the verb with the status for a command line that makes no sense.
func usage(next, format string, args ...any) error {
	return exit(ExitUsage, nextMove(fmt.Errorf(format, args...), next))
}

// hinted adds a next move to an error that has none.
type hinted struct {
	error
	next string
}

// Unwrap returns the error without the hint.
func (h hinted) Unwrap() error { return h.error }

// NextMove returns the sentence for the person at the keyboard.
func (h hinted) NextMove() string { return h.next }

func nextMove(err error, next string) error { return hinted{err, next} }

// print writes the error and, below it, the outermost next move of its chain.
func (a *App) print(err error) {
	var s strings.Builder
	fmt.Fprintf(&s, "turquoise: %s\n", clean(err.Error()))
	var move interface{ NextMove() string }
	if errors.As(err, &move) && move.NextMove() != "" {
		fmt.Fprintf(&s, "next: %s\n", clean(move.NextMove()))
	}
	// There is nobody left to tell if this fails; the exit status still speaks.
	_, _ = fmt.Fprint(a.Err, s.String())
}

// clean keeps a server's or a file's text from steering the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return '\uFFFD'
		}
		return r
	}, strings.TrimRight(s, "\n"))
}
