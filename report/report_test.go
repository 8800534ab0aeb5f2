package report_test

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/report"
)

const (
	hostile = `<script>alert(1)</script>"|=cmd()|[x](y)`
	ada     = "ada@example"
)

// night is a record made line by line, as a session makes it.
type night struct {
	t   *testing.T
	dir string
	l   *audit.Log
	at  time.Duration
}

func write(t *testing.T) *night {
	t.Helper()
	return writeWith(t, func(audit.Opening, *entries.SessionOpen) {})
}

// writeWith opens a record whose first line a test completes.
func writeWith(t *testing.T, complete func(audit.Opening, *entries.SessionOpen)) *night {
	t.Helper()
	n := &night{t: t, dir: filepath.Join(t.TempDir(), "20261121-orders-7f3a")}
	o := audit.Options{Sid: "20261121-orders-7f3a", Origin: "audit.example/turquoise/20261121-orders-7f3a", From: "jump/pts0/-",
		Types: entries.Types(), Rand: rand.Reader, Mono: func() time.Duration { return n.at }}
	o.Now = func() time.Time {
		n.at += time.Millisecond
		return time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC).Add(n.at)
	}
	o.First = func(op audit.Opening) audit.Line {
		b := entries.SessionOpen{Origin: op.Origin, Mode: "lab", VKey: op.VKey, Change: entries.Change{Ticket: "CHG0048213", Title: hostile}}
		complete(op, &b)
		return audit.Line{Meta: audit.Meta{By: ada}, Body: b}
	}
	var err error
	if n.l, err = audit.Create(n.dir, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.l.Release() })
	return n
}

func (n *night) line(m audit.Meta, b audit.Body) int64 {
	n.t.Helper()
	if m.By == "" {
		m.By = ada
	}
	e, err := n.l.Append(m, b)
	if err != nil {
		n.t.Fatal(err)
	}
	return e.Seq
}

// step writes a whole step with one statement; outcome is the step's.
func (n *night) step(id string, attempt int64, outcome string) {
	n.t.Helper()
	m := audit.Meta{Step: id, Attempt: attempt}
	plan := "turquoise plan v1\nstep: " + id + "\naction: 1 blue sql\n| ALTER ROLE \"" + hostile + "\" NOLOGIN\nclock: the freeze begins with the answer\n" +
		"action: 2 blue sql\n| ALTER ROLE app LOGIN\nclock: writes are open on the other side with the answer; nothing is aborted by itself from here on\nundo: -\n"
	digest := fmt.Sprintf("%x", sum(plan))
	ref := n.line(m, entries.StepPlan{Plan: plan, PlanSHA256: digest, Risk: "TRAFFIC", Title: "Close blue " + hostile})
	with := func(ref int64, ok *bool) audit.Meta {
		m := m
		m.By, m.Ref, m.OK = ada, audit.Ref(ref), ok
		return m
	}
	s, err := n.l.Intent(audit.Line{Meta: with(ref, nil), Body: entries.StepConfirm{PlanSHA256: digest, Typed: "blue", WayBack: "OPEN"}},
		audit.Line{Meta: with(ref, nil), Body: entries.StepIntent{PlanSHA256: digest, Confirm: ref + 1}})
	if err != nil {
		n.t.Fatal(err)
	}
	intent := s.Entries()[1].Seq
	for i, text := range []string{"ALTER ROLE \"" + hostile + "\" NOLOGIN", "ALTER ROLE app LOGIN"} {
		mm := with(intent, nil)
		mm.Target = "blue"
		begin := n.line(mm, entries.StmtBegin{I: int64(i + 1), Part: "main", Text: text, Verb: "sql", Tag: "/* t */"})
		mm = with(begin, entries.Ok(outcome))
		mm.Target = "blue"
		n.line(mm, entries.StmtEnd{Outcome: outcome, TookUS: 2500, Command: "ALTER ROLE"})
		if outcome != entries.Done {
			break
		}
	}
	if outcome != "" {
		n.line(with(intent, entries.Ok(outcome)), entries.StepOutcome{Outcome: outcome, TookUS: 9000, Why: map[bool]string{true: ""}[outcome == entries.Done]})
	}
}

