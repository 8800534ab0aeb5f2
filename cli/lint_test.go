package cli

import (
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/runbooks"
)

// TestTheCatalogueLintsCleanWithTheRealEngines: what ships must be walkable with
// the engines that ship.
func TestTheCatalogueLintsCleanWithTheRealEngines(t *testing.T) {
	names := runbooks.Catalogue()
	if len(names) == 0 {
		t.Fatal("no runbook ships")
	}
	for _, name := range names {
		src, ok := runbooks.Builtin(name)
		if !ok {
			t.Fatalf("%s is listed but does not ship", name)
		}
		for _, f := range lintBook(name, src) {
			t.Errorf("%s", f)
		}
	}
}

// TestLintAsksTheRealEngines: a misspelt engine is told before the night.
func TestLintAsksTheRealEngines(t *testing.T) {
	src, _ := runbooks.Builtin("postgres-logical")
	bad := []byte(replaceOnce(t, string(src), "engine: postgres,", "engine: postgress,"))
	if !runbooks.Refused(lintBook("mine.yaml", bad)) {
		t.Error("an engine that does not exist passes lint")
	}
}

func replaceOnce(t *testing.T, s, old, repl string) string {
	t.Helper()
	out := strings.Replace(s, old, repl, 1)
	if out == s {
		t.Fatalf("the runbook has no %q", old)
	}
	return out
}
