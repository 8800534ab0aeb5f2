package route53

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

// TestWhoseCredentialsCall: STS names the caller; where it cannot be reached the
// zone is still told apart, and nothing is made up.
func TestWhoseCredentialsCall(t *testing.T) {
	r := newRig(t)
	who, err := r.open().Identify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	x := who.Extra
	if len(x[engines.ExtraAWSAccount]) != 12 || !strings.HasPrefix(x[engines.ExtraAWSCaller], "arn:aws:") || !strings.Contains(x[engines.ExtraAWSCaller], x[engines.ExtraAWSAccount]) ||
		x[engines.ExtraAWSUser] == "" || x[engines.ExtraAWSRegion] != "us-east-1" {
		t.Errorf("the caller is %q", x)
	}
	t.Setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
	if who, err = r.open().Identify(t.Context()); err != nil || who.System != "zone "+r.zone || len(who.Extra) != 0 {
		t.Errorf("without STS: %+v, %v", who, err)
	}
}

// TestACallCarriesTheSession: what AWS logs of a call names the session, and the
// answer has the id under which it is logged, also of a call that was refused.
func TestACallCarriesTheSession(t *testing.T) {
	r := newRig(t)
	r.put("db." + domain + " CNAME ttl 5 orders-blue." + domain)
	var mu sync.Mutex
	agents := map[string]string{}
	at, err := url.Parse(r.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(at)
	proxy.ModifyResponse = func(res *http.Response) error {
		if res.Header.Get("x-amzn-RequestId") == "" { // AWS sends one with every answer; the emulator may not
			res.Header.Set("x-amzn-RequestId", fmt.Sprintf("r-%d", len(agents)))
		}
		mu.Lock()
		defer mu.Unlock()
		agents[res.Header.Get("x-amzn-RequestId")] = res.Request.Method + " " + res.Request.UserAgent()
		return nil
	}
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)
	c, err := Open(engines.OpenRequest{Ctx: t.Context(), Target: "router", DSN: "route53://" + r.zone + "?endpoint=" + front.URL, Params: r.params, Run: "t1", Sid: "20261121-orders-7f3a"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	name := "db." + domain
	for text, method := range map[string]string{
		changeWord + "c\nis: " + name + " CNAME ttl 5 orders-blue." + domain + "\nupsert: " + name + " CNAME ttl 5 orders-green." + domain: "POST",
		listWord + name + " CNAME": "GET",
		syncWord + "C0NONE":        "GET",
	} {
		res, _ := c.Do(t.Context(), call(text)) // refused or not, it was answered
		mu.Lock()
		agent := agents[res.RequestID]
		mu.Unlock()
		if res.RequestID == "" || !strings.HasPrefix(agent, method+" ") || !strings.Contains(agent, "app/turquoise-20261121-orders-7f3a") {
			t.Errorf("%s: request %q by %q", text, res.RequestID, agent)
		}
	}
	if res, err := c.Do(t.Context(), call(askDNS(name, "CNAME", []string{r.ns.addr}, true))); err != nil || res.RequestID != "" {
		t.Errorf("a question to a name server has the request id %q, %v", res.RequestID, err)
	}
}
