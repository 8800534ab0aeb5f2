package route53

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// What the capture keeps, and the id of the change for the question that follows it.
const (
	setsVar   = "router_record"
	changeVar = "router_change"
)

const (
	// syncEvery: an account may make five requests in a second, all programs together.
	syncEvery = time.Second
	// syncLimit: a change is usually in sync within a minute.
	syncLimit = 2 * time.Minute
	// resolveLimit: with a TTL of five seconds a resolver that keeps to it has the
	// new answer long before; one that does not is found here.
	resolveLimit = time.Minute
)

// Planner plans the change of a record. It holds nothing.
type Planner struct{}

var _ engines.Planner = Planner{}

// Supports reports the kinds of a router that cannot hold.
func (Planner) Supports(kind, stage string) bool {
	return stage == "" && (kind == "capture" || kind == "route" || kind == "open")
}

// GaugeNames lists what the reader gives.
func (Planner) GaugeNames() []string {
	return []string{"zone_side", "name_servers_side", "resolvers_side", "ttl_seconds", "resolver_ttl_seconds"}
}

// names are what the target's parameters say.
type names struct {
	record, kind       string
	value, id          map[engines.TargetID]string
	authority, clients []string // name servers, resolvers
	maxTTL             int64
}

func namesOf(params map[string]string) (names, error) {
	n := names{record: strings.ToLower(params["record"]), kind: params["type"],
		value: map[engines.TargetID]string{"blue": params["blue_value"], "green": params["green_value"]},
		id:    map[engines.TargetID]string{"blue": params["blue_id"], "green": params["green_id"]}, maxTTL: 5}
	if !strings.HasSuffix(n.record, ".") {
		n.record += "."
	}
	if n.kind == "" {
		n.kind = "CNAME"
	}
	if !plainName.MatchString(n.record) || n.kind != "CNAME" && n.kind != "A" {
		return n, fmt.Errorf("record %q of type %q cannot be changed here", engines.Clean(params["record"]), engines.Clean(n.kind))
	}
	for side, v := range n.value {
		if !plainValue.MatchString(v) {
			return n, fmt.Errorf("%s_value %q is no single value of a record", side, engines.Clean(v))
		}
		if id := n.id[side]; id != "" && !plainID.MatchString(id) || (n.id["blue"] == "") != (n.id["green"] == "") {
			return n, errors.New("blue_id and green_id are not two plain set identifiers")
		}
	}
	if answerOf(n.value["blue"], n.kind) == answerOf(n.value["green"], n.kind) || n.id["blue"] != "" && n.id["blue"] == n.id["green"] {
		return n, errors.New("both sides are the same")
	}
	var err error
	if n.authority, err = servers(params["name_servers"]); err != nil || len(n.authority) == 0 {
		return n, errors.Join(errors.New("name_servers: no list of the zone's name servers"), err)
	}
	if n.clients, err = servers(params["resolvers"]); err != nil || len(n.clients) == 0 {
		return n, errors.Join(errors.New("resolvers: no list of the applications' resolvers"), err)
	}
	if t := params["max_ttl"]; t != "" {
		if n.maxTTL, err = strconv.ParseInt(t, 10, 64); err != nil || n.maxTTL < 1 {
			return n, fmt.Errorf("max_ttl %q is no number of seconds", engines.Clean(t))
		}
	}
	return n, nil
}

// answerOf is a value as a DNS server gives it.
func answerOf(value, kind string) string {
	value = strings.ToLower(value)
	if kind == "CNAME" && !strings.HasSuffix(value, ".") {
		value += "."
	}
	return value
}

// side says which half an answer of DNS is.
func (n names) side(value string) string {
	for _, s := range []engines.TargetID{"blue", "green"} {
		if value == answerOf(n.value[s], n.kind) {
			return string(s)
		}
	}
	return value
}

// Plan turns a request into actions.
func (p Planner) Plan(r engines.Request) (engines.Parts, error) {
	if !p.Supports(r.Kind, r.Stage) {
		return engines.Parts{}, fail(r, errors.New("no such kind on Route 53"), "correct kind and stage in the runbook; DNS cannot hold clients")
	}
	n, err := namesOf(r.Params)
	if err != nil {
		return engines.Parts{}, fail(r, err, "correct the parameters of the target; the documentation of the engine lists them")
	}
	if _, ok := n.value[r.To]; !ok || r.From == r.To || n.value[r.From] == "" {
		return engines.Parts{}, fail(r, fmt.Errorf("no record for %s and %s", r.From, r.To), "route between blue and green")
	}
	switch r.Kind {
	case "capture":
		a := action(r, "read the record", listWord+n.record+" "+n.kind)
		a.Captures = []engines.Capture{{Var: setsVar, Column: 0}}
		return engines.Parts{Actions: []engines.Action{a}, UndoNone: "reads only"}, nil
	case "open":
		return planOpen(r, n), nil
	}
	return planRoute(r, n)
}

func fail(r engines.Request, err error, next string) error {
	return &engines.Error{Op: "plan " + r.Kind, Object: string(r.On), Err: err, Next: next}
}

