package haproxy

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// What the capture keeps: where each server of the backend leads, and the lines
// of the configuration file.
const (
	fromAddressVar = "router_blue_address"
	toAddressVar   = "router_green_address"
	linesVar       = "router_lines"
)

const (
	proofEvery = 5 * time.Millisecond
	proofLimit = 2 * time.Second
	// canaryEvery: each canary is a client that leaves before its login, and a
	// database that counts those may lock out the address they come from (MySQL:
	// max_connect_errors, 100).
	canaryEvery = 100 * time.Millisecond
	// cutLimit: a connection is cut at once, and its end is seen when the process
	// comes to it.
	cutLimit = 5 * time.Second
)

// Planner plans switch and release. It holds nothing.
type Planner struct{}

var _ engines.Planner = Planner{}

// Supports reports the kinds of a router.
func (Planner) Supports(kind, stage string) bool {
	switch kind {
	case "capture", "freeze", "route", "open", "persist", "shift":
		return stage == ""
	}
	return false
}

// GaugeNames lists what the reader gives.
func (Planner) GaugeNames() []string {
	return append([]string{"paused_count", "serves_side", "waiting_clients_count", "client_connections_count", "server_connections_count",
		"blue_state", "green_state", "blue_connections_count", "green_connections_count",
		"blue_requests_count", "green_requests_count", "blue_errors_count", "green_errors_count", "errors_count", "old_workers_count"}, releaseGauges()...)
}

