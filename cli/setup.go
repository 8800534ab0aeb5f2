package cli

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
)

// cutover is what the flags of run, resume, plan and rehearse say.
type cutover struct {
	book     string
	params   []string
	window   string
	dir      string
	change   string
	ticket   ticket
	lock     string // why another cockpit's lock is broken; empty: it is not
	operator string
	identity identity
	people   session.People // found by identify
	every    time.Duration
	anchor   anchoring
}

// env is how references of a runbook are looked up.
type env func(string) (string, bool)

// load reads, checks and fills in a runbook. Findings are printed by the caller;
// a book that is refused is nil.
func (c cutover) load(get env) (*runbooks.Runbook, runbooks.Values, []runbooks.Finding, error) {
	src, err := readBook(c.book)
	if err != nil {
		return nil, runbooks.Values{}, nil, err
	}
	given := map[string]string{}
	for _, p := range c.params {
		k, v, ok := strings.Cut(p, "=")
		if !ok {
			return nil, runbooks.Values{}, nil, usage("write --param NAME=VALUE", "--param %s: no value", p)
		}
		given[k] = v
	}
	book, values, fs := fill(c.book, src, given, get)
	return book, values, fs, nil
}

// fill reads the source of a runbook and gives its parameters their values.
func fill(file string, src []byte, given map[string]string, get env) (*runbooks.Runbook, runbooks.Values, []runbooks.Finding) {
	book, fs := runbooks.Parse(file, src)
	if runbooks.Refused(fs) {
		return nil, runbooks.Values{}, fs
	}
	values, more := runbooks.Resolve(book, given, get)
	fs = append(fs, more...)
	if runbooks.Refused(fs) {
		return nil, values, fs
	}
	book = book.With(values)
	return book, values, append(fs, runbooks.Lint(book, catalog())...)
}

// checkWindow refuses a way through the window that there is not.
func (c cutover) checkWindow() error {
	if c.window != "block" && c.window != "stepwise" {
		return usage("give block or stepwise", "--window %s: there is no such window", c.window)
	}
	return nil
}

// secretOf reads what a reference points at.
func secretOf(r runbooks.Ref, get env) (string, error) {
	switch r.Kind {
	case "env":
		if v, ok := get(r.Name); ok && v != "" {
			return v, nil
		}
		return "", &engines.Error{Op: "read secret", Object: "environment variable " + r.Name, Err: fmt.Errorf("not set"), Next: "export it, then start again"}
	case "file", "passfile":
		b, err := os.ReadFile(r.Name)
		if err != nil {
			return "", &engines.Error{Op: "read secret", Object: "file " + r.Name, Err: err, Next: "make it readable for you alone"}
		}
		return strings.TrimRight(string(b), "\n"), nil
	case "service":
		return "service=" + r.Name, nil
	}
	return "", fmt.Errorf("unknown reference %q", r.Kind)
}

// config makes a session's dependencies from the flags.
func (c cutover) config(book *runbooks.Runbook, values runbooks.Values, get env) (session.Config, error) {
	cfg := session.Config{Host: thisHost(), Clock: systemClock, Disk: audit.DiskConcerns, Book: book, Values: values, Stepwise: c.window == "stepwise", Engines: registry(),
		DSN: map[engines.TargetID]string{}, Params: map[engines.TargetID]map[string]string{}, Secrets: map[string]string{},
		Change: c.change, ChangeSaid: c.ticket.entry(), BreakLock: strings.TrimSpace(c.lock), Person: c.operator, Now: time.Now, Every: c.every, Tool: tool(), Emergency: emergencyDir(get)}
	for _, t := range book.Targets {
		dsn, err := secretOf(t.DSN, get)
		if err != nil {
			return cfg, err
		}
		cfg.DSN[t.ID] = dsn
		params := map[string]string{}
		for k, v := range t.Params {
			params[k] = v
		}
		if d, ok := get("TURQUOISE_TOOLS"); ok {
			params["tools"] = d
		}
		cfg.Params[t.ID] = params
	}
	for _, s := range book.Secrets {
		v, err := secretOf(s.From, get)
		if err != nil {
			return cfg, err
		}
		cfg.Secrets[s.Name] = v
		if err := forms(cfg, s.Name, v); err != nil {
			return cfg, err
		}
	}
	if cfg.Person == "" {
		cfg.Person = osUser()
	}
	cfg.People = c.people
	return cfg, nil
}

// forms adds what the engines of the runbook make of a secret.
func forms(cfg session.Config, name, value string) error {
	for _, t := range cfg.Book.Targets {
		e := cfg.Engines[t.Engine]
		if e.Forms == nil {
			continue
		}
		more, err := e.Forms(value)
		if err != nil {
			return err
		}
		for suffix, v := range more {
			if _, ok := cfg.Secrets[name+suffix]; !ok { // two targets of one engine
				cfg.Secrets[name+suffix] = v
			}
		}
	}
	return nil
}

