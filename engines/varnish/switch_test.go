package varnish

import (
	"errors"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/lab"
)

// page asks one front for a cacheable page and says whose it is.
func page(t *testing.T, front string) string {
	t.Helper()
	res, err := http.Get("http://" + front + "/page/1")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.Header.Get("X-Colour")
}

// TestSwitchThereAndBack switches two Varnishes and back under load: no request
// fails, none that began after the switch had returned gets the old half.
func TestSwitchThereAndBack(t *testing.T) {
	r := newRig(t, 2)
	load := lab.StartWebLedger(t.Context(), strings.Split(r.l.Fronts(), ","), lab.WebLedgerOptions{Clients: 4, RPS: 200})
	defer load.Stop()
	r.ready()
	until(t, "pages are cached", func() bool { return load.Meter().Acked > 100 })
	var switches []lab.Switch
	for _, way := range [][2]engines.TargetID{{"blue", "green"}, {"green", "blue"}} {
		p := r.plan("switch", "", way[0], way[1])
		s := lab.Switch{Began: time.Now(), To: way[1]}
		r.must(p.Actions)
		s.Ended = time.Now()
		switches = append(switches, s)
		more := load.Meter().Acked + 100
		until(t, "clients go on", func() bool { return load.Meter().Acked > more })
		r.must(r.plan("flush", "", way[0], way[1]).Actions)
	}
	load.Stop()
	rep := load.Check(switches)
	t.Logf("%+v", rep)
	if !rep.Clean() || rep.Requests < 300 || r.l.Green.Served() == 0 {
		t.Errorf("%+v", rep)
	}
}

// TestTheUndoOfASwitch brings the old half back, its cache as well.
func TestTheUndoOfASwitch(t *testing.T) {
	r := newRig(t, 1)
	r.ready()
	p := r.plan("switch", "", "blue", "green")
	r.must(p.Actions)
	if got := page(t, r.l.Fronts()); got != "green" {
		t.Fatalf("after the switch a cached page is %s", got)
	}
	r.must(p.Undo)
	if got := r.asks(askActive()); got != "boot" || page(t, r.l.Fronts()) != "blue" {
		t.Errorf("after the undo %s is active, a cached page is %s", got, page(t, r.l.Fronts()))
	}
	r.must(r.plan("load", "", "blue", "green").Undo)
	if got := r.asks(askState("green_t1")); got != absent {
		t.Errorf("green's VCL is %s", got)
	}
}

// TestALabelIsMovedOnAVarnish: where clients come by a label, the switch moves it
// there and back, and the gauge says which half it leads to.
func TestALabelIsMovedOnAVarnish(t *testing.T) {
	r := newRig(t, 1)
	for _, text := range []string{"vcl.label live boot", "vcl.use live"} {
		if _, err := r.c.Do(t.Context(), vcl(text)); err != nil {
			t.Fatal(err)
		}
	}
	// Why a reconciliation reads no log of Varnish: its commands go to syslog, by default.
	if res, err := r.c.Do(t.Context(), vcl("param.show syslog_cli_traffic")); err != nil || !strings.Contains(strings.Join(res.Notices, " "), "on [bool] (default)") {
		t.Errorf("where Varnish logs its commands: %q, %v", res.Notices, err)
	}
	r.params["label"] = "live"
	r.ready()
	rd := r.reader()
	for _, way := range []struct {
		from, to engines.TargetID
		leads    string
	}{{"blue", "green", "green_t1 by label live"}, {"green", "blue", "boot by label live"}} {
		if g := gauge(t, rd, r.scope(), "active_side"); g.Err != nil || g.Text != string(way.from) {
			t.Errorf("before: %q, %v", g.Text, g.Err)
		}
		r.must(r.plan("switch", "", way.from, way.to).Actions)
		if got := r.asks(askActive()); got != way.leads || page(t, r.l.Fronts()) != string(way.to) {
			t.Errorf("to %s: active is %s, a cached page is %s", way.to, got, page(t, r.l.Fronts()))
		}
		if g := gauge(t, rd, r.scope(), "active_side"); g.Err != nil || g.Text != string(way.to) {
			t.Errorf("after: %q, %v", g.Text, g.Err)
		}
	}
	r.must(r.plan("load", "", "blue", "green").Undo)
	if got := r.asks(askState("green_t1")); got != absent {
		t.Errorf("green's VCL is %s", got)
	}
}

