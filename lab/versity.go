package lab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

const (
	versityModule  = "github.com/versity/versitygw/cmd/versitygw"
	versityVersion = "v1.8.0" // the newest that was measured to behave as AWS does with Object Lock
)

// VersityGW returns the path of versitygw, a server of S3 with Object Lock over a
// plain folder. No Debian package has it: it is built once, from its Go module,
// into the cache, and stays a program of its own.
func (s Servers) VersityGW(ctx context.Context) (string, error) {
	const name, variable = "versitygw", "TURQUOISE_LAB_VERSITYGW"
	if dir := s.getenv(variable); dir != "" {
		if holds(dir, name) {
			return filepath.Join(dir, name), nil
		}
		return "", &engines.Error{Op: "find " + name, Object: dir, Err: ErrAbsent, Next: "point " + variable + " at the folder that holds versitygw, or unset it"}
	}
	if p, err := exec.LookPath(name); err == nil {
		return p, nil
	}
	root := filepath.Join(s.Cache, name+"-"+versityVersion)
	lock, err := waitForLock(root + ".lock") // two tests that find none build one
	if err != nil {
		return "", &engines.Error{Op: "open the server cache", Object: root, Err: err, Next: "set TURQUOISE_LAB_CACHE to a folder that can be written"}
	}
	defer func() { _ = lock.Close() }() // which frees it
	if holds(root, name) {
		return filepath.Join(root, name), nil
	}
	next := fmt.Sprintf("GOBIN=DIR go install %s@%s, then set %s to DIR", versityModule, versityVersion, variable)
	if _, err := exec.LookPath("go"); err != nil || s.Offline {
		return "", &engines.Error{Op: "find " + name, Object: "this machine", Err: ErrAbsent, Next: next}
	}
	if err := s.build(ctx, root); err != nil {
		if ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", ErrAbsent, err)
		}
		return "", &engines.Error{Op: "build " + name, Object: versityModule + "@" + versityVersion, Err: err, Next: next}
	}
	return filepath.Join(root, name), nil
}

// build makes versitygw in a passing folder and gives it its name when it is whole.
func (s Servers) build(ctx context.Context, root string) error {
	s.say("building versitygw %s from its Go module, once, into %s (a minute or two)", versityVersion, root)
	began := time.Now()
	passing, err := os.MkdirTemp(s.Cache, ".versitygw-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(passing) }() // renamed away if all went well
	cmd := exec.CommandContext(ctx, "go", "install", versityModule+"@"+versityVersion)
	cmd.Dir = passing // of no module
	cmd.Env = append(os.Environ(), "GOBIN="+passing, "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return fmt.Errorf("%s (%w)", lines[len(lines)-1], err)
	}
	if err := os.Chmod(passing, 0o755); err != nil { // the servers' user passes
		return err
	}
	if err := os.Rename(passing, root); err != nil {
		return err
	}
	s.say("built versitygw in %.0f s", time.Since(began).Seconds())
	return nil
}

// waitForLock waits until nobody else holds a file. Closing it frees it.
func waitForLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Buckets is a running S3 server whose buckets keep versions and locks as those of
// AWS do.
type Buckets struct {
	Endpoint       string // http://127.0.0.1:PORT
	Access, Secret string // of its only user
	proc           *process
	dir            *runDir
}

// StartBuckets starts an empty one.
func StartBuckets(ctx context.Context, programs Servers) (*Buckets, error) {
	program, err := programs.VersityGW(ctx)
	if err != nil {
		return nil, err
	}
	as, err := serverOwner()
	if err != nil {
		return nil, err
	}
	dir, err := openRunDir("")
	if err != nil {
		return nil, err
	}
	b := &Buckets{Access: "lab", Secret: "lab-secret", dir: dir}
	if err := b.start(ctx, program, as); err != nil {
		return nil, errors.Join(err, dir.close())
	}
	return b, nil
}

func (b *Buckets) start(ctx context.Context, program string, as owner) error {
	data, err := b.dir.sub("buckets", as)
	if err != nil {
		return err
	}
	versions, err := b.dir.sub("versions", as) // without it there are no versions, and nothing is locked
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		port, err := freePort()
		if err != nil {
			return err
		}
		address := fmt.Sprintf("127.0.0.1:%d", port)
		b.Endpoint = "http://" + address
		b.proc, err = start("versitygw", syscall.SIGTERM, as, data, filepath.Join(b.dir.path, "versitygw.log"), program,
			"--access", b.Access, "--secret", b.Secret, "--port", address, "--quiet", "posix", "--versioning-dir", versions, data)
		if err != nil {
			return err
		}
		if err = b.proc.ready(ctx, b.answers); err == nil {
			return nil
		}
		if !b.proc.portTaken() || try == startTries {
			return errors.Join(err, b.proc.stop())
		}
	}
}

// answers reports whether it speaks HTTP; it lets nobody in without a signature.
func (b *Buckets) answers(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.Endpoint, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// Close ends the server and removes what it held.
func (b *Buckets) Close() error { return errors.Join(b.proc.stop(), b.dir.close()) }
