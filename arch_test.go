package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"strings"
	"testing"
)

const module = "github.com/turquoise-db/turquoise"

// rows are the house from the ground up; a package imports only lower rows.
// "." is the main package; a trailing /* is one folder deeper.
var rows = []string{
	"runbooks engines audit audit/*",
	"anchors engines/local engines/preflight",
	"engines/*",
	"checks checks/*",
	"steps",
	"compare",
	"session report",
	"tui lab reconcile",
	"cli",
	".",
}

// doors are the exceptions, each with its reason.
var doors = map[[2]string]string{
	{"runbooks", "engines"}:                   "ids and value types have one home",
	{"audit/entries", "audit"}:                "bodies and rules plug into the format",
	{"engines/cockroach", "engines/postgres"}: "same wire protocol: embeds the connection",
	{"engines/aurora", "engines/postgres"}:    "data plane behind the cloud calls",
	{"engines/aurora", "engines/mysql"}:       "data plane behind the cloud calls",
	{"checks/tablediff", "checks"}:            "findings have one type",
	{"checks/sequences", "checks"}:            "findings have one type",
	{"checks/sequences", "checks/tablediff"}:  "one report holds both comparisons",
}

type ban struct {
	pkg, imp string
	deep     bool // look through everything below, not only at own import lines
	why      string
}

var bans = []ban{
	{"audit", module + "/*", false, "the record knows no domain: an auditor can read it alone"},
	{"steps", module + "/engines/*", false, "a dialect reaches the core as an interface"},
	{"session", module + "/engines/*", false, "the registry in cli hands engines in"},
	{"steps", "os", false, "replayed a year later, on another machine"},
	{"steps", "net", false, "a planner performs no I/O"},
	{"tui", "os", false, "the screen owns nothing"},
	{"tui", "net", false, "the screen owns nothing"},
	{"tui", "database/sql", true, "no step runs from the screen"},
	{"tui", "github.com/jackc/pgx/v5*", true, "no step runs from the screen"},
	{".", "testing", true, "no test code in the shipped binary"},
}

type pkg struct {
	ImportPath string
	GoFiles    []string
	Imports    []string
	Deps       []string
}

// TestHouseLayers fails with the reason of the rule that was broken.
func TestHouseLayers(t *testing.T) {
	for _, fault := range faults(load(t)) {
		t.Error(fault)
	}
}

// TestHouseNotices guards the guard: each rule is shown an offence.
func TestHouseNotices(t *testing.T) {
	in := func(name string, imports ...string) pkg {
		return pkg{ImportPath: full(name), GoFiles: []string{"x.go"}, Imports: imports, Deps: imports}
	}
	for name, tt := range map[string]struct {
		p    pkg
		want string
	}{
		"upwards":    {in("checks", full("session")), "checks imports session"},
		"sideways":   {in("engines/mysql", full("engines/postgres")), "engines/mysql imports engines/postgres"},
		"homeless":   {in("helpers"), "helpers has no row"},
		"core i/o":   {in("steps", "os"), "replayed a year later"},
		"sql below":  {in("tui", "github.com/jackc/pgx/v5/pgconn"), "no step runs from the screen"},
		"record":     {in("audit", full("engines")), "an auditor can read it alone"},
		"registry":   {in("session", full("engines/postgres")), "the registry in cli"},
		"test code":  {in(".", "testing"), "no test code"},
		"test helps": {in(".", full("lab/labtest")), "only tests may reach"},
	} {
		if got := strings.Join(faults([]pkg{tt.p}), "\n"); !strings.Contains(got, tt.want) {
			t.Errorf("%s: want a fault with %q, got %q", name, tt.want, got)
		}
	}
	for _, ok := range []pkg{in("steps", full("checks"), "time"), in("runbooks", full("engines")), in("lab/labtest", full("lab"), "testing")} {
		if got := faults([]pkg{ok}); len(got) > 0 {
			t.Errorf("%s: want no fault, got %q", ok.ImportPath, got)
		}
	}
}

func load(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,GoFiles,Imports,Deps", "./...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v: %s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func faults(all []pkg) []string {
	var out []string
	for _, p := range all {
		name := short(p.ImportPath)
		out = append(out, banned(name, p)...)
		if helper(name) || len(p.GoFiles) == 0 {
			continue
		}
		from := row(name)
		if from < 0 {
			out = append(out, name+" has no row in arch_test.go: every package has a place in the house")
			continue
		}
		for _, imp := range p.Imports {
			if !ours(imp) || imp == p.ImportPath {
				continue
			}
			to := short(imp)
			if _, ok := doors[[2]string{name, to}]; !ok && !helper(to) && row(to) >= from {
				out = append(out, name+" imports "+to+": a package imports only lower rows")
			}
		}
	}
	return out
}

func banned(name string, p pkg) []string {
	var out []string
	for _, b := range bans {
		if b.pkg != name {
			continue
		}
		list := p.Imports
		if b.deep {
			list = p.Deps
		}
		for _, imp := range list {
			if matches(b.imp, imp) {
				out = append(out, name+" reaches "+imp+": "+b.why)
			}
		}
	}
	if name != "." {
		return out
	}
	for _, imp := range p.Deps {
		if ours(imp) && helper(short(imp)) {
			out = append(out, "main reaches "+short(imp)+": only tests may reach test helpers")
		}
	}
	return out
}

func matches(pattern, imp string) bool {
	prefix, open := strings.CutSuffix(pattern, "*")
	return imp == pattern || open && strings.HasPrefix(imp, prefix)
}

func row(name string) int {
	for i, r := range rows {
		for _, pattern := range strings.Fields(r) {
			if ok, _ := path.Match(pattern, name); ok {
				return i
			}
		}
	}
	return -1
}

// helper says whether a package is for tests only, by its name.
func helper(name string) bool {
	return strings.HasSuffix(name, "test") || strings.HasSuffix(name, "fake")
}

func ours(imp string) bool { return imp == module || strings.HasPrefix(imp, module+"/") }

func full(name string) string {
	if name == "." {
		return module
	}
	return module + "/" + name
}

func short(imp string) string {
	if imp == module {
		return "."
	}
	return strings.TrimPrefix(imp, module+"/")
}
