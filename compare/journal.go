package compare

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/engines"
)

// Journal keeps the verdicts of parts in a file, so that a comparison that was
// interrupted goes on where it was. It holds keys, no values.
type Journal struct {
	path string
	file *os.File
	seen map[string]map[int]found
	old  int // verdicts of an earlier run
}

// header says what the verdicts below are about. Another server, another shape
// of a table or another strength makes them worthless.
type header struct {
	Blue, Green string
	Strength    engines.Strength
	Tables      []headed
}

type headed struct {
	Table, RowHash string
	Parts          []engines.Part
}

type line struct {
	Table string
	Part  int
	Found found
}

var errJournal = errors.New("it is about other servers or tables")

// NewJournal names the file; it is made when the comparison begins.
func NewJournal(file string) *Journal { return &Journal{path: file} }

// open reads what an earlier run left, or begins a new file.
func (j *Journal) open(r *runner) error {
	if j == nil {
		return nil
	}
	fail := func(err error, next string) error {
		return &engines.Error{Op: "open the state of the comparison", Object: j.path, Err: err, Next: next}
	}
	old, err := os.ReadFile(j.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fail(err, "name a file that can be read and written")
	}
	keep := 0
	if len(old) > 0 {
		if keep, err = j.load(r, old); err != nil {
			return fail(err, "name another file, or remove this one to begin anew")
		}
	}
	if j.file, err = os.OpenFile(filepath.Clean(j.path), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return fail(err, "name a file that can be written")
	}
	// A line that a crash cut off is not a verdict.
	if err := j.file.Truncate(int64(keep)); err != nil {
		return fail(err, "")
	}
	if _, err := j.file.Seek(int64(keep), 0); err != nil {
		return fail(err, "")
	}
	if keep == 0 {
		return j.put(r.header())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Notes = append(r.report.Notes, tablediff.NoteReport{Object: "parts", Why: fmt.Sprintf("%d were read by an earlier run and are as of then", j.old)})
	return nil
}

func (r *runner) header() header {
	h := header{Blue: r.report.Blue.Server, Green: r.report.Green.Server, Strength: r.o.Strength}
	for _, t := range r.tables {
		h.Tables = append(h.Tables, headed{t.Label(), t.RowHash, t.parts})
	}
	return h
}

// load takes over whole lines and says how many bytes they are.
func (j *Journal) load(r *runner, old []byte) (int, error) {
	j.seen = map[string]map[int]found{}
	at, first := 0, true
	sc := bufio.NewReader(bytes.NewReader(old))
	for {
		raw, err := sc.ReadBytes('\n')
		if err != nil {
			return at, nil
		}
		if first {
			var h header
			if err := json.Unmarshal(raw, &h); err != nil {
				return 0, errJournal
			}
			if err := r.adopt(h); err != nil {
				return 0, err
			}
			first = false
		} else {
			var l line
			if err := json.Unmarshal(raw, &l); err != nil {
				return at, nil
			}
			if j.seen[l.Table] == nil {
				j.seen[l.Table] = map[int]found{}
			}
			j.seen[l.Table][l.Part] = l.Found
			j.old++
		}
		at += len(raw)
	}
}

// adopt takes the parts of the earlier run: statistics may have moved since.
func (r *runner) adopt(h header) error {
	is := r.header()
	if len(h.Tables) != len(is.Tables) || h.Blue != is.Blue || h.Green != is.Green || h.Strength != is.Strength {
		return errJournal
	}
	for i, t := range h.Tables {
		if t.Table != is.Tables[i].Table || t.RowHash != is.Tables[i].RowHash {
			return errJournal
		}
		if !reflect.DeepEqual(t.Parts, r.tables[i].parts) {
			r.tables[i].parts = t.Parts
			r.tables[i].report.Parts, r.tables[i].left = len(t.Parts), len(t.Parts)
		}
	}
	return nil
}

// done reports whether a part has a verdict, and takes it over.
func (j *Journal) done(r *runner, t *table, part int) bool {
	if j == nil {
		return false
	}
	f, ok := j.seen[t.Label()][part]
	if ok {
		if part == whole {
			t.left = 1
		}
		r.apply(t, f)
		r.prog.Rows += f.Blue
	}
	return ok
}

func (j *Journal) write(at job, f found) error {
	if j == nil {
		return nil
	}
	return j.put(line{at.t.Label(), at.i, f})
}

func (j *Journal) put(v any) error {
	b, err := json.Marshal(v)
	if err == nil {
		_, err = j.file.Write(append(b, '\n'))
	}
	if err != nil {
		return &engines.Error{Op: "keep the state of the comparison", Object: j.path, Err: err, Next: "free the disk, then run it again"}
	}
	return nil
}

// Close ends the file. Remove takes it away: the comparison came to its end.
func (j *Journal) Close(remove bool) error {
	if j == nil || j.file == nil {
		return nil
	}
	err := j.file.Close()
	if remove {
		err = errors.Join(err, os.Remove(j.path))
	}
	return err
}
