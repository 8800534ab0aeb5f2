package route53

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/turquoise-db/turquoise/engines"
)

// dnsWord begins a question to DNS servers, each asked directly:
//
//	DNS: db.shop.example. CNAME at 198.51.100.1:53,198.51.100.2:53, authoritative
//	DNS: db.shop.example. CNAME at 10.0.0.2:53
const (
	dnsWord       = "DNS: "
	authoritative = ", authoritative"
)

var dnsForm = regexp.MustCompile(`^DNS: ([^ ]+) (CNAME|A|AAAA) at ([^ ]+?)(, authoritative)?$`)

// dnsLimit is for one server: a packet that is lost is lost, the next question is
// the proof's own.
const dnsLimit = 2 * time.Second

func askDNS(name, kind string, servers []string, own bool) string {
	text := dnsWord + name + " " + kind + " at " + strings.Join(servers, ",")
	if own {
		text += authoritative
	}
	return text
}

// answer is what one server says.
type answer struct {
	value string
	ttl   uint32
}

// resolve asks every server; an answer counts only if all give the same one.
func (c *Conn) resolve(ctx context.Context, text string) (engines.Result, error) {
	m := dnsForm.FindStringSubmatch(text)
	if m == nil || !plainName.MatchString(m[1]) {
		return engines.Result{}, engines.Refuse("%w", errShape)
	}
	servers := strings.Split(m[3], ",")
	answers, err := lookups(ctx, m[1], m[2], servers, m[4] != "")
	if err != nil {
		return engines.Result{}, engines.Refuse("%w", err)
	}
	return engines.One("answer", engines.Agreed(servers, values(answers))), nil
}

func lookups(ctx context.Context, name, kind string, servers []string, own bool) ([]answer, error) {
	out := make([]answer, len(servers))
	for i, s := range servers {
		a, err := lookup(ctx, name, kind, s, own)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s, err)
		}
		out[i] = a
	}
	return out, nil
}

// values of answers, one from each server.
func values(as []answer) []string {
	var out []string
	for _, a := range as {
		out = append(out, a.value)
	}
	return out
}

// lookup asks one server once. own: it must answer for the zone itself, out of no
// cache.
func lookup(ctx context.Context, name, kind, server string, own bool) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, dnsLimit)
	defer cancel()
	q := new(dns.Msg).SetQuestion(name, dns.StringToType[kind])
	q.RecursionDesired = !own
	r, _, err := new(dns.Client).ExchangeContext(ctx, q, server)
	if err == nil && r.Truncated {
		r, _, err = (&dns.Client{Net: "tcp"}).ExchangeContext(ctx, q, server)
	}
	switch {
	case err != nil:
		return answer{}, fmt.Errorf("no answer: %w", mask(err))
	case r.Rcode != dns.RcodeSuccess:
		return answer{}, fmt.Errorf("answers %s", dns.RcodeToString[r.Rcode])
	case own && !r.Authoritative:
		return answer{}, fmt.Errorf("does not answer for the zone itself")
	}
	var values []string
	var a answer
	for i, rr := range r.Answer {
		v := ""
		switch rr := rr.(type) {
		case *dns.CNAME:
			v = rr.Target
		case *dns.A:
			v = rr.A.String()
		case *dns.AAAA:
			v = rr.AAAA.String()
		}
		if rr.Header().Rrtype != dns.StringToType[kind] || !strings.EqualFold(rr.Header().Name, name) || v == "" {
			continue
		}
		values = append(values, engines.Clean(strings.ToLower(v)))
		if i == 0 || rr.Header().Ttl > a.ttl {
			a.ttl = rr.Header().Ttl
		}
	}
	if len(values) == 0 {
		return answer{}, fmt.Errorf("has no %s of that name", kind)
	}
	slices.Sort(values)
	a.value = strings.Join(values, ",")
	return a, nil
}

// servers reads a list of addresses; port 53 is added where none is given.
func servers(list string) ([]string, error) {
	var out []string
	for _, s := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		host, port, err := net.SplitHostPort(s)
		if err != nil {
			host, port = s, "53"
		}
		if host == "" || !plainValue.MatchString(host) || !plainValue.MatchString(port) {
			return nil, fmt.Errorf("%q is no address of a DNS server", engines.Clean(s))
		}
		out = append(out, net.JoinHostPort(host, port))
	}
	return out, nil
}
