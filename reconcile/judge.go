package reconcile

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit/entries"
)

// class of a statement by what a server's log_statement setting makes of it.
type class int

const (
	unknown class = iota // cannot be told from its words
	reads
	ddl
	mod
	other // a SELECT that may change something, DO, CALL
)

var (
	comments  = regexp.MustCompile(`(?s)^(?:\s*(?:/\*.*?\*/|--[^\n]*\n))*\s*`)
	effectful = regexp.MustCompile(`(?i)\b(?:nextval|setval|pg_\w*(?:create|drop|advance|copy)\w*slot\w*|pg_replication_slot_advance|pg_logical_slot_get\w*|pg_terminate_backend|pg_cancel_backend|pg_switch_wal|pg_reload_conf|pg_promote|pg_logical_emit_message|set_config|lo_\w+|dblink\w*|pg_replication_origin_\w+|pg_advisory\w*)\s*\(`)
	// acting are MySQL's statements that change a server and begin like harmless ones,
	// or like nothing that PostgreSQL has.
	acting    = regexp.MustCompile(`(?i)^(?:set\s+(?:global|persist\w*|@@global|@@persist\w*)\b|(?:start|stop)\s+(?:replica|slave|group_replication)\b|reset\s+(?:replica|slave|master|binary|persist)\b|change\s+(?:replication|master)\b|purge\s+(?:binary|master)\b|kill\b|xa\s+(?:commit|rollback|prepare|start|begin|end)\b|(?:un)?install\b|flush\b|lock\s+(?:tables?|instance)\b)`)
	selecting = regexp.MustCompile(`(?i)\b(?:insert|update|delete|merge|into)\b`)
)

// classify tells a statement's kind from its first word; when in doubt it says
// unknown, and unknown is listed.
func classify(text string) class {
	text = text[len(comments.FindString(text)):]
	word := strings.ToUpper(strings.TrimRight(first(text), ";("))
	if acting.MatchString(text) {
		return other
	}
	switch word {
	case "":
		return reads
	case "SHOW", "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "FETCH", "CLOSE", "DISCARD", "DEALLOCATE", "EXPLAIN", "LISTEN", "UNLISTEN", "SET", "RESET", "USE", "DESCRIBE", "DESC", "IDENTIFY_SYSTEM":
		return reads
	case "CREATE", "ALTER", "DROP", "GRANT", "REVOKE", "COMMENT", "RENAME", "REINDEX", "SECURITY", "REASSIGN", "IMPORT", "REFRESH":
		return ddl
	case "INSERT", "UPDATE", "DELETE", "TRUNCATE", "MERGE", "REPLACE", "LOAD":
		return mod
	case "SELECT", "TABLE", "VALUES":
		text = literals.ReplaceAllString(text, "''") // has_table_privilege(t, 'UPDATE') updates nothing
		if effectful.MatchString(text) || selecting.MatchString(text) {
			return other
		}
		return reads
	}
	return unknown
}

func first(text string) string {
	f := strings.Fields(text)
	if len(f) == 0 {
		return ""
	}
	return f[0]
}

// missing names the recorded statements that stand in no log, and says whether
// that log would hold them: a server with log_statement=ddl logs no SELECT.
func (m *match) missing() {
	logged := map[string]map[class]bool{}
	has := map[string]bool{}
	for _, l := range m.logs {
		has[l.Target] = true
		for _, s := range l.Seen {
			if logged[l.Target] == nil {
				logged[l.Target] = map[class]bool{}
			}
			if !s.Failed { // an error is logged with its statement whatever the setting
				logged[l.Target][kind(s.Text)] = true
			}
		}
	}
	for _, tag := range sortedTags(m.ours) {
		for _, x := range m.ours[tag] {
			m.r.Recorded++
			if x.found {
				continue
			}
			switch k := kind(x.Text); {
			case !has[x.Target]:
				m.r.NoTrace++
			case logged[x.Target][k] || logged[x.Target][reads]: // whoever logs reads logs all
				m.find("missing", "", x.Seq, "%s on %s: recorded as %s, and the server's log does not have it", words(x.Text), x.Target, ended(x))
			default:
				m.r.NoTrace++
			}
		}
	}
	for _, l := range m.logs {
		if n := m.nobody[l.Name]; n > 0 {
			m.find("unclassified", l.Name, 0, "%d statements of sessions that were there before this log began: whose they are it does not say", n)
		}
	}
	for _, t := range m.n.Targets {
		if !has[t.ID] && t.Role != "router" {
			m.find("not_covered", "", 0, "no log of %s (%s:%d) was given", t.ID, t.Host, t.Port)
		}
	}
	if m.r.NoTrace > 0 {
		m.find("no_trace", "", 0, "%d recorded statements cannot stand in these logs: no log of their server, or that kind of statement is not logged there (log_statement)", m.r.NoTrace)
	}
}

