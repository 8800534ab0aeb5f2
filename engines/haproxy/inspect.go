package haproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// Inspect asks whether the router can be switched and what the switch would miss.
func (r *Reader) Inspect(ctx context.Context, in engines.Scope) []engines.Finding {
	n, nerr := namesOf(r.c.params)
	var states []table
	serr := nerr
	if nerr == nil {
		states, serr = r.tables(ctx, "show servers state "+n.backend)
	}
	infos, ierr := r.all(ctx, "show info")
	levels, lerr := r.levels(ctx)
	out := []engines.Finding{
		levelFinding(levels, lerr), processFinding(infos, ierr), r.openSocket(),
		servesFinding(states, serr, n, in), addressFinding(ctx, states, serr, n, in), r.canaryFinding(ctx, n, nerr, in),
		r.fileFinding(n, nerr, states, serr), r.workersFinding(ctx),
	}
	for i := range out {
		out[i].ID, out[i].Target = "G15", in.On
	}
	return out
}

// levels asks what each session may do.
func (r *Reader) levels(ctx context.Context) ([]string, error) {
	id, err := r.Identify(ctx)
	if err != nil {
		return nil, err
	}
	return strings.Split(id.Login, ", "), nil
}

func blind(f engines.Finding, err error) engines.Finding {
	f.Level, f.Is = engines.Blind, "unknown: "+err.Error()
	f.Next = "check the target's parameters, and that HAProxy runs and answers on its runtime socket"
	return f
}

func levelFinding(levels []string, err error) engines.Finding {
	f := engines.Finding{Title: "we may change the state of servers", Want: "level admin",
		Cause: "a socket of another level shows everything and switches nothing"}
	if err != nil {
		return blind(f, err)
	}
	f.Level, f.Is = engines.Pass, strings.Join(slices.Compact(levels), ", ")
	if f.Is != "admin" {
		f.Level, f.Next = engines.Block, "write level admin behind stats socket in the global section and reload"
	}
	return f
}

// processFinding: before 2.5 several processes could share one port, and a socket
// belongs to one of them.
func processFinding(infos []string, err error) engines.Finding {
	f := engines.Finding{Title: "one process behind each socket", Want: "Nbproc 1",
		Cause: "with nbproc above 1 a command reaches one process; clients of the others stay where they are"}
	if err != nil {
		return blind(f, err)
	}
	f.Level, f.Is = engines.Pass, "1"
	for _, text := range infos {
		for _, l := range strings.Split(text, "\n") {
			if n, ok := strings.CutPrefix(l, "Nbproc: "); ok && n != "1" {
				f.Level, f.Is, f.Next = engines.Block, engines.Clean(n), "use nbthread instead of nbproc, or list the socket of every process in the target's connection string"
			}
		}
	}
	return f
}

func (r *Reader) openSocket() engines.Finding {
	f := engines.Finding{Title: "the runtime socket is not open to the network", Want: "a unix socket or a loopback address", Level: engines.Pass,
		Cause: "HAProxy asks for no password there: whoever reaches it moves the traffic"}
	var far []string
	for _, p := range r.c.at {
		host, _, _ := net.SplitHostPort(p.addr)
		ip := net.ParseIP(host)
		if p.network == "tcp" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			far = append(far, p.addr)
		}
	}
	f.Is = "yes"
	if len(far) > 0 {
		f.Level, f.Is, f.Next = engines.Caution, strings.Join(far, ", "), "reach it through an SSH tunnel, or let a firewall admit this machine alone"
	}
	return f
}

func servesFinding(states []table, err error, n names, in engines.Scope) engines.Finding {
	f := engines.Finding{Title: "clients get the side with the writes, and no other server", Want: string(in.From),
		Cause: "a server that takes clients beside it is not taken out by the switch, or has them already"}
	if err != nil {
		return blind(f, err)
	}
	is, err := word(states, func(t table) (string, error) { return t.side(n) })
	if err != nil {
		return blind(f, err)
	}
	f.Level, f.Is = engines.Pass, is
	if is != string(in.From) {
		f.Level, f.Next = engines.Block, fmt.Sprintf("look at show servers state %s on every process: %s ready, all others in maintenance", n.backend, n.server[in.From])
	}
	return f
}

// addressFinding holds the servers of the backend against the databases bound here.
func addressFinding(ctx context.Context, states []table, err error, n names, in engines.Scope) engines.Finding {
	f := engines.Finding{Title: "both servers of the backend are the databases of this cutover",
		Cause: "names in a configuration say nothing: the switch would lead to another database"}
	if err != nil {
		return blind(f, err)
	}
	var wants, is []string
	differ := false
	for _, side := range []engines.TargetID{"blue", "green"} {
		got, err := word(states, func(t table) (string, error) { return t.address(n.server[side]) })
		if err != nil {
			return blind(f, err)
		}
		want, err := wanted(ctx, in, side)
		if err != nil {
			return blind(f, fmt.Errorf("address of %s: %w", side, err))
		}
		wants, is = append(wants, string(side)+" "+want), append(is, string(side)+" "+got)
		differ = differ || want != got
	}
	f.Level, f.Want, f.Is = engines.Pass, strings.Join(wants, ", "), strings.Join(is, ", ")
	if differ {
		f.Level, f.Next = engines.Block, "correct the servers in HAProxy's configuration, or set router_blue_host, router_blue_port and those of green to the addresses by which it knows them"
	}
	return f
}

