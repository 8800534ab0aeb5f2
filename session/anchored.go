package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// Anchors take the heads of the record to somebody outside, beside the session.
type Anchors interface {
	// Head hands a sealed head over. It never waits: the record is locked meanwhile.
	Head(audit.Head)
	// Emergency hands over a line of the file that stands in for a record that cannot
	// be written. It never waits.
	Emergency(audit.EmergencyLine)
	// Settle waits for what is on its way, until ctx ends.
	Settle(ctx context.Context) bool
	// Close gives up what is still on its way.
	Close()
}

// Anchored is what anchors tell the session; its methods may wait for it.
type Anchored interface {
	Receipt(entries.AnchorReceipt)
	Failed(since time.Time, err error)
	// Spared says that somebody outside keeps the emergency lines up to one.
	Spared(name string, line int)
}

// settleLimit is what the closing line waits for receipts. What comes later is a
// file beside the record.
const settleLimit = 10 * time.Second

type anchored struct{ s *Session }

// Receipt puts what somebody outside gave for a head into the record, behind the
// seal it is for. At the end of the session the file beside the record is all.
func (a anchored) Receipt(r entries.AnchorReceipt) {
	a.write(audit.Meta{By: audit.System, Ref: audit.Ref(r.Size), OK: audit.OK(true)}, r)
}

// anchorLimit is what a step waits for a receipt where nothing else is configured.
const anchorLimit = 10 * time.Second

// awaitsAnchor says whether a step sends nothing until somebody outside has taken
// its intent: because its runbook says so, or because it has no return and there
// is somebody to ask. A rehearsal without anchors waits for nobody.
func (s *Session) awaitsAnchor(st runbooks.Step) bool {
	if s.anchors == nil {
		return st.Anchor == runbooks.Before && !s.cfg.Scripted
	}
	return st.Anchor == runbooks.Before || st.Risk == runbooks.NoReturn && st.Anchor != runbooks.Async
}

// anchorMissing refuses to arm a step that could only wait in vain.
func (s *Session) anchorMissing() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	it, ok := s.state.Current()
	if !ok || s.anchors != nil || !s.awaitsAnchor(it.Step) {
		return nil
	}
	return &steps.Refusal{Why: "step " + string(it.Step.ID) + " waits until somebody outside has taken its intent, and this session has no anchor",
		Next: "leave with q, then turquoise resume with --anchor-witness, --anchor-tsa or --anchor-s3"}
}

// anchored waits for a receipt that covers the intent. Nothing was sent before it,
// so a step that waited in vain is unsent and may be armed again.
func (x *execution) anchored(ctx context.Context) *failure {
	s := x.s
	if !s.awaitsAnchor(x.it.Step) {
		return nil
	}
	limit := s.cfg.AnchorLimit
	if limit == 0 {
		limit = anchorLimit
	}
	x.say(false, "waits up to %s until somebody outside has taken entry %d", limit, x.sealed.Seq())
	patience := time.NewTimer(limit)
	defer patience.Stop()
	for {
		s.mu.Lock()
		taken, ch, why := s.taken, s.stepCh, s.untaken
		s.mu.Unlock()
		if taken > x.sealed.Seq() {
			return nil
		}
		select {
		case <-ch:
		case <-ctx.Done():
			return &failure{engines.Unsent, 1, "interrupted before somebody outside had taken its intent"}
		case <-patience.C:
			if why != "" {
				why = ": " + why
			}
			return &failure{engines.Unsent, 1, fmt.Sprintf("nobody outside took its intent within %s%s", limit, why)}
		}
	}
}

// Failed says in the record that an anchor did not answer. Nothing stops for it.
//
// One thing an anchor may find stops all that changes a server: a locked copy of
// this very session that goes on in another way. Two cockpits then drive from one
// record, also where no database is there to keep them apart.
func (a anchored) Failed(since time.Time, err error) {
	a.write(audit.Meta{By: audit.System}, entries.LogFault{Kind: "anchor", Cause: err.Error(),
		From: stamp(since), To: stamp(a.s.cfg.Now())})
	select {
	case <-a.s.begun:
		if errors.Is(err, audit.ErrForked) {
			a.s.forkedBy(err)
		}
	default: // it never began
	}
}

// Spared tells it to whoever sits there: the record cannot hold it.
func (a anchored) Spared(name string, line int) {
	a.s.tell(false, fmt.Sprintf("%s keeps the emergency lines up to %d", name, line))
}

func (a anchored) write(m audit.Meta, b audit.Body) {
	s := a.s
	select {
	case <-s.begun:
	case <-s.ctx.Done():
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.leaving != "" || s.state.Result != "" {
		return
	}
	if s.log.Fault() != nil {
		if f, ok := b.(entries.LogFault); ok { // it can only be told
			s.say(s.cfg.Now(), true, f.Cause)
			s.changed()
		}
		return
	}
	if f, ok := b.(entries.LogFault); ok {
		s.untaken = f.Cause
	}
	if _, err := s.commit(steps.Event{Meta: m, Body: b}); err != nil {
		return // a fault of the record is told by commit
	}
	if r, ok := b.(entries.AnchorReceipt); ok && r.Kind != audit.AnchorEvidence {
		s.taken, s.untaken = max(s.taken, r.Size), ""
		close(s.stepCh) // commit woke them before it counted
		s.stepCh = make(chan struct{})
	}
}

// settleAnchors waits for receipts, so that they stand in the record when it is
// closed. s.mu must not be held.
func (s *Session) settleAnchors() {
	if s.anchors == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), settleLimit)
	defer cancel()
	s.anchors.Settle(ctx)
}

// Head is the newest sealed head of the record, for the change ticket.
func (s *Session) Head() audit.Head { return s.log.Head() }
