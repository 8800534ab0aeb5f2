package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/turquoise-db/turquoise/lab/skiptest"
)

// sshKeygen is the stock tool that everybody has; without it only the golden
// files speak for OpenSSH.
func sshKeygen(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("ssh-keygen")
	if err != nil {
		skiptest.Skip(t, "ssh-keygen: signatures are not held against OpenSSH", "install the package openssh-client")
	}
	return path
}

func run(t *testing.T, stdin string, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// startProcess leaves a stock tool running.
func startProcess(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func mustRun(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	out, err := run(t, stdin, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func pubLine(k ssh.PublicKey) string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k))) }

func putFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// keygen makes a key with the stock tool and loads it.
func keygen(t *testing.T, dir, name string, args ...string) (ssh.Signer, string) {
	t.Helper()
	path := filepath.Join(dir, name)
	mustRun(t, "", sshKeygen(t), append([]string{"-q", "-N", "", "-C", "", "-f", path}, args...)...)
	k, err := LoadKey(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return k, path
}

const signedText = "turquoise approval v1\norigin: a.example/turquoise/x\n"

func TestSignaturesGoBothWaysWithOpenSSH(t *testing.T) {
	tool, dir := sshKeygen(t), t.TempDir()
	for _, kind := range [][]string{{"-t", "ed25519"}, {"-t", "rsa", "-b", "2048"}, {"-t", "ecdsa", "-b", "256"}, {"-t", "ecdsa", "-b", "521"}} {
		name := strings.Join(kind, "")
		t.Run(name, func(t *testing.T) {
			key, path := keygen(t, dir, name, kind...)
			signers := "bob@bank.example " + pubLine(key.PublicKey()) + "\n"
			file := putFile(t, dir, "signers", signers)
			text := putFile(t, dir, "text", signedText)

			ours, err := SignSSH(rand.Reader, key, NamespaceApproval, []byte(signedText))
			if err != nil {
				t.Fatal(err)
			}
			sig := putFile(t, dir, "ours.sig", ours)
			mustRun(t, signedText, tool, "-Y", "verify", "-f", file, "-I", "bob@bank.example", "-n", NamespaceApproval, "-s", sig)
			if out, err := run(t, signedText+" ", tool, "-Y", "verify", "-f", file, "-I", "bob@bank.example", "-n", NamespaceApproval, "-s", sig); err == nil {
				t.Errorf("a changed text checks: %s", out)
			}

			_ = os.Remove(text + ".sig")
			mustRun(t, "", tool, "-Y", "sign", "-q", "-n", NamespaceApproval, "-f", path, text)
			theirs, err := os.ReadFile(text + ".sig")
			if err != nil {
				t.Fatal(err)
			}
			a, err := ParseAllowedSigners([]byte(signers))
			if err != nil {
				t.Fatal(err)
			}
			d, err := a.Verify(string(theirs), "bob@bank.example", NamespaceApproval, []byte(signedText), time.Now())
			if err != nil || d.FP != ssh.FingerprintSHA256(key.PublicKey()) {
				t.Errorf("the signature of ssh-keygen: %+v, %v", d, err)
			}
			s, err := ParseSSHSignature(string(theirs))
			if err != nil || s.Armor() != string(theirs) {
				t.Errorf("armor is not that of OpenSSH: %v\n%s", err, s.Armor())
			}
		})
	}
}

// TestGoldenSignatures holds what OpenSSH 9.2 made once, for machines without it.
func TestGoldenSignatures(t *testing.T) {
	golden := func(name string) string {
		data, err := os.ReadFile(filepath.Join("testdata", "sshsig", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	a, err := ParseAllowedSigners([]byte(golden("allowed_signers")))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 21, 2, 13, 40, 0, time.UTC)
	for _, who := range []string{"ed25519@bank.example", "rsa@bank.example", "ecdsa@bank.example", "cert@bank.example"} {
		armored := golden(strings.TrimSuffix(who, "@bank.example") + ".sig")
		if _, err := a.Verify(armored, who, NamespaceApproval, []byte(golden("text")), at); err != nil {
			t.Errorf("%s: %v", who, err)
		}
		if _, err := a.Verify(armored, who, NamespaceApproval, []byte(golden("text")+"\n"), at); !errors.Is(err, ErrBadSignature) {
			t.Errorf("%s over another text: %v", who, err)
		}
		if _, err := a.Verify(armored, who, NamespaceSession, []byte(golden("text")), at); !errors.Is(err, ErrBadSignature) {
			t.Errorf("%s in another namespace: %v", who, err)
		}
	}
}

func TestWhatIsNoSignatureIsRefused(t *testing.T) {
	_, priv, _ := ed25519.GenerateKey(rand.Reader)
	key, _ := ssh.NewSignerFromKey(priv)
	good, err := SignSSH(rand.Reader, key, NamespaceApproval, []byte(signedText))
	if err != nil {
		t.Fatal(err)
	}
	s, _ := ParseSSHSignature(good)
	remake := func(f func(*sigBlob)) string {
		var b sigBlob
		if err := ssh.Unmarshal(s.blob[len(sigMagic):], &b); err != nil {
			t.Fatal(err)
		}
		f(&b)
		return (&SSHSignature{blob: append([]byte(sigMagic), ssh.Marshal(b)...)}).Armor()
	}
	for name, tt := range map[string]struct{ text, want string }{
		"empty":          {"", "not the text between"},
		"text before":    {"x\n" + good, "not the text between"},
		"text behind":    {good + "x\n", "not the text between"},
		"text inside":    {strings.Replace(good, "\n", "\n# a remark\n", 1), "does not decode"},
		"too long":       {strings.Repeat(good, 500), "bytes long"},
		"other magic":    {(&SSHSignature{blob: append([]byte("SSHSIX"), s.blob[6:]...)}).Armor(), "another kind"},
		"cut":            {(&SSHSignature{blob: s.blob[:len(s.blob)-3]}).Armor(), "malformed"},
		"other version":  {remake(func(b *sigBlob) { b.Version = 2 }), "version 2"},
		"other hash":     {remake(func(b *sigBlob) { b.Hash = "sha256" }), `hash "sha256"`},
		"reserved field": {remake(func(b *sigBlob) { b.Reserved = "x" }), "reserved"},
		"no key":         {remake(func(b *sigBlob) { b.Key = []byte("none") }), "key cannot be read"},
		"other type":     {remake(func(b *sigBlob) { b.Signature = ssh.Marshal(ssh.Signature{Format: "ssh-rsa", Blob: []byte("x")}) }), "signed with"},
	} {
		if _, err := ParseSSHSignature(tt.text); !errors.Is(err, ErrBadSignature) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: want %q, got %v", name, tt.want, err)
		}
	}
	if _, err := ParseSSHSignature(" \r\n" + strings.ReplaceAll(good, "\n", "\r\n") + "  "); err != nil {
		t.Errorf("a paste with other line ends: %v", err)
	}
}

// TestSHA1IsRefused: a signature of an RSA key with SHA-1 may be forged.
func TestSHA1IsRefused(t *testing.T) {
	raw, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	key, _ := ssh.NewSignerFromKey(raw)
	sig, err := key.Sign(rand.Reader, signedBytes(NamespaceApproval, []byte(signedText)))
	if err != nil || sig.Format != ssh.KeyAlgoRSA {
		t.Fatalf("%v %s", err, sig.Format)
	}
	blob := append([]byte(sigMagic), ssh.Marshal(sigBlob{Version: 1, Key: key.PublicKey().Marshal(), Namespace: NamespaceApproval, Hash: sigHash, Signature: ssh.Marshal(*sig)})...)
	if _, err := ParseSSHSignature((&SSHSignature{blob: blob}).Armor()); err == nil || !strings.Contains(err.Error(), `signed with "ssh-rsa"`) {
		t.Errorf("got %v", err)
	}
}

// hardware signs as a FIDO2 key does; the key itself is software.
type hardware struct {
	pub   ssh.PublicKey
	priv  ed25519.PrivateKey
	flags byte
}

func newHardware(t *testing.T, flags byte) hardware {
	t.Helper()
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ssh.ParsePublicKey(ssh.Marshal(struct {
		Kind string
		Key  []byte
		App  string
	}{ssh.KeyAlgoSKED25519, pub, "ssh:"}))
	if err != nil {
		t.Fatal(err)
	}
	return hardware{k, priv, flags}
}

func (h hardware) sign(message string) string {
	app, data := sha256.Sum256([]byte("ssh:")), sha256.Sum256(signedBytes(NamespaceApproval, []byte(message)))
	rest := []byte{h.flags, 0, 0, 0, 7}
	sig := ssh.Signature{Format: ssh.KeyAlgoSKED25519, Rest: rest,
		Blob: ed25519.Sign(h.priv, bytes.Join([][]byte{app[:], rest, data[:]}, nil))}
	blob := append([]byte(sigMagic), ssh.Marshal(sigBlob{Version: 1, Key: h.pub.Marshal(), Namespace: NamespaceApproval, Hash: sigHash, Signature: ssh.Marshal(sig)})...)
	return (&SSHSignature{blob: blob}).Armor()
}

func TestHardwareKeysTellTouchAndPin(t *testing.T) {
	for _, tt := range []struct {
		name       string
		flags      byte
		touch, pin bool
	}{{"touch", 1, true, false}, {"touch and pin", 5, true, true}, {"neither", 0, false, false}} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHardware(t, tt.flags)
			s, err := ParseSSHSignature(h.sign(signedText))
			if err != nil {
				t.Fatal(err)
			}
			d := s.Details()
			if d.Touch == nil || *d.Touch != tt.touch || d.Pin == nil || *d.Pin != tt.pin || d.Counter == nil || *d.Counter != 7 {
				t.Errorf("details %+v", d)
			}
			err = s.Check(NamespaceApproval, []byte(signedText))
			if tt.touch && err != nil {
				t.Error(err)
			}
			if !tt.touch && (err == nil || !strings.Contains(err.Error(), "not touched")) {
				t.Errorf("without touch: %v", err)
			}
			// Stock ssh-keygen agrees about the bytes, except that it accepts no touch.
			dir := t.TempDir()
			file := putFile(t, dir, "signers", "bob@bank.example "+pubLine(h.pub)+"\n")
			mustRun(t, signedText, sshKeygen(t), "-Y", "verify", "-f", file, "-I", "bob@bank.example", "-n", NamespaceApproval, "-s", putFile(t, dir, "sig", h.sign(signedText)))
		})
	}
}

