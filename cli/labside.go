package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// labEnv answers references from the lab first, then from the environment.
func labEnv(b lab.Bench) env { return stage{env: b.Env()}.get }

// untilSignal ends with the first signal that asks the program to go. It keeps
// signals from killing the process: whoever holds it stops servers first. A broken
// pipe asks for nothing: any connection that a server ended raises it, and the
// write that met it has its own error.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	pipes := make(chan os.Signal, 1)
	signal.Notify(pipes, syscall.SIGPIPE)
	ctx, cancel := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	return ctx, func() {
		cancel()
		signal.Stop(pipes)
	}
}

// profileOf finds the servers of the lab that a runbook can be walked on. What is
// wrong with the runbook is said before any server is started.
func (a *App) profileOf(book string) (lab.Profile, error) {
	src, err := readBook(book)
	if err != nil {
		return lab.Profile{}, err
	}
	parsed, fs := runbooks.Parse(book, src)
	if runbooks.Refused(fs) {
		return lab.Profile{}, a.findings(fs)
	}
	blue, _ := parsed.Target("blue")
	return lab.ProfileOf(blue.Engine)
}

// served gives the connection of the side that has the writes now, and of the one
// that had them before. A green that never had them may not even have the tables.
func served(st steps.State, b lab.Bench) (now string, before []string) {
	if st.Writes == "green" {
		return b.LedgerDSN("green"), []string{b.LedgerDSN("blue")}
	}
	for _, it := range runbooks.Sequence(st.Book, st.Stepwise) {
		for _, s := range append(it.Parts, it.Step) {
			if s.Kind == "open" && st.Step(it.Step.ID).Phase == steps.Done {
				return b.LedgerDSN("blue"), []string{b.LedgerDSN("green")} // writes were open on green
			}
		}
	}
	return b.LedgerDSN("blue"), nil
}

// outageMeter shows what the workload's clients see.
func outageMeter(l *lab.Ledger) func() *session.Outage {
	return func() *session.Outage {
		m := l.Meter()
		return &session.Outage{Acked: m.Acked, Failed: m.Failed + m.Refused, Unknown: m.Unknown, Gap: m.Gap, LongestGap: m.LongestGap, Worst: m.Worst, TPS: float64(m.TPS)}
	}
}

// crashPoint ends the process without any clean-up at the boundary that a crash
// test names in the environment. Only rehearsals ask for it.
func crashPoint(get func(string) string) func(string) {
	at := get("TURQUOISE_LAB_CRASH")
	if at == "" {
		return nil
	}
	return func(point string) {
		if point == at {
			p, err := os.FindProcess(os.Getpid())
			if err == nil {
				_ = p.Kill()
			}
			select {}
		}
	}
}

func endIntent(reason string) session.Intent {
	return session.Intent{Command: steps.End{Reason: reason}}
}
