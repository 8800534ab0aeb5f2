package cli

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
)

func runCmd(app *App) *cobra.Command {
	var c cutover
	var sc screen
	cmd := &cobra.Command{
		Use:   "run RUNBOOK",
		Short: "walk a runbook in the cockpit",
		Long: `Connect to the servers of a runbook, open a record and show the cockpit. Nothing
is changed until you confirm a step. The connection strings are taken from where
the runbook says, never from the command line.

Leaving the cockpit, or losing the terminal, suspends the session: the running
step ends by itself and is recorded, no other starts, and turquoise resume goes on.`,
		Example: `  turquoise run postgres-logical --param blue_conninfo="host=orders-blue dbname=app user=repl" \
    --param green_conninfo="host=orders-green dbname=app user=repl" --change CHG-4711 --change-window 2026-11-21T02:00:00Z,2026-11-21T04:00:00Z
  turquoise run ./cutover.yaml --window stepwise --plain`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.FixedCompletions(runbooks.Catalogue(), cobra.ShellCompDirectiveDefault),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.book = args[0]
			return app.run(cmd.Context(), c, sc)
		},
	}
	f := cmd.Flags()
	c.flags(f)
	c.identity.flags(f)
	c.anchor.flags(f)
	c.lockFlag(f)
	sc.flags(f)
	sc.filmFlag(f)
	f.StringArrayVar(&c.params, "param", nil, "a parameter of the runbook, NAME=VALUE; may be repeated")
	c.ticket.flags(f)
	f.StringVar(&c.change, "change", "", "number of the change ticket, for banner and record")
	return cmd
}

func (a *App) run(ctx context.Context, c cutover, sc screen) error {
	if err := errors.Join(c.checkWindow(), c.ticket.check()); err != nil {
		return err
	}
	if err := sc.check(a); err != nil {
		return err
	}
	if err := c.identify(); err != nil {
		return err
	}
	a.unsigned(c)
	outside, err := c.anchor.all(ctx, time.Now())
	if err != nil {
		return err
	}
	s, err := a.open(ctx, c, os.LookupEnv, func(cfg *session.Config) {
		cfg.Deadman = a.guarding(cfg.Dir)
		c.anchor.beside(ctx, outside, cfg)
	})
	if err != nil {
		return err
	}
	if err := a.giveAhead(ctx, s, c.identity.approvals); err != nil {
		return errors.Join(err, s.Suspend("an approval could not be read"))
	}
	return a.cockpit(ctx, s, c.operator, sc)
}
