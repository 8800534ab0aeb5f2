package lab

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// The roles of a pair, on both sides, with the same password on both.
const (
	RoleTurquoise   = "turquoise" // ours: superuser, and admin of the pooler
	RoleReplication = "repl"      // login, replication, may read the tables
	RoleApp         = "app"       // the application, owner of the tables
	RoleBatch       = "batch"     // a second application role
)

// Database is the database of a pair.
const Database = "app"

// Marker is the setting of the database that says: this is a lab. Its value is
// the run's name. A rehearsal refuses a target without it.
const Marker = "turquoise.lab"

//go:embed blue.sql
var blueSchema string

// Options of a pair.
type Options struct {
	BlueMajor  int       // 15 when zero
	GreenMajor int       // 17 when zero
	OldPooler  bool      // PgBouncer 1.18 in front, which keeps no prepared statements
	Log        io.Writer // progress lines; nil drops them
	Dir        string    // where the run folder is made; empty means the system's folder for temporary files
	Servers    *Servers  // nil means OpenServers
}

// PairLab is a running blue and green with a pooler in front that sends the
// application to blue.
type PairLab struct {
	RunID  string
	Dir    string // the run folder; gone after Close
	Blue   *Postgres
	Green  *Postgres
	Pooler *PgBouncer

	run       *runDir
	passwords map[string]string
	close     func() error
}

// Pair starts blue, filled, and green, empty but for its roles and database,
// and the pooler. On an error nothing is left running.
func Pair(ctx context.Context, o Options) (_ *PairLab, err error) {
	if o.BlueMajor == 0 {
		o.BlueMajor = 15
	}
	if o.GreenMajor == 0 {
		o.GreenMajor = 17
	}
	servers := o.Servers
	if servers == nil {
		s, err := OpenServers(o.Log)
		if err != nil {
			return nil, err
		}
		servers = &s
	}
	if err := servers.Pair(ctx, o.BlueMajor, o.GreenMajor); err != nil {
		return nil, err
	}
	program, settings, err := servers.poolerFor(ctx, o)
	if err != nil {
		return nil, err
	}
	run, err := openRunDir(o.Dir)
	if err != nil {
		return nil, err
	}
	l := &PairLab{RunID: password()[:12], Dir: run.path, run: run, passwords: map[string]string{}}
	l.close = sync.OnceValue(l.end)
	for _, r := range []string{Superuser, RoleTurquoise, RoleReplication, RoleApp, RoleBatch} {
		l.passwords[r] = password()
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	began := time.Now()
	if err := l.startServers(ctx, *servers, o); err != nil {
		return nil, err
	}
	l.Pooler, err = startPgBouncer(ctx, program, settings, run, Database, l.Blue.Port, RoleTurquoise, l.poolerPasswords())
	if err != nil {
		return nil, err
	}
	servers.say("blue %d on port %d, green %d on port %d, pooler on port %d: up in %.1f s",
		o.BlueMajor, l.Blue.Port, o.GreenMajor, l.Green.Port, l.Pooler.Port, time.Since(began).Seconds())
	return l, nil
}

// Pair gets all programs of a pair before anything is started, one after the
// other: a fetch in the middle would only slow the others down.
func (s Servers) Pair(ctx context.Context, blue, green int) error {
	for _, major := range []int{blue, green} {
		if _, err := s.Postgres(ctx, major); err != nil {
			return err
		}
	}
	_, err := s.PgBouncer(ctx)
	return err
}

// poolerFor gives the program of the pooler and the settings it takes besides.
func (s Servers) poolerFor(ctx context.Context, o Options) (program, settings string, err error) {
	if o.OldPooler {
		program, err = s.OldPgBouncer(ctx)
		return program, "", err
	}
	program, err = s.PgBouncer(ctx)
	return program, preparedSettings, err
}

func (l *PairLab) startServers(ctx context.Context, s Servers, o Options) error {
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		if l.Blue, err = startPostgres(gctx, s, o.BlueMajor, l.run, "blue", l.passwords); err != nil {
			return err
		}
		if err = l.prepare(gctx, l.Blue); err != nil {
			return err
		}
		return l.Blue.Exec(gctx, Database, "set role "+RoleApp, blueSchema,
			`grant usage on schema "Billing" to repl, batch;
			 grant select on all tables in schema "Billing" to repl;
			 grant select, insert, update on all tables in schema "Billing" to batch;
			 grant usage on all sequences in schema "Billing" to batch`)
	})
	g.Go(func() (err error) {
		if l.Green, err = startPostgres(gctx, s, o.GreenMajor, l.run, "green", l.passwords); err != nil {
			return err
		}
		return l.prepare(gctx, l.Green)
	})
	return g.Wait()
}

