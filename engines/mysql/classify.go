package mysql

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-sql-driver/mysql"

	"github.com/turquoise-db/turquoise/engines"
)

var (
	errDSN     = errors.New("not a connection string")
	errDriver  = errors.New("the driver's connection lacks an ability")
	errLost    = errors.New("connection lost")
	errVersion = errors.New("the server's version cannot be read")
	errLogBin  = errors.New("the session's changes are not logged as they should be")
	errRow     = errors.New("no answer row")
	errColumn  = errors.New("the answer has no such column")
	errNumber  = errors.New("the server's answer is not a number")
)

// ServerError is a server's refusal without the parts that may carry row values
// or secrets: its message only where that names objects and states alone.
type ServerError struct {
	Number  uint16
	State   string // SQLSTATE
	Message string
	Dropped bool // the server said more than is kept
}

// SQLState is the state that the server gives beside its number. Many numbers
// share one.
func (e *ServerError) SQLState() string { return e.State }

// Fields are what the record keeps beside the state.
func (e *ServerError) Fields() map[string]string {
	return map[string]string{"number": strconv.Itoa(int(e.Number))}
}

// Whole reports whether all that the server said is kept.
func (e *ServerError) Whole() bool { return !e.Dropped }

func serverError(me *mysql.MySQLError, state string) *ServerError {
	m := safeMessage(me)
	return &ServerError{Number: me.Number, State: clean(state), Message: m, Dropped: m != me.Message}
}

// Error returns the message and its number.
func (e *ServerError) Error() string {
	return e.Message + " (error " + strconv.Itoa(int(e.Number)) + ", SQLSTATE " + e.State + ")"
}

// Numbers that decide something.
const (
	numDenied     = 1227 // a privilege is missing
	numUnknownVar = 1193
	numSignal     = 1644
)

// unclear are refusals after which the statement may have had its effect: an
// error of the commit, a server that goes down, a session that was ended.
func unclear(n uint16) bool {
	switch n {
	case 1180, 1053, 1079, 1927, 3169:
		return true
	}
	return false
}

// classify is cautious: what it cannot place is Unclear.
func classify(err error, sent int64) engines.Outcome {
	var se *ServerError
	switch {
	case err == nil:
		return engines.Done
	case sent == 0:
		return engines.Unsent
	case errors.As(err, &se) && !unclear(se.Number):
		return engines.Refused
	}
	return engines.Unclear
}

func isServerError(err error) bool {
	var me *mysql.MySQLError
	return errors.As(err, &me)
}

// mask keeps of an error what may be shown and recorded.
func mask(err error) error {
	var me *mysql.MySQLError
	var se *ServerError
	var ne net.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &me):
		return serverError(me, string(me.SQLState[:]))
	case errors.As(err, &se):
		return se
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &ne) && ne.Timeout():
		return context.DeadlineExceeded
	}
	for _, own := range []error{errDSN, errDriver, errVersion, errLogBin, errRow, errColumn, errNumber, errParameter, errCompared, errCut, errUnlogged, errKey} {
		if errors.Is(err, own) {
			return err
		}
	}
	return errLost
}

// safeMessage returns the server's message for the errors whose text names
// objects and states only. The rest may quote a row's value (1062 does) or the
// statement's own text (1064 does, and the text may hold a rendered secret).
func safeMessage(me *mysql.MySQLError) string {
	switch me.Number {
	case numSignal:
		if strings.HasPrefix(me.Message, "turquoise: ") {
			return clean(me.Message) // our own procedures raise with this prefix, and hold counts only
		}
	case 1064, 1149:
		return "syntax error"
	case 1007, 1008, 1044, 1045, 1046, 1049, 1050, 1051, 1053, 1054, 1060, 1061, 1091, 1094, 1095, 1109, 1141, 1142, 1143, 1146, 1180, 1184, 1193, 1198, 1200, 1201, 1205, 1213,
		1138, 1227, 1236, 1238, 1290, 1304, 1305, 1359, 1360, 1317, 1370, 1396, 1397, 1401, 1419, 1449, 1617, 1694, 1794, 1872, 1927, 1928, 1947, 1948, 1950, 1969, 1845, 1846, 2061,
		3021, 3024, 3073, 3081, 3546, 3630, 3876, 4031, 4092:
		return clean(me.Message)
	case 1062, 1586, 1859:
		return "duplicate key"
	case 1406, 1264, 1265, 1292, 1366, 1411:
		return "bad value"
	case 1451, 1452:
		return "foreign key violated"
	}
	return "server error"
}

// clean drops what could move a terminal's cursor or hide text.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.Is(unicode.C, r) || r == unicode.ReplacementChar:
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
