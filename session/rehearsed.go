package session

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// Rehearsed is one window that was really walked: how long clients were held.
type Rehearsed struct {
	Book string // digest of the runbook
	Took time.Duration
}

// mostRehearsals bounds how many records are read before a session starts; the
// newest ones are nearest to tonight.
const mostRehearsals = 20

// RehearsedIn reads the windows that the records in a folder tell of, newest
// record first. Records of other runbooks, and those that no longer hold
// together, are left out: they predict nothing. A folder that is not there holds
// no rehearsal; that is no error.
func RehearsedIn(folder string, book *runbooks.Runbook, stepwise bool) ([]Rehearsed, error) {
	dirs, err := os.ReadDir(folder)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read rehearsals: %w", err)
	}
	var out []Rehearsed
	for i := len(dirs) - 1; i >= 0 && len(out) < mostRehearsals; i-- {
		dir := filepath.Join(folder, dirs[i].Name())
		if !of(dir, book) {
			continue
		}
		rec, err := audit.Load(dir)
		if err != nil {
			continue
		}
		if took, ok := windowOf(rec, book, stepwise); ok {
			out = append(out, Rehearsed{Book: book.Digest, Took: took})
		}
	}
	return out, nil
}

// headBytes of a record hold the line that names its runbook.
const headBytes = 256 << 10

// of is a look at the head of a record before the whole of it is checked, which
// takes long where there are many: does it name this runbook at all?
func of(dir string, book *runbooks.Runbook) bool {
	f, err := os.Open(filepath.Join(dir, "0001.jsonl"))
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // it was only read
	head, err := io.ReadAll(io.LimitReader(f, headBytes))
	return err == nil && bytes.Contains(head, []byte(book.Digest))
}

// windowOf folds a record up to the moment at which writes were open on the
// other side.
func windowOf(rec audit.Record, book *runbooks.Runbook, stepwise bool) (time.Duration, bool) {
	st := steps.New(book, stepwise)
	for _, e := range rec.Entries {
		b, err := entries.Types().Decode(e)
		if err != nil {
			return 0, false
		}
		if p, ok := b.(entries.StepPlan); ok && !strings.Contains(p.Plan, book.Digest) {
			return 0, false
		}
		st = steps.Apply(st, steps.Event{Meta: e.Meta, Seq: e.Seq, At: e.Time, Body: b})
		if st.Opened {
			return st.Freeze.Elapsed, st.Freeze.Elapsed > 0
		}
	}
	return 0, false
}