// whole is a night with one of each thing an auditor asks about.
func whole(t *testing.T) *night {
	n := write(t)
	src, err := os.ReadFile("../runbooks/catalogue/postgres-logical.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ev, err := n.l.AddEvidence(src, "application/yaml", "runbook")
	if err != nil {
		t.Fatal(err)
	}
	n.line(audit.Meta{}, entries.RunbookLoaded{Name: "postgres-logical", Title: "Move " + hostile, SHA256: fmt.Sprintf("%x", sum(string(src))), Author: "bo@example", Evidence: []audit.Evidence{ev}})
	v := "-" + hostile
	n.line(audit.Meta{}, entries.ParamSet{Name: "database", Source: "flag", Value: &v})
	n.line(audit.Meta{By: audit.System, Target: "blue"}, entries.TargetBound{Role: "blue", Engine: "postgres", Version: "15.18", Host: "10.0.0.1", Port: 5432, Database: "app", SystemID: "71", Login: "turquoise", Trace: "none"})
	n.line(audit.Meta{By: audit.System, Target: "router"}, entries.TargetBound{Role: "router", Engine: "route53", AWS: &entries.AWS{Account: "123456789012",
		CallerARN: "arn:aws:sts::123456789012:assumed-role/ops/" + hostile, Region: "eu-central-1", UserID: "AROA:ada"}})
	one := int64(1)
	n.line(audit.Meta{By: audit.System}, entries.GaugeSample{From: "2026-11-21T02:00:00Z", EveryMS: 1000, Series: entries.List[entries.Series]{{Gauge: "blue/lag", Unit: "µs", V: entries.List[*int64]{&one, nil, &one}}}})
	bad := n.line(audit.Meta{Step: "4.5", OK: audit.OK(false)}, entries.CheckResult{Check: "blue/lag", Kind: "gate", Is: "9 s", Want: "< 2s"})
	n.line(audit.Meta{Step: "4.5", Ref: audit.Ref(bad)}, entries.CheckOverride{Check: "blue/lag", Is: "9 s", Want: "< 2s", Reason: "seen and judged " + hostile})
	n.line(audit.Meta{Step: "4.1"}, entries.StepSkipped{Reason: "not needed"})
	n.step("5", 1, entries.Refused)
	n.step("5", 2, entries.Done)
	n.line(audit.Meta{}, entries.RollbackBegin{FromStep: "5", Reason: "asked", WayBack: "back-to-blue"})
	n.line(audit.Meta{}, entries.RollbackEnd{Result: "rolled_back", WritesOn: "blue"})
	n.line(audit.Meta{}, entries.Deviation{What: "a disk was full", Reason: "of logs"})
	n.line(audit.Meta{By: audit.System}, entries.CheckResult{Check: entries.CheckOutage, Kind: "after", Is: "longest gap 83 ms", Want: "-"})
	if err := n.l.Close(audit.Meta{By: ada}, entries.SessionClose{Result: "rolled_back", WritesOn: "blue", Owed: nil}); err != nil {
		t.Fatal(err)
	}
	return n
}

func sum(s string) [32]byte { return sha256.Sum256([]byte(s)) }

func read(t *testing.T, dir string) *report.Night {
	t.Helper()
	n, err := report.Read(dir, entries.Verify(dir, audit.VerifyOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestFirstPage(t *testing.T) {
	n := read(t, whole(t).dir)
	p := n.FirstPage()
	for what, c := range map[string][2]string{
		"result": {p.Result, "rolled back"}, "writes": {p.WritesOn, "blue"}, "author": {p.Author, "bo@example"},
		"ticket": {p.Ticket, "CHG0048213"}, "outage": {p.Outage, "longest gap 83 ms"}, "freeze until": {p.FreezeUntil, "until 02:00:00Z"},
	} {
		if c[0] != c[1] {
			t.Errorf("%s is %q; want %q", what, c[0], c[1])
		}
	}
	if p.FreezeFor == "none" || p.Runs != 2 || p.Statements != 3 {
		t.Errorf("freeze %s, %d runs, %d statements; want a freeze, 2 runs, 3 statements", p.FreezeFor, p.Runs, p.Statements)
	}
	got := map[string]int{}
	for _, x := range n.Exceptions {
		got[x.Kind] = len(x.Items)
	}
	for kind, want := range map[string]int{"skipped": 1, "overridden": 1, "failed": 1, "retried": 1, "rollbacks": 2, "deviations": 1, "in doubt": 0, "waived approvals": 0} {
		if got[kind] != want {
			t.Errorf("%d exceptions %q; want %d", got[kind], kind, want)
		}
	}
	for _, s := range n.Steps {
		if s.ID == "5" && (s.Planned == 0 || len(s.Attempts) != 2) {
			t.Errorf("step 5: planned %s, %d attempts; want the runbook's time and 2", s.Planned, len(s.Attempts))
		}
	}
}

// Every text of a record may come from whoever forged it.
func TestNothingSteersTheReader(t *testing.T) {
	n := read(t, whole(t).dir)
	var page bytes.Buffer
	if err := n.HTML(&page); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(page.String(), "<script>") {
		t.Error("the page holds a script")
	}
	if !strings.Contains(page.String(), "&lt;script&gt;") {
		t.Error("the page does not hold the hostile text at all: the test looks in the wrong place")
	}
	if !strings.Contains(page.String(), "AWS account 123456789012, eu-central-1, called by arn:aws:sts::123456789012:assumed-role/ops/") {
		t.Error("the page does not tell whose credentials called AWS")
	}
	for _, outside := range []string{`src="http`, `href="http`, "url(", "@import"} {
		if strings.Contains(page.String(), outside) {
			t.Errorf("the page asks for something outside: %s", outside)
		}
	}
	var table bytes.Buffer
	if err := n.CSV(&table); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&table).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		for _, c := range row {
			if c != "" && strings.ContainsRune("=+-@\t\r", rune(c[0])) {
				t.Errorf("a spreadsheet would run %q", c)
			}
		}
	}
	var md bytes.Buffer
	if err := n.Markdown(&md); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(md.String(), "<script>") || strings.Contains(md.String(), "[x](y)") {
		t.Errorf("markup of the record in the ticket:\n%s", md.String())
	}
}

func TestControlsNeverClaimWhatIsNotThere(t *testing.T) {
	n := read(t, whole(t).dir)
	controls, err := n.Controls()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, c := range controls {
		got[c.Rule] = c.State
		if c.Text == "" || c.Asks == "" {
			t.Errorf("%s: empty", c.ID)
		}
	}
	for rule, want := range map[string]string{"integrity": report.NotShown, "signatures": report.NotShown, "approvals": report.NotShown,
		"copy": report.NotShown, "statements": report.Met, "process": report.YourProcess, "clocks": report.NotShown} {
		if got[rule] != want {
			t.Errorf("%s: %s; want %s", rule, got[rule], want)
		}
	}
}

func TestEventsCarryTheirLines(t *testing.T) {
	w := whole(t)
	var b bytes.Buffer
	if err := read(t, w.dir).OCSF(&b); err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile(filepath.Join(w.dir, "0001.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(src), "\n"), "\n")
	events := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(events) != len(lines) {
		t.Fatalf("%d events of %d lines", len(events), len(lines))
	}
	for i, e := range events {
		var ev struct {
			Raw   string `json:"raw_data"`
			Class int    `json:"class_uid"`
			Type  int    `json:"type_uid"`
			Act   int    `json:"activity_id"`
			App   struct {
				Name string `json:"name"`
			} `json:"app"`
			Ticket   map[string]string `json:"ticket"`
			Unmapped struct {
				Turquoise struct {
					Integrity struct {
						Chain       string `json:"chain_uid"`
						Fingerprint struct {
							Value string `json:"value"`
						} `json:"fingerprint"`
					} `json:"record_integrity"`
				} `json:"turquoise"`
			} `json:"unmapped"`
		}
		if err := json.Unmarshal([]byte(e), &ev); err != nil {
			t.Fatal(err)
		}
		if ev.Raw != lines[i] {
			t.Errorf("event %d carries another line", i)
		}
		if ev.Class == 6002 && ev.App.Name == "" {
			t.Errorf("event %d: a life-cycle event of no application", i)
		}
		if url, there := ev.Ticket["src_url"]; there && url == "" {
			t.Errorf("event %d: the ticket's URL is an empty text", i)
		}
		leaf := sha256.Sum256([]byte("\x00" + lines[i]))
		if in := ev.Unmapped.Turquoise.Integrity; in.Fingerprint.Value != fmt.Sprintf("%x", leaf) || in.Chain != "audit.example/turquoise/20261121-orders-7f3a" {
			t.Errorf("event %d: integrity %+v; want the leaf of its line", i, in)
		}
		if ev.Type != ev.Class*100+ev.Act {
			t.Errorf("event %d: type %d of class %d, activity %d", i, ev.Type, ev.Class, ev.Act)
		}
	}
}

func bundle(t *testing.T, n *report.Night, o report.Bundling) []byte {
	t.Helper()
	o.By, o.At, o.Tool = "eve", "2026-11-22T09:00:00Z", "turquoise test"
	var b bytes.Buffer
	if err := n.Bundle(&b, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unpack(t *testing.T, raw []byte) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "20261121-orders-7f3a")
}

func TestBundleIsTheSameEachTime(t *testing.T) {
	n := read(t, whole(t).dir)
	if !bytes.Equal(bundle(t, n, report.Bundling{}), bundle(t, n, report.Bundling{})) {
		t.Error("two bundles of one record differ")
	}
}

func TestWithheldEntriesAreGoneEverywhere(t *testing.T) {
	w := whole(t)
	n := read(t, w.dir)
	var seq int64
	for _, l := range n.Entries {
		if l.Type == "deviation" {
			seq = l.Seq
		}
	}
	dir := unpack(t, bundle(t, n, report.Bundling{Redact: map[int64]string{seq: "names a customer"}}))
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte("a disk was full")) {
			t.Errorf("%s still holds what was withheld", filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	first := n.Entries[0].Seq
	var b bytes.Buffer
	if err := n.Bundle(&b, report.Bundling{Redact: map[int64]string{first: "x"}}); err == nil {
		t.Error("session.open was withheld")
	}
}

func TestBrokenRecordHasNoReport(t *testing.T) {
	w := whole(t)
	log := filepath.Join(w.dir, "0001.jsonl")
	raw, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(log, bytes.Replace(raw, []byte("CHG0048213"), []byte("CHG0048214"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := report.Read(w.dir, audit.Report{}); err == nil {
		t.Error("a report was made of a record that was changed")
	}
}
