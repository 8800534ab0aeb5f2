package lab

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestVersityGWIsFoundOrNamedAsAbsent: a folder that is named counts alone, a
// filled cache needs no network, and what is missing is told as absent.
func TestVersityGWIsFoundOrNamedAsAbsent(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	named, cache := t.TempDir(), t.TempDir()
	s := Servers{Cache: cache, Offline: true, Getenv: func(string) string { return "" }}
	if _, err := s.VersityGW(t.Context()); !errors.Is(err, ErrAbsent) {
		t.Errorf("nowhere: %v", err)
	}
	s.Getenv = func(string) string { return named }
	if _, err := s.VersityGW(t.Context()); !errors.Is(err, ErrAbsent) {
		t.Errorf("an empty folder that is named: %v", err)
	}
	for _, dir := range []string{named, filepath.Join(cache, "versitygw-"+versityVersion)} {
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "versitygw"), []byte("#!/bin/sh\n"), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range []string{named, ""} {
		s.Getenv = func(string) string { return v }
		want := filepath.Join(named, "versitygw")
		if v == "" {
			want = filepath.Join(cache, "versitygw-"+versityVersion, "versitygw")
		}
		if got, err := s.VersityGW(t.Context()); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
}
