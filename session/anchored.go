package session

import (
	"context"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/steps"
)

// Anchors take the heads of the record to somebody outside, beside the session.
type Anchors interface {
	// Head hands a sealed head over. It never waits: the record is locked meanwhile.
	Head(audit.Head)
	// Settle waits for what is on its way, until ctx ends.
	Settle(ctx context.Context) bool
	// Close gives up what is still on its way.
	Close()
}

// Anchored is what anchors tell the session; its methods may wait for it.
type Anchored interface {
	Receipt(entries.AnchorReceipt)
	Failed(since time.Time, err error)
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

// Failed says in the record that an anchor did not answer. Nothing stops for it.
func (a anchored) Failed(since time.Time, err error) {
	a.write(audit.Meta{By: audit.System}, entries.LogFault{Kind: "anchor", Cause: err.Error(),
		From: stamp(since), To: stamp(a.s.cfg.Now())})
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
	if s.closed || s.leaving != "" || s.state.Result != "" || s.log.Fault() != nil {
		return
	}
	_, _ = s.commit(steps.Event{Meta: m, Body: b}) // a fault of the record is told by commit
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
