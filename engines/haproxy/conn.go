package haproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

var (
	errDSN    = errors.New("not a list of runtime sockets")
	errReload = errors.New("this process is going away: a reload has started another one")
)

// Conn is one session with each process of the router, used by one goroutine.
type Conn struct {
	target engines.TargetID
	at     []place
	params map[string]string
	nodes  []*socket
	wire   bool // the last Do went over the sockets
}

var _ engines.Conn = (*Conn)(nil)

// Open connects to every runtime socket. One that does not answer fails it:
// traffic that is moved on some of the processes only goes to both sides.
func Open(o engines.OpenRequest) (*Conn, error) {
	at, err := places(o.DSN)
	if err != nil {
		return nil, &engines.Error{Op: "read the connection string", Object: string(o.Target), Err: err,
			Next: "write unix:/path or tcp://host:port, one for each process, separated by commas; the socket takes no password"}
	}
	c := &Conn{target: o.Target, at: at, params: o.Params}
	if err := c.connect(o.Ctx); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Conn) object() string {
	names := make([]string, len(c.at))
	for i, p := range c.at {
		names[i] = p.String()
	}
	return string(c.target) + " (" + strings.Join(names, ", ") + ")"
}

// connect opens new sessions and only then gives the old ones up. A session that
// is kept open stays with its process after a reload, which no client reaches any
// more: so each question who answers begins with it.
func (c *Conn) connect(ctx context.Context) error {
	fresh, err := engines.Each(c.at, func(_ int, p place) (*socket, error) { return dial(ctx, p) })
	if err != nil {
		for _, s := range fresh {
			if s != nil {
				s.close()
			}
		}
		return &engines.Error{Op: "connect to the runtime socket", Object: c.object(), Err: err,
			Next: "check that HAProxy runs, has a stats socket of level admin there, and that we may open it"}
	}
	_ = c.Close()
	c.nodes = fresh
	return nil
}

// String names the process.
func (s *socket) String() string { return s.at.String() }

// Do sends one command to every process, asks one question, or carries out one
// instruction on the configuration file.
func (c *Conn) Do(ctx context.Context, s engines.Statement) (engines.Result, error) {
	start := time.Now()
	if s.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.Limit)
		defer cancel()
	}
	var res engines.Result
	var err error
	c.wire = s.Verb == engines.Sock
	switch s.Verb {
	case engines.Sock:
		res, err = c.command(ctx, s.Text)
	case engines.File:
		res, err = runFile(s.Text, c.params["file"])
	case engines.Exec:
		res, err = runCheck(ctx, s.Text, c.params)
	default:
		err = engines.Refuse("verb %s is not for HAProxy", s.Verb)
	}
	res.Took = time.Since(start)
	if err != nil {
		return res, &engines.Error{Op: "run an action", Object: c.object(), Err: err}
	}
	return res, nil
}

// command runs a text: the command, and below it what is taken of the answer.
func (c *Conn) command(ctx context.Context, text string) (engines.Result, error) {
	for _, s := range c.nodes {
		s.meter.Reset()
	}
	q, err := parse(text)
	if err != nil {
		return engines.Result{}, engines.Refuse("%w", err)
	}
	var answers []string
	if q.look != "" {
		seen, err := c.look(ctx, q.look)
		if err != nil {
			return engines.Result{}, err
		}
		return engines.One("answer", seen), nil
	}
	if q.canary != nil {
		answers, err = c.canaries(ctx, q.canary)
	} else {
		answers, err = engines.Each(c.nodes, func(_ int, s *socket) (string, error) { return q.of(s.ask(ctx, q.command)) })
	}
	if err != nil {
		return engines.Result{}, err
	}
	if !q.asks {
		return engines.Result{Command: strings.ToUpper(first(q.command))}, nil
	}
	return engines.One("answer", engines.Agreed(c.at, answers)), nil
}

func first(s string) string {
	w, _, _ := strings.Cut(s, " ")
	return w
}

// Classify says what is known after the last Do. A command that some processes
// took and others did not is unclear: its proof names each of them.
func (c *Conn) Classify(err error) engines.Outcome {
	if err == nil {
		return engines.Done
	}
	var ke *engines.KnownError
	if errors.As(err, &ke) {
		return ke.Outcome
	}
	if !c.wire {
		return engines.Unclear
	}
	sent := slices.ContainsFunc(c.nodes, func(s *socket) bool { return s.meter.Sent() > 0 })
	switch {
	case !sent:
		return engines.Unsent
	case refusals(err) == len(c.nodes):
		return engines.Refused
	}
	return engines.Unclear
}

