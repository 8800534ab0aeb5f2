package haproxy

import (
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

// TestHalfDone stops a window after each of its commands, as a crash does, and
// asks the proofs on a new connection: each says whether its own command is
// there, and the abort list brings clients back from every point before the open.
func TestHalfDone(t *testing.T) {
	r := newRouter(t, newHalf(t, "blue"), newHalf(t, "green"))
	w := r.walk()
	w.run(w.plan("capture", "blue", "green").Actions)
	freeze, route, open := w.plan("freeze", "blue", "green"), w.plan("route", "blue", "green"), w.plan("open", "blue", "green")
	steps := []engines.Action{freeze.Actions[0], route.Actions[0], open.Actions[0]}
	stays := r.client() // so that there is a connection to cut
	for done := 0; done <= 2; done++ {
		for _, a := range steps[:done] {
			if _, err := w.c.Do(t.Context(), engines.Statement{Verb: a.Verb, Text: a.Text}); err != nil {
				t.Fatal(err)
			}
			w.prove(*a.Proof)
		}
		w.c = r.conn()
		for i, a := range steps {
			res, err := w.c.Do(t.Context(), engines.Statement{Verb: a.Proof.Verb, Text: a.Proof.Text})
			is, _ := res.First()
			if holds := is == a.Proof.Want; err != nil || holds != (i < done) {
				t.Errorf("after %d commands the proof of %q says %q, %v", done, a.Title, is, err)
			}
		}
		w.run(freeze.Abort)
		if c := r.client(); c.name != "blue" {
			t.Errorf("after %d commands and the abort a client gets %q", done, c.name)
		}
		if done < 2 && !stays.works() {
			t.Errorf("after %d commands and the abort a connection is cut", done)
		}
	}
}

// TestChecksSeeWhatIsWrong: each finding passes on a router in order, and stops or
// warns when it is not.
func TestChecksSeeWhatIsWrong(t *testing.T) {
	blue, green := newHalf(t, "blue"), newHalf(t, "green")
	r := newRouter(t, blue, green)
	c := r.conn()
	at := func(h *half, side string, p map[string]string) {
		p["router_"+side+"_host"], p["router_"+side+"_port"] = "127.0.0.1", h.addr()[len("127.0.0.1:"):]
	}
	in := engines.Scope{On: "router", From: "blue", To: "green", Params: map[string]string{}}
	at(blue, "blue", in.Params)
	at(green, "green", in.Params)
	findings := func(change func(o *engines.OpenRequest)) []engines.Finding {
		t.Helper()
		o := r.request(r.socket)
		if change != nil {
			change(&o)
		}
		rd, err := OpenReader(o)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rd.Close() }()
		return rd.Inspect(t.Context(), in)
	}
	const (
		level = iota
		process
		socket
		serves
		address
		canary
		file
		workers
	)
	want := func(i int, l engines.Level, change func(o *engines.OpenRequest)) {
		t.Helper()
		if f := findings(change)[i]; f.Level != l {
			t.Errorf("%+v; want level %d", f, l)
		}
	}
	tell := func(text string) {
		t.Helper()
		if _, err := c.Do(t.Context(), sock("%s", text)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range findings(nil) {
		want(i, engines.Pass, nil)
	}
	param := func(k, v string) func(*engines.OpenRequest) {
		return func(o *engines.OpenRequest) { o.Params[k] = v }
	}
	want(socket, engines.Pass, func(o *engines.OpenRequest) { o.DSN = "tcp://" + r.admin })
	want(canary, engines.Blind, param("frontend", "127.0.0.1:1"))
	want(file, engines.Caution, param("file", ""))
	want(file, engines.Block, param("file", r.dir+"/none"))
	want(workers, engines.Info, param("master", ""))
	want(workers, engines.Blind, param("master", r.dir+"/none"))
	want(serves, engines.Blind, param("backend", "nope"))
	want(level, engines.Block, func(o *engines.OpenRequest) { o.DSN = r.viewer() })
	at(green, "blue", in.Params)
	want(address, engines.Block, nil)
	at(blue, "blue", in.Params)
	tell("set server be/green state ready")
	want(serves, engines.Block, nil)
	want(file, engines.Block, nil)
	tell("set server be/blue state maint")
	want(canary, engines.Block, nil)
	if f := processFinding([]string{"Name: HAProxy\nNbproc: 4\n"}, nil); f.Level != engines.Block {
		t.Errorf("four processes: %+v", f)
	}
	if f := (&Reader{c: &Conn{at: []place{{"tcp", "10.0.0.1:9999"}}}}).openSocket(); f.Level != engines.Caution {
		t.Errorf("an open socket: %+v", f)
	}
}
