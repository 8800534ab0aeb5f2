package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

type resumption struct {
	cutover
	screen
	settle, reason string
	json           bool
}

func resumeCmd(app *App) *cobra.Command {
	var r resumption
	cmd := &cobra.Command{
		Use:   "resume SESSION|DIR",
		Short: "go on with a session that was suspended or crashed",
		Long: `Read a session back from its record, ask the servers again who they are and open
the cockpit where it was left. Runbook and parameters are those of the record;
secrets are read anew. A step that was running is unclear: what the record says
of it is printed, and v asks the servers what became of it. Nothing is sent
again by itself.

With --settle the unclear step is settled without a screen, by asking the
servers (verify) or by a decision, which needs a --reason; then the session is
suspended again. The status is 1 if the step stays unclear.`,
		Example: `  turquoise resume 20261121-postgres-logical-7f3a
  turquoise resume ./record --plain
  turquoise resume ./record --settle verify --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return app.resume(cmd.Context(), args[0], r) },
	}
	f := cmd.Flags()
	r.screen.flags(f)
	r.screen.filmFlag(f)
	r.anchor.flags(f)
	f.StringVar(&r.dir, "dir", "", "folder that holds the records (default: turquoise in XDG_STATE_HOME)")
	f.StringVar(&r.operator, "operator", "", "name of the person at the keyboard (default: the login)")
	r.identity.flags(f)
	r.lockFlag(f)
	f.StringVar(&r.settle, "settle", "", "settle the unclear step: verify, done, run_again, roll_back or stop")
	f.StringVar(&r.reason, "reason", "", "why; goes into the record")
	f.BoolVar(&r.json, "json", false, "print the result of --settle as JSON")
	return cmd
}

func (a *App) resume(ctx context.Context, name string, r resumption) error {
	if err := r.check(a); err != nil {
		return err
	}
	dir, err := r.find(name)
	if err != nil {
		return err
	}
	if err := r.identify(); err != nil {
		return err
	}
	a.unsigned(r.cutover)
	cfg, fs, err := r.recorded(dir, os.LookupEnv)
	if err != nil {
		return err
	}
	if err := a.findings(fs); err != nil {
		return err
	}
	if r.reason == "" {
		r.reason = "resumed by " + cfg.Person
	}
	cfg.Deadman = a.guarding(dir)
	outside, err := r.anchor.all(ctx, time.Now())
	if err != nil {
		return err
	}
	r.anchor.beside(ctx, outside, &cfg)
	s, err := session.Resume(ctx, cfg, r.reason)
	if err != nil {
		return notDriving(err)
	}
	a.compare(s)
	if err := a.giveAhead(ctx, s, r.identity.approvals); err != nil {
		return errors.Join(err, s.Suspend("an approval could not be read"))
	}
	if r.settle != "" {
		out, err := r.decide(ctx, s, cfg.Person)
		err = errors.Join(err, s.Suspend("settled without a screen"))
		return a.settled(out, r.json, err)
	}
	return a.cockpit(ctx, s, cfg.Person, r.screen)
}

// check refuses flags that do not go together, before anything is opened.
func (r resumption) check(a *App) error {
	switch r.settle {
	case "":
		if r.json {
			return usage("add --settle, or leave --json out", "--json without --settle: the cockpit prints no JSON")
		}
		return r.screen.check(a)
	case "verify":
		return nil
	case steps.NextDone, steps.NextRunAgain, steps.NextRollBack, steps.NextStop:
		if strings.TrimSpace(r.reason) == "" {
			return usage("add --reason: it goes into the record", "--settle %s: a decision needs a reason", r.settle)
		}
		return nil
	}
	return usage("give verify, done, run_again, roll_back or stop", "--settle %s: there is no such decision", r.settle)
}

// find gives the folder of a session by its folder or by its name.
func (r resumption) find(name string) (string, error) {
	for _, dir := range []string{name, filepath.Join(r.sessions(), name)} {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir, nil
		}
	}
	return "", exit(ExitUsage, &engines.Error{Op: "resume", Object: name, Err: errors.New("no such session"),
		Next: "give its folder, or the name of one in " + r.sessions()})
}

// recorded rebuilds a session's dependencies from its record. Secrets are in no
// record; they come from where the runbook says.
func (r resumption) recorded(dir string, get env) (session.Config, []runbooks.Finding, error) {
	rec, err := audit.Load(dir)
	if err != nil {
		return session.Config{}, nil, err
	}
	if rec.Closed {
		return session.Config{}, nil, exit(ExitRefused, &engines.Error{Op: "resume", Object: rec.Sid, Err: errors.New("the session has ended"), Next: "check it with turquoise verify " + dir})
	}
	b, err := basisOf(dir, rec)
	if err != nil {
		return session.Config{}, nil, err
	}
	book, values, fs := fill(b.name, b.source, b.given(), get)
	if book == nil {
		return session.Config{}, fs, nil
	}
	c := r.cutover
	c.window, c.change = b.window, b.ticket
	cfg, err := c.config(book, values, get)
	if err != nil {
		return cfg, nil, err
	}
	cfg.Sid, cfg.Dir, cfg.Run = rec.Sid, dir, "s"+rec.Sid[max(0, len(rec.Sid)-4):]
	cfg.Record, cfg.LabOnly = recordDeps(rec.Origin), b.lab
	return cfg, nil, nil // findings that are no refusal were told when the session began
}

// basis is what a record says a session stands on.
type basis struct {
	name, window, ticket string
	source               []byte
	params               map[string]string
	lab                  bool
}

func basisOf(dir string, rec audit.Record) (basis, error) {
	b := basis{window: "block", params: map[string]string{}}
	for _, e := range rec.Entries {
		body, err := entries.Types().Decode(e)
		if err != nil {
			return b, &engines.Error{Op: "read record", Object: dir, Err: err, Next: "run turquoise verify " + dir}
		}
		switch x := body.(type) {
		case entries.SessionOpen:
			b.lab, b.ticket = x.Mode != "production", x.Change.Ticket
		case entries.RunbookLoaded:
			if len(x.Evidence) != 1 {
				return b, &engines.Error{Op: "read record", Object: dir, Err: errors.New("the runbook is not beside it"), Next: "run turquoise verify " + dir}
			}
			b.name = x.Name
			if b.source, err = audit.ReadEvidence(dir, x.Evidence[0]); err != nil {
				return b, &engines.Error{Op: "read runbook of the record", Object: dir, Err: err, Next: "bring the folder evidence back beside the record"}
			}
		case entries.ParamSet:
			switch {
			case x.Value == nil:
			case x.Source == "session" && x.Name == "window":
				b.window = *x.Value
			default:
				b.params[x.Name] = *x.Value
			}
		}
	}
	if b.source == nil {
		return b, &engines.Error{Op: "resume", Object: dir, Err: errors.New("the record ends before its runbook: nothing was done"), Next: "start anew with turquoise run"}
	}
	return b, nil
}

// given are the parameters as a command line would give them. A list that is the
// default stays it: an item of the runbook's own may hold a comma.
func (b basis) given() map[string]string {
	book, _ := runbooks.Parse(b.name, b.source) // findings are told by whoever fills the book in
	if book == nil {
		return b.params
	}
	for _, p := range book.Params {
		if v, ok := b.params[p.Name]; ok && p.Type == "list" && v == strings.Join(p.List, ",") {
			delete(b.params, p.Name)
		}
	}
	return b.params
}

// compare says what the record knows, beside the servers that answered.
func (a *App) compare(s *session.Session) {
	st := s.State()
	a.tell("record %s: %d entries, last at step %s", s.Dir(), st.Newest+1, where(st))
	for _, t := range st.Book.Targets {
		if id, ok := st.Bound[t.ID]; ok {
			a.tell("  %-8s %s, up since %s", t.ID, id, id.Started)
		}
	}
	if st.Stopped != "" {
		a.tell("STOPPED: %s", st.Stopped)
	}
	if st.Freeze.On {
		a.tell("clients are held since %s", st.Freeze.Since.UTC().Format(time.RFC3339))
	}
	if claims := s.Claims(); len(claims) > 0 {
		a.tell("the record could not be written for a time; what was done then is claimed by")
		for _, c := range claims {
			a.tell("  %s", c)
		}
		a.tell("nothing proves these lines; they are in the record as evidence, and the servers decide")
	}
	work, err := deadmanWork(s.Dir())
	if err != nil {
		a.tell("what a dead-man did could not be read: %v", err)
	}
	for _, l := range work {
		a.tell("%s", l)
	}
	id, doubt := st.Doubt()
	if !doubt {
		a.tell("no step is in doubt")
		return
	}
	x := st.Step(id)
	ended := 0
	for _, m := range x.Stmts {
		if m.Ended {
			ended++
		}
	}
	a.tell("step %s is UNCLEAR: of its statements %d were begun, %d have an answer on record; v asks the servers for the rest", id, len(x.Stmts), ended)
	for _, m := range x.Stmts {
		if !m.Ended {
			a.tell("  %s action %d: begun at %s, no answer", m.Part, m.N, m.At.UTC().Format(time.RFC3339Nano))
		}
	}
}

func where(st steps.State) string {
	if it, ok := st.Current(); ok {
		return fmt.Sprintf("%s %s (%s)", it.Step.ID, it.Step.Title, st.Step(it.Step.ID).Phase)
	}
	return "- (the walk is over)"
}
