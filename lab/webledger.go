package lab

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// WebLedger is a workload of requests that notes who answered each of them. Its
// clients go to the fronts in turn, each with connections that it keeps.
type WebLedger struct {
	quit   chan struct{}
	once   sync.Once
	cancel context.CancelFunc
	wg     sync.WaitGroup
	began  time.Time

	mu    sync.Mutex
	notes []WebNote
	last  time.Time // end of the newest good answer
	gap   time.Duration
	worst time.Duration
	fails int64
	why   string
}

// WebNote is one request as its client saw it.
type WebNote struct {
	Began, Ended time.Time
	Colour       string // the application's own header; empty: nobody answered
	Cached       bool   // the answer came from the cache
	Err          string // why there is no good answer
}

// WebLedgerOptions of a workload.
type WebLedgerOptions struct {
	Clients int // 8 when zero
	RPS     int // requests per second of all clients together; 400 when zero
}

// webPages is how many cacheable pages are asked for: few, so that each is in the
// cache when a switch comes.
const webPages = 20

// StartWebLedger starts clients. Of ten requests six are uncacheable, three ask
// cacheable pages, and one is slow.
func StartWebLedger(ctx context.Context, fronts []string, o WebLedgerOptions) *WebLedger {
	if o.Clients == 0 {
		o.Clients = 8
	}
	if o.RPS == 0 {
		o.RPS = 400
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &WebLedger{quit: make(chan struct{}), cancel: cancel, began: time.Now()}
	pace := time.Duration(o.Clients) * time.Second / time.Duration(o.RPS)
	for n := range o.Clients {
		l.wg.Go(func() { l.client(ctx, n, fronts, pace) })
	}
	return l
}

func (l *WebLedger) client(ctx context.Context, n int, fronts []string, pace time.Duration) {
	tr := &http.Transport{MaxIdleConnsPerHost: 4}
	defer tr.CloseIdleConnections()
	c := &http.Client{Transport: tr, Timeout: 10 * time.Second}
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for k := 0; ; k++ {
		select {
		case <-l.quit:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		path := fmt.Sprintf("/?n=%d-%d", n, k)
		switch k % 10 {
		case 3, 6, 9:
			path = fmt.Sprintf("/page/%d", (k+n)%webPages)
		case 5:
			path = fmt.Sprintf("/slow?n=%d-%d", n, k)
		}
		l.note(ask(ctx, c, "http://"+fronts[(k+n)%len(fronts)]+path))
	}
}

// ask makes one request. A network client repeats nothing here: a request without
// an answer is an error that a user saw.
func ask(ctx context.Context, c *http.Client, url string) WebNote {
	note := WebNote{Began: time.Now()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err == nil {
		var res *http.Response
		if res, err = c.Do(req); err == nil {
			var body []byte
			body, err = io.ReadAll(res.Body)
			err = joined(err, res.Body.Close())
			note.Colour = res.Header.Get("X-Colour")
			note.Cached = len(strings.Fields(res.Header.Get("X-Varnish"))) > 1
			switch {
			case err != nil:
			case res.StatusCode != http.StatusOK:
				err = fmt.Errorf("status %d", res.StatusCode)
			case strings.TrimSpace(string(body)) != note.Colour:
				err = fmt.Errorf("the body is not of %s", note.Colour)
			}
		}
	}
	note.Ended = time.Now()
	if err != nil {
		note.Err = err.Error()
	}
	return note
}

func joined(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (l *WebLedger) note(n WebNote) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notes = append(l.notes, n)
	if n.Err != "" {
		l.fails, l.why = l.fails+1, n.Err
		return
	}
	if !l.last.IsZero() {
		l.gap = max(l.gap, n.Ended.Sub(l.last))
	}
	if n.Ended.After(l.last) {
		l.last = n.Ended
	}
	l.worst = max(l.worst, n.Ended.Sub(n.Began))
}

// Stop ends the clients; requests in flight come to their end.
func (l *WebLedger) Stop() {
	l.once.Do(func() {
		close(l.quit)
		l.wg.Wait()
		l.cancel()
	})
}

// Meter returns the state of this moment.
func (l *WebLedger) Meter() Meter {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := Meter{Acked: int64(len(l.notes)) - l.fails, Failed: l.fails, LongestGap: l.gap, Worst: l.worst, LastError: l.why}
	now := time.Now()
	if !l.last.IsZero() {
		m.Gap = now.Sub(l.last)
	}
	for i := len(l.notes) - 1; i >= 0 && now.Sub(l.notes[i].Ended) < time.Second; i-- {
		if l.notes[i].Err == "" {
			m.TPS++
		}
	}
	return m
}

// Switch is one switch of a walk: what was sent to To from Ended on, until the
// next one began.
type Switch struct {
	Began, Ended time.Time
	To           engines.TargetID
}

// WebReport is the comparison of the notes with the switches.
type WebReport struct {
	Requests     int64         // answered or not
	Failed       int64         // without a good answer
	Wrong        int64         // answered by the old half, though begun after the switch had returned
	Stale        int64         // the same, from the cache
	During       int64         // begun while a switch ran; either half may answer
	Old, New     int64         // of those that ran across a switch's end, who answered
	LongestGap   time.Duration // between two good answers of any clients
	WorstLatency time.Duration
	FirstFailure string
}

// Clean reports whether every request was answered by the half that served.
func (r WebReport) Clean() bool { return r.Failed == 0 && r.Wrong == 0 && r.Stale == 0 }

// Check holds the notes of a stopped ledger against the switches in their order.
// Before the first of them blue serves.
func (l *WebLedger) Check(switches []Switch) WebReport {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := WebReport{Requests: int64(len(l.notes)), LongestGap: l.gap, WorstLatency: l.worst}
	for _, n := range l.notes {
		if n.Err != "" {
			if r.Failed++; r.FirstFailure == "" {
				r.FirstFailure = n.Err
			}
			continue
		}
		serves := engines.TargetID("blue")
		i := slices.IndexFunc(switches, func(s Switch) bool { return n.Began.Before(s.Ended) })
		switch {
		case i < 0 && len(switches) > 0:
			serves = switches[len(switches)-1].To
		case i > 0:
			serves = switches[i-1].To
		}
		if i >= 0 && n.Ended.After(switches[i].Began) { // it ran while the switch did
			if r.During++; n.Colour == string(switches[i].To) {
				r.New++
			} else {
				r.Old++
			}
			continue
		}
		switch {
		case n.Colour == string(serves):
		case n.Cached:
			r.Stale++
		default:
			r.Wrong++
		}
	}
	return r
}
