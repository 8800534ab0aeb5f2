package varnish

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestHealthIsMoreThanAVerdict: an answer that .initial gave, a backend that a
// person set healthy or sick, one without a probe.
func TestHealthIsMoreThanAVerdict(t *testing.T) {
	for text, want := range map[string]string{
		`{"v.a":{"admin_health":"probe","probe_message":[4,4,"healthy"]}}`:   none,
		`{"v.a":{"admin_health":"probe","probe_message":[2,4,"healthy"]}}`:   "v.a (2 of 4, probe healthy)",
		`{"v.a":{"admin_health":"probe","probe_message":[0,4,"sick"]}}`:      "v.a (0 of 4, probe sick)",
		`{"v.a":{"admin_health":"healthy","probe_message":[1,4,"sick"]}}`:    "v.a (1 of 4, healthy sick)",
		`{"v.a":{"admin_health":"sick","probe_message":[0,0,"sick"]}}`:       "v.a (0 of 0, sick sick)",
		`{"v.a":{"admin_health":"healthy","probe_message":[0,0,"healthy"]}}`: none,
		`{}`: "no backends at all",
		`{"v.a":{"admin_health":"probe","probe_message":[4,4,"healthy"]},"v.b":{"admin_health":"probe","probe_message":[3,4,"healthy"]}}`: "v.b (3 of 4, probe healthy)",
	} {
		bs, err := parseBackends(`[3,["backend.list"],1.5,` + text + `]`)
		if got := failing(bs); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
	for _, bad := range []string{`[]`, `{}`, `[3,[],1]`, `[3,[],1,{"v.a":{"probe_message":["x",4,"healthy"]}}]`} {
		if bs, err := parseBackends(bad); err == nil {
			t.Errorf("%s gives %v", bad, bs)
		}
	}
}

// TestWhoAnswered: an answer out of the cache, without the header or with an error
// is none of the application.
func TestWhoAnswered(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch strings.TrimPrefix(r.URL.Path, "/") {
		case "green":
			w.Header().Set("X-Colour", "green")
		case "cached":
			w.Header().Set("X-Colour", "green")
			w.Header().Set("Age", "7")
		case "away":
			w.Header().Set("X-Colour", "green")
			w.WriteHeader(http.StatusServiceUnavailable)
		case "elsewhere":
			w.Header().Set("X-Colour", "green")
			w.Header().Set("Location", "/green")
			w.WriteHeader(http.StatusFound)
		}
	}))
	defer s.Close()
	c := &Conn{nodes: []*node{{}}, addrs: []string{"a"}}
	for path, want := range map[string]string{"green": "2 green", "cached": "2 from the cache", "bare": "2 without X-Colour", "away": "2 with status 503", "elsewhere": "2 with status 302"} {
		q, err := parse(site{fronts: []string{strings.TrimPrefix(s.URL, "http://")}, header: "X-Colour", probe: "/" + path, requests: 2}.askProbe())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.requests(t.Context(), q, 0); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", path, got, err, want)
		}
	}
	s.Close()
	q, err := parse(site{fronts: []string{strings.TrimPrefix(s.URL, "http://")}, header: "X-Colour", probe: "/", requests: 1}.askProbe())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.requests(t.Context(), q, 0); err != nil || got != "1 without an answer" {
		t.Errorf("nobody there: %q, %v", got, err)
	}
}
