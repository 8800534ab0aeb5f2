package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"
)

// Followed is how far somebody outside has read a record while it was written:
// all that is needed to tell whether further lines go on from there.
type Followed struct {
	Origin string   `json:"origin"`
	Sid    string   `json:"sid"`
	Seg    int64    `json:"seg"`
	Size   int64    `json:"size"` // lines read
	Leaf   string   `json:"leaf"` // of the last of them
	Time   string   `json:"time"`
	Mono   int64    `json:"mono"`
	Peaks  []string `json:"peaks"` // of the tree
	Key    string   `json:"key"`   // in force
	Closed int64    `json:"closed"`

	Standby *StandbyKey `json:"standby,omitempty"` // endorsed, and not used yet
	StoodIn bool        `json:"stood_in,omitempty"`
}

// ErrRewritten: the lines do not go on from what was followed before.
var ErrRewritten = errors.New("not an extension of what I have seen: history was rewritten")

// Follow reads lines that were written after what was followed before, the last
// of them a seal. They are held to the same form, chain, keys and seals as by
// Verify; the rules of the procedure are left to it. It gives the head that the
// seal signs.
func Follow(was Followed, o VerifyOptions, lines []byte) (Followed, Head, error) {
	w, err := was.walker(o)
	if err != nil {
		return was, Head{}, err
	}
	for line := range bytes.Lines(lines) {
		raw, whole := bytes.CutSuffix(line, []byte("\n"))
		e, body, err := parseLine(raw, o.Types)
		if err == nil && !whole {
			err = errForm
		}
		if err != nil {
			return was, Head{}, fmt.Errorf("line behind entry %d: %w", w.last.Seq, err)
		}
		if w.count == was.Size && w.count > 0 && (e.Seq != w.count || e.Prev != was.Leaf) {
			return was, Head{}, fmt.Errorf("%w (at size %d)", ErrRewritten, was.Size)
		}
		var torn *Torn
		if e.Seg == w.seg+1 { // the torn bytes themselves are not handed on
			w.seg, w.inSeg = e.Seg, 0
			torn = peekKeyBody(e).Torn
		}
		w.goodLine(e, body, raw, torn)
		if f := w.firstBreak(); f != nil {
			return was, Head{}, fmt.Errorf("entry %d: %s: %s", e.Seq, f.Code, f.Msg)
		}
	}
	if w.count == was.Size || w.last.Type != typeSeal || w.sealed != w.count {
		return was, Head{}, errors.New("the lines do not end with a seal")
	}
	return w.followed(), w.head, nil
}

type noFiles struct{}

func (noFiles) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
}

func (f Followed) walker(o VerifyOptions) (*walker, error) {
	o.Judge, o.Vouches = nil, nil
	w := newWalker(noFiles{}, o)
	w.seg, w.inSeg = 1, 0
	if f.Size == 0 {
		return w, nil
	}
	at, err := time.Parse(timeLayout, f.Time)
	if err != nil {
		return nil, fmt.Errorf("read what was followed: %w", err)
	}
	leaves, err := hashes(append(slices.Clone(f.Peaks), f.Leaf))
	if err != nil {
		return nil, fmt.Errorf("read what was followed: %w", err)
	}
	if w.keys.force, err = parseVKey(f.Key); err != nil {
		return nil, fmt.Errorf("read what was followed: %w", err)
	}
	w.origin, w.sid, w.seg, w.inSeg = f.Origin, f.Sid, f.Seg, 1
	w.count, w.sealed, w.closedAt = f.Size, f.Size, f.Closed
	w.last = Entry{Seq: f.Size - 1, Time: at, Mono: f.Mono, Type: typeSeal, Leaf: leaves[len(leaves)-1]}
	w.tree = tree{peaks: leaves[:len(leaves)-1], size: f.Size}
	w.people.standby, w.people.stoodIn = f.Standby, f.StoodIn
	return w, nil
}

func (w *walker) followed() Followed {
	f := Followed{Origin: w.origin, Sid: w.sid, Seg: w.seg, Size: w.count, Leaf: w.last.Leaf.String(),
		Time: w.last.Time.Format(timeLayout), Mono: w.last.Mono, Key: w.keys.force.text, Closed: w.closedAt,
		Standby: w.people.standby, StoodIn: w.people.stoodIn}
	for _, p := range w.tree.peaks {
		f.Peaks = append(f.Peaks, p.String())
	}
	return f
}

func hashes(texts []string) ([]Hash, error) {
	out := make([]Hash, len(texts))
	for i, t := range texts {
		var err error
		if out[i], err = ParseHash(t); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// RawLines gives the bytes of entries from to size-1 as they stand in dir, with
// their line feeds and without what crashes have left between them.
func RawLines(dir string, from, size int64) ([]byte, error) {
	root := os.DirFS(dir)
	names, err := segmentNames(root)
	if err != nil {
		return nil, err
	}
	var out []byte
	next := from
	for _, name := range names {
		f, err := root.Open(name)
		if err != nil {
			return nil, err
		}
		r := newLineReader(f)
		for next < size {
			line, _, whole, err := r.next()
			if err != nil {
				break // the end of this file, or what its close will say
			}
			head := fmt.Appendf(nil, `{"v":%d,"seq":%d,`, Version, next)
			if !whole || !bytes.HasPrefix(line, head) {
				continue
			}
			if _, _, err := parseLine(line, nil); err == nil {
				out = append(append(out, line...), '\n')
				next++
			}
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	if next != size {
		return nil, &Error{Op: "read record", Object: dir, Err: fmt.Errorf("entry %d is not there", next), Next: "run turquoise verify " + dir}
	}
	return out, nil
}