func action(r engines.Request, title, text string) engines.Action {
	return engines.Action{Target: r.On, Verb: engines.AWS, Title: title, Text: text}
}

// pointed is what the record holds for a side: the captured sets with its value,
// or with the weights exchanged. Everything else stays as it was captured.
func (n names) pointed(sets []set, at engines.TargetID) ([]set, error) {
	out := make([]set, len(sets))
	copy(out, sets)
	if n.id["blue"] == "" {
		if len(out) != 1 || out[0].id != "" {
			return nil, fmt.Errorf("the zone holds %d sets with identifiers; name blue_id and green_id", len(out))
		}
		if v := out[0].values; len(v) != 1 || n.side(answerOf(v[0], n.kind)) != "blue" && n.side(answerOf(v[0], n.kind)) != "green" {
			return nil, fmt.Errorf("the record leads to %s, neither to blue nor to green", strings.Join(out[0].values, ","))
		}
		out[0].values = []string{n.value[at]}
		return out, nil
	}
	found := 0
	for i := range out {
		for side, id := range n.id {
			if out[i].id != id {
				continue
			}
			found++
			if len(out[i].values) != 1 || n.side(answerOf(out[i].values[0], n.kind)) != string(side) {
				return nil, fmt.Errorf("set %s leads to %s, not to %s", id, strings.Join(out[i].values, ","), side)
			}
			out[i].weight = 0
			if side == at {
				out[i].weight = 100
			}
		}
	}
	if found != 2 || len(out) != 2 {
		return nil, fmt.Errorf("the zone holds %d sets of that name, wanted blue's and green's", len(out))
	}
	return out, nil
}

// move is the change that leads a record from one side to the other.
func (n names) move(r engines.Request, sets []set, from, to engines.TargetID) (engines.Action, error) {
	was, err := n.pointed(sets, from)
	next, nerr := n.pointed(sets, to)
	if err := errors.Join(err, nerr); err != nil {
		return engines.Action{}, fail(r, err, "make the record what the target's parameters say, then run the capture step again")
	}
	var b strings.Builder
	b.WriteString(changeWord + "turquoise " + r.Run + " to " + string(to))
	for _, s := range was {
		b.WriteString("\nis: " + s.String())
	}
	for _, s := range next {
		b.WriteString("\nupsert: " + s.String())
	}
	a := action(r, "lead "+n.record+" to "+string(to), b.String())
	a.Proof = &engines.Proof{Target: r.On, Verb: engines.AWS, Title: "the zone leads to " + string(to), Text: listWord + n.record + " " + n.kind, Want: join(next)}
	return a, nil
}

func planRoute(r engines.Request, n names) (engines.Parts, error) {
	text, ok := r.Vars[setsVar]
	sets, err := parseSets(text)
	if !ok || err != nil {
		return engines.Parts{}, fail(r, errors.Join(errors.New("the record was not read"), err), "run the capture step first")
	}
	for _, s := range sets {
		if s.ttl > n.maxTTL {
			return engines.Parts{}, fail(r, fmt.Errorf("its TTL is %d s, the longest for the night is %d s", s.ttl, n.maxTTL),
				"lower the TTL, wait for as long as the old one, then run the capture step again")
		}
	}
	to, err := n.move(r, sets, r.From, r.To)
	back, berr := n.move(r, sets, r.To, r.From)
	if err := errors.Join(err, berr); err != nil {
		return engines.Parts{}, err
	}
	to.Captures = []engines.Capture{{Var: changeVar, Column: 0}}
	back.Undoes = 1
	bind := []engines.Bind{{Var: changeVar, Why: "id of the change, from the answer to it"}}
	sync := action(r, "ask whether the service has spread it", syncWord+"$1")
	sync.Binds = bind
	sync.Proof = &engines.Proof{Target: r.On, Verb: engines.AWS, Title: "the change is in sync", Text: syncWord + "$1", Binds: bind, Want: "INSYNC", Every: syncEvery, Limit: syncLimit}
	return engines.Parts{Actions: []engines.Action{to, sync, n.asked(r, n.authority, true, "name servers of the zone")},
		Undo: []engines.Action{back}, Abort: []engines.Action{back}}, nil
}

// asked has every server of a list give the side that gets the writes.
func (n names) asked(r engines.Request, list []string, own bool, who string) engines.Action {
	text := askDNS(n.record, n.kind, list, own)
	a := action(r, "ask the "+who, text)
	a.Proof = &engines.Proof{Target: r.On, Verb: engines.AWS, Title: "all " + who + " answer " + string(r.To), Text: text,
		Want: answerOf(n.value[r.To], n.kind), Every: syncEvery, Limit: resolveLimit}
	return a
}

// planOpen looks through the clients' eyes. What a client has resolved before it
// may keep: sessions on the old side are the database's to count and to end.
func planOpen(r engines.Request, n names) engines.Parts {
	a := n.asked(r, n.clients, false, "resolvers of the applications")
	a.Starts = engines.OpensGreen
	return engines.Parts{Actions: []engines.Action{a}, UndoNone: "clients write on " + string(r.To) + " from here on; only the way back takes them back"}
}
