package audit

import (
	"fmt"
	"os"
)

// Record is what a reader gets: all lines so far.
type Record struct {
	Sid     string
	Origin  string
	Entries []Entry
	Head    Head  // of the last good seal
	Torn    *Torn // an unfinished end; while a session runs, a line being written
	Closed  bool
}

func (w *walker) record() Record {
	return Record{Sid: w.sid, Origin: w.origin, Entries: w.entries, Head: w.head, Torn: w.torn, Closed: w.closed()}
}

// Load reads the record in dir for replay or for a viewer, without taking its
// lock. Chain and seals are checked, bodies are not decoded. A record that does
// not check is an error; an open end is not.
func Load(dir string) (Record, error) {
	w := newWalker(os.DirFS(dir), VerifyOptions{trusting: true})
	w.keep = true
	w.walk()
	if f := w.firstBreak(); f != nil {
		return w.record(), &Error{Op: "load record", Object: dir, Err: fmt.Errorf("%w: %s", ErrBroken, f),
			Next: "run turquoise verify " + dir}
	}
	return w.record(), nil
}
