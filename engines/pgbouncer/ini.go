package pgbouncer

import (
	"errors"
	"fmt"
	"strings"
)

// entry is one line of the section [databases], its password blanked.
type entry struct {
	name       string // "*" is the fallback for every other name
	host, port string // host is empty for a unix socket
	line       string
}

// setting is one key=value of a connect string. The pooler's own rules: a key ends
// at = or a blank, a value at a blank, or is in single quotes, where a doubled
// quote stands for one.
type setting struct {
	key, value string
	from, to   int // of the value as written, its quotes included
}

var errConnect = errors.New("its connect string cannot be read as the pooler reads it")

// settings reads a connect string. A key that is there twice is refused: the pooler
// takes the last one, and whoever edits the line looks at the first.
func settings(connect string) ([]setting, error) {
	var out []setting
	seen := map[string]bool{}
	for at := 0; ; {
		at += len(connect[at:]) - len(strings.TrimLeft(connect[at:], " "))
		if at == len(connect) {
			return out, nil
		}
		end := strings.IndexAny(connect[at:], "= ")
		if end <= 0 {
			return nil, errConnect
		}
		s := setting{key: connect[at : at+end]}
		at += end
		at += len(connect[at:]) - len(strings.TrimLeft(connect[at:], " "))
		if at == len(connect) || connect[at] != '=' {
			return nil, errConnect
		}
		at++
		at += len(connect[at:]) - len(strings.TrimLeft(connect[at:], " "))
		s.from = at
		var ok bool
		if s.value, s.to, ok = settingValue(connect, at); !ok || s.to < len(connect) && connect[s.to] != ' ' {
			return nil, errConnect // the pooler drops a character that follows a quote
		}
		at = s.to
		if seen[s.key] {
			return nil, fmt.Errorf("it gives %s twice", s.key)
		}
		seen[s.key] = true
		out = append(out, s)
	}
}

// settingValue reads a value and gives the place behind it. No value is empty.
func settingValue(connect string, at int) (value string, to int, ok bool) {
	if at == len(connect) {
		return "", at, false
	}
	if connect[at] != '\'' {
		to = len(connect)
		if n := strings.IndexByte(connect[at:], ' '); n >= 0 {
			to = at + n
		}
		return connect[at:to], to, true
	}
	for to = at + 1; to < len(connect); to++ {
		if connect[to] != '\'' {
			continue
		}
		if to+1 < len(connect) && connect[to+1] == '\'' {
			to++
			continue
		}
		value = strings.ReplaceAll(connect[at+1:to], "''", "'")
		return value, to + 1, value != ""
	}
	return "", at, false
}

// put returns the connect string with the value of a key replaced; what is not
// there is added behind.
func put(connect, key, value string) (string, error) {
	all, err := settings(connect)
	if err != nil {
		return "", err
	}
	for _, s := range all {
		if s.key == key {
			return connect[:s.from] + value + connect[s.to:], nil
		}
	}
	return strings.TrimRight(connect, " ") + " " + key + "=" + value, nil
}

// parseEntry reads `name = key=value …`; ok is false for an empty line and for a
// comment. What the pooler would read otherwise than we do is an error.
func parseEntry(line string) (e entry, ok bool, err error) {
	t := strings.TrimSpace(line)
	if t == "" || strings.ContainsAny(t[:1], ";#[%") {
		return entry{}, false, nil
	}
	name, connect, found := strings.Cut(line, "=")
	if !found {
		return entry{}, false, errConnect
	}
	e = entry{name: strings.Trim(strings.TrimSpace(name), `"`), port: "5432", line: line}
	if e.name == "" {
		return entry{}, false, errConnect
	}
	all, err := settings(connect)
	if err != nil {
		return entry{}, false, err
	}
	for _, s := range all {
		switch s.key {
		case "host":
			e.host = s.value
		case "port":
			e.port = s.value
		case "password": // so that the line may be shown and recorded
			e.line = name + "=" + connect[:s.from] + "***" + connect[s.to:]
		}
	}
	return e, true, nil
}

// pointAt returns the line with its host and port replaced; the rest of it stays
// byte for byte.
func pointAt(line, host, port string) (string, error) {
	name, connect, _ := strings.Cut(line, "=")
	connect, err := put(connect, "host", host)
	if err == nil {
		connect, err = put(connect, "port", port)
	}
	return name + "=" + connect, err
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
			e, ok, err := parseEntry(strings.TrimRight(l, "\r"))
			if err != nil { // the line itself may hold a password
				return fmt.Errorf("line %d: %w", i+1, err)
			}
			if ok {
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
