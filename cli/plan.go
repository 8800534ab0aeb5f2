package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

type planning struct {
	cutover
	offline, json bool
	ask           asking
}

// planned is what plan reports; its JSON keys are part of the interface.
type planned struct {
	Runbook string            `json:"runbook"`
	Digest  string            `json:"digest"`
	Window  string            `json:"window"`
	Run     string            `json:"run"`
	Targets map[string]string `json:"targets"`
	Steps   []plannedStep     `json:"steps"`
}

type plannedStep struct {
	ID     runbooks.StepID `json:"id"`
	Phase  string          `json:"phase"`
	Title  string          `json:"title"`
	Risk   string          `json:"risk"`
	Word   string          `json:"word,omitempty"`
	Digest string          `json:"digest,omitempty"`
	Plan   string          `json:"plan,omitempty"`
	Why    string          `json:"no_plan,omitempty"`
}

// planRun stands for the id that a session gets when it is opened.
const planRun = "s0000"

func planCmd(app *App) *cobra.Command {
	var p planning
	cmd := &cobra.Command{
		Use:   "plan RUNBOOK",
		Short: "print what every step would send, and change nothing",
		Long: `Ask the servers of a runbook who they are and print the plan of every step:
statement by statement, with proofs and the way to take it back. Nothing is
changed and no record is written. A step that stands on values which an earlier
step reads has no plan yet; the reason is printed.

With --request no server is asked: the text is written by which a second person
approves the runbook days before, for a change and a window. It counts for the
steps that the runbook marks with ahead.

Names that are built from the id of a session carry s0000 here, so the digests
are not those that a session will show. With --offline no server is asked and
the plans name none.`,
		Example: `  turquoise plan postgres-logical --param blue_conninfo=… --param green_conninfo=…
  turquoise plan ./cutover.yaml --offline --window stepwise
  turquoise plan ./cutover.yaml --request bob@bank.example --change CHG-4711 --from 2026-11-22T01:00:00Z --to 2026-11-22T05:00:00Z
  turquoise plan ./cutover.yaml --json | jq -r '.steps[] | select(.id == "5").plan'`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.FixedCompletions(runbooks.Catalogue(), cobra.ShellCompDirectiveDefault),
		RunE: func(cmd *cobra.Command, args []string) error {
			p.book = args[0]
			return app.plan(cmd.Context(), p)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&p.params, "param", nil, "a parameter of the runbook, NAME=VALUE; may be repeated")
	f.StringVar(&p.window, "window", "block", "block: the window as one plan; stepwise: a plan for each of its steps")
	f.BoolVar(&p.offline, "offline", false, "ask no server")
	f.BoolVar(&p.json, "json", false, "print the plans as JSON")
	p.ask.flags(f)
	return cmd
}

func (a *App) plan(ctx context.Context, p planning) error {
	if err := p.checkWindow(); err != nil {
		return err
	}
	switch {
	case p.ask.who != "":
		return a.askAhead(p.book, p.ask)
	case p.ask.any():
		return usage("add --request with the person who will sign", "--name, --change, --from, --to and --out belong to --request")
	}
	book, values, fs, err := p.load(os.LookupEnv)
	if err != nil {
		return err
	}
	if err := a.findings(fs); err != nil {
		return err
	}
	known := map[engines.TargetID]engines.Identity{}
	if !p.offline {
		cfg, err := p.config(book, values, os.LookupEnv)
		if err != nil {
			return err
		}
		for _, t := range book.Targets {
			if known[t.ID], err = identify(ctx, cfg, t); err != nil {
				return nextMove(err, "make the server reachable, or plan with --offline")
			}
		}
	}
	out := p.every(book, values, known)
	if p.json {
		enc := json.NewEncoder(a.Out)
		enc.SetIndent("", "  ")
		return enc.Encode(out)
	}
	_, err = fmt.Fprint(a.Out, out.text())
	return err
}

// identify asks a target who it is, by the connection that only reads where
// the engine has one.
func identify(ctx context.Context, cfg session.Config, t runbooks.Target) (id engines.Identity, err error) {
	e, ok := cfg.Engines[t.Engine]
	if !ok {
		return id, &engines.Error{Op: "open target", Object: string(t.ID), Err: fmt.Errorf("no engine %q", t.Engine), Next: "see turquoise lint"}
	}
	req := engines.OpenRequest{Ctx: ctx, Target: t.ID, DSN: cfg.DSN[t.ID], Params: cfg.Params[t.ID], Run: planRun, Person: cfg.Person, Role: "sampler"}
	var c interface {
		Identify(context.Context) (engines.Identity, error)
		Close() error
	}
	if e.OpenReader != nil {
		c, err = e.OpenReader(req)
	} else {
		req.Role = "executor"
		c, err = e.Open(req)
	}
	if err != nil {
		return id, err
	}
	defer func() { _ = c.Close() }() // it has only read
	return c.Identify(ctx)
}

// every plans each item of the walk on what is known before the first step.
func (p planning) every(book *runbooks.Runbook, values runbooks.Values, known map[engines.TargetID]engines.Identity) planned {
	out := planned{Runbook: book.Name, Digest: book.Digest, Window: p.window, Run: planRun, Targets: map[string]string{}, Steps: []plannedStep{}}
	for t, id := range known {
		out.Targets[string(t)] = id.String()
	}
	in := steps.Inputs{Book: book, Values: values, Planners: map[string]engines.Planner{}, Known: known, Vars: map[string]string{}, Run: planRun, Attempt: 1}
	for n, e := range registry() {
		in.Planners[n] = e.Planner
	}
	for _, it := range runbooks.Sequence(book, p.window == "stepwise") {
		s := plannedStep{ID: it.Step.ID, Phase: it.PhaseName, Title: it.Step.Title, Risk: it.Step.Risk.String()}
		if plan, err := steps.Make(in, it); err != nil {
			s.Why = err.Error()
		} else {
			s.Word, s.Digest, s.Plan = plan.Word, plan.Digest, plan.Text
		}
		out.Steps = append(out.Steps, s)
	}
	return out
}

// text is the report for a person. Plans stand as they are hashed, but for
// control characters, which would steer the terminal.
func (p planned) text() string {
	var b strings.Builder
	for _, s := range p.Steps {
		if s.Why != "" {
			fmt.Fprintf(&b, "step %s %s\nno plan yet: %s\n\n", s.ID, clean(s.Title), clean(s.Why))
			continue
		}
		fmt.Fprintf(&b, "step %s %s\nsha256 %s\n%s\n\n", s.ID, clean(s.Title), s.Digest, clean(s.Plan))
	}
	return b.String()
}