// prepare makes roles, database and marker on one side. Passwords are hex and
// need no quoting.
func (l *PairLab) prepare(ctx context.Context, p *Postgres) error {
	role := func(name, attributes string) string {
		return fmt.Sprintf("create role %s login %s password '%s'", name, attributes, l.passwords[name])
	}
	err := p.Exec(ctx, "postgres",
		role(RoleTurquoise, "superuser"), role(RoleReplication, "replication"), role(RoleApp, ""), role(RoleBatch, ""),
		fmt.Sprintf("create database %s owner %s", Database, RoleApp),
		fmt.Sprintf("alter database %s set %s = '%s'", Database, Marker, l.RunID))
	if err != nil {
		return err
	}
	// Up to 14 everyone may create in public, from 15 the database's owner may.
	return p.Exec(ctx, Database,
		"grant usage on schema public to repl, batch",
		"alter default privileges for role app in schema public grant select on tables to repl",
		"alter default privileges for role app in schema public grant select, insert, update on tables to batch",
		"alter default privileges for role app in schema public grant usage on sequences to batch")
}

func (l *PairLab) poolerPasswords() map[string]string {
	p := maps.Clone(l.passwords)
	delete(p, Superuser)       // the pooler needs no superuser to
	delete(p, RoleReplication) // do its work, and replication goes around it
	return p
}

// BlueDSN is Turquoise's own way into blue.
func (l *PairLab) BlueDSN() string { return l.Blue.DSN(RoleTurquoise, Database) }

// GreenDSN is Turquoise's own way into green.
func (l *PairLab) GreenDSN() string { return l.Green.DSN(RoleTurquoise, Database) }

// PoolerAdminDSN is the admin console of the pooler.
func (l *PairLab) PoolerAdminDSN() string { return l.Pooler.AdminDSN() }

// AppDSN is the application's way: through the pooler, to the side that serves.
func (l *PairLab) AppDSN() string { return l.Pooler.DSN(RoleApp, Database) }

// Env returns the variables that a runbook's targets refer to. They hold
// passwords: for a child's environment, not for a screen or a record.
func (l *PairLab) Env() map[string]string {
	return map[string]string{
		"TURQUOISE_BLUE_DSN":      l.BlueDSN(),
		"TURQUOISE_GREEN_DSN":     l.GreenDSN(),
		"TURQUOISE_ROUTER_DSN":    l.PoolerAdminDSN(),
		"TURQUOISE_ROUTER_FILE":   l.Pooler.IniPath,
		"TURQUOISE_REPL_PASSWORD": l.passwords[RoleReplication],
		"TURQUOISE_TOOLS":         filepath.Dir(l.Tool("pg_dump")),
	}
}

// Close stops the servers that run, the pooler first, and removes the run
// folder. It is safe to call twice.
func (l *PairLab) Close() error { return l.close() }

func (l *PairLab) end() error {
	var errs []error
	if l.Pooler != nil {
		errs = append(errs, l.Pooler.Stop())
	}
	var g errgroup.Group
	for _, p := range []*Postgres{l.Blue, l.Green} {
		if p != nil && p.proc != nil {
			g.Go(p.Stop)
		}
	}
	errs = append(errs, g.Wait(), l.run.close())
	return errors.Join(errs...)
}
