package cli

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
)

func verifyCmd(app *App) *cobra.Command {
	var opts audit.VerifyOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify DIR",
		Short: "check the record of a cutover",
		Long: `Check the record in DIR: that no line was changed, removed, added or moved, that
the seals are those of one session key, that every step that was begun has an
outcome, and that the statements are those of the confirmed plans.

It needs no server and no network, and it writes nothing. What it could not
check for want of a key or an anchor is named in the report; with --signers or
--quorum that is a finding. Exit status: turquoise help exit-codes.`,
		Example: `  turquoise verify ~/cutovers/20261121-orders-7f3a
  turquoise verify --json ./record | jq .verdict
  turquoise verify --signers allowed_signers --origin orders.example ./record`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return app.verify(args[0], opts, asJSON) },
	}
	f := cmd.Flags()
	f.StringVar(&opts.Signers, "signers", "", "file of the people who may sign (ssh allowed_signers)")
	f.StringVar(&opts.Origin, "origin", "", "name the record must carry; without it the record's own is believed")
	f.IntVar(&opts.Quorum, "quorum", 0, "anchors that must vouch for the record")
	f.BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

func (a *App) verify(dir string, opts audit.VerifyOptions, asJSON bool) error {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		if err == nil {
			err = errNotFolder
		}
		// A folder that is not there says nothing about a record: usage, not a verdict.
		return exit(ExitUsage, &engines.Error{Op: "open record", Object: dir, Err: err, Next: "name the folder that holds the record's log"})
	}
	if opts.Signers != "" {
		if _, err := os.Stat(opts.Signers); err != nil {
			return exit(ExitUsage, &engines.Error{Op: "read signers", Object: opts.Signers, Err: err, Next: "name a readable allowed_signers file"})
		}
	}
	if opts.Quorum < 0 {
		return usage("give 0 or more", "--quorum %d: there is no such number of anchors", opts.Quorum)
	}
	opts.Tool = Tool()
	report := entries.Verify(dir, opts)
	print := report.Text
	if asJSON {
		print = report.JSON
	}
	if err := print(a.Out); err != nil {
		return &engines.Error{Op: "print report", Object: dir, Err: err}
	}
	return exit(report.Exit, nil)
}
