package lab

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// WebApp is one version of a small application. It answers
//
//	/          uncacheable
//	/page/…    cacheable for ten minutes
//	/slow      uncacheable, after 300 ms
//	/healthz   200, or 503 while it is sick
//
// and names itself in X-Colour and in the body.
type WebApp struct {
	Name, Addr string

	sick   atomic.Bool
	served atomic.Int64
	probed atomic.Int64 // health pages answered
	server *http.Server
	done   chan error
	close  func() error
}

// slowAnswer is long enough to span a switch and a moment after it.
const slowAnswer = 300 * time.Millisecond

func startWebApp(name string) (*WebApp, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a := &WebApp{Name: name, Addr: l.Addr().String(), done: make(chan error, 1)}
	a.server = &http.Server{Handler: http.HandlerFunc(a.answer), ReadHeaderTimeout: 10 * time.Second}
	a.close = sync.OnceValue(a.end)
	go func() { a.done <- a.server.Serve(l) }()
	return a, nil
}

func (a *WebApp) port() string {
	_, port, _ := net.SplitHostPort(a.Addr)
	return port
}

func (a *WebApp) answer(w http.ResponseWriter, r *http.Request) {
	cache, status := "no-store", http.StatusOK
	switch {
	case r.URL.Path == "/healthz":
		a.probed.Add(1)
		if a.sick.Load() {
			status = http.StatusServiceUnavailable
		}
	case strings.HasPrefix(r.URL.Path, "/page/"):
		cache = "max-age=600"
	case r.URL.Path == "/slow":
		t := time.NewTimer(slowAnswer)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			return
		}
	}
	if r.URL.Path != "/healthz" {
		a.served.Add(1)
	}
	w.Header().Set("Cache-Control", cache)
	w.Header().Set("X-Colour", a.Name)
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, a.Name) // a client that left does not matter to it
}

// Sick makes the application answer its health page with 503, or well again.
func (a *WebApp) Sick(is bool) { a.sick.Store(is) }

// Served is the number of requests answered, the health page left out.
func (a *WebApp) Served() int64 { return a.served.Load() }

// Close ends the application at once. It is safe to call twice.
func (a *WebApp) Close() error { return a.close() }

func (a *WebApp) end() error {
	err := a.server.Close()
	if serr := <-a.done; !errors.Is(serr, http.ErrServerClosed) {
		err = errors.Join(err, serr)
	}
	return err
}
