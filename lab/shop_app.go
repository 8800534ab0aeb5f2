package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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
	pool   *shopPool
	done   chan error
}

// start deploys the version.
func (a *ShopApp) start(dsn string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.server != nil {
		return nil
	}
	pool, err := newShopPool(dsn, "shop/"+a.Colour+"/1")
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", a.addr)
	if err != nil {
		pool.close()
		return err
	}
	a.pool, a.done = pool, make(chan error, 1)
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
	a.pool.close()
	a.server, a.pool = nil, nil
	return err
}

func (a *ShopApp) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Colour", a.Colour)
	text, err := a.do(r.Context(), r.Method+" "+r.URL.Path, r.URL.Query().Get("token"), r.URL.Query().Get("name"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_, _ = fmt.Fprint(w, text) // a client that left does not matter to it
}

func (a *ShopApp) do(ctx context.Context, what, token, name string) (string, error) {
	given, family := splitName(name)
	green := a.Colour == "green"
	var text string
	err := a.pool.with(ctx, func(c *pgx.Conn) (err error) {
		switch {
		case what == "POST /new" && green:
			_, err = c.Exec(ctx, "insert into shop.customer (token, given_name, family_name) values ($1, $2, $3)", token, given, family)
		case what == "POST /new":
			_, err = c.Exec(ctx, "insert into shop.customer (token, name) values ($1, $2)", token, name)
		case what == "POST /rename" && green:
			err = one(c.Exec(ctx, "update shop.customer set given_name = $2, family_name = $3 where token = $1", token, given, family))
		case what == "POST /rename":
			err = one(c.Exec(ctx, "update shop.customer set name = $2 where token = $1", token, name))
		case what == "GET /name" && green:
			err = c.QueryRow(ctx, "select coalesce(given_name || ' ', '') || family_name from shop.customer where token = $1", token).Scan(&text)
		case what == "GET /name":
			err = c.QueryRow(ctx, "select name from shop.customer where token = $1", token).Scan(&text)
		default:
			err = c.QueryRow(ctx, "select 'works'").Scan(&text)
		}
		return err
	})
	return text, err
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

// one is a change of exactly one customer.
func one(tag pgconn.CommandTag, err error) error {
	if err == nil && tag.RowsAffected() != 1 {
		return errNoCustomer
	}
	return err
}
