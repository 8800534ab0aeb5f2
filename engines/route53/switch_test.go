package route53

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/enginetest"
)

func call(text string, args ...string) engines.Statement {
	return engines.Statement{Verb: engines.AWS, Text: text, Args: args}
}

// TestContract holds what every engine promises against an emulator of the
// service. It takes no password, has no start time, and knows no clients.
func TestContract(t *testing.T) {
	r := newRig(t)
	r.put("db." + domain + " CNAME ttl 5 orders-blue." + domain)
	for i := range 20 {
		r.put(fmt.Sprintf("c%d.%s CNAME ttl 5 x.%s", i, domain, domain))
	}
	addr, err := url.Parse(r.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	const secret = "s3cretWord"
	o := engines.OpenRequest{Target: "router", Params: r.params, Run: "t1"}
	enginetest.Exercise(t, enginetest.Subject{
		Engine: Engine(), Addr: addr.Host, Secret: secret, Passwordless: true, Clientless: true, Open: o,
		DSN: func(at string) string { return "route53://" + r.zone + "?endpoint=http://" + at },
		Bad: []string{"route53://ops:" + secret + "@" + r.zone, "route53://" + r.zone + "?secret=" + secret, "https://" + secret, "route53://" + secret},
		Change: func(i int) engines.Statement {
			name := fmt.Sprintf("c%d.%s", i, domain)
			return call(fmt.Sprintf("%schange-%d-\nis: %s CNAME ttl 5 x.%s\nupsert: %s CNAME ttl 60 x.%s", changeWord, i, name, domain, name, domain))
		},
		Applied: func(t *testing.T, i int) bool {
			_, ttl := r.held(fmt.Sprintf("c%d.%s", i, domain), "CNAME")
			return ttl == 60
		},
		OnWire: func(st engines.Statement) string {
			if c, ok := strings.CutPrefix(st.Text, changeWord); ok {
				c, _, _ = strings.Cut(c, "\n")
				return "<Comment>" + c
			}
			return "/change/SLOW"
		},
		Reads:   call(listWord + "db." + domain + " CNAME"),
		Refused: []engines.Statement{call(listWord + "none." + domain + " CNAME"), call(syncWord + "no such"), call(changeWord + "x\nis: c1." + domain + " CNAME ttl 7 y.\nupsert: c1." + domain + " CNAME ttl 8 y.")},
		Hostile: []engines.Statement{call(listWord + "\x1b[31m\u202e. CNAME"), call(syncWord + "\x1b[31m")},
		Lasts:   call(syncWord + "SLOW"), Late: engines.Unclear,
		Scopes:    []engines.Scope{{Run: "t1", On: "router", From: "blue", To: "green"}},
		Plans:     requests(),
		ReadsOnly: func(a engines.Action) bool { return strings.HasPrefix(a.Text, listWord) },
	})
}

func requests() []engines.Request {
	var out []engines.Request
	for _, way := range [][2]engines.TargetID{{"blue", "green"}, {"green", "blue"}} {
		for _, kind := range []string{"capture", "route", "open"} {
			out = append(out, request(kind, way[0], way[1]))
		}
	}
	return out
}

func request(kind string, from, to engines.TargetID) engines.Request {
	return engines.Request{Kind: kind, Run: "s00c7", On: "router", From: from, To: to, Vars: map[string]string{setsVar: "db." + domain + " CNAME ttl 5 orders-blue." + domain},
		Params: map[string]string{"record": "db." + domain, "blue_value": "orders-blue." + domain, "green_value": "orders-green." + domain,
			"name_servers": "198.51.100.1,198.51.100.2", "resolvers": "10.0.0.2"}}
}

func (r *rig) run(c *Conn, kind string, from, to engines.TargetID) error {
	r.t.Helper()
	p, err := Planner{}.Plan(engines.Request{Kind: kind, Run: "t1", On: "router", From: from, To: to, Params: r.params, Vars: r.vars})
	if err != nil {
		return err
	}
	return r.do(c, p.Actions)
}

func (r *rig) do(c *Conn, as []engines.Action) error {
	r.t.Helper()
	args := func(bs []engines.Bind) []string {
		var out []string
		for _, b := range bs {
			out = append(out, r.vars[b.Var])
		}
		return out
	}
	for _, a := range as {
		res, err := c.Do(r.t.Context(), call(a.Text, args(a.Binds)...))
		if err != nil {
			return err
		}
		for _, cp := range a.Captures {
			r.vars[cp.Var] = *res.Rows[0][cp.Column]
		}
		if a.Proof == nil {
			continue
		}
		tick := time.NewTicker(10 * time.Millisecond) // the plan's own pace is a second
		defer tick.Stop()
		for asked := 0; ; asked++ {
			res, err := c.Do(r.t.Context(), call(a.Proof.Text, args(a.Proof.Binds)...))
			if err != nil {
				return err
			}
			is, _ := res.First()
			if is == a.Proof.Want {
				break
			}
			if asked > 20 || a.Proof.Every == 0 {
				return errors.New(a.Proof.Title + ": is " + is + ", wanted " + a.Proof.Want)
			}
			<-tick.C
		}
	}
	return nil
}

// TestARecordThereAndBack moves a simple record and a weighted pair, waits while
// the service says PENDING, and looks at name servers and resolvers.
func TestARecordThereAndBack(t *testing.T) {
	for name, sets := range map[string][]string{
		"simple":   {"db." + domain + " CNAME ttl 5 orders-blue." + domain},
		"weighted": {"db." + domain + " CNAME id b weight 100 ttl 5 orders-blue." + domain, "db." + domain + " CNAME id g weight 0 ttl 5 orders-green." + domain},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			for _, s := range sets {
				r.put(s)
			}
			if name == "weighted" {
				r.params["blue_id"], r.params["green_id"] = "b", "g"
			}
			c := r.open()
			for _, way := range [][2]engines.TargetID{{"blue", "green"}, {"green", "blue"}} {
				if err := r.run(c, "capture", way[0], way[1]); err != nil {
					t.Fatal(err)
				}
				r.pending.Lock()
				r.waits = 3
				r.pending.Unlock()
				if err := r.run(c, "route", way[0], way[1]); err != nil {
					t.Fatal(err)
				}
				r.pending.Lock()
				if r.waits != 0 {
					t.Error("nobody waited for the service to be in sync")
				}
				r.pending.Unlock()
				if value, _ := r.held("db."+domain, "CNAME"); value != "orders-"+string(way[1])+"."+domain {
					t.Fatalf("the zone leads to %s", value)
				}
				// A resolver that keeps the old answer longer than it may is found.
				r.resolver.keep("db."+domain, "orders-"+string(way[0])+"."+domain)
				if err := r.run(c, "open", way[0], way[1]); err == nil || !strings.Contains(err.Error(), "resolvers of the applications") {
					t.Errorf("a resolver that answers the old side: %v", err)
				}
				r.resolver.keep("db."+domain, "")
				if err := r.run(c, "open", way[0], way[1]); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestTheGuard: a record that another changed since it was read is left alone,
// and a name server that answers out of a cache is no proof.
func TestTheGuard(t *testing.T) {
	r := newRig(t)
	r.put("db." + domain + " CNAME ttl 5 orders-blue." + domain)
	c := r.open()
	if err := r.run(c, "capture", "blue", "green"); err != nil {
		t.Fatal(err)
	}
	r.put("db." + domain + " CNAME ttl 5 elsewhere." + domain)
	err := r.run(c, "route", "blue", "green")
	if c.Classify(err) != engines.Refused || err == nil || !strings.Contains(err.Error(), "elsewhere") {
		t.Errorf("%v, %v", c.Classify(err), err)
	}
	if value, _ := r.held("db."+domain, "CNAME"); value != "elsewhere."+domain {
		t.Errorf("the record was overwritten: %s", value)
	}
	r.params["name_servers"] = r.resolver.addr
	if _, err := c.Do(t.Context(), call(askDNS("db."+domain, "CNAME", []string{r.resolver.addr}, true))); err == nil || !strings.Contains(err.Error(), "for the zone itself") {
		t.Errorf("an answer out of a cache: %v", err)
	}
}

// TestChecks: each finding passes on a zone in order and stops otherwise.
func TestChecks(t *testing.T) {
	r := newRig(t)
	level := func(title string) engines.Finding {
		t.Helper()
		rd, err := OpenReader(engines.OpenRequest{Ctx: t.Context(), Target: "router", DSN: r.dsn(), Params: r.params})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rd.Close() }()
		for _, f := range rd.Inspect(t.Context(), engines.Scope{On: "router", From: "blue", To: "green"}) {
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
	want("the record leads", engines.Blind) // there is none
	r.put("db." + domain + " CNAME ttl 300 orders-blue." + domain)
	for title, l := range map[string]engines.Level{"the record leads": engines.Pass, "for a moment": engines.Block, "name servers": engines.Pass, "resolvers": engines.Pass} {
		want(title, l)
	}
	r.put("db." + domain + " CNAME ttl 5 orders-green." + domain)
	for title, l := range map[string]engines.Level{"the record leads": engines.Block, "for a moment": engines.Pass, "name servers": engines.Block, "resolvers": engines.Block} {
		want(title, l)
	}
}
