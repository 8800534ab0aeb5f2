package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
)

// demoClients is enough to show an outage, and little enough for a laptop.
const demoClients = 8

func demoCmd(app *App) *cobra.Command {
	var c cutover
	var sc screen
	var flavor string
	cmd := &cobra.Command{
		Use:   "demo [RUNBOOK]",
		Short: "walk a cutover on servers that are started for it on this machine",
		Long: `Start blue, green, a router in front of them and a client workload on this
machine, and open the cockpit at the first step: for postgres-logical, which is
walked where none is named, PostgreSQL 15 and 17 behind PgBouncer; for
mysql-binlog two servers of MySQL, or of MariaDB, behind HAProxy.
The servers are real; they listen on the loopback only and are gone when you
leave. Keys for you and for a second person are made for this run; where a step
needs the second person, the box says where that key lies. At the end the promises that clients got are compared with what the
database holds. The record stays.`,
		Example: `  turquoise demo
  turquoise demo --window stepwise
  turquoise demo mysql-binlog --flavor mariadb
  turquoise demo blue-turquoise-green --flavor mysql
  turquoise demo --plain`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.FixedCompletions(runbooks.Catalogue(), cobra.ShellCompDirectiveDefault),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.book = "postgres-logical"
			if len(args) > 0 {
				c.book = args[0]
			}
			return app.demo(cmd.Context(), c, sc, flavor)
		},
	}
	f := cmd.Flags()
	f.StringVar(&flavor, "flavor", "", "product that is started, where there are several: mysql or mariadb, for blue-turquoise-green postgres too")
	c.flags(f)
	sc.flags(f)
	sc.filmFlag(f)
	return cmd
}

func (a *App) demo(ctx context.Context, c cutover, sc screen, flavor string) (err error) {
	if err := c.checkWindow(); err != nil {
		return err
	}
	if err := sc.check(a); err != nil {
		return err
	}
	if webBook(c.book) {
		return a.demoWeb(ctx, c, sc)
	}
	if product, shared, err := sharedFlavor(c.book, flavor); err != nil {
		return err
	} else if shared {
		return a.demoRelease(ctx, c, sc, product)
	}
	profile, err := a.profileOf(c.book)
	if err != nil {
		return err
	}
	start, forget := untilSignal(ctx) // held to the end: no signal may leave servers behind
	defer forget()
	a.tell("starting blue, green and the router on this machine")
	pair, err := profile.Start(start, lab.BenchOptions{Flavor: flavor, Log: a.Err})
	if err != nil {
		return errors.Join(context.Cause(start), err)
	}
	defer func() { err = errors.Join(err, pair.Close()) }()
	ledger, err := lab.StartLedger(ctx, pair.AppDSN(), demoClients, lab.LedgerOptions{})
	if err != nil {
		return err
	}
	stopped := false
	defer func() {
		if !stopped {
			err = errors.Join(err, ledger.Stop())
		}
	}()
	s, err := a.perform(ctx, start, c, sc, stage{params: pair.Params(), env: pair.Env(), meter: outageMeter(ledger)})
	if err != nil {
		return err
	}
	stopped = true
	if err := ledger.Stop(); err != nil {
		return err
	}
	return a.reckon(ctx, pair, ledger, s)
}

// reckon compares what the clients were promised with what the serving side holds.
func (a *App) reckon(ctx context.Context, pair lab.Bench, l *lab.Ledger, s *session.Session) error {
	serves, before := served(s.State(), pair)
	rep, err := l.Check(ctx, serves, before...)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(a.Out, "the clients: %d acknowledged, %d lost, %d duplicated, %d failed, %d reconnected, longest gap %d ms\nthe servers of the demo are gone; the record is in %s\n",
		rep.Acked, rep.Lost+rep.Stranded, rep.Duplicated, rep.Failed+rep.Refused, rep.Reconnected, rep.LongestGap.Milliseconds(), s.Dir()); err != nil {
		return err
	}
	if !rep.Clean() {
		return exit(ExitFailed, fmt.Errorf("compare the clients' notes: %s", rep))
	}
	return nil
}
