package route53

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	r53 "github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/miekg/dns"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

const domain = "shop.example."

// rig is a zone in an emulator of the service, a name server that answers what
// the zone holds, and a resolver that keeps answers as long as it may.
type rig struct {
	t        *testing.T
	api      *r53.Client
	zone     string
	endpoint string
	ns       *server
	resolver *server
	vars     map[string]string
	params   map[string]string
	pending  sync.Mutex
	waits    int // questions for a change that are answered PENDING
}

// newRig makes a zone. The service's answers come through a proxy that holds the
// question for a change named SLOW back, and says PENDING as often as it is told.
func newRig(t *testing.T) *rig {
	emulator := labtest.AWS(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "lab")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "lab")
	r := &rig{t: t, vars: map[string]string{}}
	at, err := url.Parse(emulator.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(at)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.Contains(req.URL.Path, "/change/SLOW") {
			<-req.Context().Done()
			return
		}
		proxy.ServeHTTP(w, req)
	}))
	t.Cleanup(front.Close)
	proxy.ModifyResponse = r.spread
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	r.endpoint = front.URL
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("us-east-1"))
	if err != nil {
		t.Fatal(err)
	}
	r.api = r53.NewFromConfig(cfg, func(o *r53.Options) { o.BaseEndpoint = aws.String(r.endpoint) })
	z, err := r.api.CreateHostedZone(t.Context(), &r53.CreateHostedZoneInput{Name: aws.String(domain), CallerReference: aws.String(t.Name()),
		HostedZoneConfig: &types.HostedZoneConfig{Comment: aws.String(labMark + "test")}})
	if err != nil {
		t.Fatal(err)
	}
	r.zone = strings.TrimPrefix(*z.HostedZone.Id, "/hostedzone/")
	r.ns = serve(t, true, r.held)
	r.resolver = serve(t, false, r.held)
	r.params = map[string]string{"record": "db." + domain, "blue_value": "orders-blue." + domain, "green_value": "orders-green." + domain,
		"name_servers": r.ns.addr, "resolvers": r.resolver.addr}
	return r
}

// spread makes a change PENDING for a while.
func (r *rig) spread(res *http.Response) error {
	r.pending.Lock()
	defer r.pending.Unlock()
	if strings.Contains(res.Request.URL.Path, "/change/") && r.waits > 0 {
		r.waits--
		body := `<?xml version="1.0"?><GetChangeResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeInfo><Status>PENDING</Status><SubmittedAt>2026-03-01T03:00:00.000Z</SubmittedAt><Id>C1</Id></ChangeInfo></GetChangeResponse>`
		_ = res.Body.Close()
		rec := httptest.NewRecorder()
		rec.WriteString(body)
		fake := rec.Result()
		res.Body, res.ContentLength = fake.Body, int64(len(body))
		res.Header.Set("Content-Length", "")
		res.Header.Del("Content-Length")
	}
	return nil
}

// put creates or replaces a set, around Turquoise.
func (r *rig) put(text string) {
	r.t.Helper()
	s, err := parseSet(text)
	if err != nil {
		r.t.Fatal(err)
	}
	rs := &types.ResourceRecordSet{Name: aws.String(s.name), Type: types.RRType(s.kind), TTL: aws.Int64(s.ttl), ResourceRecords: []types.ResourceRecord{{Value: aws.String(s.values[0])}}}
	if s.id != "" {
		rs.SetIdentifier, rs.Weight = aws.String(s.id), aws.Int64(s.weight)
	}
	_, err = r.api.ChangeResourceRecordSets(r.t.Context(), &r53.ChangeResourceRecordSetsInput{HostedZoneId: aws.String(r.zone),
		ChangeBatch: &types.ChangeBatch{Changes: []types.Change{{Action: types.ChangeActionUpsert, ResourceRecordSet: rs}}}})
	if err != nil {
		r.t.Fatal(err)
	}
}

// held reads the zone as its name servers do: of a weighted pair the heavier one.
func (r *rig) held(name, kind string) (string, uint32) {
	c := &Conn{at: place{zone: r.zone}, api: r.api}
	sets, err := c.list(context.WithoutCancel(r.t.Context()), name, kind)
	if err != nil {
		return "", 0
	}
	best := sets[0]
	for _, s := range sets {
		if s.weight > best.weight {
			best = s
		}
	}
	return best.values[0], uint32(best.ttl)
}

func (r *rig) dsn() string { return "route53://" + r.zone + "?endpoint=" + r.endpoint }

func (r *rig) open() *Conn {
	r.t.Helper()
	c, err := Open(engines.OpenRequest{Ctx: r.t.Context(), Target: "router", DSN: r.dsn(), Params: r.params, Run: "t1"})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return c
}

// server is a DNS server of the test's own on the loopback.
type server struct {
	addr string

	mu    sync.Mutex
	own   bool
	from  func(name, kind string) (string, uint32)
	keeps map[string]string // a resolver that answers out of its cache
}

func serve(t *testing.T, own bool, from func(name, kind string) (string, uint32)) *server {
	t.Helper()
	s := &server{own: own, from: from, keeps: map[string]string{}}
	started := make(chan string, 1)
	d := &dns.Server{Addr: "127.0.0.1:0", Net: "udp", Handler: dns.HandlerFunc(s.answer)}
	d.NotifyStartedFunc = func() { started <- d.PacketConn.LocalAddr().String() }
	go func() { _ = d.ListenAndServe() }()
	select {
	case s.addr = <-started:
	case <-time.After(10 * time.Second):
		t.Fatal("the DNS server did not start")
	}
	t.Cleanup(func() { _ = d.Shutdown() })
	return s
}

func (s *server) answer(w dns.ResponseWriter, q *dns.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := new(dns.Msg).SetReply(q)
	m.Authoritative = s.own
	name, kind := q.Question[0].Name, dns.TypeToString[q.Question[0].Qtype]
	value, ttl := s.from(name, kind)
	if kept, ok := s.keeps[name]; ok {
		value = kept
	}
	if value == "" {
		m.Rcode = dns.RcodeNameError
	} else if rr, err := dns.NewRR(name + " " + dns.Type(q.Question[0].Qtype).String() + " " + value); err == nil {
		rr.Header().Ttl = ttl
		m.Answer = append(m.Answer, rr)
	}
	_ = w.WriteMsg(m)
}

// keep makes a resolver answer out of its cache, or no longer.
func (s *server) keep(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if value == "" {
		delete(s.keeps, name)
		return
	}
	s.keeps[name] = value
}
