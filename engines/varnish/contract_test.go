package varnish

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/enginetest"
)

// TestContract holds what every engine promises against a real Varnish. Its
// manager takes no password in a connection string, does one thing at a time,
// ends no command by itself and keeps no list of clients. What lasts is the
// compiler.
func TestContract(t *testing.T) {
	r := newRig(t, 1)
	r.vars[activeVar] = "boot"
	slow := filepath.Join(r.l.Dir, "slow.vcl")
	text, err := os.ReadFile(r.l.BlueVCL)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(slow, append(text, []byte(strings.Repeat("sub vcl_recv { if (req.url ~ \"x\") { set req.http.X = req.url; } }\n", 20))...), 0o644); err != nil {
		t.Fatal(err)
	}
	const secret = "s3cretWord"
	o := r.request()
	o.DSN = ""
	enginetest.Exercise(t, enginetest.Subject{
		Engine: Engine(), Addr: r.l.Nodes[0].AdminAddress(), Secret: secret, Passwordless: true, Clientless: true, Serial: true, Start: true,
		Open: o,
		DSN:  func(at string) string { return "tcp://" + at },
		Bad:  []string{"tcp://ops:" + secret + "@127.0.0.1:6082", "unix:/" + secret, "tcp://127.0.0.1:" + secret},
		Change: func(i int) engines.Statement {
			return vcl(fmt.Sprintf("param.set default_grace %d", 1000+i))
		},
		Applied: func(t *testing.T, i int) bool {
			n := r.c.nodes[0]
			text, err := n.ask(t.Context(), "param.show default_grace")
			if err != nil {
				t.Fatal(err)
			}
			return strings.Contains(text, fmt.Sprintf("Value is: %d.000", 1000+i))
		},
		Reads:   vcl(askActive()),
		Refused: []engines.Statement{vcl("vcl.use nope"), vcl("nonsense"), vcl("vcl.discard boot"), vcl("vcl.load x /nowhere.vcl")},
		Hostile: []engines.Statement{vcl("vcl.use \x1b[31m\u202e"), vcl("vcl.use \"\x1b[31m\"")},
		Lasts:   vcl("vcl.load slow " + slow), Late: engines.Unclear,
		After: func(t *testing.T) {
			until(t, "the compiler is done", func() bool {
				res, err := r.c.Do(t.Context(), vcl(askState("slow")))
				is, _ := res.First()
				return err == nil && is != absent
			})
			if _, err := r.c.Do(t.Context(), vcl("vcl.discard slow")); err != nil {
				t.Fatal(err)
			}
		},
		Client: nil,
		Scopes: []engines.Scope{{Run: "t1", On: "router", From: "blue", To: "green", Vars: r.vars}},
		Plans:  requests(),
		ReadsOnly: func(a engines.Action) bool {
			return strings.HasPrefix(a.Text, "vcl.list") || strings.HasPrefix(a.Text, "GET ") || strings.HasPrefix(a.Text, "readlink: ")
		},
	})
}

func requests() []engines.Request {
	var out []engines.Request
	for _, way := range [][2]engines.TargetID{{"blue", "green"}, {"green", "blue"}} {
		for _, kind := range [][2]string{{"capture", ""}, {"load", ""}, {"load", "drop"}, {"switch", ""}, {"flush", ""}, {"persist", ""}, {"close", ""}} {
			out = append(out, request(kind[0], kind[1], way[0], way[1]))
		}
	}
	return out
}

func request(kind, stage string, from, to engines.TargetID) engines.Request {
	return engines.Request{Kind: kind, Stage: stage, Run: "s00c7", On: "router", From: from, To: to,
		Params: map[string]string{"fronts": "edge-1:80,edge-2:80", "green_vcl": "/etc/varnish/green.vcl", "cached_path": "/page/1", "host": "shop.example",
			"link": "/etc/varnish/default.vcl", "link_shared": "true"},
		Vars: map[string]string{activeVar: "boot", linkVar: "/etc/varnish/blue.vcl"}}
}
