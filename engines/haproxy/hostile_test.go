package haproxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

// peer answers each line as told; an empty answer closes the line.
func peer(t *testing.T, banner string, answer func(line string) string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				_, _ = io.WriteString(c, banner)
				for in := bufio.NewScanner(c); in.Scan(); {
					a := answer(in.Text())
					if _, err := io.WriteString(c, a); err != nil || a == "" {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// TestPeersThatAreNotHAProxy: whatever listens there, the error says what is wrong,
// shows nothing that moves a cursor, and no answer is taken for a yes.
func TestPeersThatAreNotHAProxy(t *testing.T) {
	huge := strings.Repeat("x", 1<<20)
	for name, tt := range map[string]struct {
		answer func(string) string
		why    string
	}{
		"another protocol": {func(string) string { return "500 unknown \x1b[31mcommand\n> " }, "500 unknown [31mcommand"},
		"endless":          {func(string) string { return huge }, "answer longer than any"},
		"torn":             {func(l string) string { return map[bool]string{true: "\n> "}[l == "prompt"] }, "connection lost"},
		"another program": {func(l string) string {
			if l == "show info" {
				return "Name: nginx\nPid: 1\n\n> "
			}
			return "\n> "
		}, "is not HAProxy"},
		"going away": {func(l string) string {
			if l == "show info" {
				return "Name: HAProxy\nPid: 1\nVersion: 2.6\nStopping: 1\n\n> "
			}
			return "\n> "
		}, "going away"},
		"a version of words": {func(l string) string {
			if l == "show info" {
				return "Name: HAProxy\nPid: 1\nVersion: \x1b[2Jdev\n\n> "
			}
			return "\n> "
		}, `version "[2Jdev" is not HAProxy's`},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Open(engines.OpenRequest{Ctx: t.Context(), Target: "router", DSN: peer(t, "", tt.answer)})
			if err == nil {
				_, err = c.Identify(t.Context())
			}
			var e *engines.Error
			if !errors.As(err, &e) || e.Next == "" || !strings.Contains(err.Error(), tt.why) || strings.ContainsAny(err.Error(), "\x1b") {
				t.Errorf("%q; want %q and a next move", err, tt.why)
			}
		})
	}
}

// TestAnAnswerHasAnEnd: a session that was greeted well is bounded too.
func TestAnAnswerHasAnEnd(t *testing.T) {
	at := peer(t, "", func(l string) string {
		if strings.HasPrefix(l, "show") {
			return strings.Repeat("x", 1<<20)
		}
		return "\n> "
	})
	s, err := dial(t.Context(), place{"tcp", at})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if s.most != answerMost {
		t.Errorf("%d bytes of an answer are read, want %d", s.most, answerMost)
	}
	s.most = greetingMost // reading the whole of it takes long under the race detector
	if _, err := s.ask(t.Context(), "show servers conn"); !errors.Is(err, errHuge) {
		t.Errorf("an endless answer: %v", err)
	}
}

// TestABannerIsNoAnswer: text that came before a command was sent is not its answer.
func TestABannerIsNoAnswer(t *testing.T) {
	at := peer(t, "hello\n> ", func(l string) string {
		if strings.HasPrefix(l, "set server") {
			return "[3]: No such server.\n\n> "
		}
		return "\n> "
	})
	c, err := Open(engines.OpenRequest{Ctx: t.Context(), Target: "router", DSN: at})
	if err != nil {
		return // refused at the door: as good
	}
	defer func() { _ = c.Close() }()
	_, err = c.Do(t.Context(), sock("set server be/blue state maint"))
	if got := c.Classify(err); got == engines.Done {
		t.Error("an answer that came before the command was taken for it")
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add("1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_port\n3 be 1 blue 127.0.0.1 2 0 1 29903\n", "be")
	f.Add("# pxname,svname,scur,\nbe,blue,3,\n", "blue")
	f.Add("[3]: Can't find backend.\n", "x")
	f.Fuzz(func(t *testing.T, answer, name string) {
		for _, text := range []string{askTakes("be"), askConns("be", name), askAddress("be", name), "set server be/blue state maint"} {
			q, err := parse(text)
			if err != nil {
				continue // a name nobody may use
			}
			got, err := q.of(answer, nil)
			if err == nil && !q.asks && answer != "" {
				t.Errorf("%q was taken for done", answer)
			}
			if err == nil && got != engines.Clean(got) {
				t.Errorf("%q came through", got)
			}
		}
		_ = serverOf(answer, " src="+name+" ")
	})
}