// TestASwitchWithoutTheBanIsNotProven: the page of the old half is still served
// then, and the proof says so.
func TestASwitchWithoutTheBanIsNotProven(t *testing.T) {
	r := newRig(t, 1)
	r.ready()
	p := r.plan("switch", "", "blue", "green")
	without := slices.DeleteFunc(p.Actions, func(a engines.Action) bool { return strings.HasPrefix(a.Text, "ban ") })
	if err := r.run(without); !contains(err, "no object of blue is served: is 20 blue, wanted 20 green") {
		t.Errorf("%v", err)
	}
}

// TestSickBackendsAreRefused: Varnish itself switches to a dead half and answers
// yes; the plan asks first.
func TestSickBackendsAreRefused(t *testing.T) {
	r := newRig(t, 1)
	r.ready()
	rd := r.reader()
	until(t, "green's gauge settles at healthy", func() bool { g := gauge(t, rd, r.scope(), "green_sick_count"); return g.Err == nil && g.Value == 0 })
	r.l.Green.Sick(true)
	until(t, "a probe has failed", func() bool { return r.asks(askFailing("green_t1")) != none })
	if err := r.run(r.plan("switch", "", "blue", "green").Actions); !contains(err, "all backends of green_t1 answer their probes") {
		t.Errorf("a switch to a sick half: %v", err)
	}
	if got := r.asks(askActive()); got != "boot" {
		t.Errorf("%s is active", got)
	}
	if g := gauge(t, rd, r.scope(), "green_sick_count"); g.Value != 1 {
		t.Errorf("the gauge says %v, %v", g.Value, g.Err)
	}
}

// TestAColdVCLIsRefused: by Varnish, and before by the gauge that the gate asks.
func TestAColdVCLIsRefused(t *testing.T) {
	r := newRig(t, 1)
	r.ready()
	if _, err := r.c.Do(t.Context(), vcl("vcl.state green_t1 cold")); err != nil {
		t.Fatal(err)
	}
	if g := gauge(t, r.reader(), r.scope(), "green_temperature"); g.Text != "cold" && g.Text != "cooling" {
		t.Errorf("the gauge says %q, %v", g.Text, g.Err)
	}
	_, err := r.c.Do(t.Context(), vcl("vcl.use green_t1"))
	if r.c.Classify(err) != engines.Refused || !contains(err, "is cold") {
		t.Errorf("%v, %v", r.c.Classify(err), err)
	}
	if err := r.run(r.plan("switch", "", "blue", "green").Actions); err == nil {
		t.Error("a switch to a cold VCL is proven")
	}
	if got := r.asks(askActive()); got != "boot" {
		t.Errorf("%s is active", got)
	}
}

