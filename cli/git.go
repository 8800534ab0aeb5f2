package cli

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/runbooks"
)

// gitLimit bounds each question to git: a repository on a slow disk must not keep
// a cockpit from opening.
const gitLimit = 5 * time.Second

// versionOf says which commit last changed the file of a runbook, and whether the
// bytes that were read are those of that commit. Nil where nobody can say: a
// runbook that ships, a file in no repository or never committed, no git here.
func versionOf(ctx context.Context, file string, src []byte) *entries.Git {
	if _, ships := runbooks.Builtin(file); ships {
		return nil
	}
	dir, name := filepath.Split(file)
	ask := func(in []byte, args ...string) (string, bool) {
		ctx, cancel := context.WithTimeout(ctx, gitLimit)
		defer cancel()
		// Nothing of a repository's configuration is to be run, no lock taken, nothing fetched.
		cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "core.fsmonitor=false", "--no-optional-locks", "--literal-pathspecs"}, args...)...)
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader(in)
		cmd.Env = append(withoutGit(os.Environ()), "GIT_NO_LAZY_FETCH=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
		out, err := cmd.Output()
		return strings.TrimSpace(string(out)), err == nil
	}
	last, ok := ask(nil, "log", "-1", "--format=%H %ae", "--", name)
	commit, author, _ := strings.Cut(last, " ")
	if !ok || commit == "" {
		return nil
	}
	there, ok := ask(nil, "rev-parse", "--verify", "--quiet", commit+":./"+name)
	here, hashed := ask(src, "hash-object", "--stdin", "--path="+name)
	return &entries.Git{Author: clean(strings.ToValidUTF8(author, "?")), Commit: commit, Dirty: !ok || !hashed || there != here}
}

// withoutGit leaves out what would point git at another repository.
func withoutGit(vars []string) []string {
	var out []string
	for _, v := range vars {
		if !strings.HasPrefix(v, "GIT_") {
			out = append(out, v)
		}
	}
	return out
}
