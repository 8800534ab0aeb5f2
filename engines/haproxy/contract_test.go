package haproxy

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/enginetest"
)

func sock(format string, args ...any) engines.Statement {
	return engines.Statement{Verb: engines.Sock, Text: fmt.Sprintf(format, args...)}
}

// TestContract holds what every engine promises against a real HAProxy. It takes
// no password, ends no command by itself, and knows its clients by address.
func TestContract(t *testing.T) {
	blue, green := newHalf(t, "blue"), newHalf(t, "green")
	r := newRouter(t, blue, green)
	other := newRouter(t, blue, green)
	exec := r.conn()
	const secret = "s3cretWord"
	enginetest.Exercise(t, enginetest.Subject{
		Engine: Engine(), Addr: r.admin, Secret: secret, Passwordless: true, Nameless: true, Start: true,
		Open:  r.request(""),
		DSN:   func(at string) string { return "tcp://" + at },
		Other: "tcp://" + other.admin,
		Bad:   []string{"tcp://ops:" + secret + "@127.0.0.1:9999", "unix:" + secret, "tcp://127.0.0.1:" + secret},
		Change: func(i int) engines.Statement {
			return sock("set server be/spare weight %d", 100+i)
		},
		Applied: func(t *testing.T, i int) bool {
			res, err := exec.Do(t.Context(), sock("show servers state be"))
			if err != nil {
				t.Fatal(err)
			}
			is, _ := res.First()
			return strings.Contains(is, " spare ") && strings.Contains(is, fmt.Sprintf(" %d 7 ", 100+i))
		},
		Reads:   sock("show servers state be"),
		Refused: []engines.Statement{sock("set server be/nope state maint"), sock("nonsense"), sock("show servers state nope"), sock("set server be/spare weight 9999")},
		Hostile: []engines.Statement{sock("set server be/spare addr \x1b[31m\u202ex"), sock("\x1b[31m\u202e")},
		Lasts:   sock("show events buf0 -w -n"), Late: engines.Unclear,
		Client: func(t *testing.T, _ string) {
			if c := r.client(); c.name != "blue" {
				t.Fatalf("a client got %q", c.name)
			}
		},
		Scopes: []engines.Scope{{Run: "t1", On: "router", From: "blue", To: "green"}, {Run: "t1", On: "router", Change: &engines.SchemaChange{}}},
		Plans:  requests(),
		ReadsOnly: func(a engines.Action) bool {
			return strings.HasPrefix(a.Text, "read: ") || strings.HasPrefix(a.Text, "show ")
		},
	})
}

func requests() []engines.Request {
	var out []engines.Request
	for _, kind := range []string{"capture", "freeze", "route", "open", "persist"} {
		for _, way := range [][2]engines.TargetID{{"blue", "green"}, {"green", "blue"}} {
			out = append(out, request(kind, way[0], way[1]))
		}
	}
	return out
}

func request(kind string, from, to engines.TargetID) engines.Request {
	return engines.Request{Kind: kind, Run: "s00c7", On: "router", From: from, To: to,
		Params: map[string]string{"frontend": "orders-router:3306", "file": "/etc/haproxy/haproxy.cfg", "program": "/usr/sbin/haproxy",
			"blue_host": "10.0.0.1", "blue_port": "3306", "green_host": "10.0.0.2", "green_port": "3306"},
		Vars: map[string]string{fromAddressVar: net.JoinHostPort("10.0.0.1", "3306"), toAddressVar: net.JoinHostPort("10.0.0.2", strconv.Itoa(3306)),
			linesVar: `["server blue 10.0.0.1:3306 check","server green 10.0.0.2:3306 check disabled"]`}}
}
