package session_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/anchors"
	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// outsider refuses its first head and takes the others; one that hangs answers
// nothing at all.
type outsider struct {
	asked   int
	hangs   bool
	copies  bool // of evidence alone: no word for a head
	refuses bool
}

func (*outsider) Kind() string { return audit.AnchorWitness }
func (*outsider) Name() string { return "w" }
func (o *outsider) Take(ctx context.Context, p anchors.Point) (anchors.Receipt, error) {
	if o.hangs {
		<-ctx.Done()
		return anchors.Receipt{}, ctx.Err()
	}
	if o.asked++; o.asked == 1 || o.refuses {
		return anchors.Receipt{}, errors.New("not now")
	}
	kind := audit.AnchorWitness
	if o.copies {
		kind = audit.AnchorEvidence
	}
	return anchors.Receipt{Kind: kind, Name: "w", Size: p.Head.Size, At: time.Now()}, nil
}

// limitOf is what an anchor may take: a fake hangs on purpose, a real one has time.
func limitOf(a anchors.Anchor) time.Duration {
	if _, fake := a.(*outsider); fake {
		return 50 * time.Millisecond
	}
	return 10 * time.Second
}

// outside starts what takes the heads of a record to o.
func outside(t *testing.T, dir string, v *servers, sid string, o anchors.Anchor) func(session.Anchored) session.Anchors {
	return func(to session.Anchored) session.Anchors {
		return anchors.Run(t.Context(), anchors.RunnerOptions{Dir: dir, Sid: sid, Limit: limitOf(o), Now: v.now,
			Got: func(r anchors.Receipt) {
				to.Receipt(entries.AnchorReceipt{Kind: r.Kind, Name: r.Name, Size: r.Size, At: r.At.UTC().Format(time.RFC3339)})
			},
			Failed: func(_ anchors.Anchor, since time.Time, err error) { to.Failed(since, err) },
			Spared: func(a anchors.Anchor, line int) { to.Spared(a.Name(), line) }}, o)
	}
}

func anchoredNight(t *testing.T, o *outsider) []audit.Entry {
	t.Helper()
	v, dir := newServers(), t.TempDir()
	cfg := config(v, dir)
	cfg.Anchor = outside(t, dir, v, cfg.Sid, o)
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

// TestAStepWaitsForAReceipt: what asks for it, and what has no return, sends
// nothing before somebody outside has taken its intent; in vain it is unsent.
func TestAStepWaitsForAReceipt(t *testing.T) {
	for _, row := range []struct {
		name  string
		o     *outsider
		phase steps.Phase
		why   string
	}{
		{"taken", &outsider{asked: 1}, steps.Done, ""},
		{"in vain", &outsider{hangs: true}, steps.Failed, "nobody outside took its intent within 100ms"},
		{"copies of evidence", &outsider{asked: 1, copies: true}, steps.Failed, "nobody outside took its intent within 100ms"},
		{"refused", &outsider{refuses: true}, steps.Failed, "not now"},
	} {
		t.Run(row.name, func(t *testing.T) {
			v, dir := newServers(), t.TempDir()
			cfg := config(v, dir)
			cfg.Book.Phases[0].Steps[0].Anchor = runbooks.Before
			cfg.AnchorLimit = 100 * time.Millisecond
			cfg.Anchor = outside(t, dir, v, cfg.Sid, row.o)
			n := begin(t, v, cfg)
			x := n.run("1.1", row.phase)
			sent := slices.Contains(v.texts(), "CREATE x")
			if sent != (row.phase == steps.Done) || !strings.Contains(x.Why, row.why) {
				t.Errorf("sent %v, %q", sent, x.Why)
			}
			if row.phase == steps.Done {
				n.run("2", steps.Done) // asks for nothing, and goes on whatever the anchor says
			} else if x.Outcome != engines.Unsent {
				t.Errorf("outcome %s", x.Outcome)
			}
			if err := n.do(session.Intent{Command: steps.End{Reason: "end"}}); err != nil {
				t.Fatal(err)
			}
			if err := n.s.Close(); err != nil {
				t.Fatal(err)
			}
			if r := entries.Verify(dir, audit.VerifyOptions{}); len(r.Findings) != 0 {
				t.Error(r.Findings)
			}
		})
	}
}

// TestAStepThatCouldOnlyWaitInVainIsNotArmed.
func TestAStepThatCouldOnlyWaitInVainIsNotArmed(t *testing.T) {
	v := newServers()
	cfg := config(v, t.TempDir())
	cfg.Book.Phases[0].Steps[0].Anchor = runbooks.Before
	n := begin(t, v, cfg)
	if err := n.do(session.Intent{Command: steps.Arm{Step: "1.1"}}); err == nil || !strings.Contains(err.Error(), "this session has no anchor") {
		t.Errorf("armed: %v", err)
	}
	// A rehearsal waits for nobody.
	cfg = config(v, t.TempDir())
	cfg.Book.Phases[0].Steps[0].Anchor, cfg.Scripted = runbooks.Before, true
	begin(t, v, cfg).run("1.1", steps.Done)
}
