package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

const (
	connectLimit = 5 * time.Second
	// commandLimit: a runtime command is answered from memory; the longest list
	// of a busy process took some 20 ms.
	commandLimit = 3 * time.Second
	// answerMost keeps a peer that is not HAProxy from filling our memory.
	answerMost = 32 << 20
	// greetingMost: settings of a session are answered by nothing or one line.
	greetingMost = 64 << 10
	// idleSeconds is what we ask the process to grant a quiet session: its own
	// default of ten seconds would end it between two steps.
	idleSeconds = 86400
)

var (
	errLost   = errors.New("connection lost before the answer was whole")
	errClosed = errors.New("the connection is closed")
	errHuge   = errors.New("answer longer than any of HAProxy's")
	errShape  = errors.New("not one plain command")
)

// prompt ends each answer of an interactive session. An empty answer means done,
// so without this end a lost answer could not be told from a good one.
const (
	prompt       = "\n> "
	masterPrompt = "master> "
)

// place is where a runtime socket is.
type place struct{ network, addr string }

func (p place) String() string {
	if p.network == "unix" {
		return "unix:" + p.addr
	}
	return p.addr
}

// places reads the connection string. Its error quotes nothing of it.
func places(dsn string) ([]place, error) {
	var out []place
	for _, s := range strings.Split(dsn, ",") {
		s = strings.TrimSpace(s)
		switch {
		case strings.HasPrefix(s, "unix:"), strings.HasPrefix(s, "/"):
			path := strings.TrimPrefix(strings.TrimPrefix(s, "unix:"), "//")
			if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "@\x00\r\n ") {
				return nil, errDSN
			}
			out = append(out, place{"unix", path})
		default:
			host, port, err := net.SplitHostPort(strings.TrimPrefix(s, "tcp://"))
			n, nerr := strconv.Atoi(port)
			if err != nil || nerr != nil || n < 1 || n > 65535 || host == "" || strings.ContainsAny(host, "@/ ") {
				return nil, errDSN
			}
			out = append(out, place{"tcp", net.JoinHostPort(host, port)})
		}
	}
	return out, nil
}

// socket is one interactive session with one process.
type socket struct {
	at    place
	meter engines.Meter
	c     net.Conn // nil once lost
	end   string   // of an answer
	most  int      // bytes of an answer
	rest  []byte
}

// dial opens a session. Only settings of the session itself are sent.
func dial(ctx context.Context, at place) (*socket, error) {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, at.network, at.addr)
	if err != nil {
		return nil, mask(err)
	}
	s := &socket{at: at, end: prompt, most: greetingMost}
	s.c = s.meter.Wrap(c)
	for _, line := range []string{"prompt", "set severity-output number", fmt.Sprintf("set timeout cli %d", idleSeconds)} {
		answer, err := s.ask(ctx, line)
		if err == nil && answer != "" {
			err = refusal(answer)
		}
		if err != nil {
			s.close()
			return nil, err
		}
	}
	s.most = answerMost
	s.meter.Reset()
	return s, nil
}

// ask sends one line and reads until the prompt. After an error the session is
// over: what comes later would be taken for the next answer.
func (s *socket) ask(ctx context.Context, line string) (string, error) {
	if s.c == nil {
		return "", errClosed
	}
	if line == "" || strings.ContainsAny(line, "\n\r;\x00") || strings.Contains(line, "<<") {
		return "", errShape // one line would be two commands, or wait for a payload
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	limit := time.Now().Add(commandLimit)
	if d, ok := ctx.Deadline(); ok {
		limit = d
	}
	c := s.c
	err := c.SetDeadline(limit)
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	var answer string
	if err == nil {
		_, err = c.Write([]byte(line + "\n"))
	}
	if err == nil {
		answer, err = s.read()
	}
	if err != nil {
		s.close()
		return "", mask(errors.Join(ctx.Err(), err))
	}
	return answer, nil
}

func (s *socket) read() (string, error) {
	buf := make([]byte, 16<<10)
	for {
		// What we wait for ends what has come: no command is out before it.
		if bytes.HasSuffix(s.rest, []byte(s.end)) {
			out := string(s.rest[:len(s.rest)-len(s.end)])
			s.rest = s.rest[:0]
			return strings.Trim(out, "\n"), nil
		}
		if len(s.rest) > s.most {
			return "", errHuge
		}
		n, err := s.c.Read(buf)
		s.rest = append(s.rest, buf[:n]...)
		if err != nil && n == 0 {
			return "", err
		}
	}
}

func (s *socket) close() {
	if s.c != nil {
		_ = s.c.Close() // nothing of ours waits in it
		s.c = nil
	}
}

// serverError is an answer of the process that is no good news.
type serverError struct{ message string }

func (e *serverError) Error() string { return e.message }

var severity = regexp.MustCompile(`^\[([0-7])\]: `)

// refusal makes an error of an answer's first line: an unknown command is
// answered with the whole help.
func refusal(answer string) error {
	first, _, _ := strings.Cut(severity.ReplaceAllString(answer, ""), "\n")
	return &serverError{engines.Clean(first)}
}

// mask keeps of a network error what may be shown.
func mask(err error) error {
	var ne net.Error
	var oe *net.OpError
	switch {
	case errors.Is(err, errHuge), errors.Is(err, errShape), errors.Is(err, errClosed):
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
