package haproxy

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

// TestSwitchThereAndBack walks a window and its way back in front of two servers
// and looks at what clients get at each point.
func TestSwitchThereAndBack(t *testing.T) {
	r := newRouter(t, newHalf(t, "blue"), newHalf(t, "green"))
	w := r.walk()
	w.run(w.plan("capture", "blue", "green").Actions)
	for _, way := range [][2]engines.TargetID{{"blue", "green"}, {"green", "blue"}} {
		from, to := way[0], way[1]
		old := r.client()
		if old.name != string(from) {
			t.Fatalf("before the window a client gets %q", old.name)
		}
		w.run(w.plan("freeze", from, to).Actions)
		if !old.works() {
			t.Error("a connection that stands is cut by the freeze: the database ends it, in its own time")
		}
		if c := r.client(); c.name != "" {
			t.Errorf("frozen, a new client got %q", c.name)
		}
		w.run(w.plan("route", from, to).Actions)
		if !old.cut(t) {
			t.Error("the old connection lives on")
		}
		if c := r.client(); c.name != "" {
			t.Errorf("routed and not open, a new client got %q", c.name)
		}
		w.run(w.plan("open", from, to).Actions)
		if c := r.client(); c.name != string(to) {
			t.Errorf("open, a client got %q, want %s", c.name, to)
		}
	}
}

// TestAbortLetsClientsIn: the abort list and the undo bring the side back that
// had the writes, from each point of the window.
func TestAbortLetsClientsIn(t *testing.T) {
	r := newRouter(t, newHalf(t, "blue"), newHalf(t, "green"))
	w := r.walk()
	w.run(w.plan("capture", "blue", "green").Actions)
	for _, list := range [][]engines.Action{w.plan("freeze", "blue", "green").Abort, w.plan("freeze", "blue", "green").Undo} {
		w.run(w.plan("freeze", "blue", "green").Actions)
		w.run(w.plan("route", "blue", "green").Actions)
		w.run(list)
		if c := r.client(); c.name != "blue" {
			t.Errorf("after the abort a client got %q", c.name)
		}
	}
}

// TestAProofSeesAThirdServer: a switch that leaves clients on a server nobody
// thought of is not proven.
func TestAProofSeesAThirdServer(t *testing.T) {
	r := newRouter(t, newHalf(t, "blue"), newHalf(t, "green"), "  server third 127.0.0.1:2\n")
	w := r.walk()
	w.run(w.plan("capture", "blue", "green").Actions)
	a := w.plan("freeze", "blue", "green").Actions[0]
	if _, err := w.c.Do(t.Context(), engines.Statement{Verb: a.Verb, Text: a.Text}); err != nil {
		t.Fatal(err)
	}
	res, err := w.c.Do(t.Context(), engines.Statement{Verb: a.Proof.Verb, Text: a.Proof.Text})
	if is, _ := res.First(); err != nil || is != "third" {
		t.Errorf("the proof says %q, %v; want third", is, err)
	}
}

