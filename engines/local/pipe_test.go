package local

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

var programs = Programs{Password: "PW", Dump: []string{"dump", "old-dump"}, Load: []string{"load"}}

// TestThePipeIsReadAsPlanned: two programs of ours and no shell between them.
func TestThePipeIsReadAsPlanned(t *testing.T) {
	cmds, err := programs.Parse("PW='p w' dump --host=h 'a b' '|' 'PW=x'\n| load '--set=a = 0'")
	if err != nil {
		t.Fatal(err)
	}
	if cmds[0].Password != "p w" || cmds[1].Password != "" || !slices.Equal(cmds[0].Argv, []string{"dump", "--host=h", "a b", "|", "PW=x"}) ||
		!slices.Equal(cmds[1].Argv, []string{"load", "--set=a = 0"}) {
		t.Errorf("%+v", cmds)
	}
	for _, bad := range []string{"", "dump", "dump | load | load", "sh -c x | load", "dump | sh", "dump 'open | load", "| load", "dump |", "load | dump"} {
		if cmds, err := programs.Parse(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, cmds)
		}
	}
}

// FuzzPipe: whatever stands in a text, only the named programs are run.
func FuzzPipe(f *testing.F) {
	for _, s := range []string{"dump a | load b", "PW=x old-dump 'a''b' | load", "dump\n|\nload;rm", "'dump' | 'load'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		cmds, err := programs.Parse(s)
		if err != nil {
			return
		}
		if !slices.Contains(programs.Dump, cmds[0].Argv[0]) || !slices.Contains(programs.Load, cmds[1].Argv[0]) {
			t.Fatalf("%q would run %+v", s, cmds)
		}
	})
}

// TestACutDumpIsNotLoaded: the loader sees the end of its input only behind a
// dump that ended well.
func TestACutDumpIsNotLoaded(t *testing.T) {
	for name, tt := range map[string]struct {
		dump, load string
		hand       func(io.Writer, io.Reader) error
		bad        string // the program that is named
	}{
		"good":         {"printf all", "cat", nil, ""},
		"cut":          {"printf half; exit 3", "cat", nil, "sh"},
		"not handed":   {"printf all", "cat", func(io.Writer, io.Reader) error { return errors.New("full") }, "sh"},
		"load refuses": {"printf all", "cat; exit 3", nil, "sh"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, kill := context.WithCancel(t.Context())
			defer kill()
			done := filepath.Join(t.TempDir(), "done")
			dump := exec.CommandContext(ctx, "sh", "-c", tt.dump)
			load := exec.CommandContext(ctx, "sh", "-c", "("+tt.load+") > got && touch "+done)
			load.Dir = t.TempDir()
			hand := tt.hand
			if hand == nil {
				hand = func(w io.Writer, r io.Reader) error { _, err := io.Copy(w, r); return err }
			}
			began := false
			err := Pipe(dump, load, kill, func() { began = true }, hand)
			if (err != nil) != (tt.bad != "") || err != nil && !errors.Is(err, ErrProgram) || !began {
				t.Errorf("%v, began %v", err, began)
			}
			_, serr := os.Stat(done)
			if (serr == nil) != (tt.bad == "") {
				t.Errorf("the loader went through: %v", serr == nil)
			}
			if got, _ := os.ReadFile(filepath.Join(load.Dir, "got")); tt.bad == "" && !bytes.Equal(got, []byte("all")) {
				t.Errorf("%q was loaded", got)
			}
		})
	}
}

// TestReplaceKeepsWhoMayRead: mode and link stay, a failure leaves the old text.
func TestReplaceKeepsWhoMayRead(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(file, []byte("old"), 0o600), os.Chmod(file, 0o640), os.Symlink(file, link)); err != nil {
		t.Fatal(err)
	}
	if err := Replace(link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	info, serr := os.Stat(file)
	if err != nil || serr != nil || string(got) != "new" || info.Mode().Perm() != 0o640 {
		t.Errorf("%q, %v, %v, %v", got, err, serr, info.Mode())
	}
	if l, err := os.Lstat(link); err != nil || l.Mode()&os.ModeSymlink == 0 {
		t.Error("the link was replaced, not its file")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".turquoise-*")); len(left) != 0 {
		t.Errorf("%v were left", left)
	}
	if err := Replace(filepath.Join(dir, "none"), nil); err == nil {
		t.Error("a file that is not there was replaced")
	}
}
