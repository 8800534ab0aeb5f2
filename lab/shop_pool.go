package lab

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// shopPool keeps the connections of a version for as long as it gets requests.
type shopPool struct {
	cfg *pgx.ConnConfig

	mu     sync.Mutex
	idle   []idleConn
	closed bool
	quit   chan struct{}
	done   chan struct{}
}

type idleConn struct {
	c     *pgx.Conn
	since time.Time
}

// shopIdle is how long a connection of a version that gets no request is kept.
const shopIdle = 2 * time.Second

func newShopPool(dsn, name string) (*shopPool, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	cfg.RuntimeParams["application_name"] = name
	// What a statement returns is not remembered: its table is about to change.
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	p := &shopPool{cfg: cfg, quit: make(chan struct{}), done: make(chan struct{})}
	go p.sweep()
	return p, nil
}

// with lends a connection. One whose use failed is closed: who ended it is no
// matter of the next request.
func (p *shopPool) with(ctx context.Context, use func(*pgx.Conn) error) error {
	p.mu.Lock()
	var c *pgx.Conn
	if n := len(p.idle); n > 0 {
		c, p.idle = p.idle[n-1].c, p.idle[:n-1]
	}
	p.mu.Unlock()
	if c == nil {
		var err error
		if c, err = pgx.ConnectConfig(ctx, p.cfg.Copy()); err != nil {
			return err
		}
	}
	err := use(c)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil || p.closed || c.IsClosed() {
		shut(c)
		return err
	}
	p.idle = append(p.idle, idleConn{c, time.Now()})
	return nil
}

// shut ends a connection; a server that is gone already does not matter.
func shut(c *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), shopIdle)
	defer cancel()
	_ = c.Close(ctx)
}

// sweep closes what was idle for long, until the pool is closed.
func (p *shopPool) sweep() {
	defer close(p.done)
	t := time.NewTicker(shopIdle / 4)
	defer t.Stop()
	for {
		select {
		case <-p.quit:
			return
		case now := <-t.C:
			p.mu.Lock()
			var keep []idleConn
			for _, i := range p.idle {
				if now.Sub(i.since) > shopIdle {
					shut(i.c)
				} else {
					keep = append(keep, i)
				}
			}
			p.idle = keep
			p.mu.Unlock()
		}
	}
}

// Close ends the connections.
func (p *shopPool) Close() {
	close(p.quit)
	<-p.done
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, i := range p.idle {
		shut(i.c)
	}
	p.idle = nil
}
