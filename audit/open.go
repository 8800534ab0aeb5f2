package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

var (
	sidForm    = regexp.MustCompile(`^[0-9]{8}-[a-z0-9]+(-[a-z0-9]+)*-[0-9a-f]{4}$`)
	originForm = regexp.MustCompile(`^[A-Za-z0-9.:_-]+/turquoise/[a-z0-9-]+$`)
)

// maxSid keeps turquoise-<sid> within what servers accept as a program name.
const maxSid = 38

// Recovery is what Resume found in the record.
type Recovery struct {
	Record  Record
	Torn    *Torn   // the torn end that the new segment names
	InDoubt []Entry // intents without a settled outcome, oldest first
	// Suspended says that the last segment ended on purpose.
	Suspended bool
}

// Create starts a record in dir: lock, first line, first seal. dir is made if it
// is missing. The file gets its name only when its first seal is on disk, so
// there is never a record without a sealed beginning.
func Create(dir string, o Options) (*Log, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, &Error{Op: "create record", Object: dir, Err: err}
	}
	l, err := lockLog(dir, o)
	if err != nil {
		return nil, err
	}
	names, err := segmentNames(os.DirFS(dir))
	if err == nil && len(names) > 0 {
		err = &Error{Op: "create record", Object: dir, Err: ErrExists, Next: "resume it, or choose another directory"}
	}
	if err == nil {
		l.seg, l.prev = 1, zeroPrev
		err = l.openSegment(nil)
	}
	if err != nil {
		return nil, errors.Join(err, l.abandon())
	}
	return l, nil
}

// Resume goes on with the record in dir in a new segment. It checks the whole
// record first, as verify does, and refuses one that does not check. A torn end
// is named, never cut off.
func Resume(dir string, o Options) (*Log, Recovery, error) {
	if err := o.fill(); err != nil {
		return nil, Recovery{}, err
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, Recovery{}, &Error{Op: "resume record", Object: dir, Err: err}
	}
	l, err := lockLog(dir, o)
	if err != nil {
		return nil, Recovery{}, err
	}
	rec, err := l.recover()
	if err == nil {
		err = l.openSegment(&rec)
	}
	if err != nil {
		return nil, rec, errors.Join(err, l.abandon())
	}
	return l, rec, nil
}

func (o *Options) fill() error {
	switch {
	case o.Now == nil || o.Mono == nil || o.Rand == nil || o.First == nil || len(o.Types) == 0:
		return errors.New("bug: audit options are incomplete")
	case !sidForm.MatchString(o.Sid) || len(o.Sid) > maxSid:
		return fmt.Errorf("session id %q is not of the form YYYYMMDD-name-xxxx", o.Sid)
	case !originForm.MatchString(o.Origin) || filepath.Base(o.Origin) != o.Sid:
		return fmt.Errorf("origin %q is not <domain>/turquoise/%s", o.Origin, o.Sid)
	}
	if o.MaxSkew == 0 {
		o.MaxSkew = defaultSkew
	}
	if o.OpenFile == nil {
		o.OpenFile = openDisk
	}
	if o.From == "" {
		o.From = "-/-/-"
	}
	return nil
}

// Free refuses a record that another process writes at this moment.
func Free(dir string, now time.Time) error {
	lock, err := lockDir(dir, now)
	if err != nil {
		return err
	}
	return lock.Close()
}

func lockLog(dir string, o Options) (*Log, error) {
	if err := checkDisk(dir); err != nil {
		return nil, err
	}
	lock, err := lockDir(dir, o.Now())
	if err != nil {
		return nil, err
	}
	l := &Log{o: o, dir: dir, lock: lock}
	for slot, value := range o.Secrets {
		l.know(slot, value)
	}
	return l, nil
}

// abandon undoes an opening that failed before anything was acknowledged.
func (l *Log) abandon() error {
	var err error
	if l.file != nil {
		err = l.file.Close()
	}
	return errors.Join(err, l.lock.Close())
}

func (l *Log) recover() (Recovery, error) {
	w := newWalker(os.DirFS(l.dir), VerifyOptions{Types: l.o.Types, MaxSkew: l.o.MaxSkew, trusting: true, Name: l.dir})
	w.keep = true
	w.walk()
	rec := Recovery{Record: w.record(), Torn: w.torn, InDoubt: w.inDoubt()}
	if f := w.firstBreak(); f != nil {
		return rec, &Error{Op: "resume record", Object: l.dir, Err: fmt.Errorf("%w: %s", ErrBroken, f),
			Next: "run turquoise verify " + l.dir}
	}
	if w.closedAt >= 0 {
		return rec, &Error{Op: "resume record", Object: l.dir, Err: ErrEnded, Next: "read it with turquoise verify or replay"}
	}
	last := w.last
	if last.Sid != l.o.Sid {
		return rec, fmt.Errorf("resume record: %s: it is of session %s, not %s", l.dir, last.Sid, l.o.Sid)
	}
	if w.origin != l.o.Origin {
		return rec, fmt.Errorf("resume record: %s: its origin is %s, not %s", l.dir, w.origin, l.o.Origin)
	}
	rec.Suspended = w.purpose.Type == typeSuspend
	l.seg, l.seq, l.prev, l.tree, l.head = last.Seg+1, last.Seq+1, last.Leaf.String(), w.tree.clone(), w.head
	return rec, nil
}

// openSegment writes the first line and its seal under a passing name, makes
// them durable and gives the file its name.
func (l *Log) openSegment(rec *Recovery) (err error) {
	if l.key, err = l.o.first(); err != nil {
		return err
	}
	name := segmentName(l.seg)
	final, passing := filepath.Join(l.dir, name), filepath.Join(l.dir, "."+name+".new")
	if l.file, err = l.o.OpenFile(passing); err != nil {
		return &Error{Op: "open segment", Object: final, Err: err}
	}
	if l.file.Reserve(0, reserveBytes) == nil {
		l.reserved = reserveBytes
	}
	l.base = l.o.Mono()
	b := l.newBatch()
	b.seal, b.durable = true, true
	line := l.o.First(Opening{Origin: l.o.Origin, Sid: l.o.Sid, VKey: l.key.vkey(), Seq: l.seq, Prev: l.prev,
		Segment: l.seg, Recovery: rec})
	if line.Err != nil {
		return line.Err
	}
	want := typeOpen
	if rec != nil {
		want = typeResume
	}
	if line.Body.Type() != want {
		return fmt.Errorf("bug: segment %d begins with %q, not %s", l.seg, line.Body.Type(), want)
	}
	if err := b.add(line); err != nil {
		return err
	}
	if err := l.commit(b); err != nil {
		return err
	}
	if err := os.Rename(passing, final); err != nil {
		return &Error{Op: "open segment", Object: final, Err: err}
	}
	l.o.spent()
	if err := syncDir(l.dir); err != nil {
		return &Error{Op: "open segment", Object: final, Err: err}
	}
	return nil
}
