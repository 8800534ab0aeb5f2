package reconcile

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/report"
)

// Exit statuses of a comparison, worst first: 1, 3, 2.
const (
	ExitMatched       = 0 // all that was recorded was seen, and nothing else was done
	ExitContradiction = 1 // log and record cannot both be true
	ExitPartly        = 2 // the logs do not reach over the night, or a kind of statement is not logged
	ExitOffRecord     = 3 // these logins wrote off the record
)

// Options narrow the comparison.
type Options struct {
	From, To time.Time // zero: from the first bound server to the close, and around it
	Logins   []string  // besides those the record names
}

// around is how far before and after the night the logs are looked at.
const around = 5 * time.Minute

// Finding is one thing that does not agree.
type Finding struct {
	Code  string `json:"code"` // contradiction, missing, off_record, unclassified, not_covered, no_trace
	Where string `json:"where,omitempty"`
	Seq   int64  `json:"seq,omitempty"`
	Text  string `json:"text"`
}

// Clock is how far a server's log was from the recorded times.
type Clock struct {
	Target   string `json:"target"`
	OffsetUS int64  `json:"offset_us"` // log time minus recorded time, median
	Of       int    `json:"of"`
}

// Result is the whole comparison.
type Result struct {
	Exit         int       `json:"exit"`
	Session      string    `json:"session"`
	From         time.Time `json:"from"`
	To           time.Time `json:"to"`
	Logins       []string  `json:"logins"`
	Recorded     int       `json:"recorded"` // statements that may have reached a server
	Found        int       `json:"found"`
	NoTrace      int       `json:"no_trace"`
	OffRecord    int       `json:"off_record"`
	Unclassified int       `json:"unclassified"`
	Clocks       []Clock   `json:"clocks"`
	Findings     []Finding `json:"findings"`
	Notes        []string  `json:"notes"`
}

var (
	tagged  = regexp.MustCompile(`^/\* tq s=(\S+) n=(\d+) i=(\d+) h=([0-9a-f]{32}) \*/ ?`)
	gauged  = regexp.MustCompile(`^/\* tq s=(\S+) g=\S+ \*/`)
	secrets = regexp.MustCompile(`\$\{secret:[^}]*\}`)
)

// statement is one that the record says was sent to a database.
type statement struct {
	*report.Statement
	n, i  string
	found bool
}

type match struct {
	n       *report.Night
	o       Options
	logs    []*Log
	ours    map[string][]*statement // by tag
	leaves  map[int64]string
	offsets map[string][]time.Duration
	runs    []*run
	routing []*report.Statement     // what was sent to routers
	called  []*report.Statement     // what was sent to AWS
	dark    map[string]int          // by what it was: what no log that was given could show
	taken   map[string]map[int]bool // lines of a router's log that are recorded commands
	values  map[string]bool         // of variables, as the record captured them
	nobody  map[string]int          // by log: writes of sessions whose login it does not say
	r       Result
}

// run is a program that an action started; what it sent, to whichever server,
// carries no tag.
type run struct {
	*report.Statement
	from, to time.Time
	sent     int
}

// Compare holds the record against the logs.
func Compare(n *report.Night, logs []*Log, o Options) Result {
	m := &match{n: n, o: o, logs: logs, ours: map[string][]*statement{}, leaves: map[int64]string{}, offsets: map[string][]time.Duration{},
		values: map[string]bool{}, nobody: map[string]int{}, taken: map[string]map[int]bool{}, dark: map[string]int{}}
	m.r.Session = n.Sid
	m.window()
	m.recorded()
	for _, l := range logs {
		m.place(l)
	}
	// Our own first: they say how far the clocks are apart.
	for _, own := range []bool{true, false} {
		for _, l := range logs {
			if l.Kind == "pgbouncer" || l.Kind == "cloudtrail" {
				continue
			}
			for _, s := range l.Seen {
				if own == tagged.MatchString(s.Text) {
					m.seen(l, s)
				}
			}
		}
	}
	m.missing()
	m.routers()
	m.calls()
	m.coverage()
	m.clocks()
	m.notes()
	m.judge()
	return m.r
}

func (m *match) window() {
	m.r.From, m.r.To = m.o.From, m.o.To
	logins := slices.Clone(m.o.Logins)
	for _, l := range m.n.Entries {
		if b, ok := l.Body.(entries.TargetBound); ok {
			if m.r.From.IsZero() {
				m.r.From = l.Time.Add(-around)
			}
			if b.Login != "" && !slices.Contains(logins, b.Login) {
				logins = append(logins, b.Login)
			}
			if b.AWS != nil && !slices.Contains(logins, b.AWS.CallerARN) {
				logins = append(logins, b.AWS.CallerARN)
			}
		}
		if m.o.To.IsZero() {
			m.r.To = l.Time.Add(around)
		}
		if v, ok := l.Body.(entries.VarCaptured); ok {
			m.values[v.Value] = true
		}
		m.leaves[l.Seq] = l.Leaf.String()
	}
	slices.Sort(logins)
	m.r.Logins = logins
}

