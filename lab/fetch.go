package lab

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

//go:embed debroot.sh
var debroot string

// rootCache is the cache of root, whose home is closed to the user the servers
// run as.
const rootCache = "/var/cache/turquoise/servers"

// fetch unpacks Debian packages into root, unless they are there already.
func (s Servers) fetch(ctx context.Context, name, variable, suite, root string, pkgs ...string) error {
	want := suite + " " + strings.Join(pkgs, " ")
	if done, err := os.ReadFile(filepath.Join(root, ".done")); err == nil && strings.TrimSpace(string(done)) == want {
		return nil
	}
	absent := &engines.Error{Op: "find " + name, Object: "this machine", Err: ErrAbsent,
		Next: fmt.Sprintf("install the package %s, or set %s to the folder of its programs", pkgs[0], variable)}
	if suite == "" || s.Offline || !debian() {
		return absent
	}
	s.say("fetching %s from Debian %s, once, into %s", name, suite, root)
	began := time.Now()
	last, err := s.unpack(ctx, append([]string{suite, root}, pkgs...))
	if err != nil {
		if last != "" {
			err = fmt.Errorf("%s (%w)", last, err)
		}
		if ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", ErrAbsent, err)
		}
		return &engines.Error{Op: "fetch " + name, Object: "Debian " + suite, Err: err, Next: absent.Next}
	}
	s.say("fetched %s in %.0f s", name, time.Since(began).Seconds())
	return nil
}

// unpack runs the embedded script and returns the last line it said.
func (s Servers) unpack(ctx context.Context, args []string) (last string, err error) {
	cmd := exec.CommandContext(ctx, "bash", append([]string{"-s", "--"}, args...)...)
	cmd.Stdin = strings.NewReader(debroot)
	// The script's children hold the pipe as well: kill the whole group.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		last = lines.Text()
		s.say("  %s", last)
	}
	return last, cmd.Wait()
}

// debian reports whether what the script needs is on this machine.
func debian() bool {
	for _, p := range []string{"bash", "apt-get", "dpkg-deb", "flock"} {
		if _, err := exec.LookPath(p); err != nil {
			return false
		}
	}
	_, err := os.Stat("/usr/share/keyrings/debian-archive-keyring.gpg")
	return err == nil
}

// cacheDir picks and creates the cache folder.
func (s Servers) cacheDir() (string, error) {
	dir := s.getenv("TURQUOISE_LAB_CACHE")
	if dir == "" {
		base := s.getenv("XDG_CACHE_HOME")
		if base == "" && s.getenv("HOME") != "" {
			base = filepath.Join(s.getenv("HOME"), ".cache")
		}
		dir = filepath.Join(base, "turquoise", "servers")
		if base == "" || os.Geteuid() == 0 && !open(base) {
			dir = rootCache
		}
	}
	dir, err := filepath.Abs(dir)
	if err == nil {
		err = makeCache(dir)
	}
	if err != nil {
		return "", &engines.Error{Op: "open the server cache", Object: dir, Err: err,
			Next: "set TURQUOISE_LAB_CACHE to a folder that can be written"}
	}
	return dir, nil
}

// makeCache makes a folder and those above it. What root makes is open whatever
// the umask says: the servers run as another user.
func makeCache(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := makeCache(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Chmod(dir, 0o755)
}

// open reports whether every user can pass through dir and all folders above
// it. A folder that does not exist yet counts as open.
func open(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err == nil && info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return false
		}
		up := filepath.Dir(dir)
		if up == dir {
			return true
		}
		dir = up
	}
}

// owner is the user the servers run as: whoever runs the lab, but nobody when
// that is root, since PostgreSQL refuses to run as root.
type owner struct {
	uid, gid int
	switched bool // the lab is root and the servers are not
}

func serverOwner() (owner, error) {
	if os.Geteuid() != 0 {
		return owner{uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		return owner{}, &engines.Error{Op: "choose the user of the servers", Object: "nobody", Err: err,
			Next: "run the lab as an ordinary user"}
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	return owner{uid: uid, gid: gid, switched: true}, errors.Join(err1, err2)
}

// give hands a file or folder to the servers' user.
func (o owner) give(path string) error {
	if !o.switched {
		return nil
	}
	return os.Chown(path, o.uid, o.gid)
}
