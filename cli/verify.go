package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// verifying is what the flags of verify say.
type verifying struct {
	audit.VerifyOptions
	dir, signers, runbook string
	bundled, json         bool
	heads, logs, cloud    []string
	spared                []string
	outside               outside
}

// bundledSigners is the copy of the signers file that a bundle carries. Whoever
// forges a bundle forges it along, so it is believed only when asked for.
const bundledSigners = "allowed_signers.copy"

func verifyCmd(app *App) *cobra.Command {
	var v verifying
	cmd := &cobra.Command{
		Use:   "verify DIR",
		Short: "check the record of a cutover",
		Long: `Check the record in DIR: that no line was changed, removed, added or moved, that
the seals are those of one session key, that every step that was begun has an
outcome, and that the statements are those of the confirmed plans. It needs no
server and no network, and it writes nothing.

For an audit give --signers with a file that security keeps, not the operators,
and --origin. Then the signatures of all people are checked, and at least one
anchor outside of the operators' reach must vouch for the record. Without an
anchor whoever holds the operator's key could have written all of it anew: the
report says so. What could not be checked is named. Exit status: turquoise help
exit-codes.`,
		Example: `  turquoise verify ~/cutovers/20261121-orders-7f3a
  turquoise verify --json ./record | jq .verdict
  turquoise verify --signers allowed_signers --origin audit.example/turquoise/20261121-orders-7f3a \
      --expect-head 'audit.example/turquoise/20261121-orders-7f3a 479 v9ff5w…' ./record`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			v.dir = args[0]
			if !cmd.Flags().Changed("quorum") && (v.signers != "" || v.bundled) {
				v.Quorum = 1
			}
			return app.verify(cmd.Context(), v)
		},
	}
	f := cmd.Flags()
	f.StringVar(&v.signers, "signers", "", "file of the people who may sign (ssh allowed_signers)")
	f.BoolVar(&v.bundled, "trust-bundled-signers", false, "believe the copy of that file in the record's folder")
	f.StringVar(&v.Origin, "origin", "", "name the record must carry; without it the record's own is believed")
	f.StringArrayVar(&v.heads, "expect-head", nil, "head from the change ticket: 'ORIGIN SIZE ROOT' (repeatable)")
	v.outside.flags(f)
	f.StringArrayVar(&v.logs, "pg-log", nil, "log of a PostgreSQL server, fetched by the auditor (repeatable)")
	f.StringArrayVar(&v.logs, "mysql-log", nil, "general or audit log of a MySQL or MariaDB server (repeatable)")
	f.StringArrayVar(&v.cloud, "cloudtrail", nil, "file of CloudTrail events, plain or gzip (repeatable)")
	f.StringArrayVar(&v.spared, "emergency", nil, "lines of an emergency file that a witness kept (repeatable); those in a bucket come with --s3")
	f.StringVar(&v.runbook, "runbook", "", "the runbook as it was approved; the record's must be the same")
	f.IntVar(&v.Quorum, "quorum", 0, "anchors that must vouch for the record (default 1 with --signers)")
	f.DurationVar(&v.MaxSkew, "max-skew", 500*time.Millisecond, "what the wall clock may move against the other one between two lines")
	f.BoolVar(&v.Redacted, "redacted", false, "lines may be withheld, as in a redacted export")
	f.BoolVar(&v.json, "json", false, "print the report as JSON")
	return cmd
}

func (a *App) verify(ctx context.Context, v verifying) error {
	info, err := os.Stat(v.dir)
	if err != nil || !info.IsDir() {
		if err == nil {
			err = errNotFolder
		}
		// A folder that is not there says nothing about a record: usage, not a verdict.
		return exit(ExitUsage, &engines.Error{Op: "open record", Object: v.dir, Err: err, Next: "name the folder that holds the record's log"})
	}
	want, err := v.prepare(ctx)
	if err != nil {
		return err
	}
	report := entries.VerifyAgainst(v.dir, v.VerifyOptions, want)
	print := report.Text
	if v.json {
		print = report.JSON
	}
	if err := print(a.Out); err != nil {
		return &engines.Error{Op: "print report", Object: v.dir, Err: err}
	}
	return exit(report.Exit, nil)
}

// prepare reads what the record is to be compared with.
func (v *verifying) prepare(ctx context.Context) (entries.Expected, error) {
	var want entries.Expected
	var err error
	if v.Quorum < 0 {
		return want, usage("give 0 or more", "--quorum %d: there is no such number of anchors", v.Quorum)
	}
	if v.Signers, err = loadSigners(v.signers, v.dir, v.bundled); err != nil {
		return want, err
	}
	for _, text := range v.heads {
		h, err := audit.ParseTicket(text)
		if err != nil {
			return want, usage("copy the line that begins with turquoise-head: from the ticket", "--expect-head %q: %v", text, err)
		}
		v.Vouches = append(v.Vouches, audit.TicketVouch(h))
	}
	found, err := v.outside.read(ctx, v.dir, v.logs)
	if err != nil {
		return want, err
	}
	v.Vouches, v.Skipped = append(v.Vouches, found.vouches...), found.skipped
	if len(v.cloud) > 0 {
		sid, err := sidOf(v.dir)
		if err != nil {
			return want, err
		}
		faults, told, err := cloudTrail(v.dir, sid, v.cloud)
		if err != nil {
			return want, err
		}
		v.Vouches, v.Skipped = append(v.Vouches, faults...), append(v.Skipped, told...)
	}
	if err := v.emergencies(ctx); err != nil {
		return want, err
	}
	if v.runbook != "" {
		src, err := readBook(v.runbook)
		if err != nil {
			return want, err
		}
		book, fs := runbooks.Parse(v.runbook, src)
		if book == nil {
			return want, usage("turquoise lint "+v.runbook+" says what is wrong with it", "--runbook %s: not a runbook that can be used (%d findings)", v.runbook, len(fs))
		}
		want.RunbookSHA256 = book.Digest
		// Whichever way the session went through the window: a step of one way has
		// the same policy wherever it stands.
		want.Steps = append(steps.Policies(book, false), steps.Policies(book, true)...)
	}
	v.Tool, v.Now = Tool(), time.Now()
	return want, nil
}

// loadSigners reads who may sign. Nil without an error: nobody was named.
func loadSigners(file, dir string, bundled bool) (*audit.AllowedSigners, error) {
	if file != "" && bundled {
		return nil, usage("leave one of them out", "--signers and --trust-bundled-signers")
	}
	if bundled {
		file = filepath.Join(dir, bundledSigners)
	}
	if file == "" {
		return nil, nil
	}
	s, err := audit.LoadAllowedSigners(file)
	var next interface{ NextMove() string }
	if err != nil && !errors.As(err, &next) {
		err = &engines.Error{Op: "read signers", Object: file, Err: err, Next: "name a readable allowed_signers file"}
	}
	if err != nil {
		return nil, exit(ExitUsage, err)
	}
	return s, nil
}
