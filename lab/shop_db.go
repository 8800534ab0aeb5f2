package lab

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// ShopDB is the database that the versions of the shop share: of one product.
type ShopDB interface {
	// DSN is a role's way into the shop's database.
	DSN(role string) string
	// Title is what the server is, for a line of progress.
	Title() string
	// Ask gives the one value that a question of Turquoise's own account answers.
	Ask(ctx context.Context, query string) (string, error)
	// Names hands out each customer: token, how many there are of it, and its name,
	// taken from the new shape if the old one is gone.
	Names(ctx context.Context, contracted bool, each func(token string, n int64, name string)) error
	// Catalog is all that the runbook may change, as text.
	Catalog(ctx context.Context) (string, error)
	// Hold reads the whole table in one transaction and keeps it open until over.
	Hold(ctx context.Context, over <-chan struct{}) error
	// Serve opens the connections of a version.
	Serve(role, name string) (ShopStore, error)
	// Stop ends the server.
	Stop() error
}

// ShopStore is what a version does with its database: requests by their method
// and path.
type ShopStore interface {
	Do(ctx context.Context, r ShopRequest) (string, error)
	Close()
}

// ShopRequest is one request as a version serves it.
type ShopRequest struct {
	What  string // method and path
	Green bool   // in the new shape
	Token string
	Name  string
}

// ShopBook is the runbook of the shop on a product.
func ShopBook(flavor string) string {
	if flavor == FlavorMySQL || flavor == FlavorMariaDB {
		return "blue-turquoise-green-mysql"
	}
	return "blue-turquoise-green"
}

// FlavorPostgres is the shop's usual product.
const FlavorPostgres = "postgres"

// openShopDB starts a server of a flavour and fills the shop.
func openShopDB(ctx context.Context, o ShopOptions, servers Servers, run *runDir, passwords map[string]string) (ShopDB, error) {
	if o.Rows == 0 {
		o.Rows = 100000
	}
	switch o.Flavor {
	case "", FlavorPostgres:
		return openShopPostgres(ctx, o, servers, run, passwords)
	case FlavorMySQL, FlavorMariaDB:
		return openShopMySQL(ctx, o, servers, run, passwords)
	}
	return nil, fmt.Errorf("the lab has no shop on %q: give postgres, mysql or mariadb", o.Flavor)
}

// ShopAlone is the shop's database without its application and router.
type ShopAlone struct {
	ShopDB
	close func() error
}

// StartShopDB starts the database of a shop and nothing else.
func StartShopDB(ctx context.Context, o ShopOptions) (*ShopAlone, error) {
	servers, err := OpenServers(o.Log)
	if err != nil {
		return nil, err
	}
	run, err := openRunDir("")
	if err != nil {
		return nil, err
	}
	db, err := openShopDB(ctx, o, servers, run, shopPasswords())
	if err != nil {
		return nil, errors.Join(err, run.close())
	}
	return &ShopAlone{db, sync.OnceValue(func() error { return errors.Join(db.Stop(), run.close()) })}, nil
}

// Close ends the server and removes what was left. It is safe to call twice.
func (a *ShopAlone) Close() error { return a.close() }

// shopPasswords are of every role of the shop and of ours.
func shopPasswords() map[string]string {
	out := map[string]string{}
	for _, r := range append(shopRoles(), Superuser, MySQLRoot, RoleTurquoise) {
		out[r] = password()
	}
	return out
}
