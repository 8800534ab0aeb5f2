package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/compare"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/mysql"
	"github.com/turquoise-db/turquoise/engines/postgres"
	"github.com/turquoise-db/turquoise/session"
)

// The statuses of diff are those of diff(1).
const (
	exitEqual   = 0
	exitDiffers = 1
	exitBlind   = 2
)

// diff is what the flags of diff say.
type diff struct {
	blue, green string
	engine      string
	tables      []string
	except      []string
	strength    string
	limits      tablediff.Limits
	control     string
	snapshot    time.Duration
	settle      time.Duration
	samples     int
	state       string
	repair      string
	json        bool
	values      bool
	dataOnly    bool
	record      string
	quiet       bool
}

func diffCmd(app *App) *cobra.Command {
	d := diff{}
	c := &cobra.Command{
		Use:   "diff",
		Short: "compare the data of two databases, while they are in use",
		Long: `Read the tables of blue and green in sums over ranges of their keys, both sides at
once, and name the rows that are missing, extra or different. A row that differs
is looked at again after green has had all that blue had; one that is on its way
is no difference. Schema and sequences are compared too. Nothing is written.

Keys are shown, values only with --show-values; with --record the record of an open
session says that they were, and holds none of them. The numbers of --workers,
--max-active, --critical-active and --max-waiting can be changed while it runs:
write lines such as "workers 4" or "max-active 20" into the file of --control.

The connection strings are read from TURQUOISE_BLUE_DSN and TURQUOISE_GREEN_DSN
where the flags are not given: a command line can be seen by others.

The status is 0 if everything is equal, 1 if something differs, 2 if that could
not be told.`,
		Example: `  turquoise diff --tables 'public.*' --json | jq .verdict
  turquoise diff --blue "$BLUE" --green "$GREEN" --strength sha256
  turquoise diff --blue mysql://app@blue:3306/ --green mysql://app@green:3306/ --tables 'shop.*'
  turquoise diff --workers 4 --max-active 20 --control limits.txt --state night.state
  turquoise diff --tables accounts --repair-sql green > look-at-me-first.sql`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return app.diff(cmd.Context(), d) },
	}
	f := c.Flags()
	f.StringVar(&d.blue, "blue", "", "connection string of blue")
	f.StringVar(&d.green, "green", "", "connection string of green")
	f.StringVar(&d.engine, "engine", "", "engine of both sides: postgres or mysql (default: by the connection strings)")
	f.StringSliceVar(&d.tables, "tables", nil, "tables, with or without schema; * and ? are patterns (default all)")
	f.StringSliceVar(&d.except, "except", nil, "tables, columns and other objects to leave out, as the report names them")
	f.StringVar(&d.strength, "strength", "64", "64: a differing part is missed with a chance of 1 in 2^64; sha256: nobody can forge an equal sum")
	f.IntVar(&d.limits.Workers, "workers", 2, "pairs of sessions at work")
	f.IntVar(&d.limits.Max, "max-active", 40, "pause while a server has more active sessions of others; 0: never")
	f.IntVar(&d.limits.Critical, "critical-active", 120, "stop if a server has more active sessions of others, seen twice; 0: never")
	f.IntVar(&d.limits.Waiting, "max-waiting", 10, "pause while more sessions of others wait for a lock; 0: never")
	f.StringVar(&d.control, "control", "", "file with limits that may be changed while it runs")
	f.DurationVar(&d.snapshot, "max-snapshot", time.Minute, "longest time that a snapshot may be held")
	f.DurationVar(&d.settle, "settle", time.Minute, "how long rows that move are looked at again")
	f.IntVar(&d.samples, "samples", 20, "differing rows named for each table and class")
	f.StringVar(&d.state, "state", "", "file that keeps what is done, to go on after an interruption")
	f.StringVar(&d.repair, "repair-sql", "", "print statements that would make this side (blue or green) like the other one; never runs them")
	f.BoolVar(&d.json, "json", false, "print the report as JSON")
	f.BoolVar(&d.values, "show-values", false, "show the values of differing rows")
	f.StringVar(&d.record, "record", "", "folder of the open session whose record is to say that values were shown; with --show-values")
	f.BoolVar(&d.dataOnly, "data-only", false, "compare neither schema nor sequences")
	f.BoolVar(&d.quiet, "quiet", false, "no progress")
	return c
}

