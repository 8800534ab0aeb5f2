package lab

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// Report is the comparison of a ledger's notes with a server.
type Report struct {
	Acked   int64 // promised, answers found afterwards included
	Failed  int64 // certainly not committed
	Unknown int64 // never answered and never looked up; right on the server either way
	Refused int64 // connections that were not had
	// Reconnected are connections that somebody ended on purpose while nothing was
	// open on them; no transaction failed by it.
	Reconnected int64
	// WorstClient is the highest number of failed transactions of one client.
	WorstClient int64

	Lost       int64 // promised, and missing in whole or in part
	Duplicated int64 // applied more than once
	Unexpected int64 // on the server though nobody was promised it
	Stranded   int64 // only on a side that does not serve any more
	Drift      int64 // updates of accounts minus rows of orders; 0 when no update was lost or doubled

	LongestGap   time.Duration // longest time without a commit of any client
	WorstLatency time.Duration // longest acknowledged transaction, as its client saw it
}

// Clean reports whether the server kept each promise and nothing else.
func (r Report) Clean() bool {
	return r.Lost == 0 && r.Duplicated == 0 && r.Unexpected == 0 && r.Stranded == 0 && r.Drift == 0
}

// String says it in one line.
func (r Report) String() string {
	return fmt.Sprintf("%d acknowledged, %d lost, %d duplicated, %d unexpected, %d stranded, drift %d; %d failed (%d of one client), %d unknown, %d refused, %d reconnected; no commit for %d ms, worst client %d ms",
		r.Acked, r.Lost, r.Duplicated, r.Unexpected, r.Stranded, r.Drift, r.Failed, r.WorstClient, r.Unknown, r.Refused, r.Reconnected,
		r.LongestGap.Milliseconds(), r.WorstLatency.Milliseconds())
}

// rows counts what one server holds of each transaction.
type rows map[ledgerKey]struct{ ledger, orders int64 }

// Check compares the notes of a stopped ledger with the database that serves
// now. Each further database is one that served before: what only it holds was
// written behind the application's back.
func (l *Ledger) Check(ctx context.Context, serves string, before ...string) (Report, error) {
	m := l.meter.read(l.since())
	r := Report{Refused: m.Refused, Reconnected: m.Reconnected, LongestGap: m.LongestGap, WorstLatency: m.Worst}
	here, drift, err := l.load(ctx, serves)
	if err != nil {
		return Report{}, err
	}
	r.Drift = drift
	l.mu.Lock()
	r.compare(here, l.fates)
	l.mu.Unlock()
	for _, dsn := range before {
		there, _, err := l.load(ctx, dsn)
		if err != nil {
			return Report{}, err
		}
		for k := range there {
			if _, ok := here[k]; !ok {
				r.Stranded++
			}
		}
	}
	return r, nil
}

// compare holds the notes against the rows.
func (r *Report) compare(here rows, fates map[ledgerKey]Fate) {
	failed := map[int]int64{}
	for k, f := range fates {
		n := here[k]
		switch f {
		case Acked, Found:
			r.Acked++
			if n.ledger == 0 || n.orders == 0 {
				r.Lost++
			}
		case Unknown:
			r.Unknown++
			if (n.ledger == 0) != (n.orders == 0) {
				r.Lost++ // half of a transaction is never right
			}
		case Failed, Absent:
			r.Failed++
			failed[k.client]++
			r.WorstClient = max(r.WorstClient, failed[k.client])
		}
	}
	for k, n := range here {
		f, noted := fates[k]
		if !noted || f == Failed || f == Absent {
			r.Unexpected++
		}
		if n.ledger > 1 || n.orders > 1 {
			r.Duplicated++
		}
	}
}

// load reads all rows of this ledger's clients that are newer than its start.
func (l *Ledger) load(ctx context.Context, dsn string) (_ rows, drift int64, err error) {
	conn, err := dialer(dsn)(ctx, dsn)
	if err != nil {
		return nil, 0, &engines.Error{Op: "check the ledger", Object: "the server", Err: err}
	}
	defer conn.close()
	here := rows{}
	for _, table := range []string{"ledger", "orders"} {
		if err := l.loadTable(ctx, conn, table, here); err != nil {
			return nil, 0, &engines.Error{Op: "check the ledger", Object: table, Err: err}
		}
	}
	if drift, err = conn.drift(ctx); err != nil {
		return nil, 0, &engines.Error{Op: "check the ledger", Object: "accounts", Err: err}
	}
	return here, drift, nil
}

// loadTable adds the counts of one table. Both names are ours.
func (l *Ledger) loadTable(ctx context.Context, conn ledgerConn, table string, here rows) error {
	l.mu.Lock()
	newer := maps.Clone(l.base)
	l.mu.Unlock()
	for client, base := range newer {
		err := conn.counts(ctx, table, client, base, func(seq, n int64) {
			k := ledgerKey{client, seq}
			counts := here[k]
			if table == "ledger" {
				counts.ledger = n
			} else {
				counts.orders = n
			}
			here[k] = counts
		})
		if err != nil {
			return err
		}
	}
	return nil
}