// wanted is where a side is: by the router's own name for it, or by the database's
// own word.
func wanted(ctx context.Context, in engines.Scope, side engines.TargetID) (string, error) {
	host, port := in.Params["router_"+string(side)+"_host"], in.Params["router_"+string(side)+"_port"]
	if host != "" && port != "" {
		return net.JoinHostPort(host, port), nil
	}
	peer := in.Peer[side]
	if peer == nil {
		return "", errors.New("nobody to ask")
	}
	id, err := peer.Identify(ctx)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(id.Host, strconv.Itoa(id.Port)), nil
}

func (r *Reader) canaryFinding(ctx context.Context, n names, nerr error, in engines.Scope) engines.Finding {
	f := engines.Finding{Title: "a client that connects now gets the side with the writes", Want: n.server[in.From],
		Cause: "the proof of the switch is a connection of our own through the frontend; it must work before"}
	if nerr != nil {
		return blind(f, nerr)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	res, err := r.c.command(ctx, askCanary(n.frontend))
	if err != nil {
		return blind(f, err)
	}
	f.Is, _ = res.First()
	f.Level = engines.Pass
	if f.Is != f.Want {
		f.Level, f.Next = engines.Block, "name in frontend where the applications connect, one address for each socket, as HAProxy sees it without a relay in between"
	}
	return f
}

// fileFinding says what a restart would do: the runtime state is gone with the
// process, and the file counts.
func (r *Reader) fileFinding(n names, nerr error, states []table, serr error) engines.Finding {
	f := engines.Finding{Title: "a reload or restart leads where traffic leads now", Want: "the file says the same as the processes",
		Cause: "what the runtime socket was told is gone with the process: it starts by its file, on whichever side that names"}
	file := r.c.params["file"]
	switch {
	case nerr != nil:
		return blind(f, nerr)
	case serr != nil:
		return blind(f, serr)
	case file == "":
		f.Level, f.Is, f.Next = engines.Caution, "the target names no file", "set the parameter file, or change the configuration by hand right after the switch"
		return f
	}
	text, err := os.ReadFile(file)
	if err != nil {
		f.Level, f.Is, f.Next = engines.Block, engines.Clean(err.Error()), "run turquoise where the file is, as somebody who may write it and its folder, or leave file out"
		return f
	}
	lines := strings.Split(string(text), "\n")
	var says, runs []string
	for _, s := range n.both() {
		at, err := serverLine(lines, n.backend, s)
		if err != nil {
			f.Level, f.Is, f.Next = engines.Block, err.Error(), "name the right file, backend and servers in the target's params"
			return f
		}
		state, err := word(states, func(t table) (string, error) {
			row, err := t.server(s)
			if err != nil {
				return "", err
			}
			return t.state(row)
		})
		if err != nil {
			return blind(f, err)
		}
		out := slices.Contains(strings.Fields(plain(lines[at])), "disabled")
		says, runs = append(says, fmt.Sprintf("%s disabled: %t", s, out)), append(runs, fmt.Sprintf("%s disabled: %t", s, state == "maint"))
	}
	f.Level, f.Is = engines.Pass, strings.Join(says, ", ")
	if !slices.Equal(says, runs) {
		f.Level, f.Is, f.Next = engines.Block, "file: "+f.Is+"; running: "+strings.Join(runs, ", "), "make the file and the processes say the same before the night"
		return f
	}
	if strings.Contains(string(text), "load-server-state-from-file") {
		f.Level, f.Is = engines.Caution, "the file has load-server-state-from-file"
		f.Next = "a dump older than the switch overrides the file: write the state file anew after it, with show servers state"
	}
	return f
}

func (r *Reader) workersFinding(ctx context.Context) engines.Finding {
	f := engines.Finding{Title: "no worker of an earlier reload still has clients", Want: "0",
		Cause: "an old worker keeps its connections until they end; nothing told to the runtime socket reaches them"}
	n, err := oldWorkers(ctx, r.c.params["master"])
	switch {
	case errors.Is(err, errNoMaster):
		f.Level, f.Is = engines.Info, err.Error()
		return f
	case err != nil:
		return blind(f, err)
	}
	f.Level, f.Is = engines.Pass, strconv.Itoa(int(n))
	if n > 0 {
		f.Level, f.Next = engines.Block, "end the old workers, or set hard-stop-after so that they end by themselves, before the night"
	}
	return f
}
