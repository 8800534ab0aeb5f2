package varnish

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// What the capture keeps: the VCL that was active when the walk began, which is
// what blue is, and where the link led.
const (
	activeVar = "router_active_vcl"
	linkVar   = "router_link"
	cachedVar = "router_cached_before" // who answered the cached page right before the switch
)

const (
	proofEvery = 10 * time.Millisecond
	proofLimit = 2 * time.Second
	// loadLimit: a VCL is compiled by a C compiler; 0.4 s on an idle machine,
	// several for a large one on a busy machine.
	loadLimit = 60 * time.Second
	// dropLimit: a VCL that is discarded stays in the list until the last request
	// that began on it has ended.
	dropLimit = 30 * time.Second
	dropEvery = 200 * time.Millisecond
)

// Planner plans switch and way back. It holds nothing.
type Planner struct{}

var _ engines.Planner = Planner{}

// Supports reports the kinds of a router that moves requests.
func (Planner) Supports(kind, stage string) bool {
	switch kind {
	case "load":
		return stage == "" || stage == "drop"
	case "capture", "switch", "flush", "persist", "close":
		return stage == ""
	}
	return false
}

// GaugeNames lists what the reader gives.
func (Planner) GaugeNames() []string {
	return []string{"active_side", "paused_count", "blue_sick_count", "green_sick_count", "blue_unprobed_count", "green_unprobed_count",
		"blue_temperature", "green_temperature", "blue_connections_count", "green_connections_count", "blue_requests_count", "green_requests_count",
		"blue_errors_count", "green_errors_count", "blue_failing_rate", "green_failing_rate",
		"client_connections_count", "server_connections_count", "waiting_clients_count", "errors_count"}
}

// site is what the target's parameters say.
type site struct {
	fronts                   []string
	host, probe, cached      string
	header, ban, label, link string
	green                    string // VCL file
	colours                  map[engines.TargetID]string
	requests                 int
}

var (
	plainName  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
	plainPath  = regexp.MustCompile(`^/[A-Za-z0-9_./@%+=-]*$`)
	plainWord  = regexp.MustCompile(`^[A-Za-z0-9_.:-]+$`)
	plainBan   = regexp.MustCompile(`^(obj|req)\.[A-Za-z0-9_.-]+ (==|!=|~|!~) [^\s"'<>\\]+$`)
	defaultBan = "obj.status != 0"
)

func siteOf(params map[string]string) (site, error) {
	or := func(key, fallback string) string {
		if v := params[key]; v != "" {
			return v
		}
		return fallback
	}
	s := site{host: params["host"], probe: or("probe_path", "/"), cached: params["cached_path"], header: or("colour_header", "X-Colour"),
		ban: or("ban", defaultBan), label: params["label"], link: params["link"], green: params["green_vcl"],
		colours: map[engines.TargetID]string{"blue": or("blue_colour", "blue"), "green": or("green_colour", "green")}}
	for _, f := range strings.Split(params["fronts"], ",") {
		f = strings.TrimSpace(f)
		if h, p, err := net.SplitHostPort(f); err != nil || h == "" || p == "" || !plainWord.MatchString(strings.Trim(f, "[]")) && !strings.HasPrefix(f, "[") {
			return s, fmt.Errorf("front %q is not host:port", f)
		}
		s.fronts = append(s.fronts, f)
	}
	n, err := strconv.Atoi(or("requests", "20"))
	if err != nil || n < 1 || n > 1000 {
		return s, errors.New("requests is not a number from 1 to 1000")
	}
	s.requests = n
	for _, c := range []struct {
		what, is string
		form     *regexp.Regexp
		may      bool
	}{
		{"probe_path", s.probe, plainPath, false}, {"cached_path", s.cached, plainPath, true}, {"colour_header", s.header, plainWord, false},
		{"ban", s.ban, plainBan, false}, {"label", s.label, plainName, true}, {"host", s.host, plainWord, true}, {"link", s.link, plainPath, true},
		{"blue_colour", s.colours["blue"], plainWord, false}, {"green_colour", s.colours["green"], plainWord, false},
		{"green_vcl", s.green, plainPath, false},
	} {
		if c.is == "" && c.may {
			continue
		}
		if !c.form.MatchString(c.is) {
			return s, fmt.Errorf("%s %q has a form that cannot be used", c.what, c.is)
		}
	}
	if s.colours["blue"] == s.colours["green"] {
		return s, errors.New("both halves name themselves alike")
	}
	if !filepath.IsAbs(s.green) || strings.Contains(s.green, "..") {
		return s, fmt.Errorf("green_vcl %q is not an absolute path", s.green)
	}
	return s, nil
}

