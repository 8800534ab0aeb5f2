package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/runbooks"
)

type rehearsal struct {
	cutover
	until, back string
	clients     int
	tps         int
	blue, green int
	oldPooler   bool
	flavor      string
	rows        int // of the shop; 0: as many as it usually has
	json        bool
	fail        int
	verify      string
}

// rehearsed is what rehearse reports; its JSON keys are part of the interface.
type rehearsed struct {
	Acked          int64            `json:"acked"`
	Lost           int64            `json:"lost"`
	Duplicated     int64            `json:"duplicated"`
	Failed         int64            `json:"failed"`
	Refused        int64            `json:"refused"`           // connections that were not had; counted in failed too
	WorstClient    int64            `json:"failed_one_client"` // most transactions that failed for one client
	Reconnected    int64            `json:"reconnected"`       // connections ended on purpose with nothing open on them
	FreezeMS       int64            `json:"freeze_ms"`
	GapMS          int64            `json:"gap_ms"`
	WorstLatencyMS int64            `json:"worst_latency_ms"`
	VerifiedRows   int64            `json:"verified_rows"` // compared before the window; those, and all that was written since, are proven equal at the freeze. 0: nothing was compared
	VerifyMS       int64            `json:"verify_ms"`
	WritesOn       string           `json:"writes_on"`
	Steps          []lab.WalkedStep `json:"steps"`
	Record         string           `json:"record"`
	Signers        string           `json:"signers"`
	Error          string           `json:"error,omitempty"`
}

func rehearseCmd(app *App) *cobra.Command {
	r := rehearsal{}
	c := &cobra.Command{
		Use:   "rehearse RUNBOOK",
		Short: "walk a runbook against servers of the lab, with scripted confirmations",
		Long: `Start a blue and a green server, a router and a client workload on this machine,
walk the runbook with scripted confirmations, and compare what the clients were
promised with what the database holds. Where a second person must sign, a key
that is made for this run signs for real. The record says that nobody read the
plans. Servers that are not of the lab are refused.

The status is 0 only if nothing was lost or duplicated and the walk came to its end.`,
		Example: `  turquoise rehearse postgres-logical
  turquoise rehearse postgres-logical --clients 16 --json
  turquoise rehearse postgres-logical --verify none --json
  turquoise rehearse postgres-logical --param calm=2s --param quiet=5s
  turquoise rehearse mysql-binlog --flavor mariadb --clients 8 --json
  turquoise rehearse mysql-binlog --flavor mariadb --green-version 11
  turquoise rehearse varnish-blue-green --back-out-from 3.1
  turquoise rehearse postgres-logical --back-out-from 6.2
  turquoise rehearse blue-turquoise-green --back-out-from 6.3
  turquoise rehearse blue-turquoise-green --flavor mysql
  turquoise rehearse postgres-logical --window stepwise --until 5.4`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.FixedCompletions(runbooks.Catalogue(), cobra.ShellCompDirectiveDefault),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.book = args[0]
			return app.rehearse(cmd.Context(), r)
		},
	}
	f := c.Flags()
	f.StringVar(&r.until, "until", "", "last step to run (default: the last of the walk)")
	f.StringVar(&r.back, "back-out-from", "", "take the way back after this step")
	f.StringVar(&r.window, "window", "block", "block: the window is confirmed once; stepwise: each of its steps")
	f.StringArrayVar(&r.params, "param", nil, "a parameter of the runbook, NAME=VALUE; may be repeated")
	f.StringVar(&r.verify, "verify", "", "full: every row is compared before the window and proven equal inside it; none: no row is compared (default: as the runbook says, full)")
	f.IntVar(&r.clients, "clients", 16, "clients of the workload")
	f.IntVar(&r.tps, "tps", 0, "transactions per second of all clients together (default 400)")
	f.StringVar(&r.flavor, "flavor", "", "product that is started, where there are several: mysql or mariadb, for blue-turquoise-green postgres too")
	f.IntVar(&r.blue, "blue-version", 0, "major version of blue (default: PostgreSQL 15, MySQL 9, MariaDB 10)")
	f.IntVar(&r.green, "green-version", 0, "major version of green (default: PostgreSQL 17, MySQL 9, MariaDB 10)")
	f.BoolVar(&r.oldPooler, "old-pooler", false, "PgBouncer 1.18 in front instead of 1.26")
	f.BoolVar(&r.json, "json", false, "print the result as JSON")
	f.StringVar(&r.dir, "dir", "", "folder for the record")
	f.IntVar(&r.fail, "fail-proof", 0, "make the proof of this action of the window fail, to rehearse the abort")
	return c
}

