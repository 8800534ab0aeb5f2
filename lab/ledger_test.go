package lab_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// run starts a ledger over the pooler of a pair and waits for its first
// acknowledgements.
func run(t *testing.T, l *lab.PairLab, o lab.LedgerOptions, acks int64) *lab.Ledger {
	t.Helper()
	led, err := lab.StartLedger(t.Context(), l.AppDSN(), 6, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = led.Stop() })
	until(t, func() bool { return led.Meter().Acked >= acks })
	return led
}

func stop(t *testing.T, led *lab.Ledger) {
	t.Helper()
	if err := led.Stop(); err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, led *lab.Ledger, dsn string, before ...string) lab.Report {
	t.Helper()
	r, err := led.Check(t.Context(), dsn, before...)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r)
	return r
}

func TestTheLedgerCountsWhatTheServerHolds(t *testing.T) {
	l := labtest.Pair(t, lab.Options{})
	logPath := filepath.Join(t.TempDir(), "ledger.jsonl")
	led := run(t, l, lab.LedgerOptions{LogPath: logPath}, 600)
	m := led.Meter()
	if m.TPS < 50 || m.TPS > 500 {
		t.Errorf("%d transactions in the last second; the cap is 400 and the machine is not that slow", m.TPS)
	}
	if m.Worst <= 0 || m.LongestGap <= 0 {
		t.Errorf("worst latency %v and longest gap %v; neither can be nothing", m.Worst, m.LongestGap)
	}
	stop(t, led)
	r := check(t, led, l.BlueDSN())
	if !r.Clean() || r.Failed+r.Unknown+r.Refused != 0 {
		t.Errorf("nothing was disturbed, and yet: %v", r)
	}
	if held := value[int64](t, l.BlueDSN(), "select count(*) from ledger where client > 0"); held != r.Acked {
		t.Errorf("%d acknowledged, %d on the server", r.Acked, held)
	}
	log, err := os.ReadFile(logPath)
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(log, []byte(`"fate":"acked"`)); int64(lines) != r.Acked {
		t.Errorf("%d acknowledged, %d lines in the log", r.Acked, lines)
	}

	// One row less: a promise was broken.
	exec(t, l.BlueDSN(), "delete from ledger where (client, seq) = (select client, seq from ledger where client > 0 limit 1)")
	if r := check(t, led, l.BlueDSN()); r.Lost != 1 || r.Duplicated != 0 || r.Clean() {
		t.Errorf("one acknowledged row was deleted: %v", r)
	}
	// One application twice.
	exec(t, l.BlueDSN(), "insert into orders (client, seq, amount) select client, seq, amount from orders where client = 2 order by seq limit 1")
	if r := check(t, led, l.BlueDSN()); r.Lost != 1 || r.Duplicated != 1 || r.Drift != -1 {
		t.Errorf("one order was doubled: %v", r)
	}
	// One row that nobody was promised.
	exec(t, l.BlueDSN(), "insert into ledger (client, seq) values (3, 1000000)")
	if r := check(t, led, l.BlueDSN()); r.Unexpected != 1 {
		t.Errorf("one row came from nowhere: %v", r)
	}
}

func TestTheLedgerSeesRowsLeftBehind(t *testing.T) {
	l := labtest.Pair(t, lab.Options{})
	if err := l.SeedSchema(t.Context()); err != nil {
		t.Fatal(err)
	}
	led := run(t, l, lab.LedgerOptions{}, 50)
	stop(t, led)
	exec(t, l.GreenDSN(), "insert into accounts (id, balance) values (1, 0)") // green has no rows: all are lost and left behind
	r := check(t, led, l.GreenDSN(), l.BlueDSN())
	if r.Acked < 50 || r.Lost != r.Acked || r.Stranded != r.Acked {
		t.Errorf("no row reached green: %v", r)
	}
}

func TestTheLedgerOutlivesKilledSessions(t *testing.T) {
	l := labtest.Pair(t, lab.Options{})
	led := run(t, l, lab.LedgerOptions{}, 100)
	for range 10 {
		n := led.Meter().Acked
		exec(t, l.BlueDSN(), "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'")
		until(t, func() bool { return led.Meter().Acked > n+20 })
	}
	if m := led.Meter(); m.Failed == 0 {
		t.Error("sessions were killed ten times and no transaction failed")
	}
	stop(t, led)
	if r := check(t, led, l.BlueDSN()); !r.Clean() {
		t.Errorf("killed sessions fail transactions, they lose none: %v", r)
	}
}

func TestTheLedgerSurvivesACrashOfTheServersPooler(t *testing.T) {
	l := labtest.Pair(t, lab.Options{})
	led := run(t, l, lab.LedgerOptions{}, 100)
	if err := l.Pooler.Stop(); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return led.Meter().Refused > 0 })
	stop(t, led)
	r := check(t, led, l.BlueDSN())
	if !r.Clean() {
		t.Errorf("a lost pooler loses connections, no rows: %v", r)
	}
	if r.LongestGap <= 0 {
		t.Error("the pooler was away and no gap was seen")
	}
}

func TestAPausedPoolerIsAGapAndNoError(t *testing.T) {
	l := labtest.Pair(t, lab.Options{})
	led := run(t, l, lab.LedgerOptions{}, 100)
	if err := l.Pooler.Admin(t.Context(), "PAUSE "+lab.Database); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return led.Meter().Gap.Milliseconds() > 300 })
	if err := l.Pooler.Admin(t.Context(), "RESUME "+lab.Database); err != nil {
		t.Fatal(err)
	}
	n := led.Meter().Acked
	until(t, func() bool { return led.Meter().Acked > n+20 })
	stop(t, led)
	r := check(t, led, l.BlueDSN())
	if !r.Clean() || r.Failed+r.Unknown+r.Refused != 0 {
		t.Errorf("a pause only makes clients wait: %v", r)
	}
	if r.LongestGap.Milliseconds() < 300 || r.WorstLatency.Milliseconds() < 300 {
		t.Errorf("the pause of 300 ms is neither in the gap nor in the latency: %v", r)
	}
}

// A pooler that is told to end its clients while they wait costs each of them a
// connection and none a transaction; it is counted, not hidden.
func TestAConnectionEndedOnPurposeIsNoFailedTransaction(t *testing.T) {
	l := labtest.Pair(t, lab.Options{})
	led := run(t, l, lab.LedgerOptions{}, 100)
	for _, command := range []string{"PAUSE " + lab.Database, "KILL " + lab.Database, "RESUME " + lab.Database} {
		if err := l.Pooler.Admin(t.Context(), command); err != nil {
			t.Fatal(err)
		}
	}
	acked := led.Meter().Acked
	until(t, func() bool { return led.Meter().Acked >= acked+100 })
	stop(t, led)
	if r := check(t, led, l.BlueDSN()); !r.Clean() || r.Failed+r.Refused != 0 || r.Reconnected != 6 {
		t.Errorf("six clients were ended: %v; last error %s", r, led.Meter().LastError)
	}
}
