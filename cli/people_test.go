package cli

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// keyFile writes a private key, encrypted if there is a passphrase, and gives its
// public line.
func keyFile(t *testing.T, dir, name, passphrase string) (path, line string) {
	t.Helper()
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(priv, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(priv, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	k, err := ssh.NewSignerFromKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k.PublicKey())))
}

func TestWhoOperatesIsWhatTheSignersFileSays(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	dir := t.TempDir()
	ann, annLine := keyFile(t, dir, "ann", "")
	eve, _ := keyFile(t, dir, "eve", "")
	pub := filepath.Join(dir, "ann.pub")
	signers := filepath.Join(dir, "signers")
	for name, text := range map[string]string{pub: annLine + "\n", signers: `ann@bank,ann@home namespaces="turquoise-session" ` + annLine + "\n", filepath.Join(dir, "broken"): "ann verify-required " + annLine + "\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		name     string
		id       identity
		operator string
		want     string // the operator found
		refused  string
	}{
		{"no key, no signers", identity{}, "ann", "ann", ""},
		{"key names the operator", identity{key: ann, signers: signers}, "", "ann@bank", ""},
		{"operator chooses among own names", identity{key: ann, signers: signers}, "ann@home", "ann@home", ""},
		{"key without signers", identity{key: ann}, "ann", "ann", ""},
		{"signers without a key", identity{signers: signers}, "ann@bank", "ann@bank", ""},
		{"another's key", identity{key: eve, signers: signers}, "ann@bank", "", "is not in allowed_signers"},
		{"another's name", identity{key: ann, signers: signers}, "bob@bank", "", "belongs to ann@bank, ann@home, not to bob@bank"},
		{"public key without an agent", identity{key: pub, signers: signers}, "", "", "no ssh-agent"},
		{"no such key", identity{key: filepath.Join(dir, "none")}, "", "", "no such file"},
		{"no such signers", identity{signers: filepath.Join(dir, "none")}, "", "", "no such file"},
		{"signers not understood", identity{signers: filepath.Join(dir, "broken")}, "", "", `option "verify-required" is not known`},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := cutover{identity: row.id, operator: row.operator}
			err := c.identify()
			if row.refused != "" {
				if err == nil || !strings.Contains(err.Error(), row.refused) {
					t.Errorf("want %q, got %v", row.refused, err)
				}
				return
			}
			if err != nil || c.operator != row.want || (c.people.Key != nil) != (row.id.key != "") {
				t.Errorf("operator %q, key %v: %v", c.operator, c.people.Key != nil, err)
			}
		})
	}
}

// TestAKeyAtTheKeyboardAsksForItsPassphrase only when it needs one.
func TestAKeyAtTheKeyboardAsksForItsPassphrase(t *testing.T) {
	path, _ := keyFile(t, t.TempDir(), "bob", "sesame")
	for passphrase, want := range map[string]string{"": "its passphrase is needed", "wrong": "does not open it", "sesame": ""} {
		keys, err := openKeys(path, passphrase)
		if want == "" && (err != nil || len(keys) != 1) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %d keys, %v", passphrase, len(keys), err)
		}
	}
	if _, err := openKeys(" ", ""); err == nil {
		t.Error("an empty path opened something")
	}
}