func (a *App) rehearse(ctx context.Context, r rehearsal) error {
	if r.window != "block" && r.window != "stepwise" {
		return exit(ExitUsage, fmt.Errorf("--window %s: want block or stepwise", r.window))
	}
	if r.verify != "" && r.verify != "none" && r.verify != "full" {
		return usage("give full or none", "--verify %s: there is no such comparison", r.verify)
	}
	if webBook(r.book) {
		return a.rehearseWeb(ctx, r)
	}
	if product, shared, err := sharedFlavor(r.book, r.flavor); err != nil {
		return err
	} else if shared {
		r.flavor = product
		return a.rehearseRelease(ctx, r)
	}
	ctx, forget := untilSignal(ctx)
	defer forget()
	out, err := r.run(ctx, a)
	if err != nil && out == nil {
		return err
	}
	if err != nil {
		out.Error = err.Error()
	}
	line := fmt.Sprintf("acked %d  lost %d  duplicated %d  failed %d  reconnected %d  freeze %d ms  longest gap %d ms  worst latency %d ms  writes on %s\nrecord %s\nsigners %s",
		out.Acked, out.Lost, out.Duplicated, out.Failed, out.Reconnected, out.FreezeMS, out.GapMS, out.WorstLatencyMS, out.WritesOn, out.Record, out.Signers)
	if out.VerifiedRows > 0 {
		line += fmt.Sprintf("\nverified every row equal at the freeze, in %d ms of it: %d were compared before the window", out.VerifyMS, out.VerifiedRows)
	}
	if err := a.result(r.json, out, line); err != nil {
		return err
	}
	switch {
	case out.Lost > 0 || out.Duplicated > 0:
		return exit(ExitFailed, fmt.Errorf("rehearse %s: %d transactions lost, %d duplicated", r.book, out.Lost, out.Duplicated))
	case err != nil && !(r.fail > 0 && errors.Is(err, lab.ErrStopped)):
		return exit(ExitFailed, err)
	}
	return nil
}

// run starts the lab, walks and compares. The servers are gone when it returns.
func (r rehearsal) run(ctx context.Context, a *App) (out *rehearsed, err error) {
	profile, err := a.profileOf(r.book)
	if err != nil {
		return nil, err
	}
	pair, err := profile.Start(ctx, lab.BenchOptions{Flavor: r.flavor, BlueMajor: r.blue, GreenMajor: r.green, OldPooler: r.oldPooler, Log: a.Err})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pair.Close()) }()
	ledger, err := lab.StartLedger(ctx, pair.AppDSN(), r.clients, lab.LedgerOptions{TPS: r.tps})
	if err != nil {
		return nil, err
	}
	stopped := false
	defer func() {
		if !stopped {
			err = errors.Join(err, ledger.Stop())
		}
	}()
	err = r.play(ctx, a, stage{params: pair.Params(), env: pair.Env(), meter: outageMeter(ledger)}, func(w walked) error {
		if err := settled(ctx, ledger); err != nil {
			return err
		}
		stopped = true
		if err := ledger.Stop(); err != nil {
			return err
		}
		st := w.s.State()
		serves, before := served(st, pair)
		rep, err := ledger.Check(ctx, serves, before...)
		if err != nil {
			return err
		}
		out = &rehearsed{Acked: rep.Acked, Lost: rep.Lost + rep.Stranded, Duplicated: rep.Duplicated, Failed: rep.Failed + rep.Refused, Reconnected: rep.Reconnected, Refused: rep.Refused, WorstClient: rep.WorstClient,
			FreezeMS: st.Freeze.Elapsed.Milliseconds(), GapMS: rep.LongestGap.Milliseconds(), WorstLatencyMS: rep.WorstLatency.Milliseconds(),
			VerifiedRows: number(st.Vars["verified_rows"]), VerifyMS: number(st.Vars["verify_ms"]),
			WritesOn: string(st.Writes), Steps: w.steps, Record: w.s.Dir(), Signers: w.signers}
		return nil
	})
	return out, err
}

// number reads a captured count; a step that did not run has captured none.
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// settled waits until the clients commit again after the last step.
func settled(ctx context.Context, l *lab.Ledger) error {
	const more = 200 // enough to see traffic flow on the side that has the writes
	want := l.Meter().Acked + more
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	for l.Meter().Acked < want {
		select {
		case <-t.C:
		case <-limit.C:
			return &engines.Error{Op: "wait for the clients", Object: "workload", Err: fmt.Errorf("no commits any more: %s", l.Meter().LastError), Next: "look at the router and at the side with the writes"}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
