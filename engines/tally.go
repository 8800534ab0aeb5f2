package engines

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// TallyRange is how many rows one question looks at: 300,000 take some 60 ms.
	TallyRange = 200000
	// TallyLimit of one question.
	TallyLimit = 10 * time.Second
	// TallyKeys are looked at again; more than these is no matter of a moment.
	TallyKeys = 1000

	// tallyRest is the pause after a look at the table, in parts of the time it
	// took: the job takes a twentieth of one connection. It is never shorter than
	// tallyLeast nor longer than tallyMost.
	tallyRest  = 20
	tallyLeast = time.Second
	tallyMost  = time.Minute
	// againAfter: a row that two statements of one transaction are changing looks
	// wrong for a moment; what still does after this is a finding.
	againAfter = 2 * time.Second
)

var (
	errCounting = errors.New("the rows are being counted for the first time")
	errTally    = errors.New("the server's answer is not a number")
)

// Tally is what the rows of a table say about its two shapes, as of At.
type Tally struct {
	At                     time.Time // when the look at the table began: the age of its oldest part
	Left, Mismatch, Detail int64
}

// Teller asks what a tally is made of. One goroutine uses it.
type Teller interface {
	// Range looks at the rows behind a key, at most TallyRange of them: last key,
	// rows left, rows that disagree, rows whose new shape knows more, and the keys of
	// those that disagree, with commas, at most TallyKeys. No last key: there are none.
	Range(ctx context.Context, after string) ([]*string, error)
	// Again counts which of these rows still disagree.
	Again(ctx context.Context, keys []string) (int64, error)
	// Close ends its connection.
	Close()
}

// Tallies counts rows in the background, over a connection of its own: a large
// table must not hold up the gauges of every second. The zero value is ready.
type Tallies struct {
	mu     sync.Mutex
	stop   context.CancelFunc // nil: no job runs
	done   chan struct{}
	newest Tally
	err    error
	closed bool
}

// Last returns the newest count and starts the job with the first question. Keys
// are integers; first lies before all of them.
func (t *Tallies) Last(teller Teller, first string) (Tally, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stop == nil && !t.closed {
		ctx, cancel := context.WithCancel(context.Background()) // ends with the reader, not with the tick that asked first
		t.stop, t.done, t.err = cancel, make(chan struct{}), errCounting
		go t.run(ctx, teller, first)
	}
	return t.newest, t.err
}

// Close ends the job and waits for it.
func (t *Tallies) Close() {
	t.mu.Lock()
	t.closed = true
	stop, done := t.stop, t.done
	t.mu.Unlock()
	if stop != nil {
		stop()
		<-done
	}
}

func (t *Tallies) run(ctx context.Context, teller Teller, first string) {
	defer close(t.done)
	defer teller.Close()
	for ctx.Err() == nil {
		began := time.Now()
		n, err := tally(ctx, teller, first)
		t.mu.Lock()
		if t.err = err; err == nil {
			t.newest = n
		}
		t.mu.Unlock()
		rest(ctx, min(max(tallyRest*time.Since(began), tallyLeast), tallyMost))
	}
}

// rest waits, or ends with the context.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// tally looks at the whole table once, range after range of its key.
func tally(ctx context.Context, teller Teller, first string) (Tally, error) {
	n := Tally{At: time.Now()}
	var keys []string
	for last := first; ; {
		row, err := teller.Range(ctx, last)
		if err != nil {
			return n, err
		}
		if len(row) < 5 || row[0] == nil {
			break
		}
		last = *row[0]
		for i, to := range []*int64{&n.Left, &n.Mismatch, &n.Detail} {
			if row[i+1] == nil {
				return n, errTally
			}
			v, err := strconv.ParseInt(*row[i+1], 10, 64)
			if err != nil {
				return n, errTally
			}
			*to += v
		}
		if row[4] != nil && *row[4] != "" && len(keys) <= TallyKeys {
			keys = append(keys, strings.Split(*row[4], ",")...)
		}
	}
	if n.Mismatch == 0 || n.Mismatch > TallyKeys {
		return n, nil
	}
	rest(ctx, againAfter)
	if err := ctx.Err(); err != nil {
		return n, err
	}
	var err error
	n.Mismatch, err = teller.Again(ctx, keys)
	return n, err
}

// Readings are the three counts as gauges of a target. Where nothing was counted
// yet the time is now; err says why, and each of them has it.
func (t Tally) Readings(on TargetID, took time.Duration, err error) []Reading {
	if t.At.IsZero() {
		t.At = time.Now()
	}
	out := []Reading{{Gauge: Gauge(on, "left_count"), Value: float64(t.Left)}, {Gauge: Gauge(on, "mismatch_count"), Value: float64(t.Mismatch)},
		{Gauge: Gauge(on, "detail_count"), Value: float64(t.Detail)}}
	for i := range out {
		out[i].At, out[i].Took, out[i].Unit, out[i].Err = t.At, took, Count, err
		if err != nil {
			out[i].Value = 0
		}
	}
	return out
}
