package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/turquoise-db/turquoise/engines"
)

// varnishSuite carries Varnish 7.1. VCL is compiled by a C compiler, which comes
// from the same suite unless the machine has one.
const varnishSuite = "bookworm"

// VarnishPrograms are the programs of Varnish and how varnishd compiles VCL.
type VarnishPrograms struct {
	Daemon, Stat string
	args         []string
}

// Varnish returns the programs of Varnish.
func (s Servers) Varnish(ctx context.Context) (VarnishPrograms, error) {
	const name, variable = "Varnish", "TURQUOISE_LAB_VARNISH"
	in := func(sbin, bin string) (VarnishPrograms, bool) {
		ok := holds(sbin, "varnishd") && holds(bin, "varnishstat")
		return VarnishPrograms{Daemon: filepath.Join(sbin, "varnishd"), Stat: filepath.Join(bin, "varnishstat")}, ok
	}
	_, cc := exec.LookPath("gcc")
	if dir := s.getenv(variable); dir != "" {
		if p, ok := in(filepath.Join(dir, "sbin"), filepath.Join(dir, "bin")); ok && cc == nil {
			return p, nil
		}
		return VarnishPrograms{}, &engines.Error{Op: "find " + name, Object: dir, Err: ErrAbsent,
			Next: "point " + variable + " at a folder with sbin/varnishd and bin/varnishstat on a machine that has gcc, or unset it"}
	}
	if p, ok := in("/usr/sbin", "/usr/bin"); ok && cc == nil {
		return p, nil
	}
	root := filepath.Join(s.Cache, "varnish")
	if err := s.fetch(ctx, name, variable, varnishSuite, root, "varnish", "gcc", "libc6-dev"); err != nil {
		return VarnishPrograms{}, err
	}
	p, ok := in(filepath.Join(root, "usr/sbin"), filepath.Join(root, "usr/bin"))
	if !ok {
		return p, &engines.Error{Op: "find " + name, Object: root, Err: ErrAbsent, Next: "remove that folder, so that it is fetched again"}
	}
	triple := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]
	p.args = []string{"-p", fmt.Sprintf("cc_command=exec %s/usr/bin/gcc --sysroot=%s -B%s/usr/bin -O2 -Wall -Werror -pthread -fpic -shared -Wl,-x -o %%o %%s", root, root, root),
		"-p", "vmod_path=" + filepath.Join(root, "usr/lib", triple, "varnish/vmods")}
	return p, nil
}

// Varnish is one running Varnish.
type Varnish struct {
	Port    int    // of clients
	Admin   int    // of the management protocol
	Secret  string // file
	Workdir string // for varnishstat -n
	LogPath string

	proc  *process
	again func() (*process, error)
}

// Front is where clients connect.
func (v *Varnish) Front() string { return "127.0.0.1:" + strconv.Itoa(v.Port) }

// AdminAddress is where the management protocol is spoken.
func (v *Varnish) AdminAddress() string { return "127.0.0.1:" + strconv.Itoa(v.Admin) }

// Pid returns the process id of the manager.
func (v *Varnish) Pid() int { return v.proc.pid }

// Stop ends Varnish.
func (v *Varnish) Stop() error { return v.proc.stop() }

// Start starts a Varnish again that was stopped, on its ports, with the VCL that
// its start-up link leads to now.
func (v *Varnish) Start(ctx context.Context) error {
	proc, err := v.again()
	if err != nil {
		return err
	}
	v.proc = proc
	return proc.ready(ctx, v.serves)
}

// serves reports whether clients are let in.
func (v *Varnish) serves(ctx context.Context) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", v.Front())
	if err != nil {
		return err
	}
	return c.Close()
}

// WebOptions of a web lab.
type WebOptions struct {
	Nodes   int       // Varnishes; 2 when zero
	Log     io.Writer // progress lines; nil drops them
	Dir     string    // where the run folder is made; empty means the system's folder for temporary files
	Servers *Servers  // nil means OpenServers
}

