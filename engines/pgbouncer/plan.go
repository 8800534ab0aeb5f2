package pgbouncer

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// linesVar holds the entries of [databases] as they stood when captured.
const linesVar = "router_lines"

const (
	// pauseLimit: in transaction pooling PAUSE waits for the longest transaction
	// in flight, some 20 to 60 ms; a longer wait means an open transaction, and
	// meanwhile every client hangs.
	pauseLimit = 2 * time.Second
	proofEvery = 5 * time.Millisecond
	proofLimit = 2 * time.Second
)

// Planner plans hold, switch and release. It holds nothing.
type Planner struct{}

var _ engines.Planner = Planner{}

// Supports reports the kinds of a router.
func (Planner) Supports(kind, stage string) bool {
	return stage == "" && (kind == "capture" || kind == "freeze" || kind == "route" || kind == "open")
}

// GaugeNames lists what the reader gives.
func (Planner) GaugeNames() []string {
	return []string{"paused_count", "query_wait_seconds", "waiting_clients_count", "max_wait_seconds",
		"server_connections_count", "client_connections_count"}
}

// Plan turns a request into actions.
func (p Planner) Plan(r engines.Request) (engines.Parts, error) {
	if !p.Supports(r.Kind, r.Stage) {
		return engines.Parts{}, fail(r, errors.New("no such kind on PgBouncer"), "correct kind and stage in the runbook")
	}
	file := r.Params["file"]
	if file == "" || strings.ContainsAny(file, "\r\n") {
		return engines.Parts{}, fail(r, errors.New("the target names no file"), "set the parameter file of the target to the pooler's ini file")
	}
	if r.Kind == "capture" {
		return planCapture(r, file), nil
	}
	m, err := movesOf(r)
	if err != nil {
		return engines.Parts{}, err
	}
	switch r.Kind {
	case "freeze":
		return planFreeze(r, m), nil
	case "route":
		return planRoute(r, file, m), nil
	}
	return planOpen(r, m), nil
}

func fail(r engines.Request, err error, next string) error {
	return &engines.Error{Op: "plan " + r.Kind, Object: string(r.On), Err: err, Next: next}
}

// move is one entry with both of its lines.
type move struct{ name, from, to string }

// place is where an entry leads.
type place struct{ host, port string }

func placeOf(r engines.Request, side engines.TargetID) (place, error) {
	// The pooler may know a side by another name than we do; router_<side>_host
	// and router_<side>_port say so.
	p := place{
		r.Param("router_"+string(side)+"_host", r.Params[string(side)+"_host"]),
		r.Param("router_"+string(side)+"_port", r.Params[string(side)+"_port"]),
	}
	if p.host == "" || p.port == "" || strings.ContainsAny(p.host+p.port, " \t\r\n'\"") {
		return p, fail(r, fmt.Errorf("address of %s is not known", side), "bind the servers first, so that host and port of both sides are known")
	}
	return p, nil
}

// movesOf finds the entries that lead where the applications' database leads:
// aliases and the fallback must move with it, or they would write to the old
// side. The same entries move on the way back, so the capture serves both ways.
func movesOf(r engines.Request) ([]move, error) {
	from, err := placeOf(r, r.From)
	if err != nil {
		return nil, err
	}
	to, err := placeOf(r, r.To)
	if err != nil {
		return nil, err
	}
	text, ok := r.Vars[linesVar]
	if !ok {
		return nil, fail(r, errors.New("the pooler's entries were not read"), "run the capture step first")
	}
	lines, err := decodeLines(text)
	if err != nil {
		return nil, fail(r, fmt.Errorf("captured entries: %w", err), "run the capture step again")
	}
	entries, main, err := entriesOf(r, lines)
	if err != nil {
		return nil, err
	}
	if at := (place{main.host, main.port}); at != from && at != to {
		return nil, fail(r, fmt.Errorf("entry %s leads to %s:%s, neither to %s nor to %s", main.name, main.host, main.port, r.From, r.To),
			"set router_"+string(r.From)+"_host and _port to the name under which the pooler knows the side")
	}
	var ms []move
	for _, e := range entries {
		if strings.Contains(e.host, ",") {
			return nil, fail(r, fmt.Errorf("entry %s has several hosts", e.name), "give the entry one host")
		}
		if e.host != main.host || e.port != main.port {
			continue
		}
		if e.name != "*" && !plainName(e.name) {
			return nil, fail(r, fmt.Errorf("entry name %q is not letters, digits and underscores", e.name), "rename the entry")
		}
		here, err := pointAt(e.line, from.host, from.port)
		there, terr := pointAt(e.line, to.host, to.port)
		if err := errors.Join(err, terr); err != nil {
			return nil, fail(r, fmt.Errorf("entry %s: %w", e.name, err), "mend the entry in the pooler's file")
		}
		ms = append(ms, move{e.name, here, there})
	}
	return ms, nil
}

func plainName(s string) bool { return regexp.MustCompile(`^[A-Za-z0-9_]+$`).MatchString(s) }

