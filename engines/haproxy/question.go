package haproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// nobody is the answer where no server takes connections.
const nobody = "nobody"

// unseen: the process has no session with our address, or gave it no server yet.
const unseen = "not seen"

// Texts of Sock actions are runtime commands as they stand. Below a question
// stands what is taken of its answer; that line never reaches the process.
const taken = "\n-- of the answer: "

const (
	takesText  = "servers that take new connections"
	connsText  = "connections of "
	placesText = "address of "
	canaryText = "\n-- connects there and closes; show sess names the server behind it"
)

func askTakes(backend string) string { return "show servers state " + backend + taken + takesText }
func askConns(backend, server string) string {
	return showStat(backend) + taken + connsText + server
}

// showStat is about the backend and its servers. In show servers conn the column
// used_cur stays 0 for clients in TCP mode (2.6.12): a proof by it always holds.
func showStat(backend string) string { return "show stat " + backend + " 6 -1" }

func askAddress(backend, server string) string {
	return "show servers state " + backend + taken + placesText + server
}
func askCanary(frontends string) string { return "canary " + frontends + canaryText }

// question is a parsed text.
type question struct {
	command string
	take    string
	canary  []string // frontends
	look    string   // requests as a client sends them
	asks    bool
}

func parse(text string) (question, error) {
	if rest, ok := strings.CutPrefix(text, "canary "); ok {
		addrs, found := strings.CutSuffix(rest, canaryText)
		if !found {
			return question{}, errShape
		}
		return question{canary: strings.Split(addrs, ","), asks: true}, nil
	}
	if look, ok := strings.CutSuffix(text, lookText); ok && strings.HasPrefix(text, "look ") {
		return question{look: look, asks: true}, nil
	}
	command, take, asks := strings.Cut(text, taken)
	if strings.ContainsAny(command, "\n\r;\x00") || strings.Contains(command, "<<") || command == "" {
		return question{}, errShape
	}
	return question{command: command, take: take, asks: asks || strings.HasPrefix(command, "show ")}, nil
}

// of makes a value of an answer. A command that changes something answers with
// nothing; any word is a no.
func (q question) of(answer string, err error) (string, error) {
	switch {
	case err != nil:
		return "", err
	case severity.MatchString(answer):
		return "", refusal(answer)
	case !q.asks && answer != "":
		return "", refusal(answer)
	case q.take == "":
		return engines.Clean(answer), nil
	}
	t, err := readTable(answer)
	if err != nil {
		return "", err
	}
	switch {
	case strings.HasPrefix(q.take, healthText):
		return t.health(strings.TrimPrefix(q.take, healthText))
	case q.take == takesText:
		return t.takes()
	case strings.HasPrefix(q.take, connsText):
		return t.conns(strings.TrimPrefix(q.take, connsText))
	case strings.HasPrefix(q.take, placesText):
		return t.address(strings.TrimPrefix(q.take, placesText))
	}
	return "", engines.Refuse("nobody knows what %q is", q.take)
}

// table is an answer read by the names of its header: columns move from version
// to version.
type table struct {
	columns []string
	rows    [][]string
}

func readTable(text string) (table, error) {
	var t table
	for _, l := range strings.Split(text, "\n") {
		if head, ok := strings.CutPrefix(l, "# "); ok && t.columns == nil {
			t.columns = strings.FieldsFunc(head, separates)
			continue
		}
		if t.columns != nil && l != "" {
			t.rows = append(t.rows, strings.Split(l, sep(l)))
		}
	}
	if t.columns == nil {
		return t, errors.New("the answer has no header")
	}
	return t, nil
}

func separates(r rune) bool { return r == ' ' || r == ',' }

func sep(line string) string { // show stat is CSV, the others have blanks
	if strings.Contains(line, ",") {
		return ","
	}
	return " "
}

func (t table) get(row []string, column string) (string, error) {
	i := slices.Index(t.columns, column)
	if i < 0 || i >= len(row) {
		return "", fmt.Errorf("the answer has no column %s", column)
	}
	return engines.Clean(row[i]), nil
}

func (t table) number(row []string, column string) (int, error) {
	s, err := t.get(row, column)
	if err != nil || s == "" {
		return 0, err
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("column %s is no number: %q", column, s)
	}
	return n, nil
}

// Bits of srv_admin_state that keep new connections away: maintenance by command,
// by a tracked server or by a name that no longer resolves; drain by command or
// by a tracked server. Bit 4 only says that the file has the word disabled, and
// stays after a server was let in.
const (
	inMaint = 0x01 | 0x02 | 0x20
	inDrain = 0x08 | 0x10
)

