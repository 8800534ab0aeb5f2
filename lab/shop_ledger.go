package lab

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// ShopLedger is a workload on the shop's router that keeps what the clients were
// promised: each customer whose name was acknowledged.
type ShopLedger struct {
	quit chan struct{}
	once sync.Once
	wg   sync.WaitGroup

	mu    sync.Mutex
	names map[string]string // by token: the newest name that was acknowledged
	open  map[string]bool   // tokens with a request whose answer never came
	notes []shopNote
	fails int64
	wrong int64 // reads that gave another name than the acknowledged one
	why   string
}

type shopNote struct {
	began  time.Time
	took   time.Duration
	colour string
	read   bool
	failed bool
}

// StartShopLedger starts clients against the router.
func StartShopLedger(front string, clients, rps int) *ShopLedger {
	if clients == 0 {
		clients = 8
	}
	if rps == 0 {
		rps = 200
	}
	l := &ShopLedger{quit: make(chan struct{}), names: map[string]string{}, open: map[string]bool{}}
	for n := range clients {
		l.wg.Go(func() { l.client(n, front, time.Duration(clients)*time.Second/time.Duration(rps)) })
	}
	return l
}

// client makes a customer, renames it and reads it, again and again.
func (l *ShopLedger) client(n int, front string, pace time.Duration) {
	tr := &http.Transport{MaxIdleConnsPerHost: 2}
	defer tr.CloseIdleConnections()
	c := &http.Client{Transport: tr, Timeout: 15 * time.Second}
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for k := 0; ; k++ {
		token, name := fmt.Sprintf("c%d-%d", n, k/4), fmt.Sprintf("Client %d Number%d", n, k/4)
		select {
		case <-l.quit:
			return
		case <-tick.C:
		}
		at := "http://" + front
		values := url.Values{"token": {token}, "name": {name}}
		switch k % 4 {
		case 0:
			l.write(c, token, name, at+"/new?"+values.Encode())
		case 1:
			values.Set("name", name+"b")
			l.write(c, token, name+"b", at+"/rename?"+values.Encode())
		default:
			l.read(c, token, at+"/name?"+url.Values{"token": {token}}.Encode())
		}
	}
}

func (l *ShopLedger) write(c *http.Client, token, name, url string) {
	_, note, err := shopAsk(c, http.MethodPost, url)
	note.failed = err != nil
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notes = append(l.notes, note)
	if err != nil {
		l.fail(err)
		l.open[token] = true
		return
	}
	l.names[token] = name
}

func (l *ShopLedger) read(c *http.Client, token, url string) {
	got, note, err := shopAsk(c, http.MethodGet, url)
	note.read, note.failed = true, err != nil
	l.mu.Lock()
	defer l.mu.Unlock()
	want, promised := l.names[token]
	if !promised || l.open[token] {
		return // nobody knows what it should be
	}
	l.notes = append(l.notes, note)
	switch {
	case err != nil:
		l.fail(err)
	case got != want:
		l.wrong++
		l.why = fmt.Sprintf("customer %s reads another name than the acknowledged one, from %s", token, note.colour)
	}
}

func (l *ShopLedger) fail(err error) { l.fails++; l.why = err.Error() }

func shopAsk(c *http.Client, method, url string) (string, shopNote, error) {
	note := shopNote{began: time.Now()}
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return "", note, err
	}
	res, err := c.Do(req)
	if err != nil {
		note.took = time.Since(note.began)
		return "", note, err
	}
	body, err := io.ReadAll(res.Body)
	err = joined(err, res.Body.Close())
	note.took, note.colour = time.Since(note.began), res.Header.Get("X-Colour")
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %d: %.200s", note.colour, res.StatusCode, body)
	}
	return string(body), note, err
}

// Stop ends the clients and waits for them.
func (l *ShopLedger) Stop() {
	l.once.Do(func() { close(l.quit) })
	l.wg.Wait()
}

// ShopMeter is what the clients see while they run.
type ShopMeter struct {
	Requests, Failed int64
	Worst            time.Duration
	Gap, LongestGap  time.Duration // without any answer: now, and the longest so far
	Rate             float64       // answers in the last second
	Why              string        // newest failure
}

// Meter looks at the workload so far.
func (l *ShopLedger) Meter() ShopMeter {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := ShopMeter{Requests: int64(len(l.notes)), Failed: l.fails, Why: l.why}
	now, last := time.Now(), time.Time{}
	for _, n := range l.notes {
		m.Worst = max(m.Worst, n.took)
		if n.failed {
			continue
		}
		end := n.began.Add(n.took)
		if !last.IsZero() {
			m.LongestGap = max(m.LongestGap, end.Sub(last))
		}
		if last = end; now.Sub(end) < time.Second {
			m.Rate++
		}
	}
	if !last.IsZero() {
		m.Gap = now.Sub(last)
	}
	return m
}

// ShopReport is the balance of a stopped workload.
type ShopReport struct {
	Requests   int64            `json:"requests"`
	Acked      int64            `json:"acked"` // customers whose name was acknowledged
	Lost       int64            `json:"lost"`
	Duplicated int64            `json:"duplicated"`
	Differ     int64            `json:"differ"` // another name than the acknowledged one, read by a client or found at the end
	Failed     int64            `json:"failed"`
	Stray      int64            `json:"stray"` // begun after a switch and answered by the version before
	By         map[string]int64 `json:"by_version"`
	WorstMS    int64            `json:"worst_ms"`
	Why        string           `json:"why,omitempty"`
}

// Turn is a switch of the router: from then on every request is to's.
type Turn struct {
	At time.Time
	To string
}

// Check compares what the clients were promised with what the database holds:
// in the new shape, once the old one is gone.
func (l *ShopLedger) Check(ctx context.Context, db ShopDB, contracted bool, turns []Turn) (ShopReport, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := ShopReport{Requests: int64(len(l.notes)), Acked: int64(len(l.names)), Failed: l.fails, Differ: l.wrong, By: map[string]int64{}, Why: l.why}
	for _, n := range l.notes {
		r.By[n.colour]++
		r.WorstMS = max(r.WorstMS, n.took.Milliseconds())
		if to := servedAt(turns, n.began); to != "" && n.colour != to && n.colour != "" {
			r.Stray++
		}
	}
	found := map[string]bool{}
	err := db.Names(ctx, contracted, func(token string, n int64, name string) {
		found[token] = true
		if n > 1 {
			r.Duplicated++
		}
		if want, ok := l.names[token]; ok && want != name && !l.open[token] {
			r.Differ++
		}
	})
	if err != nil {
		return r, err
	}
	for token := range l.names {
		if !found[token] {
			r.Lost++
		}
	}
	return r, nil
}

// servedAt is the version that serves requests that begin then; empty before the
// first switch, and while nobody had said that one was over.
func servedAt(turns []Turn, at time.Time) string {
	to := ""
	for _, t := range turns {
		if at.After(t.At) {
			to = t.To
		}
	}
	return to
}
