package cli

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/lab/skiptest"
)

// What export prints is typed into a shell as it stands, with a key of the stock
// tool: then verify finds the countersignature.
func TestTheCommandsThatSignAreTyped(t *testing.T) {
	for _, tool := range []string{"bash", "ssh-keygen"} {
		if _, err := exec.LookPath(tool); err != nil {
			skiptest.Skip(t, tool, "install the package that has it")
		}
	}
	dir, home := shortNight(t), filepath.Join(t.TempDir(), "a home")
	if err := os.MkdirAll(filepath.Join(home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(home, ".ssh", "id_ed25519")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	pub, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	signers := filepath.Join(home, "allowed_signers")
	if err := os.WriteFile(signers, append([]byte(`bob@bank.example namespaces="turquoise-countersign" `), pub...), 0o600); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(home, "countersign it.txt")
	said := turquoise(t, 0, "export", dir, "--request", "countersign", "--as", "bob@bank.example", "--out", text)
	turquoise(t, ExitFailed, "export", dir, "--request", "countersign", "--as", "bob@bank.example", "--out", text) // not overwritten
	var script strings.Builder
	for line := range strings.Lines(said) {
		if typed, ok := strings.CutPrefix(line, "  "); ok && !strings.HasPrefix(typed, "turquoise") {
			script.WriteString(typed)
		}
	}
	cmd := exec.Command("bash", "-e", "-c", script.String())
	cmd.Env = append(os.Environ(), "HOME="+home)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, script.String(), out)
	}
	level := func() audit.Level {
		var out strings.Builder
		Main([]string{"verify", dir, "--json", "--signers", signers}, strings.NewReader(""), &out, &out)
		var r audit.Report
		if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		return r.Levels[2]
	}
	if l := level(); !l.Met || !strings.HasPrefix(l.Text, "bob@bank.example, ") {
		t.Errorf("level %s: %v, %s", l.Name, l.Met, l.Text)
	}
	said = turquoise(t, ExitRefused, "export", dir, "--request", "countersign", "--as", "bob@bank.example", "--out", text+"2")
	if !strings.Contains(said, "is in the record already") {
		t.Errorf("signed twice: %s", said)
	}
	after := filepath.Join(dir, "after", "countersign-bob@bank.example.txt")
	if err := os.WriteFile(after, []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if level().Met {
		t.Error("a changed text still counts")
	}
}