func TestEncryptedKeyFileAsksOnce(t *testing.T) {
	dir := t.TempDir()
	_, priv, _ := ed25519.GenerateKey(rand.Reader)
	block, err := ssh.MarshalPrivateKeyWithPassphrase(priv, "", []byte("open sesame"))
	if err != nil {
		t.Fatal(err)
	}
	path := putFile(t, dir, "id", string(pem.EncodeToMemory(block)))
	asked := 0
	ask := func(word string) func(string) ([]byte, error) {
		return func(string) ([]byte, error) { asked++; return []byte(word), nil }
	}
	if _, err := LoadKey(path, ask("open sesame")); err != nil || asked != 1 {
		t.Errorf("asked %d times: %v", asked, err)
	}
	for name, tt := range map[string]struct {
		path string
		ask  func(string) ([]byte, error)
		want string
	}{
		"wrong passphrase": {path, ask("sesame"), "the passphrase does not open it"},
		"nobody to ask":    {path, nil, "its passphrase is needed"},
		"no key":           {putFile(t, dir, "none", "secret words"), nil, "not a private key"},
		"no file":          {filepath.Join(dir, "absent"), nil, "no such file"},
	} {
		_, err := LoadKey(tt.path, tt.ask)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "sesame") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: want %q, got %v", name, tt.want, err)
		}
	}
}
