package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// The dead-man and its cockpit speak over two pipes. The dead-man says ready, and
// the public half of the key that it would seal with, once it has read the record
// and found all it would need; then a line for each beat comes to it, and rest
// when it may go. The end of the pipe without rest is the
// cockpit's death.
const (
	sayReady = "ready"
	sayBeat  = "beat"
	sayRest  = "rest"
)

const (
	// deadmanPatience is how long it tries to take a window back: a server that is
	// away comes back, or the clients' own limit ends their waiting.
	deadmanPatience = 2 * time.Minute
	deadmanEvery    = time.Second
	deadmanMark     = "dead-man: " // begins what it gives as a reason
)

func deadmanCmd(app *App) *cobra.Command {
	return &cobra.Command{
		Use:    "deadman DIR",
		Short:  "watch a cockpit and take its window back when it dies",
		Hidden: true,
		Long: `Started by the cockpit itself before a window can be confirmed. When the cockpit
dies or falls silent while clients are held, and writes were not let in on the
other side, it resumes the session and runs the abort plan that was confirmed
with the window. A cockpit that is silent but lives is ended first.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d := deadman{app: app, dir: args[0], parent: os.Getppid()}
			return d.watch(cmd.Context())
		},
	}
}

// deadman is the process that watches.
type deadman struct {
	app    *App
	dir    string
	parent int
	cfg    session.Config // with the key that this process alone holds
}

// watch waits for the end of the watch, for the cockpit's death, or for silence.
func (d *deadman) watch(ctx context.Context) error {
	// It outlives the terminal and what is typed there.
	signal.Ignore(hangups()...)
	var st steps.State
	cfg, fs, err := resumption{}.recorded(d.dir, os.LookupEnv)
	if err == nil {
		err = d.app.findings(fs)
	}
	if err == nil {
		st, err = session.Recorded(cfg)
	}
	if err != nil {
		return err
	}
	// It carries out what the operator confirmed and decides nothing: its lines
	// are the operator's, and each says that it was the dead-man.
	cfg.Person = st.Operator
	if cfg.Standby, err = audit.NewStandby(cfg.Record.Origin, cfg.Record.Rand); err != nil {
		return err
	}
	d.cfg = cfg
	if _, err := fmt.Fprintln(d.app.Out, sayReady, cfg.Standby.VKey()); err != nil {
		return err
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(d.app.In); in.Scan(); {
			lines <- in.Text()
		}
	}()
	t := time.NewTicker(session.DeadmanSilence / 5)
	defer t.Stop()
	for missed := 0; ; {
		select {
		case l, ok := <-lines:
			switch {
			case !ok:
				return d.act(ctx, "the cockpit is gone")
			case l == sayRest:
				return nil
			}
			missed = 0
		case <-t.C: // counted, not measured: a machine that slept is no silent cockpit
			if missed++; missed <= 5 {
				continue
			}
			if held, err := session.Held(d.cfg); err != nil || !held {
				continue // nothing that could be taken back; look again
			}
			if err := fence(d.parent); err != nil {
				return err
			}
			return d.act(ctx, fmt.Sprintf("the cockpit was silent for %s and was ended", session.DeadmanSilence))
		}
	}
}

// act takes the window back, if there is one to take back.
func (d *deadman) act(ctx context.Context, why string) error {
	held, err := session.Held(d.cfg)
	if err == nil && !held {
		return nil // before the window, behind it, or past its opening: only a person knows
	}
	d.app.tell("turquoise: %s while clients are held; the dead-man takes the window back", why)
	ctx, cancel := context.WithTimeout(ctx, deadmanPatience)
	defer cancel()
	t := time.NewTicker(deadmanEvery)
	defer t.Stop()
	for {
		err = d.takeBack(ctx, why)
		var r *steps.Refusal
		switch {
		case err == nil:
			d.app.tell("turquoise: the window is taken back and recorded; look at it with turquoise resume %s (a terminal that looks wrong: reset)", d.dir)
			return nil
		case errors.Is(err, audit.ErrHeld), errors.As(err, &r):
			return err // somebody is at it already, or only a person may decide
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return &engines.Error{Op: "take the window back", Object: d.dir, Err: err, Next: "clients may still be held: run turquoise resume " + d.dir + " at once"}
		}
	}
}

func (d *deadman) takeBack(ctx context.Context, why string) error {
	st, err := session.Recorded(d.cfg)
	if err != nil {
		return err
	}
	d.cfg.Person = st.Operator // the session may have been handed over since
	s, err := session.Resume(ctx, d.cfg, deadmanMark+why)
	if err != nil {
		return err
	}
	me := session.Person{Name: d.cfg.Person, Role: "operator"}
	err = s.TakeBack(ctx, me, deadmanMark+why)
	return errors.Join(err, s.Suspend("the dead-man has done its work"))
}

// deadmanWork are the lines of a record that say why a dead-man resumed it, and
// what it decided.
func deadmanWork(dir string) ([]string, error) {
	rec, err := audit.Load(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range rec.Entries {
		b, err := entries.Types().Decode(e)
		if err != nil {
			return nil, err
		}
		at := e.Time.UTC().Format(time.RFC3339)
		switch x := b.(type) {
		case entries.SessionResume:
			if strings.HasPrefix(x.Reason, deadmanMark) {
				out = append(out, fmt.Sprintf("%s: the session was resumed by the %s", at, x.Reason))
			}
		case entries.StepOutcome:
			if strings.HasPrefix(x.Why, steps.AbortedWhy+steps.TakenBack+deadmanMark) {
				out = append(out, fmt.Sprintf("%s: step %s was %s", at, e.Step, strings.TrimPrefix(x.Why, steps.AbortedWhy)))
			}
		case entries.StepReconciled:
			if strings.HasPrefix(x.Statement, deadmanMark) {
				out = append(out, fmt.Sprintf("%s: the %s; the abort plan of step %s was run", at, x.Statement, e.Step))
			}
		}
	}
	return out, nil
}

// readyLimit bounds the start of a dead-man.
const readyLimit = 20 * time.Second

// await reads the line by which a dead-man says that it could act, and with which key.
func await(out io.Reader) (key string, err error) {
	said := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n') // an empty line says it as well
		said <- line
	}()
	limit := time.NewTimer(readyLimit)
	defer limit.Stop()
	select {
	case line := <-said:
		word, key, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if word == sayReady && key != "" {
			return key, nil
		}
		return "", errors.New("it ended before it was ready")
	case <-limit.C:
		return "", fmt.Errorf("not ready after %s", readyLimit)
	}
}
