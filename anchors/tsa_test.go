package anchors_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/anchors"
	"github.com/turquoise-db/turquoise/lab/skiptest"
)

const tsaConfig = `[tsa]
default_tsa = here
[here]
serial = serial
signer_cert = tsa.pem
certs = ca.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
`

// authority is a timestamp authority made of openssl and two fresh certificates.
type authority struct {
	t    *testing.T
	dir  string
	pool *x509.CertPool
}

// newAuthority skips with a reason where openssl is missing.
func newAuthority(t *testing.T, key crypto.Signer) *authority {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		skiptest.Skip(t, "openssl, which plays the timestamp authority", "install the package openssl")
	}
	a := &authority{t: t, dir: t.TempDir(), pool: x509.NewCertPool()}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caKey := ecdsaKey(t)
	caDER := must[[]byte](t)(x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey))
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "TSA"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		// openssl insists on a critical extension: for timestamps only
		ExtraExtensions: []pkix.Extension{{Id: []int{2, 5, 29, 37}, Critical: true, Value: []byte{0x30, 0x0a, 0x06, 0x08, 0x2b, 6, 1, 5, 5, 7, 3, 8}}}}
	leafDER := must[[]byte](t)(x509.CreateCertificate(rand.Reader, leaf, must[*x509.Certificate](t)(x509.ParseCertificate(caDER)), key.Public(), caKey))
	a.pool.AddCert(must[*x509.Certificate](t)(x509.ParseCertificate(caDER)))
	for name, data := range map[string][]byte{
		"ca.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), "tsa.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leafDER}),
		"tsa.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must[[]byte](t)(x509.MarshalPKCS8PrivateKey(key))}),
		"serial":  []byte("01\n"), "tsa.cnf": []byte(tsaConfig),
	} {
		if err := os.WriteFile(filepath.Join(a.dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func ecdsaKey(t *testing.T) *ecdsa.PrivateKey {
	return must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
}

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query, err := io.ReadAll(r.Body)
	if err == nil {
		err = os.WriteFile(filepath.Join(a.dir, "q.tsq"), query, 0o600)
	}
	if err != nil || r.Header.Get("Content-Type") != "application/timestamp-query" {
		http.Error(w, "no query", http.StatusBadRequest)
		return
	}
	cmd := exec.Command("openssl", "ts", "-reply", "-queryfile", "q.tsq", "-config", "tsa.cnf", "-section", "here")
	cmd.Dir = a.dir
	reply, err := cmd.Output()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(reply)
}

func TestATimestampCatchesAForgedNight(t *testing.T) {
	t.Run("ecdsa", func(t *testing.T) { stamped(t, newAuthority(t, ecdsaKey(t))) })
	t.Run("rsa", func(t *testing.T) {
		stamped(t, newAuthority(t, must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))))
	})
}

func stamped(t *testing.T, a *authority) {
	real, forged := twoNights(t, anchors.NewTSA(serve(t, a), a.pool))
	trust := anchors.Trust{TSA: a.pool}
	expect(t, real.verify(real.dir, trust), 0, "timestamp authority at 20")
	expect(t, forged.verify(real.dir, trust), 1, "E42-rewritten", "timestamp authority saw another history at")
	expect(t, real.verify(real.dir, anchors.Trust{}), 4, "no certificate of a timestamp authority was given", "U60")
	expect(t, real.verify(real.dir, anchors.Trust{TSA: newAuthority(t, ecdsaKey(t)).pool}), 1, "E43-timestamp")

	// Stock tools agree, over the very files.
	reply := must[[]string](t)(filepath.Glob(real.dir + "/anchors/*.tsr"))[0]
	checkpoint := reply[:len(reply)-len(".tsr")] + ".checkpoint"
	if out, err := exec.Command("openssl", "ts", "-verify", "-data", checkpoint, "-in", reply, "-CAfile", filepath.Join(a.dir, "ca.pem")).CombinedOutput(); err != nil {
		t.Errorf("openssl: %v: %s", err, out)
	}

	good := must[[]byte](t)(os.ReadFile(reply))
	for i := 0; i < len(good); i += 7 {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if err := os.WriteFile(reply, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		// What is not signed, such as a spare certificate, may change; the stamp
		// may then only be refused or be the same word about the same head.
		if r := forged.verify(real.dir, trust); r.Exit != 1 {
			t.Errorf("byte %d: the forged night passes: %v", i, r.Findings)
		}
	}
	// A stamp with another time, and one with another signature.
	when := bytes.Index(good, []byte(time.Now().UTC().Format("200601")))
	for what, at := range map[string]int{"time": when + 13, "signature": len(good) - 1} {
		bad := bytes.Clone(good)
		bad[at] ^= 1
		if err := os.WriteFile(reply, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Log(what)
		expect(t, real.verify(real.dir, trust), 1, "E43-timestamp")
	}
	if err := os.WriteFile(reply, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(checkpoint, []byte(forged.log.Head().Text()), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, forged.verify(real.dir, trust), 1, "E43-timestamp", "message imprint mismatch")
}

func TestAnAuthorityThatDoesNotAnswer(t *testing.T) {
	url := serve(t, http.NotFoundHandler())
	r := newRecord(t)
	if _, err := anchors.NewTSA(url, nil).Take(t.Context(), r.write("x")); err == nil {
		t.Error("no answer is a receipt")
	}
	if files, _ := filepath.Glob(r.dir + "/anchors/*"); len(files) > 0 {
		t.Errorf("it left %v", files)
	}
}
