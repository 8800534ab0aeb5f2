package enginetest

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

var update = flag.Bool("update", false, "write the golden plans anew")

// Golden compares a plan with the file testdata/plans/name of the package under
// test. A name in like stands in for a file that is missing because both would
// be the same; it must exist already when the files are written with -update.
func Golden(t *testing.T, name string, p engines.Parts, like ...string) {
	t.Helper()
	file := func(name string) string { return filepath.Join("testdata", "plans", filepath.FromSlash(name)) }
	got, own := Show(p), file(name)
	for i := 0; i < len(like) && *update; i++ {
		if same, err := os.ReadFile(file(like[i])); err == nil && string(same) == got {
			if err := os.Remove(own); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			return
		}
	}
	if *update {
		if err := errors.Join(os.MkdirAll(filepath.Dir(own), 0o755), os.WriteFile(own, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(own)
	for i := 0; i < len(like) && errors.Is(err, fs.ErrNotExist); i++ {
		want, err = os.ReadFile(file(like[i]))
	}
	if err != nil || string(want) != got {
		t.Errorf("differs from %s (%v); look at the change, then write it with -update:\n%s", own, err, got)
	}
}

// Show prints all that a plan holds, so that a reviewer of a golden file sees
// each byte that would be sent and each answer that is demanded.
func Show(p engines.Parts) string {
	var b strings.Builder
	for _, l := range []struct {
		name string
		as   []engines.Action
	}{{"action", p.Actions}, {"abort", p.Abort}, {"undo", p.Undo}} {
		for i, a := range l.as {
			fmt.Fprintf(&b, "%s %d: ", l.name, i+1)
			showAction(&b, a)
		}
	}
	for _, a := range p.After {
		showProof(&b, a)
	}
	if p.UndoNone != "" {
		fmt.Fprintf(&b, "no undo: %s\n", p.UndoNone)
	}
	return b.String()
}

func showAction(b *strings.Builder, a engines.Action) {
	fmt.Fprintf(b, "%s on %s by %s", a.Title, a.Target, a.Verb)
	if a.Undoes > 0 {
		fmt.Fprintf(b, ", if action %d began", a.Undoes)
	}
	if a.Session != "" {
		fmt.Fprintf(b, ", session %s", a.Session)
	}
	if a.Starts != engines.NoClock {
		fmt.Fprintf(b, ", clock %d", a.Starts)
	}
	fmt.Fprintf(b, "\n%s\n", a.Text)
	for n, v := range a.Binds {
		fmt.Fprintf(b, "  $%d := %s (%s)\n", n+1, v.Var, v.Why)
	}
	for _, c := range a.Captures {
		fmt.Fprintf(b, "  %s := column %d\n", c.Var, c.Column+1)
	}
	if a.Limit > 0 {
		fmt.Fprintf(b, "  limit %s\n", a.Limit)
	}
	if a.Lock != nil {
		fmt.Fprintf(b, "  lock %+v\n", *a.Lock)
	}
	if a.Repeat != nil {
		fmt.Fprintf(b, "  repeat %+v\n", *a.Repeat)
	}
	if a.Only != nil {
		b.WriteString("  only if\n")
		showProof(b, *a.Only)
	}
	if a.Proof != nil {
		showProof(b, *a.Proof)
	}
}

func showProof(b *strings.Builder, p engines.Proof) {
	fmt.Fprintf(b, "  proof on %s: %s = %q every %s at most %s\n  %s\n", p.Target, p.Title, p.Want, p.Every, p.Limit,
		strings.ReplaceAll(p.Text, "\n", "\n  "))
}
