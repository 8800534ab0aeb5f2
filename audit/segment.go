package audit

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

func segmentName(n int64) string { return fmt.Sprintf("%04d.jsonl", n) }

// segmentNames are the files of a record in their order.
func segmentNames(dir fs.FS) ([]string, error) {
	all, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range all {
		if n := e.Name(); strings.HasSuffix(n, ".jsonl") && n[0] >= '0' && n[0] <= '9' {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names, nil
}

// lineReader gives the lines of a segment one by one and never holds more than
// one of them, whatever the file is.
type lineReader struct {
	r   *bufio.Reader
	buf []byte
}

func newLineReader(r io.Reader) *lineReader { return &lineReader{r: bufio.NewReaderSize(r, 16<<10)} }

// next gives a line without its line feed, how many bytes it takes in the file,
// and whether it had a line feed. A line longer than maxLine is given cut, one
// byte too long, so that the parser refuses it. The bytes are good until the
// next call. At the end it gives io.EOF.
func (l *lineReader) next() (line []byte, size int64, whole bool, err error) {
	l.buf = l.buf[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		size += int64(len(part))
		if whole = err == nil; whole {
			part = part[:len(part)-1]
		}
		if room := maxLine + 1 - len(l.buf); room > 0 {
			l.buf = append(l.buf, part[:min(room, len(part))]...)
		}
		switch {
		case whole:
			return l.buf, size, true, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && size > 0:
			return l.buf, size, false, nil
		default:
			return nil, 0, false, err
		}
	}
}

// from opens a file and skips what stands before off.
func from(dir fs.FS, name string, off int64) (fs.File, error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	if s, ok := f.(io.Seeker); ok {
		_, err = s.Seek(off, io.SeekStart)
	} else {
		_, err = io.CopyN(io.Discard, f, off)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// tail looks at the bytes from a bad line at off to the end of the segment. A
// crash may have left them only if no finished line of a durable type stands in
// them, except as the very last: nothing is written behind a line that was not
// acknowledged. Torn is nil if somebody else must have.
func (w *walker) tail(seg, off int64) (*Torn, error) {
	f, err := from(w.dir, segmentName(seg), off)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	r := newLineReader(io.TeeReader(f, sum))
	t := &Torn{Offset: off, Segment: seg}
	finished := false // a durable line stands before
	for {
		line, size, whole, err := r.next()
		if errors.Is(err, io.EOF) {
			t.SHA256 = hex.EncodeToString(sum.Sum(nil))
			return t, nil
		}
		if err != nil {
			return nil, err
		}
		if finished {
			return nil, nil
		}
		t.Bytes += size
		finished = whole && w.durableLine(line)
	}
}

// durableLine reads leniently: any object with a durable type counts.
func (w *walker) durableLine(line []byte) bool {
	var p struct {
		Type string `json:"type"`
	}
	return len(line) <= maxLine && json.Unmarshal(line, &p) == nil && w.durable(p.Type)
}

func (w *walker) durable(name string) bool {
	if w.o.Types == nil {
		return name == typeSeal || name == typeOpen || name == typeResume || name == typeClose
	}
	return w.o.Types[name].Durable
}

// gone looks for the missing line further down, to say what was done with it.
func (w *walker) gone(seq int64) string {
	head := fmt.Appendf(nil, `{"v":%d,"seq":%d,`, Version, seq)
	names, _ := segmentNames(w.dir)
	for _, name := range names {
		if name < w.file {
			continue
		}
		f, err := w.dir.Open(name)
		if err != nil {
			continue // the walk itself says so when it comes there
		}
		found := false
		r := newLineReader(f)
		for n := 1; !found; n++ {
			line, _, _, err := r.next()
			if err != nil {
				break
			}
			found = (name != w.file || n > w.line) && bytes.HasPrefix(line, head)
		}
		_ = f.Close() // read only
		if found {
			return "reordered"
		}
	}
	return "removed"
}
