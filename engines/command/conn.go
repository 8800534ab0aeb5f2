package command

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// statusLimit is for commands that read only.
const statusLimit = 3 * time.Second

var (
	errDSN  = errors.New("not command:NAME")
	nameDSN = regexp.MustCompile(`^command:([A-Za-z0-9_.-]{1,64})$`)
)

// commands are the argument lists of a target.
type commands struct {
	status        []string
	turn          map[engines.TargetID][]string
	hold, release []string
	health        map[engines.TargetID][]string
	all           []string // executables, each once
	allowed       []string // texts without a sum
}

func commandsOf(params map[string]string) (commands, error) {
	c := commands{turn: map[engines.TargetID][]string{}, health: map[engines.TargetID][]string{}}
	var errs []error
	read := func(key string, needed bool) []string {
		if params[key] == "" {
			if needed {
				errs = append(errs, errors.New("no command "+key))
			}
			return nil
		}
		argv, err := parseArgv(params[key])
		if err != nil {
			errs = append(errs, errors.New("command "+key+": "+err.Error()))
			return nil
		}
		if !slices.Contains(c.all, argv[0]) {
			c.all = append(c.all, argv[0])
		}
		text, err := textOf(argv, "")
		if err != nil {
			errs = append(errs, err)
		}
		c.allowed = append(c.allowed, text)
		return argv
	}
	c.status = read("status", true)
	for _, side := range []engines.TargetID{"blue", "green"} {
		c.turn[side] = read("switch_"+string(side), true)
		c.health[side] = read("health_"+string(side), params["health_blue"]+params["health_green"] != "")
	}
	c.hold = read("hold", params["release"] != "")
	c.release = read("release", params["hold"] != "")
	return c, errors.Join(errs...)
}

// Conn runs commands, used by one goroutine.
type Conn struct {
	target engines.TargetID
	name   string
	params map[string]string
	cmds   commands
	runner runner
	began  bool // the last Do started a command
}

var _ engines.Conn = (*Conn)(nil)

// Open reads the commands and asks status once.
func Open(o engines.OpenRequest) (*Conn, error) {
	m := nameDSN.FindStringSubmatch(o.DSN)
	if m == nil {
		return nil, &engines.Error{Op: "read the connection string", Object: string(o.Target), Err: errDSN, Next: "write command: and a name for people; what is run stands in the target's params"}
	}
	c := &Conn{target: o.Target, name: m[1], params: o.Params}
	var err error
	if c.cmds, err = commandsOf(o.Params); err == nil {
		c.runner, err = newRunner(o.Params)
	}
	if err != nil {
		return nil, &engines.Error{Op: "read the commands", Object: c.object(), Err: err, Next: `write each as a JSON list with an absolute path: ["/opt/ops/lb","to","green"]`}
	}
	if _, err := c.status(o.Ctx); err != nil {
		return nil, &engines.Error{Op: "ask status", Object: c.object(), Err: err, Next: "run the status command by hand: it reads only, ends within three seconds, and prints the JSON that was agreed"}
	}
	return c, nil
}

func (c *Conn) object() string { return string(c.target) + " (" + c.name + ")" }

func (c *Conn) status(ctx context.Context) (status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusLimit)
	defer cancel()
	out, _, err := c.runner.run(ctx, c.cmds.status, "")
	if err != nil {
		return status{}, err
	}
	return parseStatus(out)
}

// Do runs one command of this target. It is never started twice.
func (c *Conn) Do(ctx context.Context, s engines.Statement) (engines.Result, error) {
	start := time.Now()
	if s.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.Limit)
		defer cancel()
	}
	res, err := c.do(ctx, s)
	res.Took = time.Since(start)
	if err != nil {
		return res, &engines.Error{Op: "run a command", Object: c.object(), Err: err}
	}
	return res, nil
}

func (c *Conn) do(ctx context.Context, s engines.Statement) (engines.Result, error) {
	c.began = false
	if s.Verb != engines.Exec {
		return engines.Result{}, engines.Refuse("verb %s is not for commands", s.Verb)
	}
	if path, ok := sumQuestion(s.Text); ok {
		if !slices.Contains(c.cmds.all, path) {
			return engines.Result{}, engines.Refuse("%s is no executable of this target", engines.Clean(path))
		}
		sum, err := sumOf(path)
		if err != nil {
			return engines.Result{}, engines.Known(engines.Unsent, err)
		}
		return engines.One("sha256", sum), nil
	}
	argv, sum, what, err := parseText(s.Text)
	if err != nil {
		return engines.Result{}, engines.Refuse("%w", err)
	}
	bare, err := textOf(argv, "")
	if err != nil || !slices.Contains(c.cmds.allowed, bare) {
		return engines.Result{}, engines.Refuse("this is no command of the target")
	}
	if what == "" && sum == "" {
		return engines.Result{}, engines.Refuse("a command that moves traffic needs the sum of its executable in the plan")
	}
	c.began = true
	out, notes, err := c.runner.run(ctx, argv, sum)
	if err != nil {
		return engines.Result{Notices: notes}, err
	}
	if what != whereText {
		return engines.Result{Command: "EXEC", Notices: notes}, nil
	}
	st, err := parseStatus(out)
	if err != nil {
		return engines.Result{}, engines.Refuse("%w", err)
	}
	return engines.One("where", st.where()), nil
}

// Classify says what is known after the last Do.
func (c *Conn) Classify(err error) engines.Outcome {
	var ke *engines.KnownError
	switch {
	case err == nil:
		return engines.Done
	case errors.As(err, &ke):
		return ke.Outcome
	case !c.began:
		return engines.Unsent
	}
	return engines.Unclear
}

// Identify names the executables by their sums: one that changed is another router.
func (c *Conn) Identify(ctx context.Context) (engines.Identity, error) {
	fail := func(err error) (engines.Identity, error) {
		return engines.Identity{}, &engines.Error{Op: "ask who it is", Object: c.object(), Err: err, Next: "see that the commands are there and that status answers, then verify again"}
	}
	id := engines.Identity{Engine: Name, Major: 1, Host: c.name, Login: "commands", Writable: true, Extra: map[string]string{}}
	for _, path := range c.cmds.all {
		sum, err := sumOf(path)
		if err != nil {
			return fail(err)
		}
		if id.System != "" {
			id.System += ", "
		}
		id.System += path + " sha256:" + sum
		if id.Version == "" {
			id.Version = sum[:12]
		}
	}
	st, err := c.status(ctx)
	if err != nil {
		return fail(err)
	}
	id.Lab = engines.Clean(st.Lab)
	return id, nil
}

// Close has nothing to end: no command outlives its call.
func (c *Conn) Close() error { return nil }
