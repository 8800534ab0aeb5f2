package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pure lists the folders whose code gives the same answer on every run: time
// and chance reach it as values.
var pure = []string{"steps", "checks", "checks/*", "runbooks", "tui"}

var timeBans = map[string]bool{
	"Now": true, "Since": true, "Until": true, "After": true, "AfterFunc": true, "Tick": true,
	"Sleep": true, "NewTimer": true, "NewTicker": true,
}

// TestHousePure fails on a clock or a random number in the core or the screen.
func TestHousePure(t *testing.T) {
	seen := 0
	for _, dir := range pure {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			seen++
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, fault := range impure(t, file, src) {
				t.Error(fault)
			}
		}
	}
	if seen == 0 {
		t.Fatal("no file was looked at: the folders have moved")
	}
}

// TestHousePureNotices guards the guard, also behind another import name.
func TestHousePureNotices(t *testing.T) {
	for _, src := range []string{
		"package x\nimport \"time\"\nvar _ = time.Now",
		"package x\nimport clock \"time\"\nfunc f() { clock.Sleep(1) }",
		"package x\nimport \"math/rand/v2\"\nvar _ = rand.Int",
		"package x\nimport . \"time\"\nvar _ = Now",
	} {
		if len(impure(t, "x.go", []byte(src))) == 0 {
			t.Errorf("want a fault in %q", src)
		}
	}
	fine := "package x\nimport \"time\"\nfunc f(now time.Time) bool { return now.After(now.Add(time.Second)) }"
	if got := impure(t, "x.go", []byte(fine)); len(got) > 0 {
		t.Errorf("want no fault, got %q", got)
	}
}

func impure(t *testing.T, file string, src []byte) []string {
	t.Helper()
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, file, src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	clock := ""
	for _, imp := range tree.Imports {
		name := strings.Trim(imp.Path.Value, `"`)
		at := set.Position(imp.Pos()).String()
		switch {
		case name == "math/rand" || name == "math/rand/v2" || name == "crypto/rand":
			out = append(out, at+": imports "+name+": chance reaches this package as a value")
		case name == "time" && imp.Name == nil:
			clock = "time"
		case name == "time" && imp.Name.Name == ".":
			out = append(out, at+": dot import of time hides the clock")
		case name == "time":
			clock = imp.Name.Name
		}
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if id, ok := sel.X.(*ast.Ident); ok && clock != "" && id.Name == clock && timeBans[sel.Sel.Name] {
			out = append(out, set.Position(sel.Pos()).String()+": time."+sel.Sel.Name+": the time reaches this package as a value")
		}
		return true
	})
	return out
}
