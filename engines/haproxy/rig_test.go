package haproxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/skiptest"
)

const patience = 20 * time.Second

// program is the haproxy of this machine, or of the lab's cache.
func program(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a real HAProxy; -short starts none")
	}
	servers, err := lab.OpenServers(t.Output())
	if err != nil {
		t.Fatal(err)
	}
	p, err := servers.HAProxy(t.Context())
	var e *engines.Error
	if errors.Is(err, lab.ErrAbsent) && errors.As(err, &e) && os.Getenv("TURQUOISE_LAB_REQUIRE") != "1" {
		skiptest.Skip(t, "HAProxy", e.Next)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// half is a server that says its name to whoever connects and then echoes.
type half struct {
	name string
	l    net.Listener
}

func newHalf(t testing.TB, name string) *half {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &half{name, l}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				if _, err := io.WriteString(c, name+"\n"); err == nil {
					_, _ = io.Copy(c, c)
				}
			}()
		}
	}()
	return h
}

func (h *half) addr() string { return h.l.Addr().String() }

// router is one HAProxy process in front of two halves.
type router struct {
	t             testing.TB
	dir, file     string
	socket, front string
	admin         string // runtime socket over TCP
	master        string
	cmd           *exec.Cmd
	blue, green   *half
}

func free(t testing.TB) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func newRouter(t testing.TB, blue, green *half, more ...string) *router {
	t.Helper()
	p := program(t)
	dir, err := os.MkdirTemp("", "tqh") // t.TempDir is too long for a unix socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			b, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Logf("log of HAProxy: %s", b)
		}
		_ = os.RemoveAll(dir)
	})
	r := &router{t: t, dir: dir, file: filepath.Join(dir, "haproxy.cfg"), socket: filepath.Join(dir, "s"), master: filepath.Join(dir, "m"),
		front: "127.0.0.1:" + strconv.Itoa(free(t)), admin: "127.0.0.1:" + strconv.Itoa(free(t)), blue: blue, green: green}
	text := fmt.Sprintf(`global
  description turquoise lab test
  stats socket %s mode 600 level admin expose-fd listeners
  stats socket ipv4@%s level admin
  stats socket %s.v mode 600 level operator
defaults
  mode tcp
  timeout connect 2s
  timeout client 1h
  timeout server 1h
frontend fe
  bind %s
  default_backend be
backend other
  server blue 127.0.0.1:1
backend be
  server blue %s # the old one
  server   green %s disabled
  server spare 127.0.0.1:1 weight 7 disabled
%s`, r.socket, r.admin, r.socket, r.front, blue.addr(), green.addr(), strings.Join(more, ""))
	if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r.cmd = exec.Command(p, "-W", "-db", "-f", r.file, "-S", r.master)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	r.cmd.Stdout, r.cmd.Stderr = log, log
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL) // the group that this test started
		_ = r.cmd.Wait()
		_ = log.Close()
	})
	until(t, "HAProxy answers", func() bool {
		c, err := Open(engines.OpenRequest{Ctx: t.Context(), Target: "router", DSN: r.socket})
		if err != nil {
			return false
		}
		_ = c.Close()
		// The master takes signals only when it is up itself.
		_, err = oldWorkers(t.Context(), r.master)
		return err == nil
	})
	return r
}

// until polls a condition that a process outside of this one fulfils.
func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-ctx.Done():
			t.Fatalf("not in time: %s", what)
		case <-tick.C:
		}
	}
}

// viewer is a socket that may look and not switch.
func (r *router) viewer() string { return "unix:" + r.socket + ".v" }

func (r *router) params() map[string]string {
	return map[string]string{"frontend": r.front, "file": r.file, "program": program(r.t), "master": r.master}
}

func (r *router) request(dsn string) engines.OpenRequest {
	return engines.OpenRequest{Ctx: r.t.Context(), Target: "router", DSN: dsn, Params: r.params(), Run: "t1", Person: "tester"}
}

func (r *router) conn() *Conn {
	r.t.Helper()
	c, err := Open(r.request("unix:" + r.socket))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return c
}

// walk plans kinds and runs them as the executor does.
type walk struct {
	t    testing.TB
	c    *Conn
	vars map[string]string
	par  map[string]string
}

func (r *router) walk() *walk {
	w := &walk{t: r.t, c: r.conn(), vars: map[string]string{}, par: r.params()}
	for side, h := range map[string]*half{"blue": r.blue, "green": r.green} {
		host, port, err := net.SplitHostPort(h.addr())
		if err != nil {
			r.t.Fatal(err)
		}
		w.par[side+"_host"], w.par[side+"_port"] = host, port
	}
	return w
}

func (w *walk) plan(kind string, from, to engines.TargetID) engines.Parts {
	w.t.Helper()
	p, err := Planner{}.Plan(engines.Request{Kind: kind, Run: "t1", On: "router", From: from, To: to, Params: w.par, Vars: w.vars})
	if err != nil {
		var e *engines.Error
		errors.As(err, &e)
		w.t.Fatalf("plan %s: %v", kind, err)
	}
	return p
}

func (w *walk) run(as []engines.Action) {
	w.t.Helper()
	for _, a := range as {
		if _, err := w.c.Identify(w.t.Context()); err != nil { // as the executor does before each action
			w.t.Fatal(err)
		}
		res, err := w.c.Do(w.t.Context(), engines.Statement{Verb: a.Verb, Text: a.Text, Limit: a.Limit})
		if err != nil || w.c.Classify(err) != engines.Done {
			w.t.Fatalf("%s: %v (%s)", a.Title, err, w.c.Classify(err))
		}
		for _, cp := range a.Captures {
			w.vars[cp.Var] = *res.Rows[0][cp.Column]
		}
		if a.Proof != nil {
			w.prove(*a.Proof)
		}
	}
}

func (w *walk) prove(p engines.Proof) {
	w.t.Helper()
	is := ""
	over := time.Now().Add(max(p.Limit, time.Second))
	until(w.t, p.Title, func() bool {
		res, err := w.c.Do(w.t.Context(), engines.Statement{Verb: p.Verb, Text: p.Text})
		if err != nil {
			w.t.Fatalf("proof %s: %v", p.Title, err)
		}
		is, _ = res.First()
		if is != p.Want && time.Now().After(over) {
			w.t.Fatalf("proof %s: is %q, wanted %q", p.Title, is, p.Want)
		}
		return is == p.Want
	})
}

// client is an application's connection; Name is who answered, empty if nobody.
type client struct {
	net.Conn
	name string
}

func (r *router) client() client {
	r.t.Helper()
	c, err := net.Dial("tcp", r.front)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetReadDeadline(time.Now().Add(patience))
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		r.t.Fatal(err)
	}
	return client{c, strings.TrimSpace(line)}
}

// cut reports whether the connection is closed from the other side.
func (c client) cut(t testing.TB) bool {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, err := c.Read(make([]byte, 1))
	var ne net.Error
	return err != nil && (!errors.As(err, &ne) || !ne.Timeout())
}

// works reports whether the connection still echoes.
func (c client) works() bool {
	if _, err := io.WriteString(c, "x"); err != nil {
		return false
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, err := io.ReadFull(c, make([]byte, 1))
	return err == nil
}
