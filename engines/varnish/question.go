package varnish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// Texts of VCL actions are management commands as they stand. Below a question
// stands what is taken of its answer; that line never reaches Varnish.
const (
	taken       = "\n-- of the answer: "
	activeText  = "the active VCL"
	stateText   = "state and temperature of "
	failingText = "backends that do not answer all probes"
	banText     = "the newest ban"
	coloursText = "how many each "
	loadedText  = "whether it holds "
	present     = "loaded"
	absent      = "not loaded"
	none        = "none"
)

func askActive() string            { return "vcl.list -j" + taken + activeText }
func askState(vcl string) string   { return "vcl.list -j" + taken + stateText + vcl }
func askLoaded(vcl string) string  { return "vcl.list -j" + taken + loadedText + vcl }
func askFailing(vcl string) string { return "backend.list -j " + vcl + ".*" + taken + failingText }
func askBan() string               { return "ban.list -j" + taken + banText }
func (s site) askProbe() string    { return s.get(s.probe+"?tq={number}", s.requests) }
func (s site) askCached() string   { return s.get(s.cached, s.requests) }
func (s site) get(path string, n int) string {
	return fmt.Sprintf("GET %s, %d requests to each of %s%s%s%s names%s", path, n, strings.Join(s.fronts, ","), taken, coloursText, s.header, s.hostText())
}

func (s site) hostText() string {
	if s.host == "" {
		return ""
	}
	return "; Host: " + s.host
}

// question is a parsed text.
type question struct {
	command, take string
	url           string // a path with its query, for requests of our own
	n             int
	fronts        []string
	header, host  string
}

var getForm = regexp.MustCompile(`^GET (/[^ ]*), ([0-9]{1,4}) requests to each of ([^ ]+)\n-- of the answer: how many each ([A-Za-z0-9-]+) names(?:; Host: ([^ \n]+))?$`)

func parse(text string) (question, error) {
	if strings.HasPrefix(text, "GET ") {
		m := getForm.FindStringSubmatch(text)
		if m == nil {
			return question{}, errShape
		}
		n, err := strconv.Atoi(m[2])
		return question{take: coloursText, url: m[1], n: n, fronts: strings.Split(m[3], ","), header: m[4], host: m[5]}, err
	}
	command, take, _ := strings.Cut(text, taken)
	if command == "" || strings.ContainsAny(command, "\n\r\x00") || strings.Contains(command, "<<") {
		return question{}, errShape
	}
	return question{command: command, take: take}, nil
}

// of makes a value of an answer.
func (q question) of(answer string, err error) (string, error) {
	if err != nil || q.take == "" {
		return answer, err
	}
	switch {
	case q.take == activeText:
		vs, err := parseList(answer)
		if err != nil {
			return "", err
		}
		return active(vs)
	case strings.HasPrefix(q.take, stateText):
		return stateOf(answer, strings.TrimPrefix(q.take, stateText))
	case strings.HasPrefix(q.take, loadedText):
		is, err := stateOf(answer, strings.TrimPrefix(q.take, loadedText))
		if err == nil && is != absent {
			is = present
		}
		return is, err
	case q.take == banText:
		var b struct{ Spec string }
		err := item(answer, 0, &b)
		return engines.Clean(b.Spec), err
	case q.take == failingText:
		bs, err := parseBackends(answer)
		if err != nil {
			return "", err
		}
		return failing(bs), nil
	}
	return "", engines.Refuse("nobody knows what %q is", q.take)
}

// item decodes one element of an answer in JSON; the first three are its head.
func item(text string, i int, into any) error {
	var all []json.RawMessage
	if err := json.Unmarshal([]byte(text), &all); err != nil || len(all) < 3 {
		return errors.Join(errFrame, err)
	}
	if i+3 >= len(all) {
		return errors.New("the answer has no such item")
	}
	return json.Unmarshal(all[i+3], into)
}

// loaded is one line of vcl.list.
type loaded struct {
	Status, State, Temperature, Name string
	Label                            struct{ Name string }
}

func parseList(text string) ([]loaded, error) {
	var all []json.RawMessage
	if err := json.Unmarshal([]byte(text), &all); err != nil || len(all) < 3 {
		return nil, errors.Join(errFrame, err)
	}
	var out []loaded
	for _, raw := range all[3:] {
		var v loaded
		if err := json.Unmarshal(raw, &v); err != nil || v.Name == "" {
			return nil, errors.Join(errors.New("vcl.list gave a line without a name"), err)
		}
		out = append(out, v)
	}
	return out, nil
}

// stateOf is state and temperature of a VCL in an answer of vcl.list. One that is
// discarded stays there until its last request has ended.
func stateOf(answer, name string) (string, error) {
	vs, err := parseList(answer)
	if err != nil {
		return "", err
	}
	for _, v := range vs {
		if v.Name == name && v.Status != "discarded" {
			return engines.Clean(v.State + " " + v.Temperature), nil
		}
	}
	return absent, nil
}

