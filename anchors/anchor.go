package anchors

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/turquoise-db/turquoise/audit"
)

// Point is what is taken outside: a sealed head and the record it is of.
type Point struct {
	Dir  string // of the record
	Sid  string
	Head audit.Head
}

// Receipt is what somebody outside gave for a head.
type Receipt struct {
	Kind   string // one of audit's kinds of anchors
	Name   string // who gave it
	At     time.Time
	Size   int64  // of the head
	File   string // relative to the record
	SHA256 string // of the file, in hex
	Detail map[string]string
}

// Anchor takes heads to one place outside. Take is called for one head at a
// time, in order; heads that pile up while it works are left out, for a later
// head covers them.
type Anchor interface {
	Kind() string
	Name() string
	// Take gives the zero Receipt where there was nothing to take.
	Take(ctx context.Context, p Point) (Receipt, error)
}

// Keeper is an Anchor that also keeps lines of an emergency file: what is written
// while the record cannot be. No receipt is written of them; verify compares them
// with the file that the record took in.
type Keeper interface {
	Keep(ctx context.Context, e Emergency) error
}

// Emergency is a run of lines of one emergency file.
type Emergency struct {
	Sid, Origin string
	File, First int // numbers of the file and of the first line, from 1
	Lines       []byte
}

// Error says which anchor failed at what, and what to do.
type Error struct {
	Op     string
	Object string
	Err    error
	Next   string
}

func (e *Error) Error() string { return e.Op + ": " + e.Object + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// NextMove is one sentence for the person at the keyboard, or nothing.
func (e *Error) NextMove() string { return e.Next }

// path of a file in anchors/, made if the folder is missing.
func (p Point) path(name string) (string, error) {
	dir := filepath.Join(p.Dir, "anchors")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return filepath.Join(dir, name), nil
}

// keep writes a file whole or not at all, durable before it returns.
func keep(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
