package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/turquoise-db/turquoise/lab/skiptest"
)

// TestTheVersionOfARunbook: the commit that last changed the file and whether these
// are its bytes; nothing is claimed where git knows nothing.
func TestTheVersionOfARunbook(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		skiptest.Skip(t, "git", "install the package git")
	}
	dir := t.TempDir()
	file, src := filepath.Join(dir, "book s.yaml"), []byte("name: small\n")
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=Bo", "-c", "user.email=bo@example", "-c", "commit.gpgsign=false"}, args...)...)
		cmd.Env = withoutGit(os.Environ())
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("git %v: %v", args, err)
		}
		return string(out)
	}
	write := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(file, src)
	if got := versionOf(t.Context(), file, src); got != nil {
		t.Errorf("in no repository: %+v", got)
	}
	git("init", "-q")
	if got := versionOf(t.Context(), file, src); got != nil {
		t.Errorf("before the first commit: %+v", got)
	}
	git("add", ".")
	git("commit", "-qm", "the runbook")
	commit := git("rev-parse", "HEAD")[:40]
	write(filepath.Join(dir, "other"), src)
	git("add", ".")
	git("commit", "-qm", "something else")
	t.Setenv("GIT_DIR", t.TempDir()) // of a hook that starts us
	if got := versionOf(t.Context(), file, src); got == nil || got.Commit != commit || got.Author != "bo@example" || got.Dirty {
		t.Errorf("committed: %+v, want commit %s of bo@example, unchanged", got, commit)
	}
	if got := versionOf(t.Context(), file, append(src, '#')); got == nil || got.Commit != commit || !got.Dirty {
		t.Errorf("changed since: %+v", got)
	}
	if got := versionOf(t.Context(), "postgres-logical", src); got != nil {
		t.Errorf("one that ships: %+v", got)
	}
}
