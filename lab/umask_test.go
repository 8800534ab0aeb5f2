package lab_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
	"github.com/turquoise-db/turquoise/lab/skiptest"
)

// Root's servers run as another user, who must reach what a careful umask
// would hide. For an ordinary user the same pair must come up as well.
func TestAPairStartsUnderACarefulUmask(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	l := labtest.Pair(t, lab.Options{})
	if n := value[int](t, l.AppDSN(), "select 1"); n != 1 {
		t.Errorf("select 1 gave %d", n)
	}
	users := filepath.Join(filepath.Dir(l.Pooler.IniPath), "users.txt")
	if info, err := os.Stat(users); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file with the passwords has mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestTheCacheIsOpenUnderACarefulUmask(t *testing.T) {
	if os.Geteuid() != 0 {
		skiptest.Skip(t, "root, whose servers run as another user", "run the tests as root")
	}
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	dir := filepath.Join(t.TempDir(), "a", "b")
	t.Setenv("TURQUOISE_LAB_CACHE", dir)
	if _, err := lab.OpenServers(nil); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if info, err := os.Stat(d); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s has mode %v, %v; want 0755", d, info.Mode(), err)
		}
	}
}