// TestTwoProcesses: a command goes to both, and one that is away makes the whole
// of it unclear, with a proof that says so.
func TestTwoProcesses(t *testing.T) {
	blue, green := newHalf(t, "blue"), newHalf(t, "green")
	one, two := newRouter(t, blue, green), newRouter(t, blue, green, "  server third 127.0.0.1:2 disabled\n")
	o := one.request(one.socket + ", unix:" + two.socket)
	o.Params["frontend"] = one.front + "," + two.front
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	w := one.walk()
	w.c, w.par["frontend"] = c, o.Params["frontend"]
	w.run(w.plan("capture", "blue", "green").Actions)
	w.run(w.plan("freeze", "blue", "green").Actions)
	w.run(w.plan("route", "blue", "green").Actions)
	w.run(w.plan("open", "blue", "green").Actions)
	for _, r := range []*router{one, two} {
		if got := r.client(); got.name != "green" {
			t.Errorf("a client of one process got %q", got.name)
		}
	}
	// One of them is changed by somebody else: no answer is the answer of both.
	if _, err := two.conn().Do(t.Context(), sock("set server be/green state maint")); err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(t.Context(), sock("%s", askTakes("be")))
	if is, _ := res.First(); err != nil || is != "unix:"+one.socket+": green; unix:"+two.socket+": nobody" {
		t.Errorf("two processes differ, the answer is %q, %v", is, err)
	}
	// One says no, the other yes.
	_, err = c.Do(t.Context(), sock("set server be/third state maint"))
	if c.Classify(err) != engines.Unclear || !strings.Contains(err.Error(), one.socket+": No such server") {
		t.Errorf("one process refuses: %v, %v; want unclear, and its name", c.Classify(err), err)
	}
	if err := syscall.Kill(-two.cmd.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = two.cmd.Wait()
	_, err = c.Do(t.Context(), sock("set server be/green state maint"))
	if c.Classify(err) != engines.Unclear || !strings.Contains(err.Error(), two.socket) {
		t.Errorf("one process is away: %v, %v; want unclear, and its name", c.Classify(err), err)
	}
	if _, err := Open(o); err == nil {
		t.Error("a router of which one process is away can be opened")
	}
}

// TestAReloadIsAnotherProcess: identities change with the process, a client of
// before stays with the old worker, and what the socket was told is gone, unless
// the file says it.
func TestAReloadIsAnotherProcess(t *testing.T) {
	r := newRouter(t, newHalf(t, "blue"), newHalf(t, "green"))
	w := r.walk()
	reader, err := OpenReader(r.request(r.socket))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	was, err := w.c.Identify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if was.Lab != "test" {
		t.Errorf("lab is %q", was.Lab)
	}
	w.run(w.plan("capture", "blue", "green").Actions)
	for _, kind := range []string{"freeze", "route", "open"} {
		w.run(w.plan(kind, "blue", "green").Actions)
	}
	stays := r.client()
	reload := func() {
		t.Helper()
		if err := r.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
			t.Fatal(err)
		}
		until(t, "another process answers", func() bool {
			is, err := w.c.Identify(t.Context())
			same := err != nil || is.Same(was)
			if !same {
				was = is
			}
			return !same
		})
	}
	reload()
	if c := r.client(); c.name != "blue" {
		t.Errorf("after a reload that nothing was written for a client gets %q; the file says blue", c.name)
	}
	if !stays.works() {
		t.Error("a reload cut a connection")
	}
	until(t, "the old worker is counted", func() bool { return gauge(t, reader, "old_workers_count").Value == 1 })
	if f := reader.workersFinding(t.Context()); f.Level != engines.Block {
		t.Errorf("an old worker with clients: %+v", f)
	}
	// The same again, with the file.
	for _, kind := range []string{"freeze", "route", "open"} {
		w.run(w.plan(kind, "blue", "green").Actions)
	}
	p := w.plan("persist", "blue", "green")
	w.run(p.Actions)
	reload()
	if c := r.client(); c.name != "green" {
		t.Errorf("after a reload with the file changed a client gets %q", c.name)
	}
	w.run(p.Undo)
	text, err := os.ReadFile(r.file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	if !slices.Contains(lines, "  server blue "+r.blue.addr()+" # the old one") || !slices.Contains(lines, "  server green "+r.green.addr()+" disabled") || !slices.Contains(lines, "  server blue 127.0.0.1:1") {
		t.Errorf("the undo left the file as\n%s", text)
	}
}

func gauge(t *testing.T, r *Reader, name string) engines.Reading {
	t.Helper()
	for _, g := range r.Gauges(t.Context(), engines.Scope{On: "router", From: "blue", To: "green"}) {
		if _, n := g.Gauge.Split(); n == name {
			return g
		}
	}
	t.Fatalf("no gauge %s", name)
	return engines.Reading{}
}

// TestGaugesTellTheHalves: what the tile shows is what clients have.
func TestGaugesTellTheHalves(t *testing.T) {
	r := newRouter(t, newHalf(t, "blue"), newHalf(t, "green"))
	reader, err := OpenReader(r.request(r.socket))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	r.client()
	r.client()
	for name, want := range map[string]float64{"blue_connections_count": 2, "blue_requests_count": 2, "green_requests_count": 0, "blue_errors_count": 0, "green_connections_count": 0, "client_connections_count": 2, "server_connections_count": 2, "paused_count": 0, "waiting_clients_count": 0} {
		if g := gauge(t, reader, name); g.Err != nil || g.Value != want {
			t.Errorf("%s is %v, %v; want %v", name, g.Value, g.Err, want)
		}
	}
	for name, want := range map[string]string{"serves_side": "blue", "blue_state": "up", "green_state": "maint"} {
		if g := gauge(t, reader, name); g.Err != nil || g.Text != want {
			t.Errorf("%s is %q, %v; want %s", name, g.Text, g.Err, want)
		}
	}
	c := r.conn()
	for _, text := range []string{"set server be/blue state drain", "set server be/green state drain"} {
		if _, err := c.Do(t.Context(), sock("%s", text)); err != nil {
			t.Fatal(err)
		}
	}
	if g := gauge(t, reader, "paused_count"); g.Value != 1 {
		t.Errorf("nobody lets clients in: paused_count %v, %v", g.Value, g.Err)
	}
	if g := gauge(t, reader, "serves_side"); g.Text != nobody {
		t.Errorf("serves_side %q", g.Text)
	}
}
