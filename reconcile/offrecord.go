package reconcile

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// offRecord takes a statement without our tag: a write of one of our logins that
// no program of ours sent is off the record, and one that cannot be told is listed.
func (m *match) offRecord(l *Log, s Seen) {
	if !s.At.IsZero() && (s.At.Before(m.r.From) || s.At.After(m.r.To)) {
		return
	}
	kind := classify(s.Text)
	if l.Kind == "mysql" && s.Login == "" && kind != reads {
		m.nobody[l.Name]++
		return
	}
	if !m.ofOurs(l, s.Login) {
		return
	}
	before, after := m.apart(l.Target)
	for _, r := range m.runs {
		if kind != reads && s.At.After(r.from.Add(before)) && s.At.Before(r.to.Add(after)) {
			r.sent++
			return
		}
	}
	switch kind {
	case reads:
		return
	case unknown:
		m.r.Unclassified++
		m.find("unclassified", s.Where(), 0, "by %s, without a tag: %s", s.Login, words(s.Text))
	default:
		m.r.OffRecord++
		m.find("off_record", s.Where(), 0, "by %s, not in the record: %s", s.Login, words(s.Text))
	}
}

// apart is how much earlier and later than the recorded time a statement may
// stand in a server's log, as the statements with our tag show it; a log that
// writes whole seconds shows that too. Without enough of them it is a guess.
func (m *match) apart(target string) (before, after time.Duration) {
	const guess, margin, enough = 2 * time.Second, 100 * time.Millisecond, 5
	all := m.offsets[target]
	if len(all) < enough {
		return -guess, guess
	}
	return slices.Min(all) - margin, slices.Max(all) + margin
}

// ofOurs reports a login whose writes must all be on record. MySQL's log names
// the user; the record has the account, with the hosts that it may come from.
func (m *match) ofOurs(l *Log, login string) bool {
	return slices.ContainsFunc(m.r.Logins, func(own string) bool {
		if i := strings.LastIndex(own, "@"); i > 0 && l.Kind == "mysql" && own[:i] == login {
			return true
		}
		return own == login
	})
}

// words shows the beginning of a statement: enough to find it, without literals,
// which may be values of rows.
func words(text string) string {
	text = literals.ReplaceAllString(strings.Join(strings.Fields(text), " "), "'…'")
	const most = 80
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}

var literals = regexp.MustCompile(`'(?:[^']|'')*'`)
