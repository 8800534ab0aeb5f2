package reconcile

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"
)

// Seen is one statement or call in a server's log. It holds no parameters.
type Seen struct {
	Log    string // file
	Line   int
	At     time.Time // zero: the log names no time
	Login  string
	Text   string // with its tag, if it has one
	Failed bool

	Call, Request, Agent string // of CloudTrail: the call, its request id, and who says to have made it
	Reads                bool   // of CloudTrail: the call changed nothing
}

// Where is the place of a statement, for findings.
func (s Seen) Where() string { return fmt.Sprintf("%s:%d", filepath.Base(s.Log), s.Line) }

// Log is one file, read.
type Log struct {
	Name     string
	Target   string // server it is of; empty: told by its tags
	Kind     string // postgres, mysql, cloudtrail, pgbouncer
	Seen     []Seen
	From, To time.Time // what it covers, by its first and last line
	Strange  int       // lines in no known form
}

func (l *Log) cover(at time.Time) {
	if at.IsZero() {
		return
	}
	if l.From.IsZero() || at.Before(l.From) {
		l.From = at
	}
	if at.After(l.To) {
		l.To = at
	}
}

// longest line that is read; a longer one is an error, never cut in silence.
const longest = 16 << 20

func scanner(r io.Reader) *bufio.Scanner {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), longest)
	return s
}

// peek gives the first bytes of r and a reader of all of it.
func peek(r io.Reader, n int) ([]byte, io.Reader, error) {
	head := make([]byte, n)
	got, err := io.ReadFull(r, head)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	head = head[:got]
	return head, io.MultiReader(bytes.NewReader(head), r), err
}

// times are the forms in which the logs write a moment.
var times = []string{"2006-01-02 15:04:05.999 MST", "2006-01-02 15:04:05 MST", time.RFC3339Nano, "2006-01-02T15:04:05.999999Z", "2006-01-02 15:04:05.999-07", "2006-01-02 15:04:05.999999"}

func moment(s string) time.Time {
	s = strings.TrimSpace(s)
	for _, f := range times {
		if t, err := time.Parse(f, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
