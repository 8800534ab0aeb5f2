package lab

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// Profile is what the lab must know to walk the runbooks of one engine.
type Profile struct {
	Engine  string   // of the runbook's blue
	Runbook string   // the one that a demo walks
	Title   string   // what is started, in a sentence's words
	Flavors []string // products that the engine serves, the usual one first; nil: one

	start func(ctx context.Context, o BenchOptions) (Bench, error)
}

// BenchOptions say which servers are wanted. Zero values mean the usual ones; a
// profile refuses what it has no servers for.
type BenchOptions struct {
	Flavor     string
	BlueMajor  int
	GreenMajor int
	OldPooler  bool      // PgBouncer 1.18 in front
	Log        io.Writer // progress lines; nil drops them
}

// Bench is a running blue, green and router that a runbook can be walked on.
type Bench interface {
	// AppDSN is the application's way, through the router.
	AppDSN() string
	// LedgerDSN is how a stopped ledger is compared with one side.
	LedgerDSN(side engines.TargetID) string
	// Env returns the variables that a runbook's targets refer to, and the folder
	// of the client programs. They hold passwords.
	Env() map[string]string
	// Params are the runbook's parameters that name these servers, NAME=VALUE.
	Params() []string
	// Close ends the servers and removes what they left.
	Close() error
}

// Profiles is the table of profiles. A new engine is one row.
func Profiles() []Profile {
	return []Profile{
		{Engine: "postgres", Runbook: "postgres-logical", Title: "PostgreSQL 15 as blue, PostgreSQL 17 as green, PgBouncer", start: startPostgresBench},
		{Engine: "mysql", Runbook: "mysql-binlog", Title: "two servers of MySQL 9.7, or with mariadb of MariaDB 10.11, HAProxy", Flavors: []string{FlavorMySQL, FlavorMariaDB}, start: startMySQLBench},
	}
}

// ProfileOf returns the profile of an engine.
func ProfileOf(engine string) (Profile, error) {
	var known []string
	for _, p := range Profiles() {
		if p.Engine == engine {
			return p, nil
		}
		known = append(known, p.Engine)
	}
	return Profile{}, &engines.Error{Op: "choose servers of the lab", Object: "engine " + engine, Err: fmt.Errorf("the lab has none"),
		Next: "rehearse a runbook whose blue is " + strings.Join(known, " or ")}
}

// Start starts the servers of the profile.
func (p Profile) Start(ctx context.Context, o BenchOptions) (Bench, error) {
	wrong := func(what, next string) error {
		return &engines.Error{Op: "start the lab", Object: p.Engine, Err: fmt.Errorf("%s", what), Next: next}
	}
	switch {
	case o.Flavor != "" && len(p.Flavors) == 0:
		return nil, wrong("there is one product only", "leave --flavor away")
	case o.Flavor != "" && !slices.Contains(p.Flavors, o.Flavor):
		return nil, wrong("no product "+o.Flavor, "give "+strings.Join(p.Flavors, " or "))
	}
	return p.start(ctx, o)
}

func startPostgresBench(ctx context.Context, o BenchOptions) (Bench, error) {
	l, err := Pair(ctx, Options{BlueMajor: o.BlueMajor, GreenMajor: o.GreenMajor, OldPooler: o.OldPooler, Log: o.Log})
	if err != nil {
		return nil, err // a nil *PairLab in a Bench would not be nil
	}
	return l, nil
}

func startMySQLBench(ctx context.Context, o BenchOptions) (Bench, error) {
	if o.OldPooler {
		return nil, &engines.Error{Op: "start the lab", Object: "mysql", Err: fmt.Errorf("no pooler stands in front of it"), Next: "leave --old-pooler away"}
	}
	l, err := MySQLPair(ctx, MySQLOptions{Flavor: o.Flavor, BlueMajor: o.BlueMajor, GreenMajor: o.GreenMajor, Log: o.Log})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// LedgerDSN is Turquoise's own way into one side.
func (l *PairLab) LedgerDSN(side engines.TargetID) string {
	if side == "green" {
		return l.GreenDSN()
	}
	return l.BlueDSN()
}

// Params are the parameters of postgres-logical that name the lab's servers.
func (l *PairLab) Params() []string {
	info := func(port int) string {
		return fmt.Sprintf("host=127.0.0.1 port=%d dbname=%s user=%s sslmode=disable", port, Database, RoleReplication)
	}
	return []string{"blue_conninfo=" + info(l.Blue.Port), "green_conninfo=" + info(l.Green.Port)}
}

// LedgerDSN is the application's own way into one side, around the router.
func (l *MySQLPairLab) LedgerDSN(side engines.TargetID) string {
	if side == "green" {
		return l.Green.DSN(RoleApp, MySQLDatabase)
	}
	return l.Blue.DSN(RoleApp, MySQLDatabase)
}

// Params are the parameters of mysql-binlog that name the lab's servers.
func (l *MySQLPairLab) Params() []string {
	info := func(m *MySQL) string {
		return fmt.Sprintf("host=127.0.0.1 port=%d user=%s ssl=off", m.Port, RoleReplication)
	}
	return []string{"blue_conninfo=" + info(l.Blue), "green_conninfo=" + info(l.Green), "database=" + MySQLDatabase}
}
