package cli

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

// TestVerifyHoldsEmergencyLinesAgainstTheRecord: what a witness kept must be the
// beginning of the file that the record took in.
func TestVerifyHoldsEmergencyLinesAgainstTheRecord(t *testing.T) {
	const sid = "20261121-orders-7f3a"
	line := func(file int, what string) string {
		return fmt.Sprintf(`{"v":1,"emergency":%d,"sid":%q,"type":%q}`+"\n", file, sid, what)
	}
	content := line(1, "stmt.begin") + line(1, "stmt.end")
	dir, start := t.TempDir(), time.Now()
	l, err := audit.Create(dir, audit.Options{Sid: sid, Origin: "audit.example/turquoise/" + sid, Types: entries.Types(), Rand: rand.Reader, Now: time.Now,
		Mono: func() time.Duration { return time.Since(start) }, First: func(op audit.Opening) audit.Line {
			return audit.Line{Meta: audit.Meta{By: "ada"}, Body: entries.SessionOpen{Origin: op.Origin, Mode: "lab", VKey: op.VKey}}
		}})
	if err != nil {
		t.Fatal(err)
	}
	ev, err := l.AddEvidence([]byte(content), "application/jsonl", "emergency file")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []audit.Body{entries.LogFault{Kind: "write", EmergencySHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(content)))},
		entries.Deviation{What: "emergency", Reason: "disk full", Evidence: entries.List[audit.Evidence]{ev}}} {
		if _, err := l.Append(audit.Meta{By: "ada"}, b); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(audit.Meta{By: "ada"}, entries.SessionClose{Result: "aborted", WritesOn: "blue"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		lines string
		exit  int
		want  string
	}{
		{content, 0, "2 emergency lines, as the record took them in"},
		{line(1, "stmt.begin"), 0, "1 emergency lines, as the record took them in"},
		{line(1, "stmt.begin") + line(1, "step.outcome"), 1, "E47-emergency"},
		{line(2, "stmt.begin"), 2, "I59-emergency"},
	} {
		file := filepath.Join(t.TempDir(), "kept.jsonl")
		if err := os.WriteFile(file, []byte(c.lines), 0o600); err != nil {
			t.Fatal(err)
		}
		if out := turquoise(t, c.exit, "verify", dir, "--emergency", file); !strings.Contains(out, c.want) {
			t.Errorf("want %q: %s", c.want, out)
		}
	}
	turquoise(t, ExitUsage, "verify", dir, "--emergency", "nowhere.jsonl")
	// Without the evidence only the hash can be compared: the beginning cannot.
	if err := os.Remove(filepath.Join(dir, "evidence", ev.SHA256)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "kept.jsonl")
	if err := os.WriteFile(file, []byte(line(1, "stmt.begin")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := turquoise(t, 2, "verify", dir, "--emergency", file); !strings.Contains(out, "not compared: the file that the record took in is not in the bundle") || strings.Contains(out, "E47") {
		t.Errorf("without the evidence: %s", out)
	}
}