// recorded lists the statements whose bytes may have reached a server.
func (m *match) recorded() {
	for _, s := range m.n.Steps {
		for _, a := range s.Attempts {
			for _, st := range a.Statements {
				if st.End != nil && st.End.Outcome == entries.Unsent || !m.loggable(st) {
					continue
				}
				for _, b := range st.Binds {
					m.values[b.Value] = true
				}
				x := &statement{Statement: st}
				if t := tagged.FindStringSubmatch(st.Tag); t != nil {
					x.n, x.i = t[2], t[3]
				}
				m.ours[st.Tag] = append(m.ours[st.Tag], x)
			}
		}
	}
}

// loggable reports whether a server's log could hold the statement; programs and
// routers get a note instead.
func (m *match) loggable(st *report.Statement) bool {
	if st.Verb == "aws" && !strings.HasPrefix(st.Text, asksDNS) {
		m.called = append(m.called, st)
		return false
	}
	for _, t := range m.n.Targets {
		// What is done to a router, its file among it, sends a server nothing.
		if t.ID == st.Target && t.Role == "router" {
			m.routing = append(m.routing, st)
			return false
		}
	}
	switch st.Verb {
	case "sql":
		return true
	case "exec":
		r := &run{Statement: st, from: st.At, to: st.At}
		if st.End != nil {
			r.to = r.to.Add(time.Duration(st.End.TookUS) * time.Microsecond)
		}
		m.runs = append(m.runs, r)
	}
	return false
}

// place says which server a log is of, by the tags in it, if nobody said.
func (m *match) place(l *Log) {
	if l.Target != "" || l.Kind == "cloudtrail" { // a trail is of an account
		return
	}
	if l.Kind == "pgbouncer" { // nothing in it names the session
		for _, t := range m.n.Targets {
			if t.Role == "router" {
				l.Target = t.ID
				return
			}
		}
	}
	votes := map[string]int{}
	for _, s := range l.Seen {
		if t := tagged.FindString(s.Text); t != "" {
			for _, x := range m.ours[strings.TrimSpace(t)] {
				votes[x.Target]++
			}
		}
	}
	best := 0
	for target, n := range votes {
		if n > best {
			l.Target, best = target, n
		}
	}
	if best == 0 {
		m.find("not_covered", l.Name, 0, "no statement of this session stands in this log, and nobody said of which server it is")
	}
}

func (m *match) find(code, where string, seq int64, format string, args ...any) {
	m.r.Findings = append(m.r.Findings, Finding{Code: code, Where: where, Seq: seq, Text: fmt.Sprintf(format, args...)})
}

func (m *match) seen(l *Log, s Seen) {
	if t := tagged.FindStringSubmatch(s.Text); t != nil && t[1] == m.n.Sid {
		m.ownTag(l, s, t)
		return
	}
	if g := gauged.FindStringSubmatch(s.Text); g != nil && g[1] == m.n.Sid {
		return
	}
	if l.Kind == "mysql" && m.ownMasked(l, s) {
		return
	}
	m.offRecord(l, s)
}

// ownTag checks a statement that says it is ours: its intent exists, was not
// rewritten since, and planned these very words.
func (m *match) ownTag(l *Log, s Seen, t []string) {
	n, err := strconv.ParseInt(t[2], 10, 64)
	leaf, ok := m.leaves[n]
	switch {
	case err != nil || !ok:
		m.find("contradiction", s.Where(), 0, "names entry %s, and the record has no such entry", t[2])
		return
	case !strings.HasPrefix(leaf, t[4]):
		m.find("contradiction", s.Where(), n, "carries n=%d h=%s, entry %d hashes to %.32s: the record was rewritten", n, t[4], n, leaf)
		return
	}
	text := s.Text[len(t[0]):]
	for _, x := range m.ours[strings.TrimSpace(t[0])] {
		if !same(x.Text, text) && !sameBound(x.Text, text, x.Binds) {
			continue
		}
		m.matched(l, s, x)
		return
	}
	if m.proof(n, text) {
		return
	}
	m.find("contradiction", s.Where(), n, "carries the tag of entry %d action %s, and the text is not the recorded one", n, t[3])
}

// matched notes that a recorded statement stands in a log.
func (m *match) matched(l *Log, s Seen, x *statement) {
	if !x.found {
		x.found = true
		m.r.Found++
	}
	if !s.At.IsZero() {
		m.offsets[l.Target] = append(m.offsets[l.Target], s.At.Sub(x.At))
	}
}

// proof: questions behind an action carry its tag; their words stand in the plan.
func (m *match) proof(intent int64, text string) bool {
	for _, s := range m.n.Steps {
		for _, a := range s.Attempts {
			if a.Intent != intent {
				continue
			}
			if strings.Contains(a.Plan, "\n| "+strings.ReplaceAll(text, "\n", "\n| ")+"\n") {
				return true
			}
			for _, planned := range blocks(a.Plan) {
				if m.sameCaptured(planned, text) {
					return true
				}
			}
		}
	}
	return false
}

// same compares a sent text with a planned one, in which secrets stand as names.
func same(planned, sent string) bool {
	if !secrets.MatchString(planned) {
		return strings.TrimSpace(planned) == strings.TrimSpace(sent)
	}
	var b strings.Builder
	b.WriteString(`(?s)^\s*`)
	for i, part := range secrets.Split(strings.TrimSpace(planned), -1) {
		if i > 0 {
			b.WriteString(`.*?`)
		}
		b.WriteString(regexp.QuoteMeta(part))
	}
	ok, err := regexp.MatchString(b.String()+`\s*$`, sent)
	return err == nil && ok
}
