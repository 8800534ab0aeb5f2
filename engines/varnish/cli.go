package varnish

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

const (
	connectLimit = 5 * time.Second
	// commandLimit holds for a command whose action has no limit of its own. The
	// manager does one thing at a time, and another's vcl.load may take a second.
	commandLimit = 5 * time.Second
	// bodyMost: the answer to the longest command is cut by varnishd at its
	// parameter cli_limit, 48 KiB as it ships.
	bodyMost = 1 << 20
	// headLength is the fixed length of a frame's first line.
	headLength = 13
	// challengeLength is the part of the greeting that is hashed.
	challengeLength = 32
)

// Statuses of the management protocol.
const (
	statusOK        = 200
	statusTruncated = 201
	statusAuth      = 107
	statusComms     = 400
	statusClose     = 500
)

var (
	errFrame  = errors.New("what answers does not speak Varnish's management protocol")
	errClosed = errors.New("the connection is closed")
	errLost   = errors.New("connection lost before the answer was whole")
	errSecret = errors.New("the secret does not match")
	errShape  = errors.New("not one plain command")
	errCut    = errors.New("the answer was cut at cli_limit")
)

// readFrame reads one answer: "%03d %-8d\n", the body, and a newline that the
// length does not count.
func readFrame(r io.Reader) (status int, body string, err error) {
	head := make([]byte, headLength)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, "", err
	}
	status, serr := number(head[:3])
	n, nerr := number([]byte(strings.TrimRight(string(head[4:headLength-1]), " ")))
	if serr != nil || nerr != nil || head[3] != ' ' || head[headLength-1] != '\n' || status < 100 || n > bodyMost {
		return 0, "", errFrame
	}
	text := make([]byte, n+1)
	if _, err := io.ReadFull(r, text); err != nil {
		return 0, "", err
	}
	if text[n] != '\n' {
		return 0, "", errFrame
	}
	return status, string(text[:n]), nil
}

// number takes digits only: Atoi would take a sign.
func number(b []byte) (int, error) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, errFrame
		}
	}
	return strconv.Atoi(string(b))
}

// answer to the challenge: the secret counts with the newline at its end.
func response(challenge string, secret []byte) string {
	h := sha256.New()
	_, _ = io.WriteString(h, challenge+"\n") // a hash takes every write
	_, _ = h.Write(secret)
	_, _ = io.WriteString(h, challenge+"\n")
	return hex.EncodeToString(h.Sum(nil))
}

// node is one management connection.
type node struct {
	addr  string
	meter engines.Meter
	c     net.Conn // nil once lost
	r     *bufio.Reader
	open  bool   // it asked for no secret
	text  string // of the greeting, with the version
}

func (n *node) String() string { return n.addr }

// dial connects and proves that we know the secret.
func dial(ctx context.Context, addr string, secret []byte) (*node, error) {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, mask(err)
	}
	n := &node{addr: addr}
	n.c = n.meter.Wrap(c)
	n.r = bufio.NewReader(n.c)
	stop, err := n.until(ctx)
	if err == nil {
		err = n.greet(secret)
	}
	stop()
	if err != nil {
		n.close()
		return nil, mask(errors.Join(ctx.Err(), err))
	}
	n.meter.Reset()
	return n, nil
}

func (n *node) greet(secret []byte) error {
	status, body, err := readFrame(n.r)
	if err != nil {
		return err
	}
	switch {
	case status == statusOK:
		n.open, n.text = true, body
		return nil
	case status != statusAuth || len(body) < challengeLength:
		return errFrame
	}
	if _, err := io.WriteString(n.c, "auth "+response(body[:challengeLength], secret)+"\n"); err != nil {
		return err
	}
	status, body, err = readFrame(n.r)
	if err == nil && status == statusClose {
		return errSecret
	}
	if err == nil && status != statusOK {
		return errFrame
	}
	n.text = body
	return err
}

// until sets the deadline of a context on the connection.
func (n *node) until(ctx context.Context) (stop func() bool, err error) {
	limit := time.Now().Add(commandLimit)
	if d, ok := ctx.Deadline(); ok {
		limit = d
	}
	c := n.c
	err = c.SetDeadline(limit)
	return context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) }), err
}

// ask sends one command and reads its answer. After an error on the wire the
// connection is over: a late answer would be taken for the next one.
func (n *node) ask(ctx context.Context, line string) (string, error) {
	switch {
	case n.c == nil:
		return "", errClosed
	case line == "" || strings.ContainsAny(line, "\n\r\x00") || strings.Contains(line, "<<"):
		return "", errShape // two commands, or a text that goes on behind the line
	case ctx.Err() != nil:
		return "", ctx.Err()
	}
	stop, err := n.until(ctx)
	defer stop()
	var status int
	var body string
	if err == nil {
		_, err = io.WriteString(n.c, line+"\n")
	}
	if err == nil {
		status, body, err = readFrame(n.r)
	}
	if err != nil {
		n.close()
		return "", mask(errors.Join(ctx.Err(), err))
	}
	switch status {
	case statusOK, statusTruncated:
		if status == statusTruncated && strings.Contains(line, " -j") {
			return "", errCut // half of a JSON text says nothing
		}
		return body, nil
	case statusComms, statusClose:
		n.close()
	}
	return "", &statusError{status, sayings(body)}
}

func (n *node) close() {
	if n.c != nil {
		_ = n.c.Close() // nothing of ours waits in it
		n.c = nil
	}
}

// statusError is a no of the manager, by number.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return fmt.Sprintf("%s (%d)", e.text, e.status) }

// refused reports whether the number says that nothing was done.
func (e *statusError) refused() bool { return e.status != statusComms && e.status != statusClose }

// sayings puts the lines of a message into one: the compiler of VCL says more
// than one, and names the place.
func sayings(body string) string {
	var keep []string
	for _, l := range strings.Split(body, "\n") {
		if l = strings.TrimSpace(l); l != "" && !strings.Contains(l, "####") && len(keep) < 6 {
			keep = append(keep, engines.Clean(l))
		}
	}
	if len(keep) == 0 {
		return "no reason given"
	}
	return strings.Join(keep, " | ")
}

// mask keeps of an error what may be shown.
func mask(err error) error {
	var ne net.Error
	var oe *net.OpError
	switch {
	case errors.Is(err, errFrame), errors.Is(err, errSecret):
		return err
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &ne) && ne.Timeout():
		return context.DeadlineExceeded
	case errors.As(err, &oe) && oe.Op == "dial":
		return fmt.Errorf("no connection: %w", oe.Err)
	}
	return errLost
}
