package haproxy

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/enginetest"
)

// version is a version of an application that names itself.
type version struct {
	name string
	sick atomic.Bool
	bad  atomic.Bool // healthy to whoever asks for that alone
	addr string
}

func newVersion(t *testing.T, name string) *version {
	v := &version{name: name}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Colour", name)
		if v.sick.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		} else if v.bad.Load() && r.URL.Path != "/healthz" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(s.Close)
	v.addr = s.Listener.Addr().String()
	return v
}

func (v *version) line(weight int) string {
	return fmt.Sprintf("  server %s %s weight %d check inter 50ms fall 2 rise 1\n", v.name, v.addr, weight)
}

func shiftRequest(from, to engines.TargetID) engines.Request {
	return engines.Request{Kind: "shift", Run: "s00c7", On: "router", From: from, To: to, Change: &engines.SchemaChange{},
		Params: map[string]string{"frontend": "shop-router:8080", "backend": "versions", "probe_path": "/healthz"}}
}

// TestShiftBetweenVersions moves requests up and down on a real HAProxy and asks
// as a client does; what is not healthy gets none.
func TestShiftBetweenVersions(t *testing.T) {
	vs := []*version{newVersion(t, "blue"), newVersion(t, "turquoise"), newVersion(t, "green")}
	front := fmt.Sprintf("127.0.0.1:%d", free(t))
	r := newRouter(t, newHalf(t, "blue"), newHalf(t, "green"), "frontend shop\n  mode http\n  bind "+front+"\n  default_backend versions\nbackend versions\n  mode http\n  option httpchk GET /healthz\n",
		vs[0].line(100), vs[1].line(0), vs[2].line(0))
	params := map[string]string{"frontend": front, "backend": "versions", "probe_path": "/healthz"}
	conn, err := Open(engines.OpenRequest{Ctx: t.Context(), Target: "router", DSN: r.socket, Params: params})
	if err != nil {
		t.Fatal(err)
	}
	read, err := OpenReader(engines.OpenRequest{Ctx: t.Context(), Target: "router", DSN: r.socket, Params: params})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = conn.Close(), read.Close() })
	gauge := func(name string) string {
		for _, g := range read.Gauges(t.Context(), engines.Scope{On: "router", Change: &engines.SchemaChange{}}) {
			if _, n := g.Gauge.Split(); n == name {
				if g.Err != nil {
					return g.Err.Error()
				}
				return g.Text
			}
		}
		return "no such gauge"
	}
	ask := func(text string) string {
		res, err := conn.Do(t.Context(), engines.Statement{Verb: engines.Sock, Text: text})
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		is, _ := res.First()
		return is
	}
	walk := func(from, to engines.TargetID) {
		t.Helper()
		req := shiftRequest(from, to)
		req.Params = params
		p, err := Planner{}.Plan(req)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range p.Actions {
			ask(a.Text)
			until(t, a.Proof.Title, func() bool { return ask(a.Proof.Text) == a.Proof.Want })
		}
		if got := gauge("live_colour"); got != string(to) {
			t.Errorf("%s to %s: the router serves %q", from, to, got)
		}
	}
	for _, v := range vs {
		until(t, v.name+" is healthy", func() bool { return gauge(v.name+"_health") == "up" })
	}
	if got := gauge("live_colour"); got != "blue" {
		t.Fatalf("before: %q", got)
	}
	walk("blue", "turquoise")
	walk("turquoise", "green")
	walk("green", "turquoise")
	answersAreCounted(t, read, vs[1], front)
	ask("set server versions/blue weight 100")
	if got := gauge("live_colour"); got != "mixed" {
		t.Errorf("two versions get requests: %q", got)
	}
	ask("set server versions/blue weight 0")
	vs[0].sick.Store(true)
	until(t, "blue is sick", func() bool { return gauge("blue_health") == "down" })
}

// answersAreCounted: a version that is healthy and fails its clients shows by what
// it answered; one that nobody has asked shows nothing, and no zero.
func answersAreCounted(t *testing.T, read *Reader, serves *version, front string) {
	t.Helper()
	number := func(r *Reader, name string) (float64, error) {
		for _, g := range r.Gauges(t.Context(), engines.Scope{On: "router", Change: &engines.SchemaChange{}}) {
			if _, n := g.Gauge.Split(); n == name {
				return g.Value, g.Err
			}
		}
		t.Fatalf("no gauge %s", name)
		return 0, nil
	}
	if v, err := number(read, "turquoise_failing_rate"); err != nil || v != 0 {
		t.Errorf("a version that answers well: %v %%, %v", v, err)
	}
	if v, err := number(read, "turquoise_response_seconds"); err != nil || v > 1 {
		t.Errorf("its time to answer: %v s, %v", v, err)
	}
	if v, err := number(read, "blue_response_seconds"); !errors.Is(err, errNoAnswer) {
		t.Errorf("a version that nobody asked since it is watched: %v s, %v", v, err)
	}
	serves.bad.Store(true)
	for range 30 {
		res, err := http.Get("http://" + front + "/")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	if v, err := number(read, "turquoise_failing_rate"); err != nil || v < 20 || v > 90 {
		t.Errorf("30 failed answers among 40 others: %v %%, %v", v, err)
	}
	over, err := OpenReader(engines.OpenRequest{Ctx: t.Context(), Target: "router", DSN: "unix:" + read.c.nodes[0].at.addr, Params: map[string]string{"frontend": front}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = over.Close() }()
	if _, err := number(over, "blue_failing_rate"); !errors.Is(err, errNotHTTP) {
		t.Errorf("a backend of connections: %v", err)
	}
}

func TestGoldenShift(t *testing.T) {
	for _, way := range [][2]engines.TargetID{{"blue", "turquoise"}, {"green", "turquoise"}} {
		p, err := Planner{}.Plan(shiftRequest(way[0], way[1]))
		if err != nil {
			t.Fatal(err)
		}
		enginetest.Golden(t, string(way[0])+"-shift-"+string(way[1])+".txt", p)
	}
}

func TestShiftRefusesWhatItCannotShow(t *testing.T) {
	for name, change := range map[string]func(*engines.Request){
		"no schema":   func(r *engines.Request) { r.Change = nil },
		"one version": func(r *engines.Request) { r.From = r.To },
		"a path":      func(r *engines.Request) { r.Params["probe_path"] = "/x y" },
		"a header":    func(r *engines.Request) { r.Params["colour_header"] = "X:\r\nY" },
		"a server":    func(r *engines.Request) { r.Params["blue_server"] = "a b" },
	} {
		r := shiftRequest("blue", "turquoise")
		change(&r)
		if _, err := (Planner{}).Plan(r); err == nil || strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
