package pgbouncer

import (
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/lab"
)

// traffic is a workload through the pooler.
func (r *rig) traffic(clients, tps int) *lab.Ledger {
	r.t.Helper()
	l, err := lab.StartLedger(r.t.Context(), r.l.AppDSN(), clients, lab.LedgerOptions{TPS: tps})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = l.Stop() }) // a second stop does nothing
	return l
}

// commits waits until the clients have had so many more commits.
func (r *rig) commits(l *lab.Ledger, more int64) {
	r.t.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for want := l.Meter().Acked + more; l.Meter().Acked < want; {
		select {
		case <-tick.C:
		case <-limit.C:
			r.t.Fatalf("no %d more commits: %s", more, l.Meter().LastError)
		}
	}
}

// TestHoldsThatFollowEachOtherFailNobody: PAUSE closes a server login that is
// under way, and the pooler takes that for a failed one: for server_login_retry
// after RESUME it begins no other and refuses queries. A pool that still warms up
// after a RESUME begins one login after the other.
func TestHoldsThatFollowEachOtherFailNobody(t *testing.T) {
	r := newRig(t)
	r.run(r.plan("capture", "blue", "green").Actions)
	freeze := r.plan("freeze", "blue", "green")
	l := r.traffic(16, 800)
	r.commits(l, 400)
	for n := range int64(20) {
		r.run(freeze.Actions)
		r.run(freeze.Abort)
		r.commits(l, 1+n%5)
	}
	r.commits(l, 400)
	if err := l.Stop(); err != nil {
		t.Fatal(err)
	}
	m := l.Meter()
	t.Logf("%+v", m)
	if m.Failed+m.Refused+m.Unknown != 0 || m.LongestGap > time.Second {
		t.Errorf("holds that follow each other: %d failed, %d refused, longest gap %s: %s", m.Failed, m.Refused, m.LongestGap, m.LastError)
	}
}