// TestAFreshVCLIsNotHealthy: a dead half reads healthy right after the load,
// because .initial counts answers that nobody gave; the probe that waits does not.
func TestAFreshVCLIsNotHealthy(t *testing.T) {
	r := newRig(t, 1)
	if err := r.l.Green.Close(); err != nil {
		t.Fatal(err)
	}
	// It takes connections and says nothing: the first probe has not failed yet.
	silent, err := net.Listen("tcp", r.l.Green.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	text, err := os.ReadFile(r.l.GreenVCL)
	if err != nil {
		t.Fatal(err)
	}
	eager := strings.Replace(strings.Replace(string(text), ".initial = 2", ".initial = 4", 1), ".interval = 500ms", ".interval = 60s", 1)
	if err := os.WriteFile(r.l.GreenVCL, []byte(strings.Replace(eager, ".timeout = 400ms", ".timeout = 15s", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	rd := r.reader()
	r.must(r.plan("capture", "", "blue", "green").Actions)
	r.must(r.plan("load", "", "blue", "green").Actions)
	if got := r.asks(askFailing("green_t1")); got != "green_t1.app (3 of 4, probe healthy)" {
		t.Errorf("health of a half that nobody has heard: %s", got)
	}
	if g := gauge(t, rd, r.scope(), "green_sick_count"); g.Err != nil || g.Value == 0 {
		t.Errorf("a VCL just loaded in front of a dead half: %v sick, %v", g.Value, g.Err)
	}
}

// TestOneOfTwoIsAway: the command reaches one, the outcome is unclear, and the
// proof names who is where; the way back works on those that answer when it is up.
func TestOneOfTwoIsAway(t *testing.T) {
	r := newRig(t, 2)
	r.ready()
	two := r.l.Nodes[1]
	if err := syscall.Kill(two.Pid(), syscall.SIGSTOP); err != nil { // the manager hangs, its child serves
		t.Fatal(err)
	}
	st := vcl("vcl.use green_t1")
	st.Limit = 300 * time.Millisecond
	_, err := r.c.Do(t.Context(), st)
	if got := r.c.Classify(err); got != engines.Unclear || !contains(err, two.AdminAddress()) {
		t.Errorf("%v, %v; want unclear and the name of the one that hangs", got, err)
	}
	if err := syscall.Kill(two.Pid(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	r.c = r.open() // as the executor does after an answer that was lost
	// What was sent to the one that hung may be carried out when it goes on.
	until(t, "both are told", func() bool {
		return r.asks(askActive()) == "green_t1" || strings.Contains(r.asks(askActive()), two.AdminAddress()+": boot")
	})
	r.must(r.plan("switch", "", "blue", "green").Undo)
	if got := r.asks(askActive()); got != "boot" {
		t.Errorf("taken back, %s is active", got)
	}
}

// TestARestartForgets: varnishd starts with its own file. With the link moved
// that is the half that serves; the identity says that it is another process.
func TestARestartForgets(t *testing.T) {
	r := newRig(t, 1)
	r.ready()
	was, err := r.c.Identify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if was.Lab != r.l.RunID || was.Login != "secret" {
		t.Errorf("identity %+v; lab is %s", was, r.l.RunID)
	}
	r.must(r.plan("switch", "", "blue", "green").Actions)
	again := func() {
		t.Helper()
		if err := r.l.Nodes[0].Stop(); err != nil {
			t.Fatal(err)
		}
		if err := r.l.Nodes[0].Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	again()
	if got := page(t, r.l.Fronts()); got != "blue" {
		t.Errorf("after a restart that nothing was written for a client gets %s; the file says blue", got)
	}
	r.c = r.open()
	if is, err := r.c.Identify(t.Context()); err != nil || is.Same(was) {
		t.Errorf("another process passes for the old one: %+v, %v", is, err)
	}
	p := r.plan("persist", "", "blue", "green")
	r.must(p.Actions)
	again()
	if got := page(t, r.l.Fronts()); got != "green" {
		t.Errorf("after a restart with the link moved a client gets %s", got)
	}
	r.must(p.Undo)
	if to, err := os.Readlink(r.l.Link); err != nil || to != r.l.BlueVCL {
		t.Errorf("the undo left the link to %s, %v", to, err)
	}
}

// TestChecksSeeWhatIsWrong: each finding passes on a router in order, and stops
// or warns when it is not.
func TestChecksSeeWhatIsWrong(t *testing.T) {
	r := newRig(t, 1)
	level := func(title string) engines.Finding {
		t.Helper()
		for _, f := range r.reader().Inspect(t.Context(), r.scope()) {
			if strings.Contains(f.Title, title) {
				return f
			}
		}
		t.Fatalf("no check %q", title)
		return engines.Finding{}
	}
	want := func(title string, l engines.Level) {
		t.Helper()
		if f := level(title); f.Level != l {
			t.Errorf("%s: %+v; want level %d", title, f, l)
		}
	}
	until(t, "blue is healthy", func() bool { return r.asks(askFailing("boot")) == none })
	for _, title := range []string{"says how traffic", "every Varnish serves", "one version", "asks for the secret", "same VCL", "answers all its probes", "requests of our own", "known to be cached", "a restart of varnishd", "can be counted"} {
		want(title, engines.Pass)
	}
	change := func(key, value string) func() {
		was := r.params[key]
		r.params[key] = value
		return func() { r.params[key] = was }
	}
	for _, c := range []struct {
		key, value, title string
		level             engines.Level
	}{
		{"fronts", "nowhere", "says how traffic", engines.Block}, {"probe_path", "/page/1", "requests of our own", engines.Pass},
		{"colour_header", "Server", "requests of our own", engines.Block}, {"cached_path", "/", "known to be cached", engines.Caution},
		{"cached_path", "", "known to be cached", engines.Caution}, {"link", "", "a restart of varnishd", engines.Caution},
		{"link", r.l.BlueVCL, "a restart of varnishd", engines.Block}, {"varnishstat", "", "can be counted", engines.Caution},
		{"varnishstat", "/bin/false", "can be counted", engines.Blind}, {"label", "live", "same VCL", engines.Block},
	} {
		back := change(c.key, c.value)
		want(c.title, c.level)
		back()
	}
	r.l.Blue.Sick(true)
	until(t, "blue is sick", func() bool { return r.asks(askFailing("boot")) != none })
	want("answers all its probes", engines.Block)
	r.l.Blue.Sick(false)
	if _, err := r.c.Do(t.Context(), vcl("stop")); err != nil {
		t.Fatal(err)
	}
	want("every Varnish serves", engines.Block)
}

// TestHalfDone stops a switch after each of its commands, as a crash does, and
// asks the proofs on a new connection: each says whether its own command is there,
// and the undo brings the old half back from every point.
func TestHalfDone(t *testing.T) {
	r := newRig(t, 2)
	r.ready()
	p := r.plan("switch", "", "blue", "green")
	at := slices.IndexFunc(p.Actions, func(a engines.Action) bool { return strings.HasPrefix(a.Text, "vcl.use ") })
	use, cached := p.Actions[at], p.Actions[len(p.Actions)-1]
	holds := func(a engines.Action) bool { t.Helper(); return r.asks(a.Proof.Text) == a.Proof.Want }
	for done, as := range [][]engines.Action{p.Actions[:at], p.Actions[:at+1], p.Actions} {
		r.must(as)
		r.c = r.open()
		if got := holds(use); got != (done > 0) {
			t.Errorf("part %d: the proof of vcl.use holds: %v", done, got)
		}
		if got := holds(cached); got != (done > 1) {
			t.Errorf("part %d: the proof of the cached page holds: %v", done, got)
		}
		r.must(p.Undo)
		if got := r.asks(askActive()); got != "boot" || page(t, r.l.Nodes[0].Front()) != "blue" {
			t.Errorf("part %d: taken back, %s is active", done, got)
		}
	}
	// One that refuses and one that does it are no refusal.
	one := r.c.nodes[0]
	if _, err := one.ask(t.Context(), "vcl.discard green_t1"); err != nil {
		t.Fatal(err)
	}
	_, err := r.c.Do(t.Context(), vcl("vcl.use green_t1"))
	if got := r.c.Classify(err); got != engines.Unclear || !contains(err, one.addr) {
		t.Errorf("one of two refuses: %v, %v; want unclear and its name", got, err)
	}
	if got := r.asks(askActive()); !strings.Contains(got, one.addr+": boot") || !strings.Contains(got, ": green_t1") {
		t.Errorf("mixed, the proof says %q", got)
	}
	r.must(p.Undo)
}

// TestGaugesTellTheHalves: requests are counted on the half that answered them.
func TestGaugesTellTheHalves(t *testing.T) {
	r := newRig(t, 2)
	r.ready()
	rd := r.reader()
	was := gauge(t, rd, r.scope(), "green_requests_count")
	if was.Err != nil || was.Value != 0 {
		t.Fatalf("before the switch green has answered %v, %v", was.Value, was.Err)
	}
	if g := gauge(t, rd, r.scope(), "green_failing_rate"); !errors.Is(g.Err, errNoFetch) {
		t.Errorf("a half that nobody asks: %v failed in a hundred, %v", g.Value, g.Err)
	}
	r.must(r.plan("switch", "", "blue", "green").Actions)
	until(t, "the counters are written", func() bool { return gauge(t, rd, r.scope(), "green_requests_count").Value >= 40 })
	blue := gauge(t, rd, r.scope(), "blue_requests_count")
	r.must(r.plan("flush", "", "blue", "green").Actions)
	if is := gauge(t, rd, r.scope(), "blue_requests_count"); is.Err != nil || is.Value != blue.Value {
		t.Errorf("blue answered %v and then %v, %v", blue.Value, is.Value, is.Err)
	}
	if g := gauge(t, rd, r.scope(), "active_side"); g.Text != "green" {
		t.Errorf("active_side %q, %v", g.Text, g.Err)
	}
	if g := gauge(t, rd, r.scope(), "green_failing_rate"); g.Err != nil || g.Value != 0 {
		t.Errorf("a half that answers: %v failed in a hundred, %v", g.Value, g.Err)
	}
	if err := r.l.Green.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "an error is counted on green", func() bool {
		res, err := http.Get("http://" + r.l.Nodes[0].Front() + "/")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return gauge(t, rd, r.scope(), "green_errors_count").Value > 0
	})
	if g := gauge(t, rd, r.scope(), "green_failing_rate"); g.Err != nil || g.Value <= 0 {
		t.Errorf("requests found no backend: %v failed in a hundred, %v", g.Value, g.Err)
	}
	if g := gauge(t, rd, r.scope(), "blue_errors_count"); g.Err != nil || g.Value != 0 {
		t.Errorf("blue has %v errors, %v", g.Value, g.Err)
	}
}
