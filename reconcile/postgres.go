package reconcile

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// ReadPostgres reads a server log of PostgreSQL in any of its forms: plain text
// with the given log_line_prefix, csvlog or jsonlog, told apart by the content.
// https://www.postgresql.org/docs/current/runtime-config-logging.html
func ReadPostgres(r io.Reader, name, prefix string) (*Log, error) {
	head, r, err := peek(r, 4096)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	l := &Log{Name: name, Kind: "postgres"}
	switch {
	case bytes.HasPrefix(bytes.TrimSpace(head), []byte("{")):
		err = l.postgresJSON(r)
	case csvLine(head):
		err = l.postgresCSV(r)
	default:
		err = l.postgresText(r, prefix)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return l, nil
}

// csvLine: a csvlog begins with a time and a comma.
func csvLine(head []byte) bool { return csvBegin.Match(head) }

var csvBegin = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [A-Z0-9+-]+,`)

// sent takes the statement out of a message of the server, without its
// parameters.
func sent(message string) (text string, ok bool) {
	if d, rest, found := strings.Cut(message, " ms  "); found && strings.HasPrefix(d, "duration: ") {
		message = rest
	}
	if t, found := strings.CutPrefix(message, "statement: "); found {
		return t, true
	}
	if strings.HasPrefix(message, "execute ") {
		if _, t, found := strings.Cut(message, ": "); found {
			return t, true
		}
	}
	return "", false
}

const (
	csvTime, csvUser, csvSeverity, csvMessage, csvQuery = 0, 1, 11, 13, 19
	csvLeast                                            = 23
)

func (l *Log) postgresCSV(r io.Reader) error {
	c := csv.NewReader(r)
	c.FieldsPerRecord, c.ReuseRecord = -1, true
	for {
		f, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(f) < csvLeast {
			l.Strange++
			continue
		}
		line, _ := c.FieldPos(0)
		l.message(line, f[csvTime], f[csvUser], f[csvSeverity], f[csvMessage], f[csvQuery])
	}
}

func (l *Log) postgresJSON(r io.Reader) error {
	s := scanner(r)
	for n := 1; s.Scan(); n++ {
		var e struct {
			Timestamp string `json:"timestamp"`
			User      string `json:"user"`
			Severity  string `json:"error_severity"`
			Message   string `json:"message"`
			Statement string `json:"statement"`
		}
		if json.Unmarshal(s.Bytes(), &e) != nil {
			l.Strange++
			continue
		}
		l.message(n, e.Timestamp, e.User, e.Severity, e.Message, e.Statement)
	}
	return s.Err()
}

// message takes one event of csvlog or jsonlog: a statement as it was logged, or
// the statement of an error.
func (l *Log) message(line int, at, login, severity, message, query string) {
	t := moment(at)
	l.cover(t)
	if text, ok := sent(message); ok {
		l.Seen = append(l.Seen, Seen{Log: l.Name, Line: line, At: t, Login: login, Text: text})
	} else if query != "" && (severity == "ERROR" || severity == "FATAL") {
		l.Seen = append(l.Seen, Seen{Log: l.Name, Line: line, At: t, Login: login, Text: query, Failed: true})
	}
}

// ErrPrefix is a log_line_prefix that cannot be read back.
var ErrPrefix = errors.New("log_line_prefix without a time or a user")

var escapes = map[byte]string{
	'm': `(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [A-Z0-9+-]+)`, 't': `(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z0-9+-]+)`,
	'u': `(?P<user>[^@, ]*)`, 'd': `(?:[^, ]*?)`, 'p': `\d+`, 'P': `\d*`, 'c': `[0-9a-f.]+`, 'l': `\d+`, 'h': `\S*?`, 'r': `\S*?(?:\(\d+\))?`,
	'b': `[a-z ]+?`, 'i': `.*?`, 'e': `[0-9A-Z]{5}`, 's': `\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z0-9+-]+`, 'v': `\S*`, 'x': `\d+`, 'a': `.*?`,
	'Q': `-?\d+`, 'L': `\S*`, 'n': `\d+\.\d+`,
}

// prefixPattern turns a log_line_prefix into the expression of a line. %q ends
// the prefix for processes without a session, so all behind it is optional.
func prefixPattern(prefix string) (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteString("^")
	open := false
	for i := 0; i < len(prefix); i++ {
		if prefix[i] != '%' || i+1 == len(prefix) {
			b.WriteString(regexp.QuoteMeta(prefix[i : i+1]))
			continue
		}
		i++
		for i < len(prefix)-1 && (prefix[i] == '-' || prefix[i] >= '0' && prefix[i] <= '9') {
			b.WriteString(` *`)
			i++ // padding
		}
		switch e, known := escapes[prefix[i]]; {
		case prefix[i] == 'q':
			b.WriteString("(?:")
			open = true
		case prefix[i] == '%':
			b.WriteString("%")
		case known:
			b.WriteString(e)
		default:
			return nil, fmt.Errorf("%%%c: %w", prefix[i], errors.ErrUnsupported)
		}
	}
	if open {
		b.WriteString(")?")
	}
	re, err := regexp.Compile(b.String() + `\s*(?P<sev>LOG|ERROR|FATAL|PANIC|WARNING|NOTICE|INFO|STATEMENT|DETAIL|HINT|CONTEXT|LOCATION|QUERY|DEBUG\d?):  (?P<msg>.*)$`)
	if err != nil {
		return nil, err
	}
	if re.SubexpIndex("at") < 0 || re.SubexpIndex("user") < 0 {
		return nil, ErrPrefix
	}
	return re, nil
}

func (l *Log) postgresText(r io.Reader, prefix string) error {
	re, err := prefixPattern(prefix)
	if err != nil {
		return err
	}
	at, user, sev, msg := re.SubexpIndex("at"), re.SubexpIndex("user"), re.SubexpIndex("sev"), re.SubexpIndex("msg")
	var open *Seen // a statement may go on over lines that begin with a tab
	var more strings.Builder
	flush := func() {
		if open != nil {
			open.Text += more.String()
			more.Reset()
			l.Seen = append(l.Seen, *open)
		}
		open = nil
	}
	s := scanner(r)
	for n := 1; s.Scan(); n++ {
		line := s.Text()
		if strings.HasPrefix(line, "\t") {
			if open != nil {
				more.WriteString("\n" + line[1:])
			}
			continue
		}
		flush()
		if !strings.Contains(line, ":  ") {
			l.Strange++
			continue
		}
		m := re.FindStringSubmatch(line)
		if m == nil {
			l.Strange++
			continue
		}
		t := moment(m[at])
		l.cover(t)
		found := Seen{Log: l.Name, Line: n, At: t, Login: m[user]}
		if m[sev] == "STATEMENT" {
			found.Text, found.Failed = m[msg], true
			open = &found
		} else if text, ok := sent(m[msg]); ok && m[sev] == "LOG" {
			found.Text = text
			open = &found
		}
	}
	flush()
	return s.Err()
}
