package session_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/anchors"
	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// outsider refuses its first head and takes the others; one that hangs answers
// nothing at all.
type outsider struct {
	asked int
	hangs bool
}

func (*outsider) Kind() string { return audit.AnchorWitness }
func (*outsider) Name() string { return "w" }
func (o *outsider) Take(ctx context.Context, p anchors.Point) (anchors.Receipt, error) {
	if o.hangs {
		<-ctx.Done()
		return anchors.Receipt{}, ctx.Err()
	}
	if o.asked++; o.asked == 1 {
		return anchors.Receipt{}, errors.New("not now")
	}
	return anchors.Receipt{Kind: audit.AnchorWitness, Name: "w", Size: p.Head.Size, At: time.Now()}, nil
}

func anchoredNight(t *testing.T, o *outsider) []audit.Entry {
	t.Helper()
	v, dir := newServers(), t.TempDir()
	cfg := config(v, dir)
	cfg.Anchor = func(to session.Anchored) session.Anchors {
		return anchors.Run(t.Context(), anchors.RunnerOptions{Dir: dir, Sid: cfg.Sid, Limit: 50 * time.Millisecond, Now: v.now,
			Got: func(r anchors.Receipt) {
				to.Receipt(entries.AnchorReceipt{Kind: r.Kind, Name: r.Name, Size: r.Size, At: r.At.UTC().Format(time.RFC3339)})
			},
			Failed: func(_ anchors.Anchor, since time.Time, err error) { to.Failed(since, err) }}, o)
	}
	n := begin(t, v, cfg)
	n.run("1.1", steps.Done)
	n.run("2", steps.Done)
	if err := n.do(session.Intent{Command: steps.End{}}); err != nil {
		t.Fatal(err)
	}
	if err := n.s.Close(); err != nil {
		t.Fatal(err)
	}
	if r := entries.Verify(dir, audit.VerifyOptions{}); len(r.Findings) != 0 || !r.Closed {
		t.Errorf("the record of an anchored night: %v", r.Findings)
	}
	rec, err := audit.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return rec.Entries
}

// TestReceiptsStandInTheRecord: each behind the seal it is for, and a failure as
// a fault that stops nothing.
func TestReceiptsStandInTheRecord(t *testing.T) {
	all := anchoredNight(t, &outsider{})
	receipts, faults := 0, 0
	for _, e := range all {
		switch e.Type {
		case "anchor.receipt":
			receipts++
			if e.Ref == nil || *e.Ref >= e.Seq || all[*e.Ref].Type != "seal" {
				t.Errorf("receipt %d is for %v", e.Seq, e.Ref)
			}
		case "log.fault":
			faults++
		}
	}
	if receipts == 0 || faults != 1 {
		t.Errorf("%d receipts, %d faults", receipts, faults)
	}
}

func TestAnAnchorThatHangsHoldsNothing(t *testing.T) {
	for _, e := range anchoredNight(t, &outsider{hangs: true}) {
		if e.Type == "anchor.receipt" {
			t.Errorf("a receipt of nobody: %s", e.Body)
		}
	}
}