// Plan turns a request into actions.
func (p Planner) Plan(r engines.Request) (engines.Parts, error) {
	if !p.Supports(r.Kind, r.Stage) {
		return engines.Parts{}, fail(r, errors.New("no such kind on Varnish"), "correct kind and stage in the runbook")
	}
	s, err := siteOf(r.Params)
	if err != nil {
		return engines.Parts{}, fail(r, err, "correct the parameters of the target; the documentation of the engine lists them")
	}
	if r.Kind == "capture" {
		return planCapture(r, s), nil
	}
	v, err := vclsOf(r.Run, r.Vars, s)
	if err != nil {
		return engines.Parts{}, fail(r, err, "run the capture step first; in label mode name the label in the target's params")
	}
	from, to := v[r.From], v[r.To]
	if from == "" || to == "" || from == to {
		return engines.Parts{}, fail(r, fmt.Errorf("no VCLs for %s and %s", r.From, r.To), "switch between blue and green")
	}
	switch r.Kind + "/" + r.Stage {
	case "load/":
		return planLoad(r, s, v), nil
	case "load/drop":
		p := planDrop(r, v["green"], "load it again from "+s.green)
		p.Actions = append([]engines.Action{cool(r, v["blue"])}, p.Actions...)
		return p, nil
	case "close/":
		return planDrop(r, from, "the old half's VCL is gone; load it from its file to go back"), nil
	case "switch/":
		return planSwitch(r, s, from, to), nil
	case "flush/":
		return planFlush(r, s), nil
	}
	return planPersist(r, s)
}

func fail(r engines.Request, err error, next string) error {
	return &engines.Error{Op: "plan " + r.Kind, Object: string(r.On), Err: err, Next: next}
}

// vclsOf names the VCL of each side: blue is the one that was active when the
// walk began, whatever its name, and green the one this run loads.
func vclsOf(run string, vars map[string]string, s site) (map[engines.TargetID]string, error) {
	is, ok := vars[activeVar]
	if !ok {
		return nil, errors.New("the active VCL was not read")
	}
	blue, label, found := strings.Cut(is, " by label ")
	if found != (s.label != "") || label != s.label {
		return nil, fmt.Errorf("%s is active, and the label of the target is %q", is, s.label)
	}
	green := "green_" + strings.ReplaceAll(run, "-", "_")
	if !plainName.MatchString(blue) || !plainName.MatchString(green) {
		return nil, fmt.Errorf("%q or %q is no plain name of a VCL; is the same one active on every Varnish?", blue, green)
	}
	return map[engines.TargetID]string{"blue": blue, "green": green}, nil
}

func action(r engines.Request, title, text string) engines.Action {
	return engines.Action{Target: r.On, Verb: engines.VCL, Title: title, Text: text}
}

func proof(r engines.Request, title, text, want string) *engines.Proof {
	return &engines.Proof{Target: r.On, Verb: engines.VCL, Title: title, Text: text, Want: want, Every: proofEvery, Limit: proofLimit}
}

func planCapture(r engines.Request, s site) engines.Parts {
	a := action(r, "read which VCL is active", askActive())
	a.Captures = []engines.Capture{{Var: activeVar, Column: 0}}
	p := engines.Parts{Actions: []engines.Action{a}, UndoNone: "reads only"}
	if s.link != "" {
		p.Actions = append(p.Actions, engines.Action{Target: r.On, Verb: engines.File, Title: "read where the start-up link leads",
			Text: readLink(s.link), Captures: []engines.Capture{{Var: linkVar, Column: 0}}})
	}
	return p
}

// planLoad loads green's VCL and keeps both warm for the whole run: a VCL that
// cooled down has forgotten the health of its backends, and Varnish refuses to use
// a cold one, on the way back as well.
func planLoad(r engines.Request, s site, v map[engines.TargetID]string) engines.Parts {
	green, blue := v["green"], v["blue"]
	load := action(r, "load the VCL of green as "+green, "vcl.load "+green+" "+s.green+" auto")
	load.Limit, load.Proof = loadLimit, proof(r, green+" is loaded", askLoaded(green), present)
	warm := func(name string) engines.Action {
		a := action(r, "keep "+name+" warm", "vcl.state "+name+" warm")
		a.Proof = proof(r, name+" is kept warm", askState(name), "warm warm")
		return a
	}
	p := engines.Parts{Actions: []engines.Action{load, warm(green), warm(blue)}}
	back := cool(r, blue)
	back.Undoes = 3
	p.Undo = append([]engines.Action{back}, drop(r, green, 1)...)
	return p
}

// cool leaves a VCL to Varnish's own judgement again.
func cool(r engines.Request, name string) engines.Action {
	a := action(r, "let "+name+" cool", "vcl.state "+name+" auto")
	a.Proof = proof(r, name+" may cool", askState(name), "auto warm")
	return a
}

// drop takes a VCL out of memory; Varnish refuses for the active one. It need not
// be let cool before: a proof of that would not hold any more once it is gone.
func drop(r engines.Request, name string, undoes int) []engines.Action {
	gone := action(r, "discard "+name, "vcl.discard "+name)
	gone.Proof, gone.Undoes = proof(r, name+" is gone", askLoaded(name), absent), undoes
	gone.Proof.Every, gone.Proof.Limit = dropEvery, dropLimit
	return []engines.Action{gone}
}

