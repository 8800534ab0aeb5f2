package lab

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// ShopApp is one version of a shop's customer service. All versions speak the
// same to the outside and differ in the shape of the table that they know: blue
// and turquoise write name, green writes given_name and family_name.
//
//	POST /new?token=…&name=…     a customer
//	POST /rename?token=…&name=…  another name
//	GET  /name?token=…           the name
//	GET  /                       whether it and its database work
//
// It names itself in X-Colour.
type ShopApp struct {
	Colour string
	addr   string // fixed for the whole run: the router knows it

	mu     sync.Mutex
	server *http.Server
	store  ShopStore
	done   chan error
}

// start deploys the version.
func (a *ShopApp) start(db ShopDB) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.server != nil {
		return nil
	}
	store, err := db.Serve("shop_"+a.Colour, "shop/"+a.Colour+"/1")
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", a.addr)
	if err != nil {
		store.Close()
		return err
	}
	a.store, a.done = store, make(chan error, 1)
	a.server = &http.Server{Handler: http.HandlerFunc(a.answer), ReadHeaderTimeout: 10 * time.Second}
	go func(s *http.Server) { a.done <- s.Serve(l) }(a.server)
	return nil
}

// stop undeploys the version.
func (a *ShopApp) stop() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.server == nil {
		return nil
	}
	err := a.server.Close()
	if serr := <-a.done; !errors.Is(serr, http.ErrServerClosed) {
		err = errors.Join(err, serr)
	}
	a.store.Close()
	a.server, a.store = nil, nil
	return err
}

func (a *ShopApp) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Colour", a.Colour)
	text, err := a.store.Do(r.Context(), ShopRequest{What: r.Method + " " + r.URL.Path, Green: a.Colour == "green", Token: r.URL.Query().Get("token"), Name: r.URL.Query().Get("name")})
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_, _ = fmt.Fprint(w, text) // a client that left does not matter to it
}

// splitName takes a name apart at its last blank, as the mapping of the runbook
// does.
func splitName(name string) (given *string, family string) {
	i := strings.LastIndexByte(name, ' ')
	if i < 0 {
		return nil, name
	}
	g := name[:i]
	return &g, name[i+1:]
}

var errNoCustomer = errors.New("there is no such customer")
