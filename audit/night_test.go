package audit_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

const (
	sid    = "20261121-orders-7f3a"
	origin = "audit.example/turquoise/" + sid
	alice  = "alice@example"
)

// clock runs a millisecond with each look, both hands together. Skew moves the
// wall hand alone.
type clock struct {
	mu   sync.Mutex
	n    time.Duration
	skew time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += time.Millisecond
	return time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC).Add(c.n + c.skew)
}

func (c *clock) mono() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func options(c *clock) audit.Options {
	return audit.Options{Sid: sid, Origin: origin, From: "jump/pts0/-", Types: entries.Types(),
		Now: c.now, Mono: c.mono, Rand: rand.Reader, First: first}
}

func first(o audit.Opening) audit.Line {
	m := audit.Meta{By: alice}
	if o.Recovery == nil {
		return audit.Line{Meta: m, Body: entries.SessionOpen{Origin: o.Origin, Mode: "lab", VKey: o.VKey}}
	}
	doubts := []entries.Doubt{}
	for _, e := range o.Recovery.InDoubt {
		doubts = append(doubts, entries.Doubt{Attempt: e.Attempt, Seq: e.Seq, Step: e.Step})
	}
	return audit.Line{Meta: m, Body: entries.SessionResume{After: "crash", VKey: o.VKey, InDoubt: doubts, Torn: o.Recovery.Torn}}
}

func create(t testing.TB, dir string, o audit.Options) *audit.Log {
	t.Helper()
	l, err := audit.Create(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Release() })
	return l
}

func resume(t testing.TB, dir string, o audit.Options) (*audit.Log, audit.Recovery) {
	t.Helper()
	l, rec, err := audit.Resume(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Release() })
	return l, rec
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

const planText = "turquoise plan v1\nrunbook-sha256: aa\nstep: 3.2\ntitle: Freeze\nrisk: TRAFFIC\nconfirm: blue\n" +
	"target: blue postgresql 15.18\naction: 1 blue sql\n| ALTER DATABASE orders SET\n|  default_transaction_read_only = on\nlimit: 5s\n" +
	"proof: of 1 blue sql\n| SELECT 1\nwant: 1\nundo: -\n"

const stmtText = "ALTER DATABASE orders SET\n default_transaction_read_only = on"

// night writes a step from plan to outcome. Change, if set, may alter a line
// before it is written; returning nil leaves it out.
type night struct {
	t      testing.TB
	l      *audit.Log
	change func(audit.Line) []audit.Line
}

func (n *night) put(m audit.Meta, b audit.Body) audit.Entry {
	n.t.Helper()
	lines := []audit.Line{{Meta: m, Body: b}}
	if n.change != nil {
		lines = n.change(lines[0])
	}
	var last audit.Entry
	for _, line := range lines {
		last = must[audit.Entry](n.t)(n.l.Append(line.Meta, line.Body))
	}
	return last
}

func (n *night) step() {
	t, by := n.t, audit.Meta{By: alice, Step: "3.2", Attempt: 1}
	sum := sha256.Sum256([]byte(planText))
	digest := hex.EncodeToString(sum[:])
	plan := n.put(audit.Meta{By: audit.System, Step: "3.2", Attempt: 1},
		entries.StepPlan{Plan: planText, PlanSHA256: digest, Risk: "TRAFFIC", Title: "Freeze"})
	by.Ref = audit.Ref(plan.Seq)
	sealed := must[audit.Sealed](t)(n.l.Intent(
		audit.Line{Meta: by, Body: entries.StepConfirm{PlanSHA256: digest, Typed: "blue"}},
		audit.Line{Build: func(batch []audit.Entry) (audit.Meta, audit.Body) {
			return by, entries.StepIntent{PlanSHA256: digest, Confirm: batch[0].Seq}
		}},
	))
	by.Ref, by.Target = audit.Ref(sealed.Seq()), "blue"
	begin := n.put(by, entries.StmtBegin{I: 1, Part: entries.PartMain, Verb: "sql", Text: stmtText, Tag: sealed.Tag(1)})
	by.Ref, by.OK = audit.Ref(begin.Seq), audit.OK(true)
	n.put(by, entries.StmtEnd{Outcome: entries.Done, TookUS: 1200})
	by.Ref, by.Target = audit.Ref(sealed.Seq()), ""
	n.put(by, entries.StepOutcome{Outcome: entries.Done, TookUS: 1300})
}

func (n *night) close() {
	n.t.Helper()
	if err := n.l.Close(audit.Meta{By: alice}, entries.SessionClose{Result: "cut_over", WritesOn: "green"}); err != nil {
		n.t.Fatal(err)
	}
}

// closedNight is a whole good record of one segment.
func closedNight(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	n := &night{t: t, l: create(t, dir, options(&clock{}))}
	n.step()
	n.close()
	return dir
}

func segmentFile(dir string, n int) string { return filepath.Join(dir, fmt.Sprintf("%04d.jsonl", n)) }

func read(t testing.TB, path string) string {
	t.Helper()
	return string(must[[]byte](t)(os.ReadFile(path)))
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func verify(dir string) audit.Report {
	return entries.Verify(dir, audit.VerifyOptions{Origin: origin})
}

func expect(t *testing.T, r audit.Report, exit int, codes ...string) {
	t.Helper()
	if r.Exit != exit {
		t.Errorf("exit %d, want %d: %v", r.Exit, exit, r.Findings)
	}
	for _, code := range codes {
		found := false
		for _, f := range r.Findings {
			found = found || strings.Contains(f.String(), code)
		}
		if !found {
			t.Errorf("no finding %q in %v", code, r.Findings)
		}
	}
	if len(codes) == 0 && len(r.Findings) > 0 {
		t.Errorf("findings in a good record: %v", r.Findings)
	}
}

var prevField = regexp.MustCompile(`"prev":"[0-9a-f]{64}"`)

// rechain repairs seq-independent hashes as a forger with a script would.
func rechain(lines []string) []string {
	prev := strings.Repeat("0", 64)
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = prevField.ReplaceAllString(line, `"prev":"`+prev+`"`)
		prev = audit.LeafHash([]byte(out[i])).String()
	}
	return out
}

var seqField = regexp.MustCompile(`^\{"v":1,"seq":[0-9]+,`)

func renumber(lines []string) []string {
	for i, line := range lines {
		lines[i] = seqField.ReplaceAllString(line, fmt.Sprintf(`{"v":1,"seq":%d,`, i))
	}
	return rechain(lines)
}