func planDrop(r engines.Request, name, why string) engines.Parts {
	return engines.Parts{Actions: drop(r, name, 0), UndoNone: why}
}

// use makes a VCL the one that new requests get.
func use(r engines.Request, s site, name string) engines.Action {
	text, want := "vcl.use "+name, name
	if s.label != "" {
		text, want = "vcl.label "+s.label+" "+name, name+" by label "+s.label
	}
	a := action(r, "send new requests to "+name, text)
	a.Proof = proof(r, name+" is active on every Varnish", askActive(), want)
	return a
}

func ban(r engines.Request, expr, why string) engines.Action {
	a := action(r, why, "ban "+expr)
	a.Proof = proof(r, "the ban is in the list of every Varnish", askBan(), expr)
	return a
}

// planSwitch asks health once more on the management connections, moves the
// requests, looks at traffic that no cache can have answered, and bans the rest.
func planSwitch(r engines.Request, s site, from, to string) engines.Parts {
	var p engines.Parts
	add := func(a engines.Action) int {
		p.Actions = append(p.Actions, a)
		return len(p.Actions)
	}
	healthy := action(r, "ask the health of "+to, askFailing(to))
	healthy.Proof = &engines.Proof{Target: r.On, Verb: engines.VCL, Title: "all backends of " + to + " answer their probes", Text: askFailing(to), Want: none}
	add(healthy)
	if s.cached != "" { // so that an object of the old half is in the cache for certain
		before := action(r, "see who answers "+s.cached+" from the cache", s.askCached())
		before.Captures = []engines.Capture{{Var: cachedVar, Column: 0}}
		add(before)
	}
	turn := use(r, s, to)
	turn.Starts = engines.OpensGreen
	moved := add(turn)
	want := fmt.Sprintf("%d %s", s.requests, s.colours[r.To])
	see := action(r, "see who answers new requests", s.askProbe())
	see.Proof = proof(r, "the application of "+string(r.To)+" answers all of them", s.askProbe(), want)
	add(see)
	add(ban(r, s.ban, "ban what the cache holds of "+string(r.From)))
	if s.cached != "" {
		page := action(r, "see who answers "+s.cached+" now", s.askCached())
		page.Proof = proof(r, "no object of "+string(r.From)+" is served", s.askCached(), want)
		add(page)
	}
	back, clear := use(r, s, from), ban(r, s.ban, "ban what the cache holds of "+string(r.To))
	back.Undoes, clear.Undoes = moved, moved
	p.Undo = []engines.Action{back, clear}
	return p
}

// planFlush bans what requests of the old half put into the cache after the
// switch: an object that was fetched slowly is newer than the ban before it.
func planFlush(r engines.Request, s site) engines.Parts {
	expr := "obj.http." + s.header + " == " + s.colours[r.From]
	p := engines.Parts{Actions: []engines.Action{ban(r, expr, "ban what late requests of "+string(r.From)+" left in the cache")},
		UndoNone: "the cache fills again by itself"}
	if s.cached != "" {
		page := action(r, "see who answers "+s.cached, s.askCached())
		page.Proof = proof(r, "no object of "+string(r.From)+" is served", s.askCached(), fmt.Sprintf("%d %s", s.requests, s.colours[r.To]))
		p.Actions = append(p.Actions, page)
	}
	return p
}

// planPersist makes a restart of varnishd start with the half that serves.
func planPersist(r engines.Request, s site) (engines.Parts, error) {
	was, ok := r.Vars[linkVar]
	if s.link == "" || !ok || !plainPath.MatchString(was) {
		return engines.Parts{}, fail(r, errors.New("no start-up link is known"),
			"set the parameter link to the symbolic link that varnishd starts from (-f), and run the capture step; or change the start-up file by hand and skip this step")
	}
	if len(s.fronts) > 1 && r.Params["link_shared"] != "true" {
		return engines.Parts{}, fail(r, errors.New("several Varnishes, one link"),
			"where all start from this one link set link_shared: true; else change each machine's start-up file by your own tool and skip this step")
	}
	to, back := s.green, was
	if r.To == "blue" {
		to, back = was, s.green
	}
	turn := func(title, to string, undoes int) engines.Action {
		return engines.Action{Target: r.On, Verb: engines.File, Title: title, Text: setLink(s.link, to), Undoes: undoes,
			Proof: &engines.Proof{Target: r.On, Verb: engines.File, Title: "the link leads there", Text: readLink(s.link), Want: to}}
	}
	return engines.Parts{Actions: []engines.Action{turn("make varnishd start with "+string(r.To), to, 0)},
		Undo: []engines.Action{turn("make varnishd start with "+string(r.From), back, 1)}}, nil
}
