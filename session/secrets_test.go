package session_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// withSecret is the small runbook with a password in its first statement, which
// fails as long as wrong says so.
func withSecret(v *servers, dir string, wrong *bool) session.Config {
	cfg := config(v, dir)
	cfg.Book.Phases[0].Steps[0].Args["text"] = "CREATE x ${secret:pw}"
	cfg.Secrets = map[string]string{"pw": "correct horse"}
	v.on["CREATE x correct horse"] = func() (engines.Result, error) {
		if *wrong {
			return engines.Result{}, errRefused
		}
		return row("1"), nil
	}
	v.on["is x"] = func() (engines.Result, error) {
		if *wrong {
			return row("f"), nil
		}
		return row("t"), nil
	}
	return cfg
}

// TestAStatementSaysWhichSecretItUses: by an HMAC under a key that stays with the
// session, the same after a resume, and gone with the key.
func TestAStatementSaysWhichSecretItUses(t *testing.T) {
	v, dir, wrong := newServers(), t.TempDir(), true
	n := begin(t, v, withSecret(v, dir, &wrong))
	n.run("1.1", steps.Failed)
	if err := n.s.Suspend("left"); err != nil {
		t.Fatal(err)
	}
	again := func() *night {
		s, err := session.Resume(t.Context(), withSecret(v, dir, &wrong), "go on")
		if err != nil {
			t.Fatal(err)
		}
		return attach(t, v, s)
	}
	n = again()
	n.run("1.1", steps.Failed)
	if err := n.s.Suspend("left"); err != nil {
		t.Fatal(err)
	}
	name, marks := marked(t, dir)
	key, err := audit.ReadEvidence(dir, audit.Evidence{SHA256: name, Bytes: 32})
	if err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte("secret\x00correct horse"))
	if want := hex.EncodeToString(h.Sum(nil)); len(marks) != 2 || marks[0] != want || marks[1] != want {
		t.Errorf("marks %q, want twice %s", marks, want)
	}
	if r := entries.Verify(dir, audit.VerifyOptions{}); len(r.NotCovered) != 0 {
		t.Errorf("not covered: %q", r.NotCovered)
	}
	if err := os.Remove(filepath.Join(dir, "evidence", name)); err != nil {
		t.Fatal(err)
	}
	wrong = false
	n = again()
	n.run("1.1", steps.Done)
	if err := n.s.Suspend("left"); err != nil {
		t.Fatal(err)
	}
	if _, marks = marked(t, dir); len(marks) != 3 || marks[2] != "" {
		t.Errorf("marks without the key: %q", marks)
	}
	for _, f := range entries.Verify(dir, audit.VerifyOptions{}).Findings {
		if f.Sev == audit.Tampered || f.Sev == audit.Rule || f.Code == "I50-evidence" {
			t.Errorf("the record without the key: %v", f)
		}
	}
}

// marked gives the name of the key and the marks of all statements.
func marked(t *testing.T, dir string) (name string, marks []string) {
	t.Helper()
	opens, _ := bodies[entries.SessionOpen](t, dir)
	begins, _ := bodies[entries.StmtBegin](t, dir)
	for _, b := range begins {
		for _, s := range b.Secrets {
			if s.Slot != "pw" {
				t.Errorf("slot %q", s.Slot)
			}
			marks = append(marks, s.HMAC)
		}
	}
	return opens[0].HMACKey, marks
}

// Whatever form a connection string has, the record must know the password in it.
func TestThePasswordOfEachFormOfConnectionIsKnown(t *testing.T) {
	for dsn, want := range map[string]string{
		"postgres://turquoise:s3cret@10.0.0.1:5432/app?sslmode=disable": "s3cret",
		"host=10.0.0.1 user=turquoise password=s3cret dbname=app":       "s3cret",
		"host=10.0.0.1 password='s3cret' dbname=app":                    "s3cret",
		"turquoise:s3cret@tcp(10.0.0.1:3306)/shop?tls=true":             "s3cret",
		"turquoise:s3@c/r:et@tcp([::1]:3306)/":                          "s3@c/r:et",
		"tq_beat:s3cret@unix(/run/mysqld.sock)/":                        "s3cret",
		"tq_beat:s3cret@/shop":                                          "s3cret",
		"tq_beat@tcp(10.0.0.1:3306)/shop":                               "",
		"/run/haproxy/admin.sock":                                       "",
	} {
		if got := session.DSNPasswords(map[engines.TargetID]string{"blue": dsn})["blue"]; got != want {
			t.Errorf("%s: %q, want %q", dsn, got, want)
		}
	}
}