// names are what the router calls things.
type names struct {
	backend, frontend string
	server            map[engines.TargetID]string
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9_.:-]+$`)

func namesOf(params map[string]string) (names, error) {
	or := func(key, fallback string) string {
		if v := params[key]; v != "" {
			return v
		}
		return fallback
	}
	n := names{backend: or("backend", "be"), frontend: strings.ReplaceAll(params["frontend"], " ", ""),
		server: map[engines.TargetID]string{"blue": or("blue_server", "blue"), "green": or("green_server", "green")}}
	for _, s := range []string{n.backend, n.server["blue"], n.server["green"]} {
		if !plainName.MatchString(s) {
			return n, fmt.Errorf("%q is no name of a backend or server", s)
		}
	}
	if n.server["blue"] == n.server["green"] {
		return n, fmt.Errorf("blue and green are the same server %s", n.server["blue"])
	}
	if n.frontend == "" {
		return n, errors.New("the target names no frontend")
	}
	for _, f := range strings.Split(n.frontend, ",") {
		if h, p, err := net.SplitHostPort(f); err != nil || h == "" || p == "" || strings.ContainsAny(f, "\r\n\t") {
			return n, fmt.Errorf("frontend %q is not host:port", f)
		}
	}
	return n, nil
}

// Plan turns a request into actions.
func (p Planner) Plan(r engines.Request) (engines.Parts, error) {
	if !p.Supports(r.Kind, r.Stage) {
		return engines.Parts{}, fail(r, errors.New("no such kind on HAProxy"), "correct kind and stage in the runbook")
	}
	n, err := namesOf(r.Params)
	if err != nil {
		return engines.Parts{}, fail(r, err, "set frontend, backend, blue_server and green_server in the target's params as the configuration of HAProxy has them")
	}
	switch r.Kind {
	case "capture":
		return planCapture(r, n), nil
	case "shift":
		return planShift(r, n)
	}
	if err := leads(r, n); err != nil {
		return engines.Parts{}, err
	}
	from, to := n.server[r.From], n.server[r.To]
	if from == "" || to == "" {
		return engines.Parts{}, fail(r, fmt.Errorf("no servers for %s and %s", r.From, r.To), "route between blue and green")
	}
	switch r.Kind {
	case "freeze":
		return planFreeze(r, n, from, to), nil
	case "route":
		return planRoute(r, n, from), nil
	case "open":
		return planOpen(r, n, to), nil
	}
	return planPersist(r, n)
}

func fail(r engines.Request, err error, next string) error {
	return &engines.Error{Op: "plan " + r.Kind, Object: string(r.On), Err: err, Next: next}
}

// leads refuses a backend whose servers are not the databases of the cutover.
func leads(r engines.Request, n names) error {
	for side, v := range map[engines.TargetID]string{"blue": fromAddressVar, "green": toAddressVar} {
		is, ok := r.Vars[v]
		if !ok {
			return fail(r, errors.New("the router's servers were not read"), "run the capture step first")
		}
		host := r.Param("router_"+string(side)+"_host", r.Params[string(side)+"_host"])
		port := r.Param("router_"+string(side)+"_port", r.Params[string(side)+"_port"])
		if host == "" || port == "" {
			return fail(r, fmt.Errorf("address of %s is not known", side), "bind the servers first, so that host and port of both sides are known")
		}
		if want := net.JoinHostPort(host, port); is != want {
			return fail(r, fmt.Errorf("server %s leads to %s, %s is %s", n.server[side], is, side, want),
				fmt.Sprintf("set router_%s_host and router_%s_port to the address by which HAProxy knows %s, or correct its configuration", side, side, side))
		}
	}
	return nil
}

func planCapture(r engines.Request, n names) engines.Parts {
	p := engines.Parts{UndoNone: "reads only"}
	for _, c := range []struct {
		side engines.TargetID
		name string
	}{{"blue", fromAddressVar}, {"green", toAddressVar}} {
		p.Actions = append(p.Actions, engines.Action{Target: r.On, Verb: engines.Sock, Title: "read where " + n.server[c.side] + " leads",
			Text: askAddress(n.backend, n.server[c.side]), Captures: []engines.Capture{{Var: c.name, Column: 0}}})
	}
	if file := r.Params["file"]; file != "" {
		p.Actions = append(p.Actions, engines.Action{Target: r.On, Verb: engines.File, Title: "read the lines of both servers",
			Text: instruction{verb: "read", path: file, backend: n.backend, servers: n.both()}.String(), Captures: []engines.Capture{{Var: linesVar, Column: 0}}})
	}
	return p
}

func (n names) both() []string { return []string{n.server["blue"], n.server["green"]} }

func (n names) state(server, state string) string {
	return "set server " + n.backend + "/" + server + " state " + state
}

// takes proves which servers a new client may get, on every process.
func takes(r engines.Request, n names, want string) *engines.Proof {
	title := "new clients get " + want
	if want == nobody {
		title = "no server takes new clients"
	}
	return &engines.Proof{Target: r.On, Verb: engines.Sock, Title: title, Text: askTakes(n.backend), Want: want, Every: proofEvery, Limit: proofLimit}
}

// canary proves it by a connection of our own through the frontend.
func canary(r engines.Request, n names, want string) *engines.Proof {
	return &engines.Proof{Target: r.On, Verb: engines.Sock, Title: "a client that connects now gets " + want,
		Text: askCanary(n.frontend), Want: want, Every: canaryEvery, Limit: proofLimit}
}

// planFreeze takes the side with the writes out of rotation. Connections that
// stand go on until the database ends them; new clients are closed at once.
func planFreeze(r engines.Request, n names, from, _ string) engines.Parts {
	back := engines.Action{Target: r.On, Verb: engines.Sock, Title: "let clients in to " + from + " again",
		Text: n.state(from, "ready"), Proof: takes(r, n, from), Undoes: 1}
	undo := back
	back.Starts = engines.WritesOpen
	return engines.Parts{
		Actions: []engines.Action{{Target: r.On, Verb: engines.Sock, Title: "let no new client in to " + from,
			Text: n.state(from, "maint"), Proof: takes(r, n, nobody), Starts: engines.FreezeBegins}},
		Undo: []engines.Action{undo}, Abort: []engines.Action{back},
	}
}

// planRoute cuts what is left on the old side: a pool that keeps its connection
// would go on asking there. Nobody is let in yet.
func planRoute(r engines.Request, n names, from string) engines.Parts {
	return engines.Parts{UndoNone: "clients whose connection was cut connect again by themselves", Actions: []engines.Action{{
		Target: r.On, Verb: engines.Sock, Title: "cut the connections to " + from, Text: "shutdown sessions server " + n.backend + "/" + from,
		Proof: &engines.Proof{Target: r.On, Verb: engines.Sock, Title: "no connection to " + from + " is left",
			Text: askConns(n.backend, from), Want: "0", Every: proofEvery, Limit: cutLimit}}}}
}

// planOpen lets clients in to the other side, and looks at traffic.
func planOpen(r engines.Request, n names, to string) engines.Parts {
	return engines.Parts{
		UndoNone: "clients write on " + string(r.To) + " from here on; only the way back takes them back",
		Actions: []engines.Action{{Target: r.On, Verb: engines.Sock, Title: "let clients in to " + to,
			Text: n.state(to, "ready"), Proof: takes(r, n, to), Starts: engines.OpensGreen},
			{Target: r.On, Verb: engines.Sock, Title: "see which server a client gets", Text: askCanary(n.frontend), Proof: canary(r, n, to)}},
	}
}

// planPersist makes the file say what the sockets were told: a reload or restart
// goes by the file alone.
func planPersist(r engines.Request, n names) (engines.Parts, error) {
	file := r.Params["file"]
	if file == "" || strings.ContainsAny(file, "\r\n") {
		return engines.Parts{}, fail(r, errors.New("the target names no file"), "set the parameter file of the target to HAProxy's configuration file, or change it by hand in a manual step")
	}
	if strings.Contains(n.frontend, ",") {
		return engines.Parts{}, fail(r, errors.New("several processes, one file"), "change each machine's configuration file by hand or by your own tool, then skip this step with that reason")
	}
	lines, err := decodeLines(r.Vars[linesVar])
	if err != nil || len(lines) != 2 {
		return engines.Parts{}, fail(r, errors.New("the lines of both servers were not read"), "run the capture step first, with file set")
	}
	there := instruction{verb: "edit", path: file, backend: n.backend}
	back := there
	for i, id := range []engines.TargetID{"blue", "green"} {
		next := switched(lines[i], id != r.To)
		there.lines = append(there.lines, change{old: lines[i], new: next})
		back.lines = append(back.lines, change{old: next, new: lines[i]})
	}
	p := engines.Parts{Actions: []engines.Action{there.action(r, n, r.To)}, Undo: []engines.Action{back.action(r, n, r.From)}}
	p.Undo[0].Undoes = 1
	if program := r.Params["program"]; program != "" {
		p.Actions = append(p.Actions, engines.Action{Target: r.On, Verb: engines.Exec, Title: "check the file", Text: checkText(program, file),
			Proof: &engines.Proof{Target: r.On, Verb: engines.Exec, Title: "HAProxy accepts the file", Text: checkText(program, file), Want: "valid"}})
	}
	return p, nil
}
