package lab

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

// program writes a script that answers --version.
func program(t *testing.T, path, version string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho '"+version+"'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func postgresIn(t *testing.T, dir, version string) {
	t.Helper()
	for _, p := range []string{"postgres", "initdb", "pg_dump", "psql"} {
		program(t, filepath.Join(dir, p), p+" (PostgreSQL) "+version)
	}
}

func env(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

func TestTheNamedFolderComesFirst(t *testing.T) {
	for _, inside := range []string{"", "bin", "usr/lib/postgresql/18/bin"} {
		dir := t.TempDir()
		postgresIn(t, filepath.Join(dir, inside), "18.6 (Debian 18.6-1)")
		s := Servers{Cache: t.TempDir(), Offline: true, Getenv: env(map[string]string{"TURQUOISE_LAB_PG18": dir})}
		got, err := s.Postgres(context.Background(), 18)
		if err != nil || got != filepath.Join(dir, inside) {
			t.Errorf("programs in %q: found %q, %v", inside, got, err)
		}
	}
}

func TestANamedFolderOfAnotherVersionIsRefused(t *testing.T) {
	dir := t.TempDir()
	postgresIn(t, dir, "17.12")
	s := Servers{Cache: t.TempDir(), Offline: true, Getenv: env(map[string]string{"TURQUOISE_LAB_PG18": dir})}
	_, err := s.Postgres(context.Background(), 18)
	if !errors.Is(err, ErrAbsent) {
		t.Errorf("a folder of version 17 was taken for 18: %v", err)
	}
}

func TestAPostgresOnPathIsTakenOnlyWhenWholeAndOfItsVersion(t *testing.T) {
	dir := t.TempDir()
	postgresIn(t, dir, "16.4")
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	s := Servers{Cache: t.TempDir(), Offline: true, Getenv: env(nil)}
	if got, err := s.Postgres(context.Background(), 16); err != nil || got != dir {
		t.Errorf("found %q, %v; want %s", got, err, dir)
	}
	if err := os.Remove(filepath.Join(dir, "pg_dump")); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Postgres(context.Background(), 16); !errors.Is(err, ErrAbsent) {
		t.Errorf("a server without pg_dump was taken: %q, %v", got, err)
	}
}

func TestAFilledCacheIsUsedWithoutAFetch(t *testing.T) {
	cache := t.TempDir()
	if err := os.MkdirAll(filepath.Join(cache, "pg18"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cache, "pg18", ".done"), []byte("sid postgresql-18\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := Servers{Cache: cache, Offline: true, Getenv: env(nil)}
	t.Setenv("PATH", "/nowhere")
	got, err := s.Postgres(context.Background(), 18)
	if want := filepath.Join(cache, "pg18", "usr/lib/postgresql/18/bin"); err != nil || got != want && !strings.HasPrefix(got, "/usr/lib") {
		t.Errorf("found %q, %v; want %s", got, err, want)
	}
}

func mariaDBIn(t *testing.T, root, version string) {
	t.Helper()
	for _, p := range []string{"sbin/mariadbd", "bin/mariadb-dump", "bin/mariadb"} {
		program(t, filepath.Join(root, "usr", p), p+"  Ver "+version+"-MariaDB-1 for debian-linux-gnu on x86_64")
	}
}

func TestAMySQLOfAMajorVersionHasAFolderOfItsOwn(t *testing.T) {
	usual, eleven := t.TempDir(), t.TempDir()
	mariaDBIn(t, usual, "10.11.19")
	mariaDBIn(t, eleven, "11.8.6")
	s := Servers{Cache: t.TempDir(), Offline: true, Getenv: env(map[string]string{
		"TURQUOISE_LAB_MARIADB": usual, "TURQUOISE_LAB_MARIADB11": eleven, "TURQUOISE_LAB_MARIADB12": eleven})}
	for major, want := range map[int]string{0: usual, 11: eleven} {
		if got, err := s.MySQL(t.Context(), FlavorMariaDB, major); err != nil || got != want {
			t.Errorf("major version %d: found %q, %v; want %s", major, got, err, want)
		}
	}
	if got, err := s.MySQL(t.Context(), FlavorMariaDB, 12); !errors.Is(err, ErrAbsent) {
		t.Errorf("a folder of version 11 was taken for 12: %q, %v", got, err)
	}
}

func TestAMySQLThatNoSuiteCarriesNamesItsVariable(t *testing.T) {
	s := Servers{Cache: t.TempDir(), Getenv: env(nil)}
	_, err := s.MySQL(t.Context(), FlavorMySQL, 8)
	var e *engines.Error
	if !errors.Is(err, ErrAbsent) || !errors.As(err, &e) || !strings.Contains(e.Next, "TURQUOISE_LAB_MYSQL8") || !strings.Contains(e.Op, "MySQL 8") {
		t.Errorf("got %v", err)
	}
}

func TestAnAbsentServerNamesItsPackage(t *testing.T) {
	t.Setenv("PATH", "/nowhere")
	s := Servers{Cache: t.TempDir(), Getenv: env(nil)} // no apt on this PATH either
	_, err := s.Postgres(context.Background(), 14)
	var e *engines.Error
	if !errors.Is(err, ErrAbsent) || !errors.As(err, &e) {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(e.Next, "postgresql-14") || !strings.Contains(e.Next, "TURQUOISE_LAB_PG14") {
		t.Errorf("the next move names neither package nor variable: %q", e.Next)
	}
}

func TestVersionsAreRead(t *testing.T) {
	for text, want := range map[string]bool{"1.21.0": true, "1.26.1": true, "2.0": true, "1.18.0": false, "1.9": false, "": false, "1.21rc1": true} {
		if atLeast(text, 1, 21) != want {
			t.Errorf("atLeast(%q, 1, 21) = %v", text, !want)
		}
	}
	if number("18beta1", 0) != 18 {
		t.Errorf("18beta1 read as %d", number("18beta1", 0))
	}
}

func TestRootTakesACacheThatItsServersCanReach(t *testing.T) {
	closed := t.TempDir()
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	if open(closed) {
		t.Errorf("%s has mode 0700 and counts as open", closed)
	}
	if open(filepath.Join(closed, "not", "there")) {
		t.Error("a folder below a closed one counts as open")
	}
	if !open("/usr") {
		t.Error("/usr counts as closed")
	}
}

func TestTheCacheVariableWins(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "here")
	got, err := Servers{Getenv: env(map[string]string{"TURQUOISE_LAB_CACHE": dir, "XDG_CACHE_HOME": "/elsewhere"})}.cacheDir()
	if err != nil || got != dir {
		t.Errorf("cache %q, %v; want %s", got, err, dir)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		t.Errorf("the cache was not made: %v", err)
	}
}
