package varnish

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

var errDSN = errors.New("not a list of management addresses")

// Conn is one management connection to each Varnish, used by one goroutine.
type Conn struct {
	target engines.TargetID
	addrs  []string
	params map[string]string
	run    string
	nodes  []*node
	wire   bool // the last Do went over the management connections
}

var _ engines.Conn = (*Conn)(nil)

// Open connects to every Varnish. One that does not answer fails it: a switch on
// some of them only shows both halves to clients.
func Open(o engines.OpenRequest) (*Conn, error) {
	addrs, err := addresses(o.DSN)
	if err != nil {
		return nil, &engines.Error{Op: "read the connection string", Object: string(o.Target), Err: err,
			Next: "write tcp://host:port, one for each Varnish, separated by commas; the secret is read from the file that secret_file names"}
	}
	c := &Conn{target: o.Target, addrs: addrs, params: o.Params, run: o.Run}
	if err := c.connect(o.Ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// addresses reads the connection string. Its error quotes nothing of it.
func addresses(dsn string) ([]string, error) {
	var out []string
	for _, s := range strings.Split(dsn, ",") {
		host, port, err := net.SplitHostPort(strings.TrimPrefix(strings.TrimSpace(s), "tcp://"))
		n, nerr := strconv.Atoi(port)
		if err != nil || nerr != nil || n < 1 || n > 65535 || host == "" || strings.ContainsAny(host, "@/ ") {
			return nil, errDSN
		}
		out = append(out, net.JoinHostPort(host, port))
	}
	return out, nil
}

func (c *Conn) object() string { return string(c.target) + " (" + strings.Join(c.addrs, ", ") + ")" }

func (c *Conn) connect(ctx context.Context) error {
	var secret []byte
	if file := c.params["secret_file"]; file != "" {
		var err error
		if secret, err = os.ReadFile(file); err != nil {
			return &engines.Error{Op: "read the secret of Varnish", Object: file, Err: err,
				Next: "name in secret_file the file that varnishd was started with as -S, readable for us"}
		}
	}
	fresh, err := engines.Each(c.addrs, func(i int, a string) (*node, error) { return dial(ctx, a, secret) })
	if err != nil {
		for _, n := range fresh {
			if n != nil {
				n.close()
			}
		}
		next := "check that varnishd runs and listens there (-T)"
		if errors.Is(err, errSecret) {
			next = "copy the file of varnishd's -S byte by byte: the newline at its end counts"
		}
		return &engines.Error{Op: "connect to the management port", Object: c.object(), Err: err, Next: next}
	}
	_ = c.Close()
	c.nodes = fresh
	return nil
}

// Do sends one command to every Varnish, asks one question, or moves the link.
func (c *Conn) Do(ctx context.Context, s engines.Statement) (engines.Result, error) {
	start := time.Now()
	if s.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.Limit)
		defer cancel()
	}
	var res engines.Result
	var err error
	c.wire = s.Verb == engines.VCL
	switch s.Verb {
	case engines.VCL:
		res, err = c.command(ctx, s.Text)
	case engines.File:
		res, err = runLink(s.Text, c.params["link"])
	default:
		err = engines.Refuse("verb %s is not for Varnish", s.Verb)
	}
	res.Took = time.Since(start)
	if err != nil {
		return res, &engines.Error{Op: "run an action", Object: c.object(), Err: err}
	}
	return res, nil
}

// command runs a text: a command, or a question and what is taken of its answer.
func (c *Conn) command(ctx context.Context, text string) (engines.Result, error) {
	for _, n := range c.nodes {
		n.meter.Reset()
	}
	q, err := parse(text)
	if err != nil {
		return engines.Result{}, engines.Refuse("%w", err)
	}
	answers, err := engines.Each(c.nodes, func(i int, n *node) (string, error) {
		if q.url != "" {
			return c.requests(ctx, q, i)
		}
		return q.of(n.ask(ctx, q.command))
	})
	if err != nil {
		return engines.Result{}, err
	}
	if q.take == "" {
		word, _, _ := strings.Cut(q.command, " ")
		res := engines.Result{Command: strings.ToUpper(word)}
		for i, a := range answers {
			if a = sayings(a); a != "no reason given" && len(answers) == 1 {
				res.Notices = append(res.Notices, a)
			} else if a != "no reason given" {
				res.Notices = append(res.Notices, c.addrs[i]+": "+a)
			}
		}
		return res, nil
	}
	return engines.One("answer", engines.Agreed(c.addrs, answers)), nil
}

