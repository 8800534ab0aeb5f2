package session

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"regexp"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/steps"
)

// Exported says what was handed out of a record while its session is open. Only
// the cockpit may write into the record, so the one who exports leaves this beside
// it; the cockpit takes it in within a second, a suspended session when it is
// resumed.
type Exported struct {
	By       string  `json:"by"`
	Format   string  `json:"format"`
	SHA256   string  `json:"sha256"`
	To       string  `json:"to"`
	Redacted []int64 `json:"redacted"`
}

// Looked says that values of the data were on a screen beside the cockpit's while
// its session is open, and holds none of them. It comes into the record as an
// Exported does.
type Looked struct {
	By   string `json:"by"`
	What string `json:"what"`
	Rows int64  `json:"rows"`
}

var hexSum = regexp.MustCompile(`^[0-9a-f]{64}$`)

const (
	exportNote = "export-*.json" // the files of LeaveExport
	lookNote   = "look-*.json"   // the files of LeaveLook
	maxNote    = 64 << 10
	maxNotes   = 100 // taken in at a time
	maxWord    = 400
)

// LeaveExport lays the note of an export beside the record in dir.
func LeaveExport(dir string, x Exported) error {
	return leaveNote(dir, "export-"+x.SHA256[:16]+".json", x)
}

// LeaveLook lays the note of a look at values beside the record in dir. Whoever
// shows values does so after it has returned.
func LeaveLook(dir string, x Looked) error {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, os.Getpid(), x) // never fails; looks of one process differ by what they saw
	return leaveNote(dir, fmt.Sprintf("look-%016x.json", h.Sum64()), x)
}

func leaveNote(dir, name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	folder := filepath.Join(dir, requestsDir)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(folder, ".note-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(folder, name))
	}
	return err
}

// takeNotes writes into the record what was handed out of it, and what was looked
// at beside it. What is no such note is taken away: whoever can write here could
// leave anything.
func (s *Session) takeNotes() {
	if s.cfg.Standby != nil {
		return // a dead-man does one thing
	}
	s.takeEach(exportNote, readExport)
	s.takeEach(lookNote, readLook)
}

func (s *Session) takeEach(pattern string, read func(file string) (by string, b audit.Body, ok bool)) {
	files, err := filepath.Glob(filepath.Join(s.cfg.Dir, requestsDir, pattern))
	if err != nil {
		return // the pattern is ours
	}
	for _, f := range files[:min(len(files), maxNotes)] {
		by, b, ok := read(f)
		if !ok {
			s.debug("not a note for the record", "file", f)
		} else if !s.noted(by, b) {
			return // the record takes nothing now; it stays for the next time
		}
		if err := os.Remove(f); err != nil {
			s.debug("take away a note", "file", f, "err", err)
			return
		}
	}
}

// readNote reads a file of leaveNote.
func readNote(file string, v any) bool {
	info, err := os.Lstat(file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxNote {
		return false
	}
	data, err := os.ReadFile(file)
	return err == nil && json.Unmarshal(data, v) == nil
}

func word(s string) bool { return s != "" && len(s) <= maxWord }

func readExport(file string) (string, audit.Body, bool) {
	var x Exported
	ok := readNote(file, &x) && hexSum.MatchString(x.SHA256) && word(x.By) && word(x.Format) && word(x.To)
	return x.By, entries.ExportCreated{Format: x.Format, SHA256: x.SHA256, To: x.To, Redacted: x.Redacted}, ok
}

func readLook(file string) (string, audit.Body, bool) {
	var x Looked
	ok := readNote(file, &x) && word(x.By) && word(x.What) && x.Rows > 0
	return x.By, entries.ViewDetail{What: x.What, Rows: x.Rows}, ok
}

func (s *Session) noted(by string, b audit.Body) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.leaving != "" || s.state.Result != "" || s.log.Fault() != nil {
		return false
	}
	_, err := s.commit(steps.Event{Meta: audit.Meta{By: by}, Body: b})
	return err == nil
}
