package varnish

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

// peer writes what it is given to whoever connects and then reads to the end.
func peer(t *testing.T, says ...string) string {
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
				for i, s := range says {
					if i > 0 { // an answer, once a line was read
						if _, err := c.Read(make([]byte, 4096)); err != nil {
							return
						}
					}
					if _, err := io.WriteString(c, s); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

func frame(status int, body string) string {
	return fmt.Sprintf("%03d %-8d\n%s\n", status, len(body), body)
}

// TestPeersThatAreNotVarnish: whatever listens there, the error says what is
// wrong, and no answer is taken for a yes.
func TestPeersThatAreNotVarnish(t *testing.T) {
	challenge := frame(statusAuth, strings.Repeat("c", challengeLength)+"\n\nAuthentication required.\n")
	for name, tt := range map[string]struct {
		says []string
		why  string
	}{
		"another protocol":  {[]string{"220 mail.example ESMTP ready\r\n"}, "does not speak"},
		"a browser's":       {[]string{"HTTP/1.1 400 Bad Request\r\n\r\n"}, "does not speak"},
		"a huge length":     {[]string{"200 99999999\nx"}, "does not speak"},
		"a negative length": {[]string{"200 -5      \nx"}, "does not speak"},
		"a sign":            {[]string{"+07 59      \nx"}, "does not speak"},
		"no newline":        {[]string{"200 3       \nabcd"}, "does not speak"},
		"half a head":       {[]string{"200 3  "}, "connection lost"},
		"half a body":       {[]string{"200 30      \nabc"}, "connection lost"},
		"a short challenge": {[]string{frame(statusAuth, "short")}, "does not speak"},
		"a wrong secret":    {[]string{challenge, frame(statusClose, "")}, "secret does not match"},
		"silent afterwards": {[]string{challenge}, "connection lost"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(engines.OpenRequest{Ctx: t.Context(), Target: "router", DSN: peer(t, tt.says...)})
			var e *engines.Error
			if !errors.As(err, &e) || e.Next == "" || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("%v; want %q and a next move", err, tt.why)
			}
		})
	}
	for name, tt := range map[string]struct {
		answer, why string
		outcome     engines.Outcome
	}{
		"cut at the limit":  {frame(statusTruncated, `[2, ["vcl.list"`), "cli_limit", engines.Unclear},
		"not json":          {frame(statusOK, "<html>"), "does not speak", engines.Unclear},
		"a name that moves": {frame(statusOK, `[2,[],1,{"status":"active","name":"\u001b[2Jboot"}]`), "", engines.Done},
		"nothing active":    {frame(statusOK, `[2,[],1,{"status":"available","name":"boot"}]`), "no VCL is active", engines.Unclear},
		"a no":              {frame(300, "Cannot \x1b[2Jdo"), "Cannot [2Jdo (300)", engines.Refused},
		"communication":     {frame(statusComms, "child died"), "child died (400)", engines.Unclear},
		"torn":              {"200 9", "connection lost", engines.Unclear},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Open(engines.OpenRequest{Ctx: t.Context(), Target: "router", DSN: peer(t, frame(statusOK, "varnish-7.1.1"), tt.answer)})
			if err != nil {
				t.Fatal(err)
			}
			res, err := c.Do(t.Context(), vcl(askActive()))
			if got := c.Classify(err); got != tt.outcome || !strings.Contains(fmt.Sprint(err), tt.why) && tt.why != "" {
				t.Errorf("%v, %v; want %v and %q", got, err, tt.outcome, tt.why)
			}
			is, _ := res.First()
			if strings.Contains(is+fmt.Sprint(err), "\x1b") {
				t.Errorf("%q, %v move a cursor", is, err)
			}
		})
	}
}

// TestTheSecretCountsToItsLastByte: Varnish hashes the file as it is.
func TestTheSecretCountsToItsLastByte(t *testing.T) {
	r := newRig(t, 1)
	text, err := os.ReadFile(r.params["secret_file"])
	if err != nil {
		t.Fatal(err)
	}
	trimmed := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(trimmed, bytes.TrimSpace(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o := r.request()
	o.Params = map[string]string{"secret_file": trimmed}
	_, err = Open(o)
	var e *engines.Error
	if !errors.As(err, &e) || !errors.Is(err, errSecret) || !strings.Contains(e.Next, "newline") || strings.Contains(err.Error(), string(bytes.TrimSpace(text))) {
		t.Errorf("%v", err)
	}
	o.Params = map[string]string{}
	if _, err = Open(o); !errors.Is(err, errSecret) {
		t.Errorf("without a secret: %v", err)
	}
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte(frame(200, "hello")))
	f.Add([]byte("107 59      \n" + strings.Repeat("c", 59) + "\n"))
	f.Add([]byte("200 99999999\n"))
	f.Add([]byte("200 0       \n\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		status, body, err := readFrame(r)
		if err != nil {
			return
		}
		// What was read is what a frame of that status and length looks like.
		if used := in[:len(in)-r.Len()]; status < 100 || len(used) != headLength+len(body)+1 || !bytes.Contains(used, []byte(body)) {
			t.Errorf("%d %q of %q", status, body, used)
		}
		for _, text := range []string{askActive(), askState("x"), askFailing("x"), askBan()} {
			q, perr := parse(text)
			if perr != nil {
				t.Fatal(perr)
			}
			if got, err := q.of(body, nil); err == nil && got != engines.Clean(got) {
				t.Errorf("%q came through", got)
			}
		}
	})
}
