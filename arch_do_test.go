package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// senders are the functions that may hand a statement to a server, each with its
// reason. Everything else in the program only plans, asks a Reader, or looks.
var senders = map[string]string{
	"session.(*execution).send":      "the executor: an action of a confirmed plan, behind its sealed intent",
	"session.(*execution).batch":     "the executor: a batch of a job that a confirmed plan repeats, behind its sealed intent",
	"session.(*Session).ask":         "the question of a proof: it reads, and may be asked again",
	"engines/enginetest.send":        "the contract of the engines, which no program holds",
	"engines/enginetest.(*Steps).do": "tests of a shipped runbook's statements on one server",
	// A console has no other door than the one for commands.
	"engines/pgbouncer.(*Reader).show": "SHOW, on the reader's own connection",
}

// TestHouseOneSender type-checks the program and finds every call, and every use
// as a value, of the method that sends: Do of engines.Conn, on the interface or on
// any type that implements it.
func TestHouseOneSender(t *testing.T) {
	c := newChecker(t)
	var found []string
	for _, p := range c.ours {
		found = append(found, c.sends(p.ImportPath, c.parse(p.Dir, p.GoFiles))...)
	}
	slices.Sort(found)
	for _, f := range slices.Compact(found) {
		if _, ok := senders[f]; !ok {
			t.Errorf("%s sends a statement: only the executor of session may (arch_do_test.go names it, with the reason)", f)
		}
	}
	for f := range senders {
		if !slices.Contains(found, f) {
			t.Errorf("%s does not send any more: take it out of senders", f)
		}
	}
}

// TestHouseOneSenderNotices guards the guard: ways around it are shown to it.
func TestHouseOneSenderNotices(t *testing.T) {
	c := newChecker(t)
	for name, body := range map[string]string{
		"a call":            "func f(c engines.Conn) { _, _ = c.Do(context.Background(), engines.Statement{}) }",
		"as a value":        "func f(c engines.Conn) any { return c.Do }",
		"a method expr":     "func f() any { return engines.Conn.Do }",
		"embedded":          "type my struct{ engines.Conn }\nfunc f(c my) { _, _ = c.Do(context.Background(), engines.Statement{}) }",
		"a driver's type":   "func f(c *postgres.Conn) { _, _ = c.Do(context.Background(), engines.Statement{}) }",
		"own interface":     "type doer interface{ Do(context.Context, engines.Statement) (engines.Result, error) }\nfunc f(c doer) { _, _ = c.Do(context.Background(), engines.Statement{}) }",
		"another kind's Do": "",
	} {
		src := "package x\nimport (\"context\"; \"sync\"; \"" + module + "/engines\"; \"" + module + "/engines/postgres\")\n" +
			"var _ context.Context\nvar _ sync.Once\nvar _ engines.Action\nvar _ *postgres.Conn\n"
		want := 1
		if body == "" {
			body, want = "func f(c *sync.Once) { c.Do(func() {}) }", 0
		}
		f, err := parser.ParseFile(c.fset, name+".go", src+body, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.sends(module+"/x", []*ast.File{f}); len(got) != want {
			t.Errorf("%s: found %q, want %d", name, got, want)
		}
	}
}

// listed is what go list says of a package.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
}

// checker type-checks packages of the module against the compiler's export data.
type checker struct {
	t    *testing.T
	fset *token.FileSet
	imp  types.Importer
	ours []listed
}

func newChecker(t *testing.T) *checker {
	t.Helper()
	out, err := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles", "./...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v: %s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	c := &checker{t: t, fset: token.NewFileSet()}
	export := map[string]string{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		export[p.ImportPath] = p.Export
		if ours(p.ImportPath) && len(p.GoFiles) > 0 {
			c.ours = append(c.ours, p)
		}
	}
	c.imp = importer.ForCompiler(c.fset, "gc", func(path string) (io.ReadCloser, error) {
		if export[path] == "" {
			return nil, fmt.Errorf("no export data of %s", path)
		}
		return os.Open(export[path])
	})
	return c
}

func (c *checker) parse(dir string, names []string) []*ast.File {
	c.t.Helper()
	var files []*ast.File
	for _, n := range names {
		f, err := parser.ParseFile(c.fset, filepath.Join(dir, n), nil, 0)
		if err != nil {
			c.t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// sends names the functions of a package that use the sending method.
func (c *checker) sends(path string, files []*ast.File) []string {
	c.t.Helper()
	info := &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
	if _, err := (&types.Config{Importer: c.imp}).Check(path, c.fset, files, info); err != nil {
		c.t.Fatalf("type-check %s: %v", path, err)
	}
	var found []string
	for sel, s := range info.Selections {
		if m, ok := s.Obj().(*types.Func); ok && m.Name() == "Do" && takesStatement(m) {
			found = append(found, short(path)+"."+enclosing(files, sel.Pos()))
		}
	}
	return found
}

// takesStatement tells the sending method from others of its name.
func takesStatement(m *types.Func) bool {
	for v := range m.Signature().Params().Variables() {
		if v.Type().String() == module+"/engines.Statement" {
			return true
		}
	}
	return false
}

// enclosing names the function around a position, as a stack trace would.
func enclosing(files []*ast.File, at token.Pos) string {
	for _, f := range files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || at < fn.Pos() || at >= fn.End() {
				continue
			}
			if fn.Recv == nil || len(fn.Recv.List) == 0 {
				return fn.Name.Name
			}
			recv := types.ExprString(fn.Recv.List[0].Type)
			if strings.HasPrefix(recv, "*") {
				recv = "(" + recv + ")"
			}
			return recv + "." + fn.Name.Name
		}
	}
	return "package level"
}
