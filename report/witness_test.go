package report_test

import (
	"crypto/rand"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/anchors"
	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/lab/skiptest"
	"github.com/turquoise-db/turquoise/report"
)

// TestWitnessesWithStockTools: the commands of VERIFY.txt check what a witness
// signed, tell a witness whose key was not given, a forged signature and a head of
// another history.
func TestWitnessesWithStockTools(t *testing.T) {
	for _, tool := range []string{"bash", "python3", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			skiptest.Skip(t, tool, "install the package that has it")
		}
	}
	key, seed, err := anchors.NewWitnessKey("w.example/bob", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	note := func(dir string) string {
		t.Helper()
		w, err := anchors.NewWitness("w.example/bob", seed, t.TempDir(), entries.Types(), nil, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewServer(w)
		defer s.Close()
		a, err := anchors.NewWitnessAnchor(s.URL, key)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := audit.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		r, err := a.Take(t.Context(), anchors.Point{Dir: dir, Sid: rec.Sid, Head: rec.Head})
		if err != nil {
			t.Fatal(err)
		}
		return r.File
	}
	real, forged := whole(t), whole(t)
	file := note(real.dir)
	dir := unpack(t, bundle(t, read(t, real.dir), report.Bundling{}))
	commands(t, dir, "3. ") // writes seals.py
	check := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("python3", append([]string{"seals.py"}, args...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	if out := check(key.String()); !strings.Contains(out, " by w.example/bob at ") || !strings.Contains(out, " of this record") {
		t.Errorf("a good witness: %s", out)
	}
	if out := check(); !strings.Contains(out, "unknown witness") || strings.Contains(out, "of this record") {
		t.Errorf("without its key: %s", out)
	}
	other, err := os.ReadFile(filepath.Join(forged.dir, note(forged.dir)))
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{string(other): "of ANOTHER HISTORY than this record", strings.Replace(string(good), "\n"+headSize(string(good))+"\n", "\n7\n", 1): "bad signature"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out := check(key.String()); !strings.Contains(out, want) || strings.Contains(out, "of this record") {
			t.Errorf("want %q: %s", want, out)
		}
	}
}

func headSize(note string) string { return strings.Split(note, "\n")[1] }