// refusals counts the processes that said no.
func refusals(err error) int {
	if _, ok := err.(*serverError); ok {
		return 1
	}
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		n := 0
		for _, err := range e.Unwrap() {
			n += refusals(err)
		}
		return n
	case interface{ Unwrap() error }:
		if in := e.Unwrap(); in != nil {
			return refusals(in)
		}
	}
	return 0
}

// Identify asks every process who it is, on sessions opened anew: one kept from
// before a reload would go on talking to the process that nobody reaches any more.
func (c *Conn) Identify(ctx context.Context) (engines.Identity, error) {
	fail := func(err error) (engines.Identity, error) {
		return engines.Identity{}, &engines.Error{Op: "ask who it is", Object: c.object(), Err: err,
			Next: "check that every HAProxy process runs and answers on its socket, then verify again"}
	}
	if err := c.connect(ctx); err != nil {
		return engines.Identity{}, err
	}
	infos, err := engines.Each(c.nodes, func(_ int, s *socket) (info, error) { return s.info(ctx) })
	if err != nil {
		return fail(err)
	}
	id := engines.Identity{Engine: Name, Version: infos[0].version, Host: c.at[0].addr, Writable: true,
		Lab: infos[0].lab, Extra: map[string]string{"nodes": strconv.Itoa(len(infos))}}
	if c.at[0].network == "tcp" {
		host, port, err := net.SplitHostPort(c.at[0].addr)
		if err != nil {
			return fail(err)
		}
		id.Host = host
		if id.Port, err = strconv.Atoi(port); err != nil {
			return fail(err)
		}
	}
	major, _, _ := strings.Cut(id.Version, ".")
	if id.Major, err = strconv.Atoi(major); err != nil {
		return fail(fmt.Errorf("version %q is not HAProxy's", id.Version))
	}
	var systems, starts, levels []string
	for i, in := range infos {
		systems, starts = append(systems, in.node+"@"+c.at[i].String()), append(starts, in.started)
		id.Writable = id.Writable && in.level == "admin"
		if !slices.Contains(levels, in.level) {
			levels = append(levels, in.level)
		}
		if in.version != id.Version {
			id.Extra["versions"] = "differ"
		}
		if in.lab != id.Lab {
			id.Lab = ""
		}
	}
	id.Login = strings.Join(levels, ", ")
	id.System, id.Started = strings.Join(systems, ", "), strings.Join(starts, ", ")
	return id, nil
}

// Close ends the sessions.
func (c *Conn) Close() error {
	for _, s := range c.nodes {
		s.close()
	}
	return nil
}

// levelOf reads show cli level, which comes as information in some versions.
func levelOf(answer string) string { return engines.Clean(severity.ReplaceAllString(answer, "")) }

// info is what a process says about itself.
type info struct{ version, node, started, level, lab string }

// labMark stands in the description of a lab's process.
const labMark = "turquoise lab "

func (s *socket) info(ctx context.Context) (info, error) {
	text, err := s.ask(ctx, "show info")
	if err != nil {
		return info{}, err
	}
	kv := map[string]string{}
	for _, l := range strings.Split(text, "\n") {
		k, v, _ := strings.Cut(l, ":")
		kv[strings.ToLower(k)] = engines.Clean(strings.TrimSpace(v))
	}
	if kv["name"] != "HAProxy" || kv["pid"] == "" {
		return info{}, errors.New("what answers is not HAProxy")
	}
	if kv["stopping"] == "1" {
		return info{}, errReload
	}
	in := info{version: kv["version"], node: kv["node"], started: "pid " + kv["pid"]}
	if in.node == "" {
		in.node = "-"
	}
	if t := kv["start_time_sec"]; t != "" { // told from 2.6 on; the pid changes too
		in.started += " since " + t
	}
	if lab, ok := strings.CutPrefix(kv["description"], labMark); ok {
		in.lab = lab
	}
	if in.level, err = s.ask(ctx, "show cli level"); err != nil {
		return info{}, err
	}
	in.level = levelOf(in.level)
	return in, nil
}
