package lab

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// RoleReport is a client of the shop's database beside its versions: it reads
// the whole table in transactions of some seconds.
const RoleReport = "shop_report"

// ShopDatabase is the database that the versions of the shop share.
const ShopDatabase = "shop"

//go:embed shop.sql
var shopSchema string

// shopSettings: one frontend, one backend with three versions, of which blue gets
// the requests. All are checked; a version without weight gets nothing.
const shopSettings = `global
  description turquoise lab %s
  stats socket %s mode 600 level admin
defaults
  mode http
  timeout connect 2s
  timeout check 5s
  timeout client 1h
  timeout server 1h
  option httpchk GET /
frontend fe
  bind 127.0.0.1:%d
  default_backend be
backend be
`

// ShopOptions of a shop.
type ShopOptions struct {
	Flavor  string    // FlavorPostgres when empty, FlavorMySQL, FlavorMariaDB
	Major   int       // the usual version of the flavour when zero; PostgreSQL 15
	Rows    int       // customers at the beginning; 100,000 when zero
	Log     io.Writer // progress lines; nil drops them
	Servers *Servers  // nil means OpenServers
}

// ShopLab is a database that versions of an application share, the application,
// and the router in front of it.
type ShopLab struct {
	DB     ShopDB
	Book   string // the runbook that fits its product
	Router *HAProxy
	Apps   map[engines.Colour]*ShopApp

	run       *runDir
	passwords map[string]string
	close     func() error
	quit      chan struct{}
	report    sync.WaitGroup
}

// Shop starts database, router and blue. Turquoise and green are deployed by
// Deploy. On an error nothing is left running.
func Shop(ctx context.Context, o ShopOptions) (_ *ShopLab, err error) {
	servers := o.Servers
	if servers == nil {
		s, err := OpenServers(o.Log)
		if err != nil {
			return nil, err
		}
		servers = &s
	}
	program, err := servers.HAProxy(ctx)
	if err != nil {
		return nil, err
	}
	run, err := openRunDir("")
	if err != nil {
		return nil, err
	}
	l := &ShopLab{run: run, Apps: map[engines.Colour]*ShopApp{}, passwords: shopPasswords(), quit: make(chan struct{})}
	l.close = sync.OnceValue(l.end)
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	began := time.Now()
	l.Book = ShopBook(o.Flavor)
	if l.DB, err = openShopDB(ctx, o, *servers, run, l.passwords); err != nil {
		return nil, err
	}
	if err := l.route(ctx, program); err != nil {
		return nil, err
	}
	l.report.Go(l.reports)
	servers.say("shop: %s, router on port %d: up in %.1f s", l.DB.Title(), l.Router.Port, time.Since(began).Seconds())
	return l, nil
}

func shopRoles() []string { return []string{"shop_blue", "shop_turquoise", "shop_green", RoleReport} }

// route gives every version its port and starts the router.
func (l *ShopLab) route(ctx context.Context, program string) (err error) {
	lines := ""
	for _, c := range engines.Colours() {
		port, err := freePort()
		if err != nil {
			return err
		}
		weight := 0
		if c == engines.Blue {
			weight = 100
		}
		l.Apps[c] = &ShopApp{Colour: string(c), addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
		lines += fmt.Sprintf("  server %s %s weight %d check inter 500ms fall 3 rise 1\n", c, l.Apps[c].addr, weight)
	}
	// Before the router: its first look must find a version that serves.
	if err := l.Deploy(engines.Blue); err != nil {
		return err
	}
	l.Router, err = startHAProxyWith(ctx, program, l.run, func(run, socket string, port int) string {
		return fmt.Sprintf(shopSettings, run, socket, port) + lines
	})
	return err
}

// Deploy starts a version; it gets no request by that.
func (l *ShopLab) Deploy(c engines.Colour) error {
	return l.Apps[c].start(l.DB)
}

// Undeploy stops a version.
func (l *ShopLab) Undeploy(c engines.Colour) error { return l.Apps[c].stop() }

// Hand does what a manual step of the shipped runbook asks of a person.
func (l *ShopLab) Hand(title string) error {
	switch title {
	case "Deploy turquoise beside blue":
		return l.Deploy(engines.Turquoise)
	case "Deploy green beside turquoise":
		return l.Deploy(engines.Green)
	case "Undeploy turquoise":
		return l.Undeploy(engines.Turquoise)
	case "Undeploy green":
		return l.Undeploy(engines.Green)
	}
	return nil
}

const (
	// reportEvery and reportTakes: a reader that holds its transaction open for
	// longer than any change may wait for a lock, and for less than a gate allows.
	reportEvery = 3 * time.Second
	reportTakes = 2 * time.Second
)

// reports reads the table in long transactions, as a report does.
func (l *ShopLab) reports() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	t := time.NewTicker(reportEvery)
	defer t.Stop()
	for {
		select {
		case <-l.quit:
			return
		case <-t.C:
			l.readLong(ctx)
		}
	}
}

// readLong is one report. What fails is not its matter: the ledger's clients tell.
func (l *ShopLab) readLong(ctx context.Context) {
	over := make(chan struct{})
	go func() {
		defer close(over)
		hold := time.NewTimer(reportTakes)
		defer hold.Stop()
		select {
		case <-hold.C:
		case <-l.quit:
		}
	}()
	_ = l.DB.Hold(ctx, over)
	<-over
}

// DSN is Turquoise's own way into the database.
func (l *ShopLab) DSN() string { return l.DB.DSN(RoleTurquoise) }

// Env returns the variables that the runbook's targets refer to.
func (l *ShopLab) Env() map[string]string {
	return map[string]string{"TURQUOISE_DB_DSN": l.DSN(), "TURQUOISE_ROUTER_DSN": "unix:" + l.Router.Socket, "TURQUOISE_ROUTER_FRONTEND": l.Router.Address()}
}

// Params are parameters for a rehearsal: waits that a night needs and a rehearsal
// does not.
func (l *ShopLab) Params() []string {
	return []string{"ci_artifact=rehearsal", "backup_id=rehearsal", "drain=5s", "calm=3s", "healthy=3s", "soak=10s"}
}

// Close ends everything and removes what was left.
func (l *ShopLab) Close() error { return l.close() }

func (l *ShopLab) end() error {
	close(l.quit)
	l.report.Wait()
	var errs []error
	for _, a := range l.Apps {
		errs = append(errs, a.stop())
	}
	if l.Router != nil {
		errs = append(errs, l.Router.Stop())
	}
	if l.DB != nil {
		errs = append(errs, l.DB.Stop())
	}
	return errors.Join(append(errs, l.run.close())...)
}
