package labtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/skiptest"
)

// startTimeout covers a first fetch of all servers over a slow line.
const startTimeout = 10 * time.Minute

// shared is the one exception to "no package state that changes": a server
// costs a second and a half, a database on it 30 ms, so the tests of one binary
// share a server for each major version. Main ends them.
var shared struct {
	sync.Mutex
	servers map[int]*lab.Single
	failed  map[int]error // asked once, not once for each test
}

// Main runs the tests of a package and ends the shared servers afterwards. It
// is called from TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(labtest.Main(m)) }
//
// Without it servers end with the test binary, but leave their run folder to
// the next run.
func Main(m *testing.M) int {
	code := m.Run()
	if err := Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}

// Close ends the shared servers.
func Close() error {
	shared.Lock()
	defer shared.Unlock()
	var errs []error
	for _, s := range shared.servers {
		errs = append(errs, s.Close())
	}
	shared.servers, shared.failed = nil, nil
	return errors.Join(errs...)
}

// DB is a database of its own for one test.
type DB struct {
	Name   string
	DSN    string // of the superuser
	Server *lab.Postgres
}

// Postgres returns a fresh database on the shared server of a major version
// and drops it when the test ends.
func Postgres(t testing.TB, major int) DB {
	t.Helper()
	skipShort(t)
	s, err := server(major)
	need(t, err)
	name := fmt.Sprintf("t%x", time.Now().UnixNano())
	if err := s.Exec(t.Context(), "postgres", "create database "+name); err != nil {
		t.Fatalf("create a database for the test: %v", err)
	}
	t.Cleanup(func() {
		// The test's own context has ended by now.
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Exec(ctx, "postgres", "drop database "+name+" with (force)"); err != nil {
			t.Errorf("drop the database of the test: %v", err)
		}
	})
	return DB{Name: name, DSN: s.DSN(lab.Superuser, name), Server: s.Postgres}
}

// started starts a lab for the test, and stops it when the test ends.
func started[O any, L io.Closer](t testing.TB, o O, start func(context.Context, O) (L, error)) L {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	l, err := start(ctx, o)
	need(t, err)
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("stop the lab: %v", err)
		}
	})
	return l
}

// Pair starts a blue and green of the test's own and stops them when it ends.
func Pair(t testing.TB, o lab.Options) *lab.PairLab {
	t.Helper()
	skipShort(t)
	if o.Log == nil {
		o.Log = t.Output()
	}
	return started(t, o, lab.Pair)
}

// Bench starts the servers of a lab profile for the test, and stops them when it
// ends.
func Bench(t testing.TB, engine string, o lab.BenchOptions) lab.Bench {
	t.Helper()
	skipShort(t)
	p, err := lab.ProfileOf(engine)
	if err != nil {
		t.Fatal(err)
	}
	if o.Log == nil {
		o.Log = t.Output()
	}
	return started(t, o, p.Start)
}

// Have skips the test unless the programs of a pair of these versions can be
// had, for tests that start the lab by themselves.
func Have(t testing.TB, blue, green int) {
	t.Helper()
	skipShort(t)
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	s, err := lab.OpenServers(t.Output())
	need(t, err)
	need(t, s.Pair(ctx, blue, green))
}

// Installed skips the test where servers of these versions are not on the
// machine and no archive that the lab knows has them. It is for versions beyond
// those that every run must have, so TURQUOISE_LAB_REQUIRE does not ask for them;
// the skip is named like any other.
func Installed(t testing.TB, majors ...int) {
	t.Helper()
	skipShort(t)
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	s, err := lab.OpenServers(t.Output())
	need(t, err)
	for _, m := range majors {
		_, err := s.Postgres(ctx, m)
		var missing *engines.Error
		if errors.Is(err, lab.ErrAbsent) && errors.As(err, &missing) {
			skip(t, missing)
		}
		need(t, err)
	}
}

func server(major int) (*lab.Single, error) {
	shared.Lock()
	defer shared.Unlock()
	if s := shared.servers[major]; s != nil {
		return s, nil
	}
	if err := shared.failed[major]; err != nil {
		return nil, err
	}
	if shared.servers == nil {
		shared.servers, shared.failed = map[int]*lab.Single{}, map[int]error{}
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	programs, err := lab.OpenServers(os.Stderr)
	if err == nil {
		shared.servers[major], err = lab.StartSingle(ctx, programs, major, "")
	}
	if err != nil {
		shared.failed[major] = err
		delete(shared.servers, major)
		return nil, err
	}
	return shared.servers[major], nil
}

func skipShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs real servers; -short starts none")
	}
}

// need ends the test when servers could not be had. Only absence may skip: a
// server that is there and does not start is a failure.
func need(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	var e *engines.Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if errors.Is(err, lab.ErrAbsent) && os.Getenv("TURQUOISE_LAB_REQUIRE") != "1" {
		skip(t, e)
	}
	t.Fatalf("%v; %s", err, e.Next)
}

// skip ends the test for want of a server and names it.
func skip(t testing.TB, missing *engines.Error) {
	t.Helper()
	skiptest.Skip(t, strings.TrimPrefix(strings.TrimPrefix(missing.Op, "find "), "fetch "), missing.Next)
}
