package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// ErrAbsent says that a server is not on this machine and could not be fetched.
var ErrAbsent = errors.New("server not found")

// Servers finds server programs: in the folder a TURQUOISE_LAB_ variable
// names, installed on the machine, in the cache, or in the Debian archive. The
// first three cost nothing; the fourth is some 90 MB for each server, once.
type Servers struct {
	// Cache holds what was fetched. It cannot be moved once filled: the paths
	// inside are absolute.
	Cache string
	// Log takes progress lines; nil drops them.
	Log io.Writer
	// Offline keeps Servers from fetching.
	Offline bool
	// Getenv reads the environment; nil means os.Getenv.
	Getenv func(string) string
}

// postgresSuites says which Debian suite carries which major version.
var postgresSuites = map[int]string{13: "bullseye", 15: "bookworm", 17: "trixie", 18: "sid"}

// pgBouncerSuite carries PgBouncer 1.26, the oldest suite whose PgBouncer
// knows prepared statements in transaction pooling.
const pgBouncerSuite = "sid"

// oldPgBouncerSuite carries PgBouncer 1.18, which does not.
const oldPgBouncerSuite = "bookworm"

// OpenServers returns Servers over the usual cache folder, which it creates.
func OpenServers(log io.Writer) (Servers, error) {
	s := Servers{Log: log}
	dir, err := s.cacheDir()
	if err != nil {
		return Servers{}, err
	}
	s.Cache = dir
	return s, nil
}

// Postgres returns the folder of the programs of one major version, which
// holds at least postgres, initdb, pg_dump and psql.
func (s Servers) Postgres(ctx context.Context, major int) (string, error) {
	name := fmt.Sprintf("PostgreSQL %d", major)
	variable := fmt.Sprintf("TURQUOISE_LAB_PG%d", major)
	whole := func(dir string) bool {
		return holds(dir, "postgres", "initdb", "pg_dump", "psql") && s.major(ctx, filepath.Join(dir, "postgres")) == major
	}
	usual := fmt.Sprintf("usr/lib/postgresql/%d/bin", major)
	if dir := s.getenv(variable); dir != "" {
		for _, d := range []string{dir, filepath.Join(dir, "bin"), filepath.Join(dir, usual)} {
			if whole(d) {
				return d, nil
			}
		}
		return "", &engines.Error{Op: "find " + name, Object: dir, Err: ErrAbsent,
			Next: "point " + variable + " at a folder with postgres, initdb, pg_dump and psql of that major version, or unset it"}
	}
	installed := []string{"/" + usual}
	if onPath, err := exec.LookPath("postgres"); err == nil {
		installed = append(installed, filepath.Dir(onPath))
	}
	for _, d := range installed {
		if whole(d) {
			return d, nil
		}
	}
	pkg := fmt.Sprintf("postgresql-%d", major)
	root := filepath.Join(s.Cache, fmt.Sprintf("pg%d", major))
	if err := s.fetch(ctx, name, variable, postgresSuites[major], root, pkg); err != nil {
		return "", err
	}
	return filepath.Join(root, usual), nil
}

// PgBouncer returns the path of the pgbouncer program: 1.21 or newer, whose
// transaction pooling keeps prepared statements.
func (s Servers) PgBouncer(ctx context.Context) (string, error) {
	return s.pooler(ctx, "PgBouncer", "TURQUOISE_LAB_PGBOUNCER", pgBouncerSuite, func(v string) bool { return atLeast(v, 1, 21) })
}

// OldPgBouncer returns the path of a pgbouncer before 1.21, as Debian 12 and
// many users still have it.
func (s Servers) OldPgBouncer(ctx context.Context) (string, error) {
	return s.pooler(ctx, "PgBouncer before 1.21", "TURQUOISE_LAB_PGBOUNCER_OLD", oldPgBouncerSuite, func(v string) bool { return !atLeast(v, 1, 21) })
}

func (s Servers) pooler(ctx context.Context, name, variable, suite string, fits func(version string) bool) (string, error) {
	right := func(p string) bool {
		v, err := s.version(ctx, p)
		return err == nil && fits(v)
	}
	if dir := s.getenv(variable); dir != "" {
		for _, d := range []string{dir, filepath.Join(dir, "bin"), filepath.Join(dir, "sbin"), filepath.Join(dir, "usr/sbin")} {
			if p := filepath.Join(d, "pgbouncer"); right(p) {
				return p, nil
			}
		}
		return "", &engines.Error{Op: "find " + name, Object: dir, Err: ErrAbsent,
			Next: "point " + variable + " at the folder that holds a pgbouncer of that age, or unset it"}
	}
	installed := []string{"/usr/sbin/pgbouncer"}
	if onPath, err := exec.LookPath("pgbouncer"); err == nil {
		installed = append(installed, onPath)
	}
	for _, p := range installed {
		if right(p) {
			return p, nil
		}
	}
	root := filepath.Join(s.Cache, "pgbouncer-"+suite)
	if err := s.fetch(ctx, name, variable, suite, root, "pgbouncer"); err != nil {
		return "", err
	}
	return filepath.Join(root, "usr/sbin/pgbouncer"), nil
}

func (s Servers) getenv(name string) string {
	if s.Getenv != nil {
		return s.Getenv(name)
	}
	return os.Getenv(name)
}

func (s Servers) say(format string, args ...any) {
	if s.Log != nil {
		// Progress is a courtesy: a log that cannot be written stops nothing.
		_, _ = fmt.Fprintf(s.Log, format+"\n", args...)
	}
}

// version asks a program which version it is: the first word that starts with
// a digit in the first line of its --version.
func (s Servers) version(ctx context.Context, program string) (string, error) {
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(out), "\n")
	for _, w := range strings.Fields(line) {
		if w[0] >= '0' && w[0] <= '9' {
			return w, nil
		}
	}
	return "", fmt.Errorf("no version in %q", line)
}

func (s Servers) major(ctx context.Context, program string) int {
	v, err := s.version(ctx, program)
	if err != nil {
		return 0
	}
	return number(v, 0)
}

// number returns one part of a dotted version, 0 when it is not there.
func number(version string, part int) int {
	parts := strings.Split(version, ".")
	if part >= len(parts) {
		return 0
	}
	digits := strings.IndexFunc(parts[part], func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(parts[part])
	}
	n, err := strconv.Atoi(parts[part][:digits]) // "18beta1" is 18
	if err != nil {
		return 0
	}
	return n
}

func atLeast(version string, major, minor int) bool {
	m := number(version, 0)
	return m > major || m == major && number(version, 1) >= minor
}

// holds reports whether dir has all the named programs.
func holds(dir string, programs ...string) bool {
	for _, p := range programs {
		info, err := os.Stat(filepath.Join(dir, p))
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}