// WebLab is an application in two versions behind some Varnishes, all of which
// send clients to blue.
type WebLab struct {
	RunID       string
	Dir         string // the run folder; gone after Close
	Blue, Green *WebApp
	Nodes       []*Varnish
	BlueVCL     string // files
	GreenVCL    string
	Link        string // what varnishd starts from

	programs VarnishPrograms
	run      *runDir
	close    func() error
}

// webVCL sends everything to one half. X-Colour is the application's own header:
// VCL does not touch it.
const webVCL = `vcl 4.1;
# %s, turquoise lab %s
backend app {
  .host = "127.0.0.1";
  .port = "%s";
  .probe = { .url = "/healthz"; .interval = 500ms; .timeout = 400ms; .window = 4; .threshold = 3; .initial = 2; }
}
`

// Web starts both halves and the Varnishes. On an error nothing is left running.
func Web(ctx context.Context, o WebOptions) (_ *WebLab, err error) {
	servers := o.Servers
	if servers == nil {
		s, err := OpenServers(o.Log)
		if err != nil {
			return nil, err
		}
		servers = &s
	}
	l := &WebLab{RunID: password()[:12]}
	if l.programs, err = servers.Varnish(ctx); err != nil {
		return nil, err
	}
	if l.run, err = openRunDir(o.Dir); err != nil {
		return nil, err
	}
	l.Dir, l.close = l.run.path, sync.OnceValue(l.end)
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	began := time.Now()
	for _, half := range []struct {
		name string
		app  **WebApp
		vcl  *string
	}{{"blue", &l.Blue, &l.BlueVCL}, {"green", &l.Green, &l.GreenVCL}} {
		if *half.app, err = startWebApp(half.name); err != nil {
			return nil, err
		}
		*half.vcl = filepath.Join(l.Dir, half.name+".vcl")
		text := fmt.Sprintf(webVCL, half.name, l.RunID, (*half.app).port())
		// Whatever the umask: Varnish reads it as another user.
		if err := errors.Join(os.WriteFile(*half.vcl, []byte(text), 0o644), os.Chmod(*half.vcl, 0o644)); err != nil {
			return nil, err
		}
	}
	l.Link = filepath.Join(l.Dir, "default.vcl")
	if err := os.Symlink(l.BlueVCL, l.Link); err != nil {
		return nil, err
	}
	if o.Nodes == 0 {
		o.Nodes = 2
	}
	l.Nodes = make([]*Varnish, o.Nodes)
	g, gctx := errgroup.WithContext(ctx)
	for i := range l.Nodes {
		g.Go(func() (err error) { l.Nodes[i], err = l.startNode(gctx, i); return err })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if err := l.healthy(ctx); err != nil {
		return nil, err
	}
	servers.say("%d Varnishes on %s, blue on %s, green on %s: up in %.1f s", o.Nodes, l.Fronts(), l.Blue.Addr, l.Green.Addr, time.Since(began).Seconds())
	return l, nil
}

func (l *WebLab) startNode(ctx context.Context, i int) (*Varnish, error) {
	as, err := serverOwner()
	if err != nil {
		return nil, err
	}
	folder, err := l.run.sub("varnish"+strconv.Itoa(i+1), as)
	if err != nil {
		return nil, &engines.Error{Op: "make the folder of Varnish", Object: l.Dir, Err: err}
	}
	v := &Varnish{Secret: filepath.Join(l.Dir, fmt.Sprintf("secret%d", i+1)), Workdir: filepath.Join(folder, "work"), LogPath: filepath.Join(l.Dir, fmt.Sprintf("varnish%d.log", i+1))}
	if i > 0 { // one secret file serves all
		v.Secret = filepath.Join(l.Dir, "secret1")
	}
	secret, first := filepath.Join(folder, "secret"), filepath.Join(folder, "first.cli")
	// That it is of a lab stands in its list of VCLs, where nothing else can say so.
	mark := "vcl.load turquoise_lab_" + l.RunID + " " + l.BlueVCL + " cold\n"
	text := []byte("lab " + l.RunID + "\n")
	err = errors.Join(os.WriteFile(secret, text, 0o600), as.give(secret), os.WriteFile(first, []byte(mark), 0o600), as.give(first))
	if i == 0 {
		err = errors.Join(err, os.WriteFile(v.Secret, text, 0o600))
	}
	if err != nil {
		return nil, &engines.Error{Op: "write the settings of Varnish", Object: folder, Err: err}
	}
	for try := 1; ; try++ {
		port, perr := freePort()
		admin, aerr := freePort()
		if err := errors.Join(perr, aerr); err != nil {
			return nil, err
		}
		v.Port, v.Admin = port, admin
		args := append([]string{"-F", "-j", "none", "-n", v.Workdir, "-a", v.Front(), "-T", v.AdminAddress(), "-S", secret, "-s", "malloc,16m",
			"-p", "vsl_space=4M", "-p", "thread_pool_min=10", "-p", "thread_pools=1", "-f", l.Link, "-I", first}, l.programs.args...)
		v.again = func() (*process, error) {
			return start("Varnish", syscall.SIGTERM, as, folder, v.LogPath, l.programs.Daemon, args...)
		}
		if v.proc, err = v.again(); err != nil {
			return nil, err
		}
		if err = v.proc.ready(ctx, v.serves); err == nil {
			return v, nil
		}
		if !v.proc.portTaken() || try == startTries {
			return nil, errors.Join(err, v.proc.stop())
		}
	}
}

// healthy waits until every Varnish has asked blue for its health as often as its
// window is wide: before that the router of a lab that is in order looks sick.
func (l *WebLab) healthy(ctx context.Context) error {
	const window = 4 // of webVCL, and one more, which may be under way
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for l.Blue.probed.Load() < int64((window+1)*len(l.Nodes)) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return &engines.Error{Op: "start Varnish", Object: l.Dir, Err: fmt.Errorf("it does not ask blue for its health: %w", ctx.Err()), Next: "read varnish1.log there"}
		}
	}
	return nil
}

