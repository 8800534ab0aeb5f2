package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/lab/skiptest"
	"github.com/turquoise-db/turquoise/runbooks"
)

// TestARunbookIsApprovedAheadWithStockTools: the text names the file by the hash
// that sha256sum gives, and ssh-keygen signs and checks it.
func TestARunbookIsApprovedAheadWithStockTools(t *testing.T) {
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		skiptest.Skip(t, "ssh-keygen", "install the package openssh-client")
	}
	src, err := readBook("postgres-logical")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	book := filepath.Join(dir, "book.yaml")
	refused := turquoise(t, ExitRefused, "plan", "postgres-logical", "--request", "bob@bank", "--from", "2099-11-22T01:00:00Z", "--to", "2099-11-22T05:00:00Z")
	if !strings.Contains(refused, "no step of it takes an approval ahead") {
		t.Error(refused)
	}
	text := strings.Replace(string(src), "    kind: catchup\n", "    kind: catchup\n    signers: 2\n    ahead: true\n", 1)
	if err := os.WriteFile(book, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "approval.txt")
	args := []string{"plan", book, "--request", "bob@bank", "--change", "CHG-1", "--from", "2099-11-22T01:00:00Z", "--to", "2099-11-22T05:00:00Z", "--out", out}
	if said := turquoise(t, 0, args...); !strings.Contains(said, runbooks.Digest([]byte(text))) {
		t.Error(said)
	}
	turquoise(t, ExitFailed, args...) // it is not overwritten
	signed, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	s, err := audit.ParseStatement(string(signed))
	if err != nil || s.Values["runbook-sha256"] != runbooks.Digest([]byte(text)) || s.Values["change"] != "CHG-1" || s.Values["window-to"] != "2099-11-22T05:00:00Z" {
		t.Fatalf("%v %v", s.Values, err)
	}
	key, line := keyFile(t, dir, "bob", "")
	signers := filepath.Join(dir, "signers")
	if err := os.WriteFile(signers, []byte("bob@bank "+line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	shell := "ssh-keygen -q -Y sign -n turquoise-approval -f " + key + " " + out + " && ssh-keygen -Y verify -f " + signers + " -I bob@bank -n turquoise-approval -s " + out + ".sig < " + out
	if got, err := exec.Command("bash", "-c", shell).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	turquoise(t, ExitUsage, "plan", book, "--request", "bob@bank", "--from", "tomorrow", "--to", "2099-11-22T05:00:00Z", "--out", out+"2")
	turquoise(t, ExitUsage, "plan", book, "--request", "bob@bank", "--from", "2019-11-22T01:00:00Z", "--to", "2019-11-22T05:00:00Z", "--out", out+"2")
	turquoise(t, ExitUsage, "plan", book, "--change", "CHG-1")
}