// name gives the session its id, its folder and its place in the record.
func (c cutover) name(cfg *session.Config) error {
	b := make([]byte, 2)
	if _, err := rand.Read(b); err != nil {
		return err
	}
	slug := cfg.Book.Name
	if len(slug) > 20 {
		slug = strings.TrimRight(slug[:20], "-")
	}
	cfg.Sid = time.Now().UTC().Format("20060102") + "-" + slug + "-" + hex.EncodeToString(b)
	cfg.Run = "s" + hex.EncodeToString(b)
	cfg.Dir = filepath.Join(c.sessions(), cfg.Sid)
	cfg.Record = recordDeps(c.ticket.origin(cfg.Sid))
	return nil
}

// sessions is the folder that holds the records.
func (c cutover) sessions() string {
	if c.dir != "" {
		return c.dir
	}
	if d := os.Getenv("XDG_STATE_HOME"); d != "" {
		return filepath.Join(d, "turquoise")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "turquoise-sessions"
	}
	return filepath.Join(home, ".local", "state", "turquoise")
}

// emergencyDir is where a session writes what it must when its record fails. The
// folder for temporary files outlives a logout and is often another file system.
func emergencyDir(get env) string {
	if d, ok := get("TURQUOISE_EMERGENCY_DIR"); ok && d != "" {
		return d
	}
	return filepath.Join(os.TempDir(), "turquoise-emergency-"+strconv.Itoa(os.Getuid()))
}

// thisHost names the machine, the login and the way it came in, for the record.
func thisHost() entries.Host {
	name, err := os.Hostname()
	if err != nil {
		name = "-"
	}
	client, _, _ := strings.Cut(os.Getenv("SSH_CLIENT"), " ")
	return entries.Host{Name: name, OS: runtime.GOOS + "/" + runtime.GOARCH, OSUser: osUser(), UID: int64(os.Getuid()),
		TTY: os.Getenv("SSH_TTY"), SSHClient: client}
}

func recordDeps(origin string) audit.Options {
	h := thisHost()
	name, _, _ := strings.Cut(h.Name, "/")
	return audit.Options{Origin: origin, From: name + "/" + dash(h.TTY) + "/" + dash(h.SSHClient),
		Now: time.Now, Mono: steadyClock(), Rand: rand.Reader}
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func osUser() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "operator"
}

func tool() session.Tool {
	t := session.Tool{Version: Tool(), ExeSHA256: exeSum()}
	if bi, ok := debug.ReadBuildInfo(); ok {
		for _, s := range bi.Settings {
			if s.Key == "vcs.revision" {
				t.Revision = s.Value
			}
		}
	}
	return t
}

// exeSum is the hash of the running program, as it says of itself.
func exeSum() string {
	name, err := os.Executable()
	if err != nil {
		return ""
	}
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

// open starts a session from the flags.
func (a *App) open(ctx context.Context, c cutover, get env, change func(*session.Config)) (*session.Session, error) {
	book, values, fs, err := c.load(get)
	if err != nil {
		return nil, err
	}
	if err := a.findings(fs); err != nil {
		return nil, err
	}
	cfg, err := c.config(book, values, get)
	if err != nil {
		return nil, err
	}
	if err := c.name(&cfg); err != nil {
		return nil, err
	}
	if cfg.Rehearsed, err = session.RehearsedIn(rehearsals(), book, cfg.Stepwise); err != nil {
		return nil, err
	}
	cfg.Git = versionOf(ctx, c.book, book.Source)
	if change != nil {
		change(&cfg)
	}
	s, err := session.Start(ctx, cfg)
	return s, notDriving(err)
}

// notDriving gives the refusal of a cockpit where another one drives the status of
// what was not run: nothing was changed.
func notDriving(err error) error {
	if errors.Is(err, session.ErrDriven) {
		return exit(ExitRefused, err)
	}
	return err
}

// rehearsals is the folder that rehearse writes its records to where none is named.
func rehearsals() string { return filepath.Join(os.TempDir(), "turquoise-rehearsals") }

// findings prints what is wrong with a runbook and refuses to go on with it.
func (a *App) findings(fs []runbooks.Finding) error {
	for _, f := range fs {
		if _, err := fmt.Fprintf(a.Err, "%s\n%s\n", clean(f.String()), clean(f.Excerpt)); err != nil {
			return err
		}
	}
	if runbooks.Refused(fs) {
		return exit(ExitRefused, nil)
	}
	return nil
}
