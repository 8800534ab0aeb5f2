package reconcile

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit/entries"
)

// A client of MySQL puts bound values into the text by itself, and the server
// takes passwords out of it before it logs: what stands in its log is not what
// was planned, and can still be told from anything else.

var (
	parameter = regexp.MustCompile(`\$(\d+)`)
	literal   = `(\d+|'(?:[^']|'')*')`
)

// sameBound compares a sent text with a planned one whose parameters had these
// values.
func sameBound(planned, sent string, binds []entries.Bind) bool {
	if len(binds) == 0 {
		return false
	}
	whole := true
	filled := parameter.ReplaceAllStringFunc(planned, func(p string) string {
		n, err := strconv.Atoi(p[1:])
		if err != nil || n < 1 || n > len(binds) {
			whole = false
			return p
		}
		return bound(binds[n-1].Value)
	})
	return whole && same(filled, sent)
}

// bound is a value as it stands in a statement: digits alone as a number.
func bound(v string) string {
	if v != "" && strings.Trim(v, "0123456789") == "" {
		return v
	}
	return "'" + strings.ReplaceAll(v, "'", "''") + "'"
}

// blocks are the statements that a plan shows: lines that begin with a bar.
func blocks(plan string) []string {
	var out []string
	var now []string
	for _, line := range strings.Split(plan+"\n", "\n") {
		if rest, ok := strings.CutPrefix(line, "| "); ok {
			now = append(now, rest)
			continue
		}
		if len(now) > 0 {
			out, now = append(out, strings.Join(now, "\n")), nil
		}
	}
	return out
}

// sameCaptured compares a sent text with a planned question whose parameters are
// values that the record has captured.
func (m *match) sameCaptured(planned, sent string) bool {
	if !parameter.MatchString(planned) {
		return false
	}
	var b strings.Builder
	b.WriteString(`(?s)^\s*`)
	from := 0
	for _, at := range parameter.FindAllStringIndex(planned, -1) {
		b.WriteString(regexp.QuoteMeta(planned[from:at[0]]) + literal)
		from = at[1]
	}
	b.WriteString(regexp.QuoteMeta(planned[from:]) + `\s*$`)
	re, err := regexp.Compile(b.String())
	if err != nil {
		return false
	}
	found := re.FindStringSubmatch(sent)
	for _, v := range found[min(1, len(found)):] {
		if strings.HasPrefix(v, "'") {
			v = strings.ReplaceAll(v[1:len(v)-1], "''", "'")
		}
		if !m.values[v] {
			return false
		}
	}
	return found != nil
}

// mask is what MySQL writes where a password stood; it drops comments with it.
const mask = "<secret>"

// ownMasked looks for the recorded statement behind one whose password the server
// has taken out, and our tag with it: same server, same words, at the same time.
func (m *match) ownMasked(l *Log, s Seen) bool {
	const slack = 5 * time.Second // of the two clocks, and of the statement itself
	if !strings.Contains(s.Text, mask) || !m.ofOurs(l, s.Login) {
		return false
	}
	for _, tag := range sortedTags(m.ours) {
		for _, x := range m.ours[tag] {
			if x.found || x.Target != l.Target || !secrets.MatchString(x.Text) || s.At.Sub(x.At).Abs() > slack {
				continue
			}
			filled := x.Text
			for i, b := range x.Binds {
				filled = strings.ReplaceAll(filled, "$"+strconv.Itoa(i+1), bound(b.Value))
			}
			if sameMasked(secrets.ReplaceAllString(filled, mask), s.Text) {
				m.matched(l, s, x)
				return true
			}
		}
	}
	return false
}

// sameMasked compares two statements whose secrets are masked. Of a link's
// definition the server prints the options in an order of its own.
func sameMasked(planned, sent string) bool {
	if strings.Join(strings.Fields(planned), " ") == strings.Join(strings.Fields(sent), " ") {
		return true
	}
	a, ok := options(planned)
	b, ok2 := options(sent)
	if !ok || !ok2 || len(a) != len(b) {
		return false
	}
	for k, v := range a {
		w, ok := b[k]
		x, err := strconv.ParseFloat(v, 64)
		y, err2 := strconv.ParseFloat(w, 64)
		if !ok || v != w && (err != nil || err2 != nil || x != y) {
			return false
		}
	}
	return true
}

var option = regexp.MustCompile(`(?i)^\s*(\w+)\s*=\s*(<secret>|\d+(?:\.\d+)?|'(?:[^']|'')*')\s*(?:,|$)`)

// options are what CHANGE REPLICATION SOURCE sets, by name.
func options(text string) (map[string]string, bool) {
	const verb = "CHANGE REPLICATION SOURCE TO"
	text = strings.TrimSpace(text)
	if len(text) < len(verb) || !strings.EqualFold(text[:len(verb)], verb) {
		return nil, false
	}
	out := map[string]string{}
	for text = text[len(verb):]; strings.TrimSpace(text) != ""; {
		m := option.FindStringSubmatch(text)
		if m == nil {
			return nil, false
		}
		out[strings.ToUpper(m[1])] = m[2]
		text = text[len(m[0]):]
	}
	return out, true
}
