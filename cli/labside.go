package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// labEnv answers references from the lab first, then from the environment.
func labEnv(p *lab.PairLab) env {
	own := p.Env()
	if dump := p.Tool("pg_dump"); dump != "" {
		own["TURQUOISE_TOOLS"] = filepath.Dir(dump)
	}
	return func(name string) (string, bool) {
		if v, ok := own[name]; ok {
			return v, true
		}
		return os.LookupEnv(name)
	}
}

// untilSignal ends with the first signal that asks the program to go. It keeps
// signals from killing the process: whoever holds it stops servers first.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
}

// labParams are the parameters of postgres-logical that name the lab's servers.
func labParams(p *lab.PairLab) []string {
	info := func(port int) string {
		return fmt.Sprintf("host=127.0.0.1 port=%d dbname=%s user=%s sslmode=disable", port, lab.Database, lab.RoleReplication)
	}
	return []string{"blue_conninfo=" + info(p.Blue.Port), "green_conninfo=" + info(p.Green.Port)}
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
