package pgbouncer

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

// FuzzEdit edits every entry of any file to another server: either it is refused,
// and then before anything is written, or no byte moves but host and port of that
// entry, the file then says what was asked for, and the way back gives the file as
// it was.
func FuzzEdit(f *testing.F) {
	for _, s := range []string{
		"[databases]\napp = host=a port=1 dbname=app\n[pgbouncer]\nadmin_users = x\n",
		"[databases]\r\napp = host=a port=1\r\n; comment\r\n\r\n",
		"[databases]\napp=host='a b' port = 5432 password='it''s ; a secret' user=u\n",
		"[databases]\napp = dbname=x\n* = host=a\n\"odd\" = host=a\n",
		"[databases]\napp = host=a\napp = host=b\n",
		"%include other.ini\n[databases]\napp = host=a port=1\n",
		"[databases]\n%include more.ini\napp = host=a port=1\n",
		"[users]\napp = host=a port=1\n[databases]\nb = host=app port=2 hostname=z\n",
		"[databases]\napp = host=a port=1 password=host=q port=9\nx",
		"\ufeff[databases]\napp = host=\u00e4 port=1 # not a comment",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Split(text, "\n")
		var all []entry
		if err := databases(lines, func(_ int, e entry) { all = append(all, e) }); err != nil {
			return
		}
		for _, e := range all {
			checkEdit(t, lines, e)
		}
	})
}

func checkEdit(t *testing.T, lines []string, e entry) {
	t.Helper()
	there, err := pointAt(e.line, "new-host", "6543")
	if err != nil {
		t.Fatalf("entry %q was read and cannot be pointed elsewhere: %v", e.line, err)
	}
	in := instruction{verb: "edit", path: "/f", old: []string{e.line}, new: []string{there}}
	out, err := editLines(lines, in)
	if err != nil {
		var known *engines.KnownError
		if !errors.As(err, &known) || known.Outcome != engines.Refused {
			t.Fatalf("edit of %q: %v, which is no refusal", e.line, err)
		}
		return
	}
	moved := 0
	next := strings.Split(string(out), "\n")
	if len(next) != len(lines) {
		t.Fatalf("%d lines became %d", len(lines), len(next))
	}
	for i := range lines {
		if lines[i] == next[i] {
			continue
		}
		moved++
		got, ok, err := parseEntry(strings.TrimRight(next[i], "\r"))
		if err != nil || !ok || got.name != e.name || got.host != "new-host" || got.port != "6543" {
			t.Fatalf("%q became %q, which reads as %+v", lines[i], next[i], got)
		}
		if strings.HasSuffix(lines[i], "\r") != strings.HasSuffix(next[i], "\r") {
			t.Fatalf("%q became %q: the line's end moved", lines[i], next[i])
		}
		if a, b := without(lines[i]), without(next[i]); a != b {
			t.Fatalf("%q became %q: more than host and port moved (%q, %q)", lines[i], next[i], a, b)
		}
	}
	if moved > 1 || moved == 0 && e.line != there {
		t.Fatalf("%d lines moved", moved)
	}
	_, connect, _ := strings.Cut(e.line, "=")
	if all, _ := settings(connect); !slices.ContainsFunc(all, func(s setting) bool { return s.key == "host" }) ||
		!slices.ContainsFunc(all, func(s setting) bool { return s.key == "port" }) || strings.Contains(e.line, "'") {
		return // the way there added or unquoted something, and the way back leaves that
	}
	was, err := pointAt(there, e.host, e.port)
	if err != nil || was != e.line {
		t.Fatalf("%q there and back is %q, %v", e.line, was, err)
	}
	back, err := editLines(next, instruction{verb: "edit", path: "/f", old: in.new, new: []string{was}})
	if err == nil && string(back) != strings.Join(lines, "\n") {
		t.Fatalf("there and back gives %q, was %q", back, strings.Join(lines, "\n"))
	}
}

// without takes host and port out of an entry, and the blanks beside them.
func without(line string) string {
	name, connect, _ := strings.Cut(strings.TrimRight(line, "\r"), "=")
	all, _ := settings(connect) // the caller has read it
	for _, s := range slices.Backward(all) {
		if s.key == "host" || s.key == "port" {
			connect = strings.TrimRight(connect[:s.from], "= ")[:len(strings.TrimRight(connect[:s.from], "= "))-len(s.key)] + connect[s.to:]
		}
	}
	return name + "=" + strings.Join(strings.Fields(connect), " ")
}
