package audit

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func newKey(t *testing.T) ssh.Signer {
	t.Helper()
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ssh.NewSignerFromKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var signedAt = time.Date(2026, 11, 21, 2, 13, 40, 0, time.UTC)

func TestAllowedSignersSaysWhoMaySign(t *testing.T) {
	key, other := newKey(t), newKey(t)
	fp := DetailsOf(key.PublicKey()).FP
	k := pubLine(key.PublicKey())
	for _, tt := range []struct {
		name, file, who, want string
	}{
		{"plain line", "bob " + k, "bob", ""},
		{"one of several", "alice,bob,carl " + k, "bob", ""},
		{"comment and blank lines", "# people\n\n  bob " + k + " bob at home\n", "bob", ""},
		{"namespace", `bob namespaces="file,turquoise-approval" ` + k, "bob", ""},
		{"namespace pattern", `bob namespaces="turquoise-*" ` + k, "bob", ""},
		{"two options", `bob namespaces="turquoise-*",valid-after="20260101Z" ` + k, "bob", ""},
		{"second line counts", `bob valid-before="20200101Z" ` + k + "\nbob " + k, "bob", ""},
		{"valid in both", `bob valid-after="20261121021340Z",valid-before="20261121021340Z" ` + k, "bob", ""},

		{"not in the file", "bob " + pubLine(other.PublicKey()), "bob", "key " + fp + " is not in allowed_signers"},
		{"empty file", "", "bob", "is not in allowed_signers"},
		{"somebody else's", "alice,carl " + k, "bob", "belongs to alice, carl, not to bob"},
		{"other namespace", `bob namespaces="file" ` + k, "bob", `is not allowed for namespace "turquoise-approval"`},
		{"namespace taken back", `bob namespaces="turquoise-*,!turquoise-approval" ` + k, "bob", "is not allowed for namespace"},
		{"too early", `bob valid-after="202611210214Z" ` + k, "bob", "was not yet valid at 2026-11-21T02:13:40Z"},
		{"too late", `bob valid-before="20261121021339Z" ` + k, "bob", "was no longer valid at 2026-11-21T02:13:40Z"},
		{"authority's own key", "bob cert-authority " + k, "bob", "is not in allowed_signers"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := ParseAllowedSigners([]byte(tt.file))
			if err != nil {
				t.Fatal(err)
			}
			err = a.Allow(key.PublicKey(), tt.who, NamespaceApproval, signedAt)
			var se *SignerError
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
			} else if !errors.As(err, &se) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("want %q, got %v", tt.want, err)
			}
			named := a.Principals(key.PublicKey(), NamespaceApproval, signedAt)
			if got := strings.Join(named, ","); strings.Contains(","+got+",", ","+tt.who+",") != (tt.want == "") {
				t.Errorf("principals of the key: %q", got)
			}
		})
	}
}

// TestAllowedSignersKnowsWhatItReads: an option that is passed over could be the
// one that forbids a key.
func TestAllowedSignersKnowsWhatItReads(t *testing.T) {
	k := pubLine(newKey(t).PublicKey())
	for name, tt := range map[string]struct{ line, want string }{
		"option":        {"bob verify-required " + k, `line 2: option "verify-required" is not known`},
		"no value":      {"bob namespaces " + k, "is not known"},
		"bad time":      {`bob valid-after="tomorrow" ` + k, "is not a time"},
		"half a time":   {`bob valid-after="2026112102" ` + k, "is not a time"},
		"pattern":       {"*@bank " + k, `"*@bank" is a pattern`},
		"empty name":    {"bob,,carl " + k, "an empty principal"},
		"no key":        {"bob ssh-ed25519 AAAA", "no key that can be read"},
		"only the name": {"bob", "principals without a key"},
	} {
		_, err := ParseAllowedSigners([]byte("# first\n" + tt.line + "\n"))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: want %q, got %v", name, tt.want, err)
		}
	}
}

