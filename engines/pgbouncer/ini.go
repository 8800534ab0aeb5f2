package pgbouncer

import (
	"fmt"
	"regexp"
	"strings"
)

// entry is one line of the section [databases], its password blanked.
type entry struct {
	name       string // "*" is the fallback for every other name
	host, port string // host is empty for a unix socket
	line       string
}

// setting finds one key of a connect string; the value is bare or in single
// quotes, where a doubled quote stands for one.
func setting(key string) *regexp.Regexp {
	return regexp.MustCompile(`(^|[\s=])(` + key + `\s*=\s*)('(?:[^']|'')*'|[^\s']*)`)
}

// redact blanks the password in an entry, so that it may be shown and recorded.
func redact(line string) string {
	return setting("password").ReplaceAllString(line, "${1}${2}***")
}

func value(connect, key string) string {
	m := setting(key).FindStringSubmatch(connect)
	if m == nil {
		return ""
	}
	v := m[3]
	if strings.HasPrefix(v, "'") {
		v = strings.ReplaceAll(v[1:len(v)-1], "''", "'")
	}
	return v
}

// parseEntry reads `name = key=value …`; ok is false for anything else.
func parseEntry(line string) (entry, bool) {
	t := strings.TrimSpace(line)
	if t == "" || strings.ContainsAny(t[:1], ";#[%") {
		return entry{}, false
	}
	name, connect, found := strings.Cut(t, "=")
	if !found {
		return entry{}, false
	}
	name = strings.Trim(strings.TrimSpace(name), `"`)
	port := value(connect, "port")
	if port == "" {
		port = "5432"
	}
	return entry{name: name, host: value(connect, "host"), port: port, line: redact(line)}, name != ""
}

// pointAt returns the line with its host and port replaced; the rest of it stays
// byte for byte.
func pointAt(line, host, port string) string {
	name, connect, _ := strings.Cut(line, "=")
	for _, kv := range [][2]string{{"host", host}, {"port", port}} {
		re := setting(kv[0])
		if re.MatchString(connect) {
			connect = re.ReplaceAllString(connect, "${1}${2}"+strings.ReplaceAll(kv[1], "$", "$$"))
		} else {
			connect = strings.TrimRight(connect, " \t") + " " + kv[0] + "=" + kv[1]
		}
	}
	return name + "=" + connect
}

// databases calls f for each entry of the section with its place in lines.
func databases(lines []string, f func(i int, e entry)) error {
	section := ""
	for i, l := range lines {
		t := strings.TrimSpace(l)
		switch {
		case strings.HasPrefix(t, "["):
			section = t
		case strings.HasPrefix(t, "%include"):
			return fmt.Errorf("line %d includes another file", i+1)
		case section == "[databases]":
			if e, ok := parseEntry(strings.TrimRight(l, "\r")); ok {
				f(i, e)
			}
		}
	}
	return nil
}

// labMarker returns the run that a comment of a lab's file names.
func labMarker(text string) string {
	for l := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(l), ";; turquoise lab "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
