package steps_test

import (
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/varnish"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// varnishInputs are two Varnishes in front of two halves.
func varnishInputs(t *testing.T) steps.Inputs {
	t.Helper()
	src, ok := runbooks.Builtin("varnish-blue-green")
	if !ok {
		t.Fatal("the catalogue has no varnish-blue-green")
	}
	book, fs := runbooks.Parse("varnish-blue-green.yaml", src)
	if runbooks.Refused(fs) {
		t.Fatalf("parse: %v", fs)
	}
	v, fs := runbooks.Resolve(book, map[string]string{"cached_path": "/start", "host": "shop.example", "link_shared": "true"}, func(n string) (string, bool) {
		return map[string]string{"TURQUOISE_VARNISH_SECRET_FILE": "/etc/varnish/secret", "TURQUOISE_VARNISH_FRONTS": "edge-1:80,edge-2:80", "TURQUOISE_GREEN_VCL": "/etc/varnish/green.vcl",
			"TURQUOISE_VARNISH_LINK": "/etc/varnish/default.vcl", "TURQUOISE_VARNISHSTAT": "", "TURQUOISE_VARNISH_WORKDIRS": ""}[n], true
	})
	if runbooks.Refused(fs) {
		t.Fatalf("resolve: %v", fs)
	}
	b := *book.With(v)
	b.Digest = "the-digest-of-the-runbook" // a comment in the runbook must not change every file
	return steps.Inputs{Book: &b, Values: v, Run: "s7f2", Attempt: 1, Planners: map[string]engines.Planner{varnish.Name: varnish.Engine().Planner},
		Known: map[engines.TargetID]engines.Identity{"router": {Engine: "varnish", Version: "7.1.1", Major: 7, System: "varnish@edge-1:6082,edge-2:6082", Host: "edge-1", Port: 6082, Login: "secret"}},
		Vars:  map[string]string{"router_active_vcl": "boot", "router_link": "/etc/varnish/blue.vcl"}}
}
