package postgres

import (
	"context"
	"errors"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/turquoise-db/turquoise/engines"
)

var (
	errDSN  = errors.New("not a PostgreSQL connection string")
	errLost = errors.New("connection lost")
	errAuth = errors.New("no connection")
)

// ServerError is a server's refusal without the parts that may carry row values
// or secrets: no detail, no context, no query, and a message only where its
// class has none.
type ServerError struct {
	Code     string // SQLSTATE
	Severity string // ERROR, FATAL, PANIC
	Message  string
	Dropped  bool // the server said more than is kept
}

// SQLState is the code of the error (SQL standard, PostgreSQL appendix A).
func (e *ServerError) SQLState() string { return e.Code }

// Whole reports whether all that the server said is kept.
func (e *ServerError) Whole() bool { return !e.Dropped }

// Error returns the message and its SQLSTATE.
func (e *ServerError) Error() string { return e.Message + " (SQLSTATE " + e.Code + ")" }

// unclearCodes are errors that say nothing about the statement's effect.
// 40003 is statement completion unknown.
func unclearCode(code string) bool { return code == "40003" }

// classify is cautious: what it cannot place is Unclear. FATAL too, for it may
// follow a commit that waits for a replica.
func classify(err error, sent int64) engines.Outcome {
	var se *ServerError
	switch {
	case err == nil:
		return engines.Done
	case sent == 0:
		return engines.Unsent
	case errors.As(err, &se) && se.Severity == "ERROR" && !unclearCode(se.Code):
		return engines.Refused
	}
	return engines.Unclear
}

// mask keeps of an error what may be shown and recorded.
func mask(err error) error {
	if err == nil {
		return nil
	}
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return maskServer(pe)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case pgconn.Timeout(err):
		return context.DeadlineExceeded
	}
	var ce *pgconn.ConnectError
	if errors.As(err, &ce) {
		return errAuth
	}
	return errLost
}

func maskServer(pe *pgconn.PgError) *ServerError {
	sev := pe.SeverityUnlocalized
	if sev == "" {
		sev = pe.Severity
	}
	m := safeMessage(pe)
	more := m != pe.Message || pe.Detail != "" || pe.Hint != "" || pe.Where != "" || pe.InternalQuery != ""
	return &ServerError{Code: pe.Code, Severity: sev, Message: m, Dropped: more}
}

// safeMessage returns the server's message for the classes whose messages name
// objects and states only. The rest may quote a value (22P02 does) or the
// statement's own text (42601 does, and the text may hold a rendered secret).
func safeMessage(pe *pgconn.PgError) string {
	if len(pe.Code) != 5 {
		return "server error"
	}
	// Our own statements raise with this prefix, and hold counts only.
	if pe.Code == "P0001" && strings.HasPrefix(pe.Message, "turquoise: ") {
		return clean(pe.Message)
	}
	if pe.Code == "42601" {
		return "syntax error"
	}
	switch pe.Code[:2] {
	case "08", "0A", "25", "28", "3D", "3F", "40", "42", "53", "54", "55", "57":
		return clean(pe.Message)
	case "22":
		return "bad value" + names(pe)
	case "23":
		return "constraint violated" + names(pe)
	}
	return "server error" + names(pe)
}

func names(pe *pgconn.PgError) string {
	s := ""
	for _, p := range []struct{ what, name string }{
		{"table", pe.SchemaName + "." + pe.TableName}, {"column", pe.ColumnName}, {"constraint", pe.ConstraintName},
	} {
		if p.name != "" && p.name != "." {
			s += ", " + p.what + " " + clean(p.name)
		}
	}
	return s
}

// clean drops what could move a terminal's cursor or hide text.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.Is(unicode.C, r):
			return -1
		}
		return r
	}, s)
	const most = 400 // a message longer than the card's width times five is noise
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return s
}