// Classify says what is known after the last Do. A command that one Varnish took
// and another did not is unclear: its proof names each of them.
func (c *Conn) Classify(err error) engines.Outcome {
	var ke *engines.KnownError
	switch {
	case err == nil:
		return engines.Done
	case errors.As(err, &ke):
		return ke.Outcome
	case !c.wire:
		return engines.Unclear
	case !slices.ContainsFunc(c.nodes, func(n *node) bool { return n.meter.Sent() > 0 }):
		return engines.Unsent
	case refusals(err) == len(c.nodes):
		return engines.Refused
	}
	return engines.Unclear
}

// refusals counts the nodes that said no.
func refusals(err error) int {
	switch e := err.(type) {
	case *statusError:
		if e.refused() {
			return 1
		}
	case interface{ Unwrap() []error }:
		n := 0
		for _, in := range e.Unwrap() {
			n += refusals(in)
		}
		return n
	case interface{ Unwrap() error }:
		if in := e.Unwrap(); in != nil {
			return refusals(in)
		}
	}
	return 0
}

// labMark begins the name of a VCL that a lab leaves loaded in its own Varnish.
const labMark = "turquoise_lab_"

// Identify asks every Varnish who it is, on these very connections. The start is
// the manager's process: its child may be started anew and keeps what is loaded,
// the manager does not.
//
// HOLE: in a container the manager has the same number after each start. What was
// loaded is gone then, and every proof of the runbook says so.
func (c *Conn) Identify(ctx context.Context) (engines.Identity, error) {
	fail := func(err error) (engines.Identity, error) {
		return engines.Identity{}, &engines.Error{Op: "ask who it is", Object: c.object(), Err: err,
			Next: "check that every varnishd runs and answers on its management port, then verify again"}
	}
	id := engines.Identity{Engine: Name, Writable: true, Login: "secret", Extra: map[string]string{"nodes": strconv.Itoa(len(c.nodes))}}
	whos, err := engines.Each(c.nodes, func(_ int, n *node) (who, error) { return n.who(ctx) })
	if err != nil {
		return fail(err)
	}
	host, port, err := net.SplitHostPort(c.addrs[0])
	if err != nil {
		return fail(err)
	}
	id.Host, id.Version, id.Lab = host, whos[0].version, whos[0].lab
	id.Port, err = strconv.Atoi(port)
	major, _, _ := strings.Cut(id.Version, ".")
	m, merr := strconv.Atoi(major)
	if err = errors.Join(err, merr); err != nil {
		return fail(fmt.Errorf("version %q is not Varnish's", id.Version))
	}
	id.Major = m
	var starts, workers []string
	for i, w := range whos {
		starts, workers = append(starts, "pid "+w.master), append(workers, w.worker)
		if c.nodes[i].open {
			id.Login = "no secret"
		}
		if w.version != id.Version {
			id.Extra["versions"] = "differ"
		}
		if w.lab != id.Lab {
			id.Lab = ""
		}
	}
	id.System, id.Started = "varnish@"+strings.Join(c.addrs, ","), strings.Join(starts, ", ")
	id.Extra["workers"] = strings.Join(workers, ", ")
	return id, nil
}

type who struct{ version, master, worker, lab string }

func (n *node) who(ctx context.Context) (who, error) {
	banner, err := n.ask(ctx, "banner")
	if err != nil {
		return who{}, err
	}
	var w who
	for _, word := range strings.Fields(banner) {
		if v, ok := strings.CutPrefix(word, "varnish-"); ok {
			w.version = engines.Clean(v)
		}
	}
	text, err := n.ask(ctx, "pid -j")
	if err != nil {
		return who{}, err
	}
	var pid struct{ Master, Worker int }
	if err := item(text, 0, &pid); err != nil || pid.Master <= 0 {
		return who{}, errors.Join(errFrame, err)
	}
	w.master, w.worker = strconv.Itoa(pid.Master), strconv.Itoa(pid.Worker)
	vs, err := n.list(ctx)
	if err != nil {
		return who{}, err
	}
	for _, v := range vs {
		if run, ok := strings.CutPrefix(v.Name, labMark); ok {
			w.lab = engines.Clean(run)
		}
	}
	return w, nil
}

// Close ends the connections.
func (c *Conn) Close() error {
	for _, n := range c.nodes {
		n.close()
	}
	return nil
}