// entriesOf reads the captured lines and finds the applications' entry.
func entriesOf(r engines.Request, lines []string) (all []entry, main entry, err error) {
	db := r.Param("router_database", "app")
	seen := map[string]bool{}
	for _, l := range lines {
		e, ok, err := parseEntry(l)
		if err != nil || !ok || strings.ContainsAny(l, "\r\n") {
			return nil, main, fail(r, fmt.Errorf("captured line %q is not an entry", l), "run the capture step again")
		}
		if seen[e.name] {
			return nil, main, fail(r, fmt.Errorf("entry %s stands there twice", e.name), "remove one of the two from the pooler's file")
		}
		seen[e.name] = true
		all = append(all, e)
		if e.name == db {
			main = e
		}
	}
	if main.name == "" {
		return nil, main, fail(r, fmt.Errorf("no entry %s in [databases]", db), "set router_database to the name the applications connect to")
	}
	return all, main, nil
}

func planCapture(r engines.Request, file string) engines.Parts {
	return engines.Parts{UndoNone: "reads only", Actions: []engines.Action{{
		Target: r.On, Verb: engines.File, Title: "read the pooler's entries",
		Text:     instruction{verb: "read", path: file}.String(),
		Captures: []engines.Capture{{Var: linesVar, Column: 0}},
	}}}
}

func shown(r engines.Request, name, title, want string, columns ...string) *engines.Proof {
	return &engines.Proof{Target: r.On, Verb: engines.SQL, Title: title,
		Text: keep("SHOW DATABASES", "name", name, columns...), Want: want, Every: proofEvery, Limit: proofLimit}
}

// resume lets the clients of one entry go on.
func resume(r engines.Request, name string) engines.Action {
	return engines.Action{Target: r.On, Verb: engines.SQL, Title: "let the clients of " + name + " go on",
		Text: `RESUME "` + name + `"`, Proof: shown(r, name, name+" is not paused", "0", "paused")}
}

func planFreeze(r engines.Request, ms []move) engines.Parts {
	var p engines.Parts
	for _, m := range ms {
		if m.name == "*" { // has no pool of its own; its clients meet the database's lock
			continue
		}
		a := engines.Action{Target: r.On, Verb: engines.SQL, Title: "make the clients of " + m.name + " wait",
			Text: once(`PAUSE "`+m.name+`"`, m.name), Session: "hold", Limit: calmLimit + pauseLimit,
			Proof: shown(r, m.name, m.name+" is paused and without server connections", "1 / 0", "paused", "current_connections")}
		if len(p.Actions) == 0 {
			a.Starts = engines.FreezeBegins
		}
		p.Actions = append(p.Actions, a)
		back := resume(r, m.name)
		back.Undoes = len(p.Actions)
		undo := back
		if len(p.Abort) == 0 {
			back.Starts = engines.WritesOpen
		}
		p.Abort = append(p.Abort, back)
		p.Undo = append(p.Undo, undo)
	}
	return p
}

func planOpen(r engines.Request, ms []move) engines.Parts {
	p := engines.Parts{UndoNone: "clients write on " + string(r.To) + " from here on; only the way back takes them back"}
	for _, m := range ms {
		if m.name == "*" {
			continue
		}
		a := resume(r, m.name)
		if len(p.Actions) == 0 {
			a.Starts = engines.OpensGreen
		}
		p.Actions = append(p.Actions, a)
	}
	return p
}

func planRoute(r engines.Request, file string, ms []move) engines.Parts {
	to := append(turn(r, file, ms, r.To), forget(r, ms)...)
	back := make([]move, len(ms))
	for i, m := range ms {
		back[i] = move{m.name, m.to, m.from}
	}
	undo := turn(r, file, back, r.From)
	for i := range undo {
		undo[i].Undoes = 1
	}
	return engines.Parts{Actions: to, Undo: undo, Abort: undo}
}

// turn is the edit, and a RELOAD whose answer proves nothing: it says yes even
// when the file cannot be read. What SHOW DATABASES says then is the proof, and
// that the clients still wait, for a restarted pooler would have let them go.
func turn(r engines.Request, file string, ms []move, side engines.TargetID) []engines.Action {
	edit := instruction{verb: "edit", path: file}
	show := instruction{verb: "show", path: file}
	var want []string
	for _, m := range ms {
		edit.old, edit.new = append(edit.old, m.from), append(edit.new, m.to)
		show.names, want = append(show.names, m.name), append(want, m.to)
	}
	as := []engines.Action{{Target: r.On, Verb: engines.File, Title: "point the pooler's file at " + string(side), Text: edit.String(),
		Proof: &engines.Proof{Target: r.On, Verb: engines.File, Title: "the file names " + string(side), Text: show.String(), Want: strings.Join(want, " / ")}}}
	for _, m := range ms {
		if m.name == "*" {
			continue
		}
		e, _, _ := parseEntry(m.to) // made by pointAt, which read it
		// One RELOAD for each entry: each has its own proof, and a second RELOAD
		// of the same file changes nothing.
		as = append(as, engines.Action{Target: r.On, Verb: engines.SQL, Title: "make the pooler read its file (" + m.name + ")", Text: "RELOAD",
			Proof: shown(r, m.name, m.name+" leads to "+string(side)+", still paused", e.host+" / "+e.port+" / 1", "host", "port", "paused")})
	}
	return as
}