// active is the VCL that new requests get; behind a label the one it leads to.
func active(vs []loaded) (string, error) {
	for _, v := range vs {
		switch {
		case v.Status != "active":
		case v.State == "label":
			return engines.Clean(v.Label.Name) + " by label " + engines.Clean(v.Name), nil
		default:
			return engines.Clean(v.Name), nil
		}
	}
	return "", errors.New("no VCL is active")
}

func (n *node) list(ctx context.Context) ([]loaded, error) {
	text, err := n.ask(ctx, "vcl.list -j")
	if err != nil {
		return nil, err
	}
	return parseList(text)
}

// backend is one line of backend.list.
type backend struct {
	name        string
	Admin       string            `json:"admin_health"`
	Probe       []json.RawMessage `json:"probe_message"`
	good, width int
	verdict     string
}

func parseBackends(text string) ([]backend, error) {
	all := map[string]backend{}
	if err := item(text, 0, &all); err != nil {
		return nil, err
	}
	var out []backend
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b := all[name]
		b.name = engines.Clean(name)
		if len(b.Probe) == 3 {
			if err := errors.Join(json.Unmarshal(b.Probe[0], &b.good), json.Unmarshal(b.Probe[1], &b.width), json.Unmarshal(b.Probe[2], &b.verdict)); err != nil {
				return nil, fmt.Errorf("probe of %s: %w", b.name, err)
			}
		}
		out = append(out, b)
	}
	return out, nil
}

// passes: every probe of the window was answered. A verdict of healthy alone says
// less: a VCL just loaded counts .initial answers that no backend gave. Without a
// probe nobody knows.
func (b backend) passes() bool {
	return b.Admin == "probe" && b.width > 0 && b.good == b.width && b.verdict == "healthy"
}

// probed reports whether there is a probe to go by.
func (b backend) probed() bool { return b.width > 0 }

// failing names the backends whose probes do not all pass, those without a probe
// left out: they are a finding of their own.
func failing(bs []backend) string {
	var bad []string
	for _, b := range bs {
		switch {
		case !b.probed() && b.Admin != "sick":
		case b.Admin == "sick" || !b.passes():
			bad = append(bad, fmt.Sprintf("%s (%d of %d, %s)", b.name, b.good, b.width, engines.Clean(b.Admin+" "+b.verdict)))
		}
	}
	if len(bs) == 0 {
		return "no backends at all"
	}
	if len(bad) == 0 {
		return none
	}
	return strings.Join(bad, ", ")
}

// requestLimit is for one request of ours: an application that is slower than
// this in its own health page is not ready for traffic.
const requestLimit = 2 * time.Second

// requests asks one Varnish as a client does, and counts who answered: "20 green".
// An answer from the cache where none may be, and one that is not 200, count as
// what they are.
func (c *Conn) requests(ctx context.Context, q question, i int) (string, error) {
	if len(q.fronts) != len(c.nodes) {
		return "", engines.Refuse("%d fronts for %d Varnishes", len(q.fronts), len(c.nodes))
	}
	unique := strings.Contains(q.url, "{number}")
	tr := &http.Transport{DisableKeepAlives: false, MaxIdleConnsPerHost: 1}
	defer tr.CloseIdleConnections()
	client := &http.Client{Transport: tr, Timeout: requestLimit, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	seen := map[string]int{}
	base := time.Now().UnixNano()
	for k := range q.n {
		path := strings.ReplaceAll(q.url, "{number}", fmt.Sprintf("%s-%d-%d-%d", c.run, base, i, k))
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+q.fronts[i]+path, nil)
		if err != nil {
			return "", engines.Refuse("%w", err)
		}
		req.Header.Set("User-Agent", "turquoise/"+c.run)
		if q.host != "" {
			req.Host = q.host
		}
		seen[answered(client, req, q.header, unique)]++
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(seen)) {
		out = append(out, fmt.Sprintf("%d %s", seen[k], k))
	}
	return strings.Join(out, ", "), nil
}

// cachedNow asks every Varnish for the cached page once and reports whether all
// had it in the cache.
func (c *Conn) cachedNow(ctx context.Context, s site) (bool, error) {
	ages, err := engines.Each(s.fronts, func(_ int, front string) (bool, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+front+s.cached, nil)
		if err != nil {
			return false, err
		}
		if s.host != "" {
			req.Host = s.host
		}
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: requestLimit}
		res, err := client.Do(req)
		if err != nil {
			return false, errors.New("no answer")
		}
		defer func() { _ = res.Body.Close() }()
		// A hit names two transactions: this one, and the one that fetched it.
		return len(strings.Fields(res.Header.Get("X-Varnish"))) > 1 || res.Header.Get("Age") > "0", nil
	})
	return !slices.Contains(ages, false), err
}

func answered(client *http.Client, req *http.Request, header string, fresh bool) string {
	res, err := client.Do(req)
	if err != nil {
		return "without an answer"
	}
	defer func() { _ = res.Body.Close() }()
	colour := engines.Clean(res.Header.Get(header))
	age, _ := strconv.Atoi(res.Header.Get("Age"))
	switch {
	case res.StatusCode != http.StatusOK:
		return fmt.Sprintf("with status %d", res.StatusCode)
	case fresh && age > 0:
		return "from the cache"
	case colour == "":
		return "without " + header
	}
	return colour
}
