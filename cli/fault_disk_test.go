package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/skiptest"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// smallDisk is a file system of its own that can be filled.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=160m"); err != nil {
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
			skiptest.Skip(t, "the right to mount a small disk that can be filled", "run the tests as root")
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// noReserve is a file system that cannot promise room ahead, as some cannot.
type noReserve struct{ *os.File }

func (noReserve) Reserve(int64, int64) error { return errors.ErrUnsupported }

// fillDisk writes until the disk is full and returns the file that does it.
func fillDisk(t *testing.T, dir string) string {
	name := filepath.Join(dir, "ballast")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Error(err)
		return name
	}
	for size := 1 << 20; size > 0; {
		if _, err = f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	return name
}

// TestADiskThatFillsUpInTheWindow: the disk of the record is full, truly, in the
// middle of the block. The block stops, its abort plan brings the clients back to
// blue, nothing is lost, and after the disk has room again the session goes on.
func TestADiskThatFillsUpInTheWindow(t *testing.T) {
	n := newNight(t)
	disk := smallDisk(t)
	n.cut.dir = disk
	spare, ballast, at := t.TempDir(), "", "5:main:after-send:8"
	s := n.open(func(c *session.Config) {
		c.Emergency = spare
		c.Record.OpenFile = func(path string) (audit.File, error) {
			f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
			return noReserve{f}, err
		}
		c.Crash = func(point string) {
			if point == at {
				ballast = fillDisk(t, disk)
			}
		}
	})
	err := n.walk(s, lab.WalkOptions{Until: "5"})
	if !errors.Is(err, lab.ErrStopped) || ballast == "" {
		t.Fatalf("the walk over a full disk: %v", err)
	}
	x := s.State().Step("5")
	if x.Phase != steps.Undone || !strings.Contains(x.Why, "no space left on device") {
		t.Fatalf("the block is %s: %s", x.Phase, x.Why)
	}
	n.flows("after the abort on a full disk")
	if s.Snapshot().Record.OK {
		t.Error("the screen says that the record is good")
	}
	if err := n.walk(s, lab.WalkOptions{Until: "5"}); err == nil {
		t.Error("a step ran on a full disk")
	}
	if err := s.Suspend("asked to stop"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	n.goOn(s.Dir(), spare)
}

// goOn resumes, settles by a roll-back, moves the writes and reckons.
func (n *night) goOn(dir, spare string) {
	t := n.t
	t.Helper()
	for _, k := range []string{"TURQUOISE_BLUE_DSN", "TURQUOISE_GREEN_DSN", "TURQUOISE_ROUTER_DSN", "TURQUOISE_ROUTER_FILE", "TURQUOISE_REPL_PASSWORD", "TURQUOISE_TOOLS"} {
		v, _ := n.get(k)
		t.Setenv(k, v)
	}
	t.Setenv("TURQUOISE_EMERGENCY_DIR", spare)
	var out strings.Builder
	for _, args := range [][]string{{"verify"}, {"roll_back", "--reason", "the emergency file says that it was aborted"}} {
		if code := Main(append([]string{"resume", dir, "--settle"}, args...), strings.NewReader(""), &out, &out); args[0] == "roll_back" && code != ExitOK {
			t.Fatalf("resume --settle %s: status %d: %s", args[0], code, out.String())
		}
	}
	for _, want := range []string{"-emergency-1.jsonl", "no space left on device", "the servers decide", "step 5: undone"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("resume does not say %q:\n%s", want, out.String())
		}
	}
	cfg, _, err := resumption{}.recorded(dir, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Person, cfg.Scripted, cfg.Every = "script", true, n.cut.every
	s, err := session.Resume(t.Context(), cfg, "go on")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := n.walk(s, lab.WalkOptions{Until: "6.2"}); err != nil {
		t.Fatal(err)
	}
	n.compare(s)
}
