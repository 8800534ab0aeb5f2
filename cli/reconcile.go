package cli

import (
	"bufio"
	"compress/gzip"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/reconcile"
	"github.com/turquoise-db/turquoise/report"
)

type reconciliation struct {
	dir, prefix, window            string
	postgres, mysql, cloud, pooler []string
	logins                         []string
	json                           bool
}

func reconcileCmd(app *App) *cobra.Command {
	var x reconciliation
	c := &cobra.Command{
		Use:   "reconcile DIR",
		Short: "hold a record against the servers' own logs",
		Long: `Compare the record in DIR with logs of the servers, both ways: statements that
the record says were sent and no log has, and writes of the same logins in the
same hours that the record does not have. Fetch the logs yourself, not from who
operated. A log is given as FILE or as TARGET=FILE, where TARGET is blue, green
or another target of the runbook.

Status: 0 all matched, 1 log and record contradict each other, 2 the logs do not
cover the night or a kind of statement is not logged, 3 writes or commands off the record.`,
		Example: `  turquoise reconcile ./record --pg-log blue=blue.log --pg-log green=green.csv
  turquoise reconcile ./record --pg-log blue.log --pg-prefix '%m [%p] %q%u@%d '
  turquoise reconcile ./record --mysql-log blue=general.log --json | jq .findings`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			x.dir = args[0]
			return app.reconcile(x)
		},
	}
	f := c.Flags()
	f.StringArrayVar(&x.postgres, "pg-log", nil, "log of a PostgreSQL server: text, csvlog or jsonlog; may be given again")
	f.StringVar(&x.prefix, "pg-prefix", "%m [%p] %q%u@%d ", "log_line_prefix of the servers, for logs in text form")
	f.StringArrayVar(&x.mysql, "mysql-log", nil, "general or audit log of a MySQL or MariaDB server; may be given again")
	f.StringArrayVar(&x.cloud, "cloudtrail", nil, "file of CloudTrail events; may be given again")
	f.StringArrayVar(&x.pooler, "pgbouncer-log", nil, "log file of PgBouncer, in UTC; may be given again")
	f.StringVar(&x.window, "window", "", "FROM,TO as RFC 3339 (default: the session and five minutes around it)")
	f.StringSliceVar(&x.logins, "login", nil, "further logins whose writes must all be on record")
	f.BoolVar(&x.json, "json", false, "print the result as JSON")
	return c
}

func (a *App) reconcile(x reconciliation) error {
	if len(x.postgres)+len(x.mysql)+len(x.cloud)+len(x.pooler) == 0 {
		return usage("add --pg-log, --mysql-log, --cloudtrail or --pgbouncer-log", "no log to compare with")
	}
	o := reconcile.Options{Logins: x.logins}
	if x.window != "" {
		var err error
		if o.From, o.To, err = span(x.window); err != nil {
			return usage("write it as 2026-11-21T02:00:00Z,2026-11-21T04:00:00Z", "--window %s: %v", x.window, err)
		}
	}
	n, err := report.Read(x.dir, entries.Verify(x.dir, audit.VerifyOptions{Tool: Tool()}))
	if err != nil {
		return err
	}
	logs, err := x.read(n)
	if err != nil {
		return err
	}
	r := reconcile.Compare(n, logs, o)
	print := r.Text
	if x.json {
		print = r.JSON
	}
	if err := print(a.Out); err != nil {
		return &engines.Error{Op: "print the comparison", Object: x.dir, Err: err}
	}
	return exit(r.Exit, nil)
}

// read opens every log that was named.
func (x reconciliation) read(n *report.Night) ([]*reconcile.Log, error) {
	var logs []*reconcile.Log
	for _, kind := range []struct {
		files []string
		read  func(io.Reader, string) (*reconcile.Log, error)
	}{
		{x.postgres, func(r io.Reader, name string) (*reconcile.Log, error) {
			return reconcile.ReadPostgres(r, name, x.prefix)
		}},
		{x.mysql, reconcile.ReadMySQL},
		{x.cloud, reconcile.ReadCloudTrail},
		{x.pooler, reconcile.ReadPgBouncer},
	} {
		for _, arg := range kind.files {
			target, file := "", arg
			for _, t := range n.Targets {
				if rest, ok := strings.CutPrefix(arg, t.ID+"="); ok {
					target, file = t.ID, rest
				}
			}
			l, err := readLog(file, kind.read)
			if err != nil {
				return nil, err
			}
			l.Target = target
			logs = append(logs, l)
		}
	}
	return logs, nil
}

func readLog(file string, read func(io.Reader, string) (*reconcile.Log, error)) (*reconcile.Log, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, exit(ExitUsage, &engines.Error{Op: "open log", Object: file, Err: err, Next: "give a file, or TARGET=FILE with a target of the record"})
	}
	defer func() { _ = f.Close() }()
	plain, err := unzipped(f)
	var l *reconcile.Log
	if err == nil {
		l, err = read(plain, file)
	}
	if err != nil {
		return nil, exit(ExitUsage, &engines.Error{Op: "read log", Object: file, Err: err, Next: "check that the flag fits the kind of log, and --pg-prefix the server's log_line_prefix"})
	}
	return l, nil
}

// unzipped reads a log that was packed on its way, as CloudTrail's and rotated ones are.
func unzipped(f io.Reader) (io.Reader, error) {
	r := bufio.NewReader(f)
	if magic, err := r.Peek(2); err != nil || magic[0] != 0x1f || magic[1] != 0x8b {
		return r, nil // a file shorter than that is for its reader to judge
	}
	return gzip.NewReader(r)
}
