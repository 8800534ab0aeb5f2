package session

import (
	"encoding/json"
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

var hexSum = regexp.MustCompile(`^[0-9a-f]{64}$`)

const (
	exportNote     = "export-*.json" // the files of LeaveExport
	maxExportNote  = 64 << 10
	maxExportNotes = 100 // taken in at a time
	maxExportWord  = 200
)

// LeaveExport lays the note of an export beside the record in dir.
func LeaveExport(dir string, x Exported) error {
	data, err := json.Marshal(x)
	if err != nil {
		return err
	}
	folder := filepath.Join(dir, requestsDir)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(folder, ".export-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(folder, "export-"+x.SHA256[:16]+".json"))
	}
	return err
}

// takeExports writes into the record what was handed out of it. What is no note of
// an export is taken away: whoever can write here could leave anything.
func (s *Session) takeExports() {
	if s.cfg.Standby != nil {
		return // a dead-man does one thing
	}
	files, err := filepath.Glob(filepath.Join(s.cfg.Dir, requestsDir, exportNote))
	if err != nil {
		return // the pattern is ours
	}
	for _, f := range files[:min(len(files), maxExportNotes)] {
		x, ok := readExport(f)
		if !ok {
			s.debug("not a note of an export", "file", f)
		} else if !s.exported(x) {
			return // the record takes nothing now; it stays for the next time
		}
		if err := os.Remove(f); err != nil {
			s.debug("take away the note of an export", "file", f, "err", err)
			return
		}
	}
}

func readExport(file string) (x Exported, ok bool) {
	info, err := os.Lstat(file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxExportNote {
		return x, false
	}
	data, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(data, &x) != nil {
		return x, false
	}
	short := func(s string) bool { return s != "" && len(s) <= maxExportWord }
	return x, hexSum.MatchString(x.SHA256) && short(x.By) && short(x.Format) && short(x.To)
}

func (s *Session) exported(x Exported) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.leaving != "" || s.state.Result != "" || s.log.Fault() != nil {
		return false
	}
	_, err := s.commit(steps.Event{Meta: audit.Meta{By: x.By}, Body: entries.ExportCreated{Format: x.Format, SHA256: x.SHA256, To: x.To, Redacted: x.Redacted}})
	return err == nil
}