// state of one server in a word.
func (t table) state(row []string) (string, error) {
	op, err := t.number(row, "srv_op_state")
	admin, aerr := t.number(row, "srv_admin_state")
	if err := errors.Join(err, aerr); err != nil {
		return "", err
	}
	switch {
	case admin&inMaint != 0:
		return "maint", nil
	case op == 0:
		return "down", nil
	case admin&inDrain != 0 || op == 3:
		return "drain", nil
	}
	return "up", nil
}

// takes lists the servers of the backend that a new client may get.
func (t table) takes() (string, error) {
	var open []string
	for _, row := range t.rows {
		name, err := t.get(row, "srv_name")
		if err != nil {
			return "", err
		}
		state, err := t.state(row)
		if err != nil {
			return "", err
		}
		weight, err := t.number(row, "srv_uweight")
		if err != nil {
			return "", err
		}
		if state == "up" && weight > 0 {
			open = append(open, name)
		}
	}
	if len(open) == 0 {
		return nobody, nil
	}
	return strings.Join(open, ", "), nil
}

func (t table) server(name string) ([]string, error) {
	for _, row := range t.rows {
		if n, _ := t.get(row, "srv_name"); n == name {
			return row, nil
		}
	}
	return nil, engines.Refuse("no server %s in the backend", name)
}

func (t table) address(name string) (string, error) {
	row, err := t.server(name)
	if err != nil {
		return "", err
	}
	host, err := t.get(row, "srv_addr")
	port, perr := t.get(row, "srv_port")
	return net.JoinHostPort(host, port), errors.Join(err, perr)
}

// stat is a server's line of show stat, or the backend's own.
func (t table) stat(name string) ([]string, error) {
	for _, row := range t.rows {
		if n, err := t.get(row, "svname"); err != nil || n == name {
			return row, err
		}
	}
	return nil, engines.Refuse("show stat has no line %s", name)
}

func (t table) conns(name string) (string, error) {
	row, err := t.stat(name)
	if err != nil {
		return "", err
	}
	return t.get(row, "scur")
}

// canaryLimit: a frontend that takes a connection hands it on within a
// millisecond.
const canaryLimit = time.Second

// canaries connects as a client does and asks each process which server it gave.
func (c *Conn) canaries(ctx context.Context, frontends []string) ([]string, error) {
	if len(frontends) != len(c.nodes) {
		return nil, engines.Refuse("%d frontends for %d sockets", len(frontends), len(c.nodes))
	}
	type pair struct {
		*socket
		front string
	}
	pairs := make([]pair, len(frontends))
	for i, f := range frontends {
		pairs[i] = pair{c.nodes[i], f}
	}
	return engines.Each(pairs, func(_ int, p pair) (string, error) { return p.canary(ctx, p.front) })
}

// canary returns the server that a new connection gets. The connection sends
// nothing: HAProxy picks the server when it is accepted. A database counts it as
// a client that went away before its login.
func (s *socket) canary(ctx context.Context, front string) (string, error) {
	d := net.Dialer{Timeout: canaryLimit}
	client, err := d.DialContext(ctx, "tcp", front)
	if err != nil {
		return "", fmt.Errorf("frontend %s: %w", front, mask(err))
	}
	defer func() { _ = client.Close() }()
	ended := make(chan struct{}) // by HAProxy: it has no server for us
	go func() {
		defer close(ended)
		buf := make([]byte, 512)
		for {
			if _, err := client.Read(buf); err != nil {
				return
			}
		}
	}()
	src := " src=" + client.LocalAddr().String() + " "
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	over := time.NewTimer(canaryLimit)
	defer over.Stop()
	for {
		answer, err := s.ask(ctx, "show sess")
		if err != nil {
			return "", err
		}
		if srv := serverOf(answer, src); srv != "" {
			return srv, nil
		}
		select {
		case <-ended:
			return nobody, nil
		case <-over.C: // another address of ours than we know stands in the list, or the client waits
			return unseen, nil
		case <-tick.C:
		}
	}
}

// serverOf finds the session of a client in show sess.
func serverOf(sessions, src string) string {
	for _, l := range strings.Split(sessions, "\n") {
		if !strings.Contains(l, src) {
			continue
		}
		for _, w := range strings.Fields(l) {
			if v, ok := strings.CutPrefix(w, "srv="); ok && v != "<none>" {
				return engines.Clean(v)
			}
		}
	}
	return ""
}
