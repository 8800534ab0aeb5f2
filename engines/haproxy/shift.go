package haproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// Three versions of an application behind one backend share a database: the one
// that serves has weight 100, the others 0, so that they are checked and get
// nothing. Both versions accept the database as it is while requests move, so the
// new one is let in first and the old one let go after: nobody waits, and what is
// under way ends where it began.

const (
	served   = "100"
	idle     = "0"
	lookWith = 20 // requests of a look at the traffic
	// drainLimit: an answer that takes longer is not waited for.
	drainLimit = 30 * time.Second
	drainEvery = 50 * time.Millisecond
)

const (
	healthText = "health of "
	lookText   = "\n-- asks there as a client does; which versions answered"
)

var (
	lookForm   = regexp.MustCompile(`^look (\S+) (\S+) (\S+) ([1-9][0-9]{0,3})$`)
	plainPath  = regexp.MustCompile(`^/[A-Za-z0-9_./%+=-]*$`)
	plainField = regexp.MustCompile(`^[A-Za-z0-9-]+$`)
)

// colourServer is the server of a version of the application.
func colourServer(params map[string]string, c engines.Colour) string {
	if v := params[string(c)+"_server"]; v != "" {
		return v
	}
	return string(c)
}

func askHealth(backend, server string) string {
	return "show servers state " + backend + taken + healthText + server
}

// health is whether a server may be given requests: up, down, or maint where an
// administrator took it away. What it has for weight is another question.
func (t table) health(name string) (string, error) {
	row, err := t.server(name)
	if err != nil {
		return "", err
	}
	op, err := t.number(row, "srv_op_state")
	admin, aerr := t.number(row, "srv_admin_state")
	switch err := errors.Join(err, aerr); {
	case err != nil:
		return "", err
	case admin&inMaint != 0:
		return "maint", nil
	case op == 2:
		return "up", nil
	}
	return "down", nil
}

// look asks each front as a client does, and gives the versions that answered.
func (c *Conn) look(ctx context.Context, text string) (string, error) {
	m := lookForm.FindStringSubmatch(text)
	if m == nil {
		return "", errShape
	}
	requests, err := strconv.Atoi(m[4])
	if err != nil {
		return "", errShape
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: canaryLimit}
	var seen []string
	for _, front := range strings.Split(m[1], ",") {
		for range requests {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+front+m[2], nil)
			if err != nil {
				return "", errShape
			}
			res, err := client.Do(req)
			if err != nil {
				return "", fmt.Errorf("frontend %s: %w", front, mask(err))
			}
			_, cerr := io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
			if err := errors.Join(cerr, res.Body.Close()); err != nil {
				return "", fmt.Errorf("frontend %s: %w", front, mask(err))
			}
			who := engines.Clean(res.Header.Get(m[3]))
			if who == "" || res.StatusCode >= http.StatusInternalServerError {
				who = fmt.Sprintf("nobody (%d)", res.StatusCode)
			}
			if !slices.Contains(seen, who) {
				seen = append(seen, who)
			}
		}
	}
	slices.Sort(seen)
	return strings.Join(seen, ", "), nil
}