func ended(x *statement) string {
	if x.End == nil {
		return entries.Unclear
	}
	return x.End.Outcome
}

// kind is classify with our own reads among the others: to a server's setting
// SELECT is SELECT.
func kind(text string) class {
	if c := classify(text[len(comments.FindString(text)):]); c != other {
		return c
	}
	return reads
}

func sortedTags(m map[string][]*statement) []string {
	tags := make([]string, 0, len(m))
	for t := range m {
		tags = append(tags, t)
	}
	sort.Slice(tags, func(i, j int) bool { return m[tags[i]][0].Seq < m[tags[j]][0].Seq })
	return tags
}

// coverage says where the logs do not reach over the night.
func (m *match) coverage() {
	begin, end := m.n.Started, m.n.Started
	if k := len(m.n.Entries); k > 0 {
		end = m.n.Entries[k-1].Time
	}
	for _, t := range m.n.Targets {
		var from, to time.Time
		for _, l := range m.logs {
			if l.Target != t.ID {
				continue
			}
			if l.Strange > 0 {
				m.find("not_covered", l.Name, 0, "%d lines are in no known form; give the server's log_line_prefix", l.Strange)
			}
			if from.IsZero() || l.From.Before(from) {
				from = l.From
			}
			if l.To.After(to) {
				to = l.To
			}
		}
		const slack = time.Minute
		if !from.IsZero() && (from.After(begin.Add(slack)) || to.Before(end.Add(-slack))) {
			m.find("not_covered", "", 0, "the log of %s covers %s to %s; the night went from %s to %s", t.ID,
				from.Format(time.RFC3339), to.Format(time.RFC3339), begin.Format(time.RFC3339), end.Format(time.RFC3339))
		}
	}
}

func (m *match) clocks() {
	for _, t := range m.n.Targets {
		all := m.offsets[t.ID]
		if len(all) == 0 {
			continue
		}
		slices.Sort(all)
		m.r.Clocks = append(m.r.Clocks, Clock{Target: t.ID, OffsetUS: all[len(all)/2].Microseconds(), Of: len(all)})
	}
}

// notes say what no log could show, without being a fault of record or log.
func (m *match) notes() {
	for _, r := range m.runs {
		if r.sent > 0 {
			m.r.Notes = append(m.r.Notes, fmt.Sprintf("%d statements while the program of entry %d ran; they carry no tag, and are counted as its own", r.sent, r.Seq))
		}
	}
	for _, what := range slices.Sorted(maps.Keys(m.dark)) {
		m.r.Notes = append(m.r.Notes, fmt.Sprintf("no log given here could show: %d %s", m.dark[what], what))
	}
}

func (m *match) judge() {
	worst := map[string]int{"contradiction": ExitContradiction, "missing": ExitContradiction, "off_record": ExitOffRecord,
		"unclassified": ExitPartly, "not_covered": ExitPartly, "no_trace": ExitPartly}
	order := []int{ExitMatched, ExitPartly, ExitOffRecord, ExitContradiction}
	for _, f := range m.r.Findings {
		if code := worst[f.Code]; slices.Index(order, code) > slices.Index(order, m.r.Exit) {
			m.r.Exit = code
		}
	}
}
