//go:build linux

package cli

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

// TestAFilmOfTheScreen: what goes to the terminal is on it, whole characters, with
// the size of the screen and a marker for each step; a cockpit that comes back goes
// on with it, and its hash is that of the file.
func TestAFilmOfTheScreen(t *testing.T) {
	far, near := openPty(t)
	t.Cleanup(func() { _ = near.Close(); _ = far.Close() })
	go func() { _, _ = io.Copy(io.Discard, far) }()
	file := filepath.Join(t.TempDir(), "screen.cast")
	now, label := time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC), ""
	begin := func() *film {
		t.Helper()
		f, err := newFilm(near, file, "turquoise s1", func() time.Time { return now }, func() string { return label })
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	write := func(f *film, text string) {
		t.Helper()
		now = now.Add(time.Second)
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	f := begin()
	label = "seq 4: step 1.1 Look"
	write(f, "ok \xe2\x9c") // a check mark, cut
	write(f, "\x93\n")
	if err := unix.IoctlSetWinsize(int(far.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	write(f, "small")
	if f.End() == "" || f.End() != "" {
		t.Error("a film ends once, with its hash")
	}
	write(f, "after the end")
	torn, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = torn.WriteString(`[9.0,"o","cut`)
	}
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	f = begin()
	write(f, "again")
	sum := f.End()
	text, err := os.ReadFile(file)
	if err != nil || sum != fmt.Sprintf("%x", sha256.Sum256(text)) {
		t.Fatalf("hash %s of %q, %v", sum, text, err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if !strings.Contains(lines[0], `"version":2`) || !strings.Contains(lines[0], "illustration, not evidence") || !strings.Contains(lines[0], `"width":120`) {
		t.Errorf("header %s", lines[0])
	}
	want := [][2]string{{"m", "seq 4: step 1.1 Look"}, {"o", "ok "}, {"o", "✓\n"}, {"r", "80x24"}, {"o", "small"}, {"r", "80x24"}, {"m", "seq 4: step 1.1 Look"}, {"o", "again"}}
	last := 0.0
	for i, line := range lines[1:] {
		var e [3]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if at := e[0].(float64); at < last {
			t.Errorf("time goes back: %s", line)
		} else {
			last = at
		}
		if i >= len(want) || e[1] != want[i][0] || e[2] != want[i][1] {
			t.Errorf("event %d is %s", i, line)
		}
	}
	if len(lines)-1 != len(want) || last < 3600 {
		t.Errorf("%d events up to %f s, want %d over an hour", len(lines)-1, last, len(want))
	}
}

// TestTheRecordNamesTheFilm: another film is tampering, none is said, and a bundle
// has it only if it was asked for.
func TestTheRecordNamesTheFilm(t *testing.T) {
	const sid = "20261121-orders-7f3a"
	dir, start, film := t.TempDir(), time.Now(), []byte("{\"version\":2}\n")
	l, err := audit.Create(dir, audit.Options{Sid: sid, Origin: "audit.example/turquoise/" + sid, Types: entries.Types(), Rand: rand.Reader, Now: time.Now,
		Mono: func() time.Duration { return time.Since(start) }, First: func(op audit.Opening) audit.Line {
			return audit.Line{Meta: audit.Meta{By: "ada"}, Body: entries.SessionOpen{Origin: op.Origin, Mode: "lab", VKey: op.VKey}}
		}})
	if err == nil {
		err = l.Close(audit.Meta{By: "ada"}, entries.SessionClose{Result: "aborted", WritesOn: "blue", CastSHA256: fmt.Sprintf("%x", sha256.Sum256(film))})
	}
	file := filepath.Join(dir, "screen.cast")
	for _, c := range []struct {
		film []byte
		exit int
		want string
	}{{film, 0, "VERIFIED"}, {[]byte("another"), 1, "screen.cast is not the film that the closing line names"}, {nil, 0, "names a film of the screen that is not here"}} {
		if err == nil && c.film != nil {
			err = os.WriteFile(file, c.film, 0o600)
		} else if err == nil {
			err = os.Remove(file)
		}
		if err != nil {
			t.Fatal(err)
		}
		if out := turquoise(t, c.exit, "verify", dir); !strings.Contains(out, c.want) {
			t.Errorf("want %q: %s", c.want, out)
		}
		code := map[bool]int{true: 0, false: ExitFailed}[c.exit == 0 && c.film != nil]
		if c.exit == 0 { // a broken record is not exported at all
			turquoise(t, code, "export", dir, "--format", "bundle", "--with-cast", "--out", filepath.Join(t.TempDir(), "n.tqz"))
		}
	}
	// A film that nothing names is not covered.
	other := smallRecord(t, "x")
	if err := os.WriteFile(filepath.Join(other, "screen.cast"), film, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := turquoise(t, 0, "verify", other); !strings.Contains(out, "not covered: screen.cast") {
		t.Errorf("verify says %s", out)
	}
}

// TestABundleIsTheRecordAndNothingElse: what the cockpit keeps beside it for itself
// stays on the machine.
func TestABundleIsTheRecordAndNothingElse(t *testing.T) {
	dir := smallRecord(t, "x")
	for _, name := range []string{"compared.json", "lock", "attach.sock", "requests/00000001-bob.txt", "notes.txt", "0001.jsonl.bak", "evidence/x", "screen.cast"} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("SECRETMARK"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(t.TempDir(), "n.tqz")
	turquoise(t, 0, "export", dir, "--format", "bundle", "--out", out)
	raw, err := os.ReadFile(out)
	if err != nil || strings.Contains(string(raw), "SECRETMARK") || !strings.Contains(string(raw), "/0001.jsonl") {
		t.Errorf("the bundle holds what is no part of the record, or no record: %v", err)
	}
}