// planShift moves requests to another version.
func planShift(r engines.Request, n names) (engines.Parts, error) {
	if r.Change == nil {
		return engines.Parts{}, fail(r, errors.New("the runbook has no schema"), "add schema and colours; between two databases write freeze, route and open")
	}
	from, to := colourServer(r.Params, engines.Colour(r.From)), colourServer(r.Params, engines.Colour(r.To))
	path, header := r.Param("probe_path", "/"), r.Param("colour_header", "X-Colour")
	for _, s := range []string{from, to} {
		if !plainName.MatchString(s) {
			return engines.Parts{}, fail(r, fmt.Errorf("%q is no name of a server", s), "correct the target's params")
		}
	}
	if from == to || !plainPath.MatchString(path) || !plainField.MatchString(header) {
		return engines.Parts{}, fail(r, fmt.Errorf("servers %q and %q, path %q, header %q", from, to, path, header), "correct blue_server, turquoise_server, green_server, probe_path and colour_header in the target's params")
	}
	weigh := func(server, weight, title string) engines.Action {
		return engines.Action{Target: r.On, Verb: engines.Sock, Title: title, Text: "set server " + n.backend + "/" + server + " weight " + weight}
	}
	in := weigh(to, served, "give requests to "+to)
	in.Proof = &engines.Proof{Target: r.On, Verb: engines.Sock, Title: to + " is healthy", Text: askHealth(n.backend, to), Want: "up", Every: proofEvery, Limit: proofLimit}
	out := weigh(from, idle, "give no new request to "+from)
	out.Proof, out.Starts = takes(r, n, to), engines.WritesOpen
	left := engines.Action{Target: r.On, Verb: engines.Sock, Title: "let what is under way on " + from + " end", Text: askConns(n.backend, from)}
	left.Proof = &engines.Proof{Target: r.On, Verb: engines.Sock, Title: "requests left on " + from, Text: left.Text, Want: "0", Every: drainEvery, Limit: drainLimit}
	look := engines.Action{Target: r.On, Verb: engines.Sock, Title: "ask as a client does", Text: fmt.Sprintf("look %s %s %s %d%s", n.frontend, path, header, lookWith, lookText)}
	look.Proof = &engines.Proof{Target: r.On, Verb: engines.Sock, Title: "who answers", Text: look.Text, Want: string(r.To)}
	back, off := weigh(from, served, "give requests to "+from+" again"), weigh(to, idle, "give no new request to "+to)
	back.Undoes, off.Undoes = 2, 1
	back.Proof = &engines.Proof{Target: r.On, Verb: engines.Sock, Title: from + " is healthy", Text: askHealth(n.backend, from), Want: "up", Every: proofEvery, Limit: proofLimit}
	off.Proof = takes(r, n, from)
	return engines.Parts{Actions: []engines.Action{in, out, left, look}, Undo: []engines.Action{back, off}}, nil
}

// releaseGauges are read where the runbook has a schema.
func releaseGauges() []string {
	return []string{"live_colour", "live_server_count", "turquoise_health", "blue_health", "green_health",
		"blue_failing_rate", "turquoise_failing_rate", "green_failing_rate", "blue_response_seconds", "turquoise_response_seconds", "green_response_seconds"}
}

// release reads which version serves and which could.
func (r *Reader) release(s snapshot, add func(string, engines.Unit, error, func(*engines.Reading) error)) {
	add("live_colour", engines.Bool, s.serr, func(g *engines.Reading) (err error) {
		g.Text, err = word(s.states, func(t table) (string, error) { return t.colour(r.c.params) })
		if strings.Contains(g.Text, " and ") {
			g.Text = "mixed"
		}
		return err
	})
	add("live_server_count", engines.Count, s.serr, func(g *engines.Reading) error {
		for _, t := range s.states {
			who, err := t.takes()
			if err != nil {
				return err
			}
			if who != nobody {
				g.Value = max(g.Value, float64(len(strings.Split(who, ", "))))
			}
		}
		return nil
	})
	r.answerGauges(s, add)
	for _, c := range engines.Colours() {
		add(string(c)+"_health", engines.Bool, s.serr, func(g *engines.Reading) (err error) {
			g.Text, err = word(s.states, func(t table) (string, error) { return t.health(colourServer(r.c.params, c)) })
			return err
		})
	}
}

// colour is the version that new requests go to; mixed, nobody, or a server that
// is none of them.
func (t table) colour(params map[string]string) (string, error) {
	who, err := t.takes()
	if err != nil {
		return "", err
	}
	if strings.Contains(who, ", ") {
		return "mixed", nil
	}
	for _, c := range engines.Colours() {
		if who == colourServer(params, c) {
			return string(c), nil
		}
	}
	return who, nil
}
