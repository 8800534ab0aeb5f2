package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/turquoise-db/turquoise/report"
)

// film keeps what goes to a terminal as an asciicast, version 2: output only,
// never what was typed. It is an illustration, and may show data; the record holds
// its hash. A session that is taken up again goes on with the film it has.
type film struct {
	*os.File // the terminal: the screen asks it for its size
	now      func() time.Time
	label    func() string // of where the walk stands; a new one is a marker

	mu     sync.Mutex
	cast   *os.File // nil: it has ended
	began  time.Time
	w, h   int
	held   []byte // the beginning of a character whose end has not come
	marked string
	failed error
}

// newFilm films what is written to out, which must be a terminal, into file.
func newFilm(out *os.File, file, title string, now func() time.Time, label func() string) (*film, error) {
	f := &film{File: out, now: now, label: label, began: now()}
	var err error
	if f.w, f.h, err = term.GetSize(int(out.Fd())); err != nil {
		return nil, err
	}
	had, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	had = had[:bytes.LastIndexByte(had, '\n')+1] // a crash may have cut the last line
	var head struct {
		Timestamp int64 `json:"timestamp"`
	}
	if first, _, ok := bytes.Cut(had, []byte("\n")); ok && json.Unmarshal(first, &head) == nil && head.Timestamp > 0 {
		f.began = time.Unix(head.Timestamp, 0)
	} else {
		had = nil
	}
	if f.cast, err = os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, err
	}
	if err = f.cast.Truncate(int64(len(had))); err == nil {
		_, err = f.cast.Seek(0, io.SeekEnd)
	}
	if err == nil && len(had) > 0 {
		err = f.event("r", fmt.Sprintf("%dx%d", f.w, f.h))
	} else if err == nil {
		err = f.put(map[string]any{"version": 2, "width": f.w, "height": f.h, "timestamp": f.began.Unix(), "title": title + ": " + report.CastLabel})
	}
	if err != nil {
		return nil, errors.Join(err, f.cast.Close())
	}
	return f, nil
}

// Write gives b to the terminal and films it. A film that cannot be written ends;
// the screen goes on.
func (f *film) Write(b []byte) (int, error) {
	label := f.label() // asks the session, so without the lock
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cast != nil && f.failed == nil {
		f.failed = f.take(b, label)
	}
	return f.File.Write(b)
}

func (f *film) take(b []byte, label string) error {
	if w, h, err := term.GetSize(int(f.Fd())); err == nil && (w != f.w || h != f.h) {
		f.w, f.h = w, h
		if err := f.event("r", fmt.Sprintf("%dx%d", w, h)); err != nil {
			return err
		}
	}
	if label != "" && label != f.marked {
		f.marked = label
		if err := f.event("m", label); err != nil {
			return err
		}
	}
	b = append(f.held, b...)
	whole := len(b)
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if c := b[len(b)-n]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-n:]) {
				whole = len(b) - n
			}
			break
		}
	}
	f.held = append([]byte{}, b[whole:]...)
	if whole == 0 {
		return nil
	}
	return f.event("o", string(b[:whole]))
}

func (f *film) event(code, data string) error {
	at := max(f.now().Sub(f.began), 0)
	return f.put([]any{json.RawMessage(fmt.Sprintf("%d.%06d", at/time.Second, at%time.Second/time.Microsecond)), code, data})
}

func (f *film) put(v any) error {
	enc := json.NewEncoder(f.cast)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// End stops filming and gives the hash of the whole film, in hex, for the closing
// line; empty if there is no whole one. Later calls give nothing.
func (f *film) End() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cast == nil {
		return ""
	}
	h := sha256.New()
	_, err := f.cast.Seek(0, io.SeekStart)
	if err == nil {
		_, err = io.Copy(h, f.cast)
	}
	f.failed = errors.Join(f.failed, err, f.cast.Sync(), f.cast.Close())
	f.cast = nil
	if f.failed != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Failed is why the film is not whole.
func (f *film) Failed() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}
