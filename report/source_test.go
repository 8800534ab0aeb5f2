package report

import (
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/runbooks"
)

// TestWhereTheRunbookCameFrom: what git said, or what these bytes show, or that
// nothing is known; a file that was changed since its commit stands out.
func TestWhereTheRunbookCameFrom(t *testing.T) {
	src, _ := runbooks.Builtin("postgres-logical")
	commit := strings.Repeat("ab", 20)
	for want, b := range map[string]entries.RunbookLoaded{
		"the one that ships with this version of turquoise": {Name: "postgres-logical", SHA256: runbooks.Digest(src)},
		"no commit of the file is on record":                {Name: "postgres-logical", SHA256: strings.Repeat("00", 32)},
		"as in commit abababababab of bo@example":           {Name: "orders", Git: &entries.Git{Author: "bo@example", Commit: commit}},
		"CHANGED since commit abababababab of bo@example":   {Name: "orders", Git: &entries.Git{Author: "bo@example", Commit: commit, Dirty: true}},
	} {
		if got := source(b); got != want {
			t.Errorf("%+v: %q, want %q", b, got, want)
		}
	}
}
