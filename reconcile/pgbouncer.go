package reconcile

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/report"
)

// PgBouncer takes no comment with a command and its log says of the commands that
// change something which it was and when, never who gave it. So what is compared
// here are words and times. SHOW and SET leave no line (1.26.1), nor does a file
// that somebody else writes; that it was read does.

var (
	poolerLine    = regexp.MustCompile(`^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) (\S+) \[\d+\] ([A-Z]+) (.*)$`)
	poolerIssued  = regexp.MustCompile(`^([A-Z_]+(?: [A-Z_]+)?(?: '.*')?) command issued$`)
	poolerSignal  = regexp.MustCompile(`^got (SIG[A-Z0-9]+)\b`)
	poolerCommand = regexp.MustCompile(`(?i)^\s*([a-z_]+)(?:\s+"?([^\s";]+)"?)?\s*;?\s*$`)
)

// ReadPgBouncer reads a log file of PgBouncer. It writes the local time with the
// short name of its zone, which names no time for sure unless it is UTC: lines in
// another zone are strange.
func ReadPgBouncer(r io.Reader, name string) (*Log, error) {
	l := &Log{Name: name, Kind: "pgbouncer"}
	s := scanner(r)
	for n := 1; s.Scan(); n++ {
		f := poolerLine.FindStringSubmatch(s.Text())
		if f == nil || f[2] != "UTC" && f[2] != "GMT" {
			l.Strange++
			continue
		}
		at := moment(f[1] + " UTC")
		l.cover(at)
		text := ""
		if m := poolerIssued.FindStringSubmatch(f[4]); m != nil {
			text = m[1]
		} else if m := poolerSignal.FindStringSubmatch(f[4]); m != nil {
			text = m[1]
		}
		if text != "" {
			l.Seen = append(l.Seen, Seen{Log: name, Line: n, At: at, Text: text})
		}
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return l, nil
}

// issued is a command as PgBouncer's log would have it; empty for one that it
// does not log.
func issued(text string) string {
	text, _, _ = strings.Cut(text, "\n--") // a plan may say when a command goes out
	m := poolerCommand.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	switch verb := strings.ToUpper(m[1]); verb {
	case "PAUSE", "RESUME", "RELOAD", "DISABLE", "ENABLE", "RECONNECT", "KILL", "WAIT_CLOSE", "SHUTDOWN", "SUSPEND":
		if m[2] != "" && verb != "SHUTDOWN" {
			return verb + " '" + m[2] + "'"
		}
		return verb
	}
	return ""
}

// routers holds what was done to routers against their logs, where there is one.
func (m *match) routers() {
	for _, st := range m.routing {
		logs := m.logsOf(st.Target)
		want := issued(st.Text)
		if len(logs) == 0 || want == "" || st.Verb != "sql" {
			m.dark[m.trace(st, len(logs) > 0)]++
			continue
		}
		m.r.Recorded++
		switch {
		case m.issuedAt(logs, want, st):
			m.r.Found++
		case st.End != nil && st.End.Outcome == entries.Done:
			m.find("missing", "", st.Seq, "%s on %s: recorded as done, and the router's log does not have it", want, st.Target)
		default: // it may never have come
			m.r.NoTrace++
		}
	}
	for _, l := range m.logs {
		if l.Kind != "pgbouncer" {
			continue
		}
		for i, s := range l.Seen {
			if m.taken[l.Name][i] || s.At.Before(m.r.From) || s.At.After(m.r.To) {
				continue
			}
			m.find("off_record", s.Where(), 0, "%s, not in the record; by whom the router's log does not say", s.Text)
		}
	}
}

// trace says what of its kind an act on a router leaves in which log.
func (m *match) trace(st *report.Statement, given bool) string {
	engine := ""
	for _, t := range m.n.Targets {
		if t.ID == st.Target {
			engine = t.Engine
		}
	}
	switch {
	case st.Verb == "file" || st.Verb == "exec":
		return "reads and changes of a file, or programs, beside the router: no router logs them"
	case engine == "haproxy":
		return "commands on the socket of HAProxy: it logs none of them, only, by time, that a server went up, into drain or into maintenance; a weight, an address, a shutdown of sessions or a question leaves nothing"
	case engine == "varnish":
		return "commands on the CLI of Varnish: varnishd gives them to syslog (parameter syslog_cli_traffic, on by default), which is not read here"
	case engine == "route53":
		return "questions to name servers: nobody logs them for us"
	case given:
		return "SHOW, SET and their like on the console of PgBouncer: it logs none of them"
	}
	return "commands on the console of PgBouncer, of which no log was given: it would have PAUSE, RESUME, RELOAD, DISABLE, ENABLE, RECONNECT, KILL, SUSPEND and SHUTDOWN by time, without who gave them, and never SHOW or SET"
}

func (m *match) logsOf(target string) []*Log {
	var out []*Log
	for _, l := range m.logs {
		if l.Kind == "pgbouncer" && l.Target == target {
			out = append(out, l)
		}
	}
	return out
}

// issuedAt looks for a line that no other command has taken, between the time the
// command went out and the time its answer came, as far as two clocks allow.
func (m *match) issuedAt(logs []*Log, want string, st *report.Statement) bool {
	const apart = 2 * time.Second
	until := st.At.Add(apart)
	if st.End != nil {
		until = until.Add(time.Duration(st.End.TookUS) * time.Microsecond)
	}
	for _, l := range logs {
		for i, s := range l.Seen {
			if s.Text != want || m.taken[l.Name][i] || s.At.Before(st.At.Add(-apart)) || s.At.After(until) {
				continue
			}
			if m.taken[l.Name] == nil {
				m.taken[l.Name] = map[int]bool{}
			}
			m.taken[l.Name][i] = true
			m.offsets[l.Target] = append(m.offsets[l.Target], s.At.Sub(st.At))
			return true
		}
	}
	return false
}