func certFor(t *testing.T, ca, key ssh.Signer, change func(*ssh.Certificate)) ssh.Signer {
	t.Helper()
	c := &ssh.Certificate{Key: key.PublicKey(), Serial: 7, CertType: ssh.UserCert, KeyId: "bob", ValidPrincipals: []string{"bob@bank.example"},
		ValidAfter: uint64(signedAt.Add(-time.Hour).Unix()), ValidBefore: uint64(signedAt.Add(time.Hour).Unix())}
	if change != nil {
		change(c)
	}
	if err := c.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewCertSigner(c, key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestCertificatesAreCheckedByHand: x/crypto checks only the key of a
// certificate when it checks a signature.
func TestCertificatesAreCheckedByHand(t *testing.T) {
	ca, key := newKey(t), newKey(t)
	line := "*@bank.example cert-authority " + pubLine(ca.PublicKey())
	for _, tt := range []struct {
		name, file, want string
		stock            bool // what ssh-keygen says
		change           func(*ssh.Certificate)
	}{
		{"good", line, "", true, nil},
		{"login restrictions do not count", line, "", true, func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"force-command": "true"} }},
		{"other principal", line, "does not name bob@bank.example", false, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"alice@bank.example"} }},
		{"no principals", line, "does not name bob@bank.example", false, func(c *ssh.Certificate) { c.ValidPrincipals = nil }},
		{"a host's", line, "is not a user's", false, func(c *ssh.Certificate) { c.CertType = ssh.HostCert }},
		{"expired", line, "was no longer valid", false, func(c *ssh.Certificate) { c.ValidBefore = uint64(signedAt.Unix()) - 1 }},
		{"not begun", line, "was not yet valid", false, func(c *ssh.Certificate) { c.ValidAfter = uint64(signedAt.Unix()) + 1 }},
		{"pattern excludes", "*@other.example cert-authority " + pubLine(ca.PublicKey()), "is not in allowed_signers", false, nil},
		{"taken back", "*@bank.example,!bob@* cert-authority " + pubLine(ca.PublicKey()), "is not in allowed_signers", false, nil},
		{"other authority", "*@bank.example cert-authority " + pubLine(key.PublicKey()), "is not in allowed_signers", false, nil},
		{"plain line of the key", "bob@bank.example " + pubLine(key.PublicKey()), "is not in allowed_signers", false, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := certFor(t, ca, key, tt.change)
			a, err := ParseAllowedSigners([]byte(tt.file))
			if err != nil {
				t.Fatal(err)
			}
			sig, err := SignSSH(rand.Reader, c, NamespaceApproval, []byte(signedText))
			if err != nil {
				t.Fatal(err)
			}
			d, err := a.Verify(sig, "bob@bank.example", NamespaceApproval, []byte(signedText), signedAt)
			if tt.want == "" && (err != nil || d.CertID != "bob serial 7") {
				t.Errorf("%+v %v", d, err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("want %q, got %v", tt.want, err)
			}
			dir := t.TempDir()
			out, err := run(t, signedText, sshKeygen(t), "-Y", "verify", "-f", putFile(t, dir, "signers", tt.file+"\n"), "-I", "bob@bank.example",
				"-n", NamespaceApproval, "-s", putFile(t, dir, "sig", sig), "-Overify-time=20261121021340Z")
			if (err == nil) != tt.stock {
				t.Errorf("ssh-keygen: %v %s", err, out)
			}
		})
	}
	forged := certFor(t, newKey(t), key, nil)
	c := forged.PublicKey().(*ssh.Certificate)
	c.SignatureKey = ca.PublicKey()
	a, _ := ParseAllowedSigners([]byte(line))
	if err := a.Allow(c, "bob@bank.example", NamespaceApproval, signedAt); err == nil || !strings.Contains(err.Error(), "does not verify") {
		t.Errorf("a certificate that names the authority without its signature: %v", err)
	}
}

func TestAgentSigns(t *testing.T) {
	dir := t.TempDir()
	_, path := keygen(t, dir, "id", "-t", "ed25519")
	_, rsaPath := keygen(t, dir, "rsa", "-t", "rsa", "-b", "2048")
	socket := startAgent(t)
	for _, p := range []string{path, rsaPath} {
		t.Setenv("SSH_AUTH_SOCK", socket)
		mustRun(t, "", "ssh-add", "-q", p)
	}
	a, err := DialAgent(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	keys, err := a.Signers()
	if err != nil || len(keys) != 2 {
		t.Fatalf("%d keys: %v", len(keys), err)
	}
	for _, k := range keys {
		sig, err := SignSSH(rand.Reader, k, NamespaceSession, []byte(signedText))
		if err != nil {
			t.Fatal(err)
		}
		signers, _ := ParseAllowedSigners([]byte("alice " + pubLine(k.PublicKey())))
		if _, err := signers.Verify(sig, "alice", NamespaceSession, []byte(signedText), signedAt); err != nil {
			t.Error(err)
		}
	}
	if _, err := DialAgent(""); !errors.Is(err, ErrNoAgent) {
		t.Errorf("no socket: %v", err)
	}
	if _, err := DialAgent(filepath.Join(dir, "absent")); err == nil || errors.Is(err, ErrNoAgent) {
		t.Errorf("a silent socket: %v", err)
	}
}

// startAgent runs a real ssh-agent for the length of the test.
func startAgent(t *testing.T) string {
	t.Helper()
	sshKeygen(t)
	short, err := os.MkdirTemp("", "tq") // socket paths are limited to about 100 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(short) })
	socket := filepath.Join(short, "agent")
	agent := startProcess(t, "ssh-agent", "-D", "-a", socket)
	t.Cleanup(func() { _ = agent.Process.Kill(); _ = agent.Wait() })
	for { // the deadline is the test's own
		if _, err := os.Stat(socket); err == nil {
			if c, err := DialAgent(socket); err == nil {
				c.Close()
				return socket
			}
		}
	}
}
