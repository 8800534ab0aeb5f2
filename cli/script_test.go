package cli_test

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/turquoise-db/turquoise/cli"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

func TestMain(m *testing.M) {
	if task := os.Getenv(cli.ChildEnv); task != "" {
		os.Exit(cli.ChildMain(task))
	}
	if task := os.Getenv(cli.GuardedEnv); task != "" && len(os.Args) == 1 {
		os.Exit(cli.GuardedMain(task))
	}
	if len(os.Args) > 1 && os.Args[1] == "deadman" { // a cockpit in a test starts this program as its dead-man
		os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	testscript.Main(labs{m}, map[string]func(){
		"turquoise": func() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// labs removes the servers' run folder after the last test.
type labs struct{ m *testing.M }

// atOnce is how many tests run side by side. They wait for servers and for gates
// that must hold for a while longer than they compute. Those in which a time limit
// of the product decides run alone.
const atOnce = "2"

func (l labs) Run() int {
	flag.Parse()
	if err := flag.Set("test.parallel", atOnce); err != nil {
		panic(err)
	}
	return labtest.Main(l.m)
}

// TestScripts types what a person types: one script for each verb.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits runs a program and compares its status: exits 64 turquoise verify.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%v: exit status %d, want %d", args[1:], got, want)
	}
}
