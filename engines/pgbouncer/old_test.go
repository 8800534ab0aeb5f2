package pgbouncer

import (
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/lab"
)

// TestTheOldestPooler walks there, back and through an abort on 1.18, whose
// answers have other columns. It keeps nothing of a newer server, so the way back
// costs no client its connection.
func TestTheOldestPooler(t *testing.T) {
	r := newRigOf(t, lab.Options{OldPooler: true})
	id, err := r.exec.Identify(t.Context())
	if err != nil || !strings.HasPrefix(id.Version, "1.18.") || id.Extra[engines.ExtraTLS] != engines.Unencrypted {
		t.Fatalf("%+v, %v", id, err)
	}
	r.run(r.plan("capture", "blue", "green").Actions)
	freeze := r.plan("freeze", "blue", "green")
	l := r.traffic(8, 200)
	r.commits(l, 100)
	for range 5 {
		r.run(freeze.Actions)
		r.run(freeze.Abort)
		r.commits(l, 5)
	}
	r.commits(l, 100)
	if err := l.Stop(); err != nil {
		t.Fatal(err)
	}
	if m := l.Meter(); m.Failed+m.Refused+m.Unknown != 0 {
		t.Errorf("holds and aborts: %+v", m)
	}
	old, err := r.client()
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range [][2]engines.TargetID{{"blue", "green"}, {"green", "blue"}} {
		for _, kind := range []string{"freeze", "route", "open"} {
			r.run(r.plan(kind, way[0], way[1]).Actions)
		}
		if err := r.asks(old); err != nil {
			t.Errorf("a client from before, on %s: %v", way[1], err)
		}
		if _, err := r.client(); err != nil {
			t.Errorf("a new client on %s: %v", way[1], err)
		}
	}
	rd, err := OpenReader(engines.OpenRequest{Ctx: t.Context(), Target: "router", DSN: r.l.PoolerAdminDSN(),
		Params: map[string]string{"file": r.l.Pooler.IniPath}, Run: "t1", Person: "tester"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rd.Close(); err != nil {
			t.Error(err)
		}
	})
	peers := map[engines.TargetID]engines.Reader{"blue": major{n: 15}, "green": major{n: 17}}
	in := engines.Scope{On: "router", From: "blue", To: "green", Peer: peers, Params: map[string]string{"budget": "20s"}}
	for _, f := range rd.Inspect(t.Context(), in) {
		if f.Level != engines.Pass && f.Level != engines.Info {
			t.Errorf("finding on a healthy pooler: %+v", f)
		}
	}
	for _, g := range rd.Gauges(t.Context(), in) {
		if g.Err != nil {
			t.Errorf("%s: %v", g.Gauge, g.Err)
		}
	}
}
