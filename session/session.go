package session

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/compare"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// Session is one cutover: its state, its record, its connections.
type Session struct {
	cfg  Config
	log  *audit.Log
	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu        sync.Mutex // state and everything below; held while a line is written
	state     steps.State
	known     map[engines.TargetID]engines.Identity
	clocks    map[engines.TargetID]serverClock
	lab       bool
	lines     []RecordLine
	started   time.Time
	cancel    context.CancelFunc // of the running step
	ended     chan struct{}      // closed when the running step has ended
	leaving   string             // set when the process wants to end
	emergency *audit.Emergency   // stands in for a record that failed
	hmacName  string             // of the evidence file that holds the key
	hmacKey   []byte             // nil: it was deleted, and secrets are not marked any more
	film      func() string      // ends the film of the screen; nil: there is none
	revealed  []string           // rows by key that somebody asked to see; never in the record
	fenced    bool               // the process before left an emergency file
	claims    []string           // of emergency files that were taken in
	peers     map[engines.TargetID]engines.Reader
	tickCh    chan struct{} // closed and replaced after each round of samples
	out       []OutputLine
	denied    string
	alarms    alarmBoard
	shown     time.Time // of the newest snapshot
	clockAt   time.Time // when the state of the clock last went into the record
	read      time.Time // when the readings last went into the record
	dirty     bool      // something changed since
	seq       uint64
	closed    bool
	stepCh    chan struct{} // closed and replaced on every event: what waits for a change waits here

	opKey   *entries.Key                 // of the operator, as the record knows it
	waiting map[int64]Intent             // overrides by the request they wait for
	tried   map[string][sha256.Size]byte // signatures that were handed in; of the frame clock alone

	subs map[chan Snapshot]struct{}

	listener net.Listener // where screens of other terminals look on; nil: nowhere
	viewers  map[*viewer]struct{}
	lookers  map[string]bool // names that the record knows as viewers
	served   sync.WaitGroup

	sampler *sampler
	anchors Anchors         // nil: none
	taken   int64           // entries that somebody outside has taken, by the receipts in the record; guarded by mu
	untaken string          // why the newest attempt failed, empty after a receipt; guarded by mu
	begun   chan struct{}   // closed when the session stands and may be told of anchors
	deadman Deadman         // nil until the first window is armed, and when it is gone
	asking  atomic.Int64    // until when, in Unix nanoseconds, a key that is asked to sign may hold mu; 0: none is
	undoing runbooks.StepID // step whose abort list a command began last
	taking  chan struct{}   // closed when a person's taking back of a window is over; nil: there was none
	conns   *doors
	sole    sole
	// compared is the door of comparing actions, once one was opened.
	compared atomic.Pointer[compare.Door]
	released atomic.Pointer[release] // newest reading of a release on a shared database
	hands    chan struct{}           // full while somebody uses the doors
}

// ErrClosed is a session that has ended.
var ErrClosed = errors.New("the session has ended")

// State returns the present state. It must not be written.
func (s *Session) State() steps.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Dir is the folder of the record.
func (s *Session) Dir() string { return s.cfg.Dir }

// inputs is what a plan may depend on now. s.mu is held.
func (s *Session) inputs(attempt int, vars map[string]string) steps.Inputs {
	planners := make(map[string]engines.Planner, len(s.cfg.Engines))
	for n, e := range s.cfg.Engines {
		planners[n] = e.Planner
	}
	book := *s.cfg.Book
	book.Targets = append([]runbooks.Target(nil), book.Targets...)
	for i, t := range book.Targets {
		book.Targets[i].Params = s.cfg.Params[t.ID]
	}
	return steps.Inputs{Book: &book, Values: s.cfg.Values, Planners: planners, Known: s.known,
		Vars: vars, Run: s.cfg.Run, Attempt: attempt}
}

// plan makes the current item's plan as of now. s.mu is held.
func (s *Session) plan(it runbooks.Item) (*steps.Plan, error) {
	attempt, vars := s.state.Planned(it.Step.ID)
	return s.planAs(it, attempt, vars)
}

// commit makes events durable and then lets them count. s.mu is held.
func (s *Session) commit(evs ...steps.Event) ([]audit.Entry, error) {
	es, err := s.log.AppendAll(linesOf(evs)...)
	if err != nil {
		s.fault(err)
		return nil, err
	}
	s.adopt(evs, es)
	return es, nil
}

func linesOf(evs []steps.Event) []audit.Line {
	lines := make([]audit.Line, len(evs))
	for i, e := range evs {
		lines[i] = audit.Line{Meta: e.Meta, Body: e.Body, Build: refsOf(e)}
	}
	return lines
}

// adopt applies written events. The record may have put lines of its own
// between them, so they are matched by type in order.
func (s *Session) adopt(evs []steps.Event, es []audit.Entry) {
	i := 0
	for _, e := range es {
		if i < len(evs) && e.Type == evs[i].Body.Type() {
			evs[i].Seq, evs[i].At, evs[i].Leaf = e.Seq, e.Time, e.Leaf.String()
			s.state = steps.Apply(s.state, evs[i])
			i++
		}
		s.lines = append(s.lines, recordLine(e))
	}
	if n := len(s.lines); n > keepLines {
		s.lines = append([]RecordLine(nil), s.lines[n-keepLines:]...)
	}
	s.changed()
}

// keepLines is how much of the record the screens can look back at without
// reading the file.
const keepLines = 400

// changed wakes whoever waits for the state and sends a snapshot, unless one went
// out a moment ago: a running block must not pay for frames that nobody can see.
// s.mu is held.
func (s *Session) changed() {
	close(s.stepCh)
	s.stepCh = make(chan struct{})
	if s.cfg.Now().Sub(s.shown) >= frameEvery {
		s.publish()
	} else {
		s.dirty = true
	}
}

// frameEvery is the shortest time between two snapshots: four a second are more
// than a person reads.
const frameEvery = 250 * time.Millisecond

// Snapshot returns what a screen would show now.
func (s *Session) Snapshot() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snapshot()
}

// logFault is why the record cannot be written; a record that is only looked at
// has no such fault.
func (s *Session) logFault() error {
	if s.log == nil {
		return nil
	}
	return s.log.Fault()
}

// fault stops the session after the record could not be written: nothing runs
// that is not on record. s.mu is held.
func (s *Session) fault(err error) {
	if s.log.Fault() == nil {
		return // a line was refused for what it says; whoever wrote it is told
	}
	s.alarms.raise(s.cfg.Now(), Alarm{ID: "record", Level: WarningLevel,
		Text: "THE RECORD CANNOT BE WRITTEN: " + err.Error(), Consequence: "no step runs any more; a window that is open is aborted. Free the disk, then turquoise resume"})
	s.publish()
}

// Wait blocks until cond holds for the state, the context ends or the session does.
func (s *Session) Wait(ctx context.Context, cond func(steps.State) bool) error {
	for {
		s.mu.Lock()
		ok, ch, closed := cond(s.state), s.stepCh, s.closed
		s.mu.Unlock()
		if ok {
			return nil
		}
		if closed {
			return ErrClosed
		}
		select {
		case <-ch:
		case <-ctx.Done():
			return fmt.Errorf("wait for the session: %w", ctx.Err())
		}
	}
}
