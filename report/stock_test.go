package report_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/lab/skiptest"
	"github.com/turquoise-db/turquoise/report"
)

// An auditor has no Turquoise: the commands of VERIFY.txt must find a good
// record good, a withheld line no fault, and every change a fault.
func TestVerifyTextWithStockTools(t *testing.T) {
	for _, tool := range []string{"bash", "jq", "sha256sum", "python3", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			skiptest.Skip(t, tool, "install the package that has it")
		}
	}
	n := read(t, whole(t).dir)
	var seq int64
	for _, l := range n.Entries {
		if l.Type == "deviation" {
			seq = l.Seq
		}
	}
	head := n.FirstPage().HeadText
	for name, o := range map[string]report.Bundling{"whole": {}, "withheld": {Redact: map[int64]string{seq: "names a customer"}}} {
		t.Run(name, func(t *testing.T) {
			dir := unpack(t, bundle(t, n, o))
			out := commands(t, dir, "0. ", "2. ", "3. ", "5. ")
			if !strings.Contains(out, "last head: "+head) || strings.Contains(out, "broken") || strings.Contains(out, "FAILED") || strings.Contains(out, "changed") {
				t.Errorf("a good bundle does not check; want head %s:\n%s", head, out)
			}
			log := filepath.Join(dir, "0001.jsonl")
			raw, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(log, bytes.Replace(raw, []byte("seen and judged"), []byte("seen and waived"), 1), 0o600); err != nil {
				t.Fatal(err)
			}
			out = commands(t, dir, "0. ", "2. ", "3. ", "5. ")
			if !strings.Contains(out, "broken at seq") || !strings.Contains(out, "other root") || !strings.Contains(out, "FAILED") {
				t.Errorf("an edited reason was not found by all three checks:\n%s", out)
			}
		})
	}
}

// commands runs what VERIFY.txt tells to type in some of its sections.
func commands(t *testing.T, dir string, sections ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "VERIFY.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	for _, section := range sections {
		script.WriteString(indented(string(text), section))
	}
	as := filepath.Join(filepath.Dir(dir), "allowed_signers") // where a test lays what the auditor brings
	typed := strings.NewReplacer("tail -c +33 evidence/NAME", "true", "/path/to/your/allowed_signers", as).Replace(script.String())
	cmd := exec.Command("bash", "-c", typed)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil && !strings.Contains(string(out), "seal") && !strings.Contains(string(out), "FAILED") && !strings.Contains(string(out), "Could not verify") {
		t.Fatalf("the commands do not run: %v\n%s", err, out)
	}
	return string(out)
}

// indented gives the commands of one numbered section, without their margin.
func indented(text, section string) string {
	_, text, _ = strings.Cut(text, "\n"+section)
	var b strings.Builder
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "       "):
			b.WriteString(strings.TrimPrefix(line, "       "))
		case line == "\n":
			b.WriteString("\n")
		case len(line) > 2 && line[0] >= '0' && line[0] <= '9' && line[1] == '.':
			return b.String()
		}
	}
	return b.String()
}

// The signatures of a night with keys, as an auditor with OpenSSH checks them.
func TestSignaturesWithStockTools(t *testing.T) {
	for _, tool := range []string{"bash", "jq", "sha256sum"} {
		if _, err := exec.LookPath(tool); err != nil {
			skiptest.Skip(t, tool, "install the package that has it")
		}
	}
	s := writeSigned(t)
	for who, r := range map[string]report.Request{
		bo: {Kind: audit.Countersign, As: bo, At: morning},
		cy: {Kind: audit.LateApproval, Waiver: s.waiver, Verdict: report.Approved, As: cy, At: morning},
	} {
		p, err := s.read().Paper(r)
		if err != nil {
			t.Fatal(err)
		}
		s.stock(p, who)
	}
	dir := unpack(t, bundle(t, s.read(), report.Bundling{}))
	who, err := os.ReadFile(s.signers)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(dir), "allowed_signers"), who, 0o600); err != nil {
		t.Fatal(err)
	}
	// A word without a signature, as where nobody had a key, is none to be checked.
	consent := s.text(audit.Statement{Kind: audit.HandoverConsent, Values: map[string]string{"origin": "o", "session": "s", "after": "1 x", "from": cy, "to": ada, "name": "Cy", "at": late, "meaning": "take it"}})
	handed, err := json.Marshal(entries.SessionHandover{From: cy, To: ada, Consent: consent, ConsentSignature: s.sign(cy, audit.NamespaceSession, consent)})
	if err != nil {
		t.Fatal(err)
	}
	const at = `"ts":"2026-11-21T02:00:00.000000Z","by":"` + ada + `",`
	plain := `{"seq":9999,"type":"step.reconciled",` + at + `"body":{"statement":"looked at the server"}}` + "\n" + `{"seq":9998,"type":"session.handover",` + at + `"body":` + string(handed) + "}\n"
	if err := os.WriteFile(filepath.Join(dir, "0000.jsonl"), []byte(plain), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := commands(t, dir, "1. ", "4. "); strings.Contains(said, "looked at") || strings.Contains(said, "entry 9999") || !strings.Contains(said, `Good "turquoise-session" signature for `+cy) {
		t.Errorf("a plain word is taken for a signed text, or a consent is not looked at:\n%s", said)
	}
	if err := os.Remove(filepath.Join(dir, "0000.jsonl")); err != nil {
		t.Fatal(err)
	}
	good := commands(t, dir, "1. ", "4. ")
	for what, want := range map[string]string{
		"closed file":      `Good "file" signature for ` + ada,
		"endorsement":      `Good "turquoise-session" signature for ` + ada,
		"approval":         `Good "turquoise-approval" signature for ` + bo,
		"waiver":           `Good "turquoise-approval" signature for ` + ada,
		"late approval":    `Good "turquoise-approval" signature for ` + cy,
		"countersignature": `Good "turquoise-countersign" signature for ` + bo,
	} {
		if !strings.Contains(good, want) {
			t.Errorf("%s: no line %q in\n%s", what, want, good)
		}
	}
	if strings.Contains(good, "Could not verify") || strings.Contains(good, "incorrect signature") {
		t.Errorf("a good record has a bad signature:\n%s", good)
	}
	log := filepath.Join(dir, "0001.jsonl")
	raw, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(raw, []byte("nobody there\\noperator"), []byte("nobody here!\\noperator"), 1)
	if bytes.Equal(raw, changed) {
		t.Fatal("the test does not find the reason of the waiver")
	}
	if err := os.WriteFile(log, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	bad := commands(t, dir, "1. ", "4. ")
	if strings.Contains(bad, `Good "file"`) || strings.Count(bad, `Good "turquoise-approval" signature for `+ada) != 0 {
		t.Errorf("a changed waiver still checks:\n%s", bad)
	}
}