func (a *App) diff(ctx context.Context, d diff) error {
	o, err := a.diffOptions(d)
	if err != nil {
		return err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	report, err := compare.Run(ctx, o)
	// The state is of use only to a run that did not come to its end.
	if cerr := o.Journal.Close(err == nil); cerr != nil {
		err = errors.Join(err, cerr)
	}
	if report.Blue.Server != "" {
		report.Strength = o.Strength.Chance()
		if lerr := d.looked(report); lerr != nil {
			return exit(exitBlind, lerr)
		}
		if perr := a.printDiff(d, report); perr != nil {
			return exit(exitBlind, perr)
		}
	}
	switch {
	case report.Verdict == tablediff.Differ:
		return exit(exitDiffers, err)
	case err != nil:
		return exit(exitBlind, err)
	case report.Verdict == tablediff.Equal:
		return nil
	}
	return exit(exitBlind, nil)
}

// looked leaves word for the record that values are about to be shown. If it cannot,
// none are.
func (d diff) looked(report tablediff.Report) error {
	rows, tables := int64(0), []string{}
	for _, t := range report.Tables {
		n := rows
		for _, s := range t.Samples {
			if s.Blue != nil || s.Green != nil {
				rows++
			}
		}
		if rows > n {
			tables = append(tables, t.Table)
		}
	}
	if d.record == "" || rows == 0 {
		return nil
	}
	what := fmt.Sprintf("values of rows that differ, in %d tables, by turquoise diff", len(tables))
	if len(tables) == 1 {
		what = "values of rows that differ of " + tables[0] + ", by turquoise diff"
	}
	if err := session.LeaveLook(d.record, session.Looked{By: osUser(), What: what, Rows: rows}); err != nil {
		return &engines.Error{Op: "note that values are shown", Object: d.record, Err: err, Next: "name the folder of the open session, or leave --show-values out"}
	}
	return nil
}

func (a *App) printDiff(d diff, report tablediff.Report) error {
	if d.json {
		enc := json.NewEncoder(a.Out)
		enc.SetIndent("", "  ")
		return enc.Encode(report)
	}
	out, side := diffText(report), a.Out
	if d.repair != "" {
		// The statements can be piped away; the report stays readable.
		side = a.Err
		if _, err := fmt.Fprintln(a.Out, strings.Join(append([]string{"-- read every line before you run any: turquoise never runs them"}, report.Repair...), "\n")); err != nil {
			return err
		}
	}
	_, err := fmt.Fprint(side, clean(out)+"\n")
	return err
}

// compares is the engine of both sides: the one that was named, or the one in
// whose form the connection strings are written.
func (d diff) compares() (engines.Engine, error) {
	name := d.engine
	if name == "" {
		name = engineOf(cmp.Or(d.blue, os.Getenv("TURQUOISE_BLUE_DSN")))
		if other := engineOf(cmp.Or(d.green, os.Getenv("TURQUOISE_GREEN_DSN"))); other != name {
			return engines.Engine{}, usage("give two connection strings of one engine, or name it with --engine", "blue is of the engine %s, green of %s: they cannot be compared", name, other)
		}
	}
	e, ok := registry()[name]
	if !ok || e.OpenComparer == nil {
		return e, usage("name an engine that can compare: "+postgres.Name+" or "+mysql.Name, "--engine %s: it cannot compare data", name)
	}
	return e, nil
}

// engineOf is the engine in whose form a connection string is written.
func engineOf(dsn string) string {
	if strings.HasPrefix(dsn, "mysql://") || strings.HasPrefix(dsn, "mariadb://") || strings.Contains(dsn, "@tcp(") {
		return mysql.Name
	}
	return postgres.Name
}

// diffOptions turns flags into a comparison.
func (a *App) diffOptions(d diff) (compare.Options, error) {
	o := compare.Options{Now: time.Now, Tables: d.tables, Except: d.except, Settle: d.settle, Samples: d.samples, Values: d.values, DataOnly: d.dataOnly}
	e, err := d.compares()
	if err != nil {
		return o, err
	}
	o.Digests = e.Digests
	if d.record != "" {
		if !d.values {
			return o, usage("add --show-values, or leave it out", "--record: there is nothing to be said in a record")
		}
		if _, err := sidOf(d.record); err != nil {
			return o, usage("name the folder that holds the record's log", "--record %s: %v", d.record, err)
		}
	}
	if o.Strength, err = engines.ParseStrength(d.strength); err != nil {
		return o, usage("give 64 or sha256", "--strength %s: there is no such strength", d.strength)
	}
	switch d.repair {
	case "":
	case "blue", "green":
		o.Repair, o.RepairBlue = e.Repair, d.repair == "blue"
	default:
		return o, usage("give the side that is to be changed: blue or green", "--repair-sql %s: there is no such side", d.repair)
	}
	for _, s := range []struct {
		side      engines.TargetID
		flag, env string
		open      *compare.Open
	}{{"blue", d.blue, "TURQUOISE_BLUE_DSN", &o.Blue}, {"green", d.green, "TURQUOISE_GREEN_DSN", &o.Green}} {
		dsn := cmp.Or(s.flag, os.Getenv(s.env))
		if dsn == "" {
			return o, usage("set "+s.env+", or give the flag", "--%s: no connection string", s.side)
		}
		*s.open = func(ctx context.Context) (engines.Comparer, error) {
			return e.OpenComparer(engines.OpenRequest{Ctx: ctx, Target: s.side, DSN: dsn, Run: "diff", Person: osUser(), Role: "compare",
				Params: map[string]string{"max_snapshot": d.snapshot.String()}})
		}
	}
	if d.state != "" {
		o.Journal = compare.NewJournal(d.state)
	}
	good, err := readLimits(d.control, d.limits)
	if err != nil {
		return o, exit(ExitUsage, err)
	}
	var mu sync.Mutex
	o.Limits = func() tablediff.Limits {
		mu.Lock()
		defer mu.Unlock()
		// A file that is being rewritten reads badly for a moment: the last good one counts.
		if l, err := readLimits(d.control, d.limits); err == nil {
			good = l
		}
		return good
	}
	if !d.quiet {
		o.Progress = a.diffProgress(time.Now)
	}
	return o, nil
}

// readLimits takes lines "name number" over the limits of the flags.
func readLimits(file string, l tablediff.Limits) (tablediff.Limits, error) {
	if file == "" {
		return l, nil
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return l, nil // it may be made later
	}
	if err != nil {
		return l, &engines.Error{Op: "read the limits", Object: file, Err: err, Next: "make the file readable"}
	}
	for _, line := range strings.Split(string(b), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if l, err = engines.ParsePace(line, l); err != nil {
			return l, &engines.Error{Op: "read the limits", Object: file, Err: fmt.Errorf("line %q: %w", line, err), Next: "write lines such as: workers 4"}
		}
	}
	return l, nil
}
