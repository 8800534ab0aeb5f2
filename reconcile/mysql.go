package reconcile

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// Forms of MySQL's and MariaDB's general log. MariaDB writes the time only when
// the second changed.
// https://dev.mysql.com/doc/refman/8.4/en/query-log.html
var (
	mysqlLine   = regexp.MustCompile(`^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d\d:\d\d))?\t *(\d+) (\w[\w ]*?)\t(.*)$`)
	mariaLine   = regexp.MustCompile(`^(\d{6} [ \d]\d:\d\d:\d\d)?\t+ *(\d+) (\w[\w ]*?)\t(.*)$`)
	auditLine   = regexp.MustCompile(`^(\d{8} \d\d:\d\d:\d\d),[^,]*,([^,]*),[^,]*,\d+,\d+,(\w+),[^,]*,(?:'(.*)')?,(\d+)$`)
	mysqlHeader = regexp.MustCompile(`^(?:Time\s+Id Command|Tcp port|.*, Version: )`)
)

// ReadMySQL reads a general log of MySQL or MariaDB, or the log of MariaDB's
// audit plugin.
func ReadMySQL(r io.Reader, name string) (*Log, error) {
	l := &Log{Name: name, Kind: "mysql"}
	logins := map[string]string{} // by connection
	var now time.Time
	s := scanner(r)
	for n := 1; s.Scan(); n++ {
		line := s.Text()
		if mysqlHeader.MatchString(line) {
			continue
		}
		if m := auditLine.FindStringSubmatch(line); m != nil {
			l.audited(n, m)
			continue
		}
		m := mysqlLine.FindStringSubmatch(line)
		form := time.RFC3339Nano
		if m == nil {
			m, form = mariaLine.FindStringSubmatch(line), "060102 15:04:05"
		}
		if m == nil {
			if k := len(l.Seen); k > 0 { // a statement over several lines
				l.Seen[k-1].Text += "\n" + line
			} else {
				l.Strange++
			}
			continue
		}
		if t, err := time.Parse(form, strings.Replace(m[1], "  ", " 0", 1)); err == nil {
			now = t.UTC()
		}
		l.cover(now)
		switch m[3] {
		case "Connect", "Change user":
			who, _, _ := strings.Cut(m[4], "@")
			logins[m[2]] = who
		case "Query", "Execute":
			l.Seen = append(l.Seen, Seen{Log: name, Line: n, At: now, Login: logins[m[2]], Text: m[4]})
		}
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return l, nil
}

func (l *Log) audited(n int, m []string) {
	t, _ := time.Parse("20060102 15:04:05", m[1])
	l.cover(t)
	if m[3] != "QUERY" {
		return
	}
	text := strings.NewReplacer(`\'`, `'`, `\n`, "\n", `\\`, `\`).Replace(m[4])
	l.Seen = append(l.Seen, Seen{Log: l.Name, Line: n, At: t, Login: m[2], Text: text, Failed: m[5] != "0"})
}
