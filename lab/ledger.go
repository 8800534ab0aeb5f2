package lab

import (
	"context"
	"sync"
	"time"
)

// Fate is what a client of the ledger knows about one of its transactions.
type Fate int

// The fates. Unknown is the zero value: a transaction is unknown from the
// moment its COMMIT is sent until an answer or a look at the server decides.
const (
	Unknown Fate = iota
	Acked        // the server said it is committed
	Failed       // it is certain that it was not committed
	Found        // was unknown; the row was there afterwards
	Absent       // was unknown; the row was not there afterwards
	numFates
)

// String returns the word of the log.
func (f Fate) String() string {
	names := [numFates]string{"unknown", "acked", "failed", "found", "absent"}
	if f < 0 || f >= numFates {
		return "unknown"
	}
	return names[f]
}

// LedgerOptions of a workload.
type LedgerOptions struct {
	TPS         int    // transactions per second of all clients together; 400 when zero
	FirstClient int    // number of the first client, 1 when zero; workloads that run at once need numbers of their own
	LogPath     string // a line of JSON for each transaction; empty means none
}

// Ledger is an application that knows what it was promised. Each client works
// off its own numbers one by one, each number in one transaction over three
// tables and a sequence, and notes the answer. No number is ever sent twice.
// Check compares the notes with what a server holds.
type Ledger struct {
	dsn    string
	dial   func(context.Context, string) (ledgerConn, error)
	began  time.Time
	cancel context.CancelFunc // cuts transactions in flight
	quit   chan struct{}      // closed by Stop: no client begins another transaction
	once   sync.Once
	wg     sync.WaitGroup
	log    *ledgerLog
	meter  meter

	mu    sync.Mutex
	fates map[ledgerKey]Fate
	base  map[int]int64 // client -> highest number an earlier run left behind
}

// ledgerKey names one transaction.
type ledgerKey struct {
	client int
	seq    int64
}

// stopGrace is how long Stop waits for transactions in flight.
const stopGrace = 5 * time.Second

// StartLedger starts clients that connect to dsn. It fails only when the log
// file cannot be made: a server that is away is something clients live with.
func StartLedger(ctx context.Context, dsn string, clients int, o LedgerOptions) (*Ledger, error) {
	if o.TPS == 0 {
		o.TPS = 400
	}
	if o.FirstClient == 0 {
		o.FirstClient = 1
	}
	log, err := openLedgerLog(o.LogPath)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &Ledger{dsn: dsn, dial: dialer(dsn), began: time.Now(), cancel: cancel, quit: make(chan struct{}),
		log: log, fates: map[ledgerKey]Fate{}, base: map[int]int64{}}
	pace := time.Duration(clients) * time.Second / time.Duration(o.TPS)
	for n := range clients {
		c := &ledgerClient{ledger: l, id: o.FirstClient + n, pace: pace}
		l.wg.Go(func() { c.run(ctx, time.Duration(n)*pace/time.Duration(clients)) })
	}
	return l, nil
}

// Stop lets transactions in flight come to their end, for a few seconds, cuts
// what is left, and returns when all clients are gone.
func (l *Ledger) Stop() error {
	var err error
	l.once.Do(func() {
		close(l.quit)
		cut := time.AfterFunc(stopGrace, l.cancel)
		l.wg.Wait()
		cut.Stop()
		l.cancel()
		l.meter.end(time.Since(l.began))
		err = l.log.close()
	})
	return err
}

// Meter returns the state of this moment.
func (l *Ledger) Meter() Meter { return l.meter.read(time.Since(l.began)) }

// note keeps the fate of a transaction and tells meter and log.
func (l *Ledger) note(k ledgerKey, f Fate, from, to time.Duration, cause error) {
	l.mu.Lock()
	l.fates[k] = f
	l.mu.Unlock()
	l.meter.count(f, from, to, cause)
	l.log.write(k, f, from, to, cause)
}

// since is the monotonic time of the ledger.
func (l *Ledger) since() time.Duration { return time.Since(l.began) }
