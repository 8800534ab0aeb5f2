package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Emergency is what is written when the record cannot be: a file on another
// path, one JSON object a line, each on disk before Write returns. It claims no
// chain and no seal; the record that goes on vouches for its bytes by their hash.
type Emergency struct {
	l     *Log
	file  *os.File
	n     int
	bad   error // first error; nothing is written behind it
	lines int
	tell  func(EmergencyLine)
}

// EmergencyLine is a line of an emergency file that is on disk, for whoever keeps
// it elsewhere too.
type EmergencyLine struct {
	Origin string
	File   int // number of the file, from 1
	Line   int // number of the line, from 1
	Raw    []byte
}

// Tell says who hears of each line once it is on disk. f must not wait.
func (e *Emergency) Tell(f func(EmergencyLine)) { e.tell = f }

// emergencyLine is one object of the file, keys in this order.
type emergencyLine struct {
	V         int             `json:"v"`
	Emergency int             `json:"emergency"`
	Sid       string          `json:"sid"`
	Seg       int64           `json:"seg"`
	After     int64           `json:"after"` // seq of the last line of the record that is acknowledged
	TS        string          `json:"ts"`
	Type      string          `json:"type"`
	By        string          `json:"by"`
	Step      string          `json:"step,omitempty"`
	Attempt   int64           `json:"attempt,omitempty"`
	Target    string          `json:"target,omitempty"`
	OK        *bool           `json:"ok"`
	Body      json.RawMessage `json:"body"`
}

// Emergency opens the next emergency file of this session in dir. It refuses
// while the record can be written: there is one record, not two.
func (l *Log) Emergency(dir string) (*Emergency, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault == nil || errors.Is(l.fault, ErrClosed) {
		return nil, errors.New("bug: emergency file asked for while the record is good")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, &Error{Op: "open emergency file", Object: dir, Err: err}
	}
	for n := 1; ; n++ {
		f, err := os.OpenFile(filepath.Join(dir, emergencyName(l.o.Sid, n)), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
		switch {
		case errors.Is(err, fs.ErrExist):
			continue
		case err != nil:
			return nil, &Error{Op: "open emergency file", Object: dir, Err: err}
		}
		if err := syncDir(dir); err != nil {
			return nil, errors.Join(&Error{Op: "open emergency file", Object: dir, Err: err}, f.Close())
		}
		return &Emergency{l: l, file: f, n: n}, nil
	}
}

func emergencyName(sid string, n int) string { return fmt.Sprintf("%s-emergency-%d.jsonl", sid, n) }

// Write adds one line, durable when it returns. What the record would refuse or
// withhold for a secret in it is refused or withheld here too.
func (e *Emergency) Write(at time.Time, m Meta, body Body) error {
	e.l.mu.Lock()
	defer e.l.mu.Unlock()
	if e.bad != nil {
		return e.bad
	}
	raw, err := encodeBody(body, e.l.o.Types)
	if err != nil {
		return fmt.Errorf("compose %s: %w", body.Type(), err)
	}
	entry := Entry{Seq: e.l.seq, Prev: e.l.prev, Sid: e.l.o.Sid, Seg: e.l.seg, Time: at.UTC().Truncate(time.Microsecond), Type: body.Type(), Meta: m, Body: raw}
	text, err := entry.encode(e.l.o.Types)
	if err != nil {
		return fmt.Errorf("compose %s: %w", entry.Type, err)
	}
	if _, err := e.l.scan(&entry, text, e.l.o.Types[entry.Type]); err != nil {
		return err
	}
	line, err := json.Marshal(emergencyLine{V: 1, Emergency: e.n, Sid: entry.Sid, Seg: entry.Seg, After: e.l.seq - 1, TS: entry.Time.Format(time.RFC3339Nano),
		Type: entry.Type, By: m.By, Step: m.Step, Attempt: m.Attempt, Target: m.Target, OK: m.OK, Body: entry.Body})
	if err != nil {
		return fmt.Errorf("compose %s: %w", entry.Type, err)
	}
	if _, err = e.file.Write(append(line, '\n')); err == nil {
		err = e.file.Sync()
	}
	if err != nil {
		e.bad = &Error{Op: "write emergency file", Object: e.file.Name(), Err: err}
		return e.bad
	}
	if e.lines++; e.tell != nil {
		e.tell(EmergencyLine{Origin: e.l.o.Origin, File: e.n, Line: e.lines, Raw: append(line, '\n')})
	}
	return nil
}

// Name is the path of the file.
func (e *Emergency) Name() string { return e.file.Name() }

// Close closes the file. It is never deleted by us.
func (e *Emergency) Close() error { return e.file.Close() }

// EmergencyFile is one that was left by a process whose record failed.
type EmergencyFile struct {
	Name     string // path
	Content  []byte
	SHA256   string
	From, To time.Time // of its first and its last whole line
	Lines    []EmergencyEntry
}

// EmergencyEntry is one line of an emergency file. Nothing proves it but the
// file itself: it tells a person what to look for, it decides nothing.
type EmergencyEntry struct {
	Time time.Time
	Type string
	Meta Meta
	Body json.RawMessage
}

// ReadEmergencies gives the emergency files of a session, oldest first. A last
// line that was not written to its end is left out; its bytes are in Content.
func ReadEmergencies(dir, sid string) ([]EmergencyFile, error) {
	var out []EmergencyFile
	for n := 1; ; n++ {
		name := filepath.Join(dir, emergencyName(sid, n))
		content, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			return out, nil
		}
		if err != nil {
			return out, &Error{Op: "read emergency file", Object: name, Err: err}
		}
		sum := sha256.Sum256(content)
		f := EmergencyFile{Name: name, Content: content, SHA256: hex.EncodeToString(sum[:])}
		for _, line := range slices.Collect(bytes.Lines(content)) {
			var x emergencyLine
			dec := json.NewDecoder(strings.NewReader(string(line)))
			dec.DisallowUnknownFields()
			at := time.Time{}
			if err = dec.Decode(&x); err == nil {
				at, err = time.Parse(time.RFC3339Nano, x.TS)
			}
			if err != nil || x.Sid != sid {
				break
			}
			f.Lines = append(f.Lines, EmergencyEntry{Time: at, Type: x.Type, Meta: Meta{By: x.By, Step: x.Step, Attempt: x.Attempt, Target: x.Target, OK: x.OK}, Body: x.Body})
			if f.From.IsZero() {
				f.From = at
			}
			f.To = at
		}
		out = append(out, f)
	}
}