// Fronts are the addresses of clients, one for each Varnish.
func (l *WebLab) Fronts() string {
	return l.join(func(v *Varnish) string { return v.Front() })
}

func (l *WebLab) join(f func(*Varnish) string) string {
	parts := make([]string, len(l.Nodes))
	for i, v := range l.Nodes {
		parts[i] = f(v)
	}
	return strings.Join(parts, ",")
}

// Env returns the variables that the runbook's target refers to.
func (l *WebLab) Env() map[string]string {
	return map[string]string{
		"TURQUOISE_ROUTER_DSN":          l.join(func(v *Varnish) string { return "tcp://" + v.AdminAddress() }),
		"TURQUOISE_VARNISH_SECRET_FILE": l.Nodes[0].Secret,
		"TURQUOISE_VARNISH_FRONTS":      l.Fronts(),
		"TURQUOISE_VARNISHSTAT":         l.programs.Stat,
		"TURQUOISE_VARNISH_WORKDIRS":    l.join(func(v *Varnish) string { return v.Workdir }),
		"TURQUOISE_VARNISH_LINK":        l.Link,
		"TURQUOISE_GREEN_VCL":           l.GreenVCL,
	}
}

// Params are the parameters of varnish-blue-green that name this lab's pages.
func (l *WebLab) Params() []string {
	return []string{"probe_path=/", "cached_path=/page/1", "link_shared=true"}
}

// Close ends the Varnishes and both halves. It is safe to call twice.
func (l *WebLab) Close() error { return l.close() }

func (l *WebLab) end() error {
	var g errgroup.Group
	for _, v := range l.Nodes {
		if v != nil && v.proc != nil {
			g.Go(v.Stop)
		}
	}
	errs := []error{g.Wait()}
	for _, a := range []*WebApp{l.Blue, l.Green} {
		if a != nil {
			errs = append(errs, a.Close())
		}
	}
	return errors.Join(append(errs, l.run.close())...)
}
