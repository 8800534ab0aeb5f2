package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// balancer is a small load balancer's command: it keeps its state in a file and
// does as it is told, or fails as it is told.
const balancer = `#!/bin/sh
cd "$(dirname "$0")" || exit 9
to=$(cat to) held=$(cat held)
case "$1" in
status) [ ! -f broken ] || { echo '{"nodes":[],"more":1}'; exit 0; }
  b=100 g=0; [ "$to" = blue ] || { b=0 g=100; }
  other=$b,$g; [ ! -f mixed ] || other=100,0
  printf '{"nodes":[{"name":"lb-1","share":{"blue":%s,"green":%s},"held":%s},{"name":"lb-2","share":{"blue":%s,"green":%s},"held":%s}]}\n' $b $g "$held" "${other%,*}" "${other#*,}" "$held" ;;
to) [ ! -f refuse ] || { echo "the other side is not there"; exit 10; }
  [ ! -f fails ] || { echo "$2" > to; echo "half way: $LB_TOKEN" >&2; exit 3; }
  [ ! -f hangs ] || { trap '' TERM; echo "$2" > to; while :; do sleep 1; done; }
  [ ! -f slow ] || { trap 'echo told > told; exit 0' TERM; while :; do sleep 0.1; done; }
  echo "$2" > to; echo "moved to $2 with $LB_TOKEN"; env > env ;;
hold) echo true > held ;;
go) echo false > held ;;
check) [ ! -f "sick-$2" ] ;;
esac
`

type rig struct {
	t    *testing.T
	dir  string
	c    *Conn
	par  map[string]string
	vars map[string]string
}

func newRig(t *testing.T) *rig {
	if testing.Short() {
		t.Skip("starts programs")
	}
	r := &rig{t: t, dir: t.TempDir(), vars: map[string]string{}}
	r.write("lb", balancer)
	if err := os.Chmod(r.path("lb"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.write("to", "blue\n")
	r.write("held", "false\n")
	t.Setenv("LB_TOKEN", "t0kenOfTheBalancer")
	t.Setenv("LB_OTHER", "not for it")
	r.par = map[string]string{"env": "PATH,LB_TOKEN"}
	for key, args := range map[string]string{"status": `"status"`, "switch_blue": `"to","blue"`, "switch_green": `"to","green"`, "hold": `"hold"`, "release": `"go"`, "health_blue": `"check","blue"`, "health_green": `"check","green"`} {
		r.par[key] = fmt.Sprintf(`[%q,%s]`, r.path("lb"), args)
	}
	r.c = r.open()
	return r
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

func (r *rig) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(r.path(name), []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) remove(name string) {
	r.t.Helper()
	if err := os.Remove(r.path(name)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) open() *Conn {
	r.t.Helper()
	c, err := Open(engines.OpenRequest{Ctx: r.t.Context(), Target: "router", DSN: "command:lb", Params: r.par})
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *rig) plan(kind string, from, to engines.TargetID) engines.Parts {
	r.t.Helper()
	p, err := Planner{}.Plan(engines.Request{Kind: kind, On: "router", From: from, To: to, Params: r.par, Vars: r.vars})
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func (r *rig) run(as []engines.Action) error {
	r.t.Helper()
	for _, a := range as {
		res, err := r.do(r.t.Context(), a.Text, a.Limit)
		if err != nil {
			return err
		}
		for _, cp := range a.Captures {
			r.vars[cp.Var] = *res.Rows[0][cp.Column]
		}
		if a.Proof != nil {
			if is := r.asks(a.Proof.Text); is != a.Proof.Want {
				return errors.New(a.Proof.Title + ": is " + is + ", wanted " + a.Proof.Want)
			}
		}
	}
	return nil
}

func (r *rig) do(ctx context.Context, text string, limit time.Duration) (engines.Result, error) {
	return r.c.Do(ctx, engines.Statement{Verb: engines.Exec, Text: text, Limit: limit})
}

func (r *rig) asks(text string) string {
	r.t.Helper()
	res, err := r.do(r.t.Context(), text, 0)
	if err != nil {
		return err.Error()
	}
	is, _ := res.First()
	return is
}

// TestAWindowThereAndBack holds, moves, and lets go, with proof by status.
func TestAWindowThereAndBack(t *testing.T) {
	r := newRig(t)
	if err := r.run(r.plan("capture", "blue", "green").Actions); err != nil {
		t.Fatal(err)
	}
	for _, way := range [][2]engines.TargetID{{"blue", "green"}, {"green", "blue"}} {
		for _, kind := range []string{"freeze", "route", "open"} {
			if err := r.run(r.plan(kind, way[0], way[1]).Actions); err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
		}
	}
	freeze, route := r.plan("freeze", "blue", "green"), r.plan("route", "blue", "green")
	for _, as := range [][]engines.Action{freeze.Actions, route.Actions, route.Abort, freeze.Abort} {
		if err := r.run(as); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(r.path("env")); err != nil || !strings.Contains(string(got), "LB_TOKEN=") || strings.Contains(string(got), "LB_OTHER") {
		t.Errorf("the command got %s, %v", got, err)
	}
}

// TestOutcomes: what an exit status means, and that only status decides.
func TestOutcomes(t *testing.T) {
	r := newRig(t)
	if err := r.run(r.plan("capture", "blue", "green").Actions); err != nil {
		t.Fatal(err)
	}
	to := r.plan("switch", "blue", "green").Actions[0]
	for _, tt := range []struct {
		file  string
		limit time.Duration
		want  engines.Outcome
		why   string
		is    string
	}{
		{"refuse", 0, engines.Refused, "the other side is not there", "blue"},
		{"fails", 0, engines.Unclear, "exit status 3: half way: ***", "green"},
		{"hangs", 300 * time.Millisecond, engines.Unclear, "time limit", "green"},
		{"slow", 300 * time.Millisecond, engines.Unclear, "time limit", "blue"},
	} {
		r.write("to", "blue\n")
		r.write(tt.file, "")
		_, err := r.do(t.Context(), to.Text, tt.limit)
		if got := r.c.Classify(err); got != tt.want || err == nil || !strings.Contains(err.Error(), tt.why) || strings.Contains(err.Error(), "t0ken") {
			t.Errorf("%s: %v, %v; want %v and %q", tt.file, got, err, tt.want, tt.why)
		}
		if is := r.asks(to.Proof.Text); is != tt.is {
			t.Errorf("%s: status says %q, want %q", tt.file, is, tt.is)
		}
		r.remove(tt.file)
	}
	if _, err := os.Stat(r.path("told")); err != nil {
		t.Errorf("a command whose time is over is not told: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.do(ctx, to.Text, 0); r.c.Classify(err) != engines.Unsent {
		t.Errorf("a context that was over: %v, %v", r.c.Classify(err), err)
	}
	r.write("mixed", "")
	r.write("to", "green\n")
	if is := r.asks(to.Proof.Text); is != "lb-1: green; lb-2: blue" {
		t.Errorf("mixed nodes: %q", is)
	}
}

// TestWhatIsRunIsWhatWasShown: another command, another executable and a command
// without its sum are not started.
func TestWhatIsRunIsWhatWasShown(t *testing.T) {
	r := newRig(t)
	if err := r.run(r.plan("capture", "blue", "green").Actions); err != nil {
		t.Fatal(err)
	}
	to := r.plan("switch", "blue", "green").Actions[0]
	if sum := r.vars[sumVar+"1"]; !strings.Contains(to.Text, r.path("lb")+`","to","green"]`+"\nsha256: "+sum) {
		t.Errorf("the plan shows %q", to.Text)
	}
	for name, text := range map[string]string{
		"another argument": strings.Replace(to.Text, `"green"`, `"blue; rm"`, 1),
		"no sum":           strings.Split(to.Text, "\n")[0],
		"another program":  `exec: ["/bin/sh","-c","true"]`,
		"no list":          "exec: lb to green",
	} {
		if _, err := r.do(t.Context(), text, 0); r.c.Classify(err) != engines.Refused {
			t.Errorf("%s: %v, %v", name, r.c.Classify(err), err)
		}
	}
	was, err := r.c.Identify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.write("lb", balancer+"# changed\n")
	if err := os.Chmod(r.path("lb"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err = r.do(t.Context(), to.Text, 0)
	if r.c.Classify(err) != engines.Unsent || !strings.Contains(err.Error(), "another file") {
		t.Errorf("a changed executable: %v, %v", r.c.Classify(err), err)
	}
	if is, err := r.c.Identify(t.Context()); err != nil || is.Same(was) {
		t.Errorf("a changed executable passes for the old one: %v", err)
	}
	if got, err := os.ReadFile(r.path("to")); err != nil || string(got) != "blue\n" {
		t.Errorf("traffic moved: %s, %v", got, err)
	}
}

// TestTargetsThatAreRefused: no error quotes what may be a secret.
func TestTargetsThatAreRefused(t *testing.T) {
	r := newRig(t)
	const secret = "s3cretWord"
	open := func(dsn, key, value string) error {
		par := map[string]string{}
		for k, v := range r.par {
			par[k] = v
		}
		par[key] = value
		_, err := Open(engines.OpenRequest{Ctx: t.Context(), Target: "router", DSN: dsn, Params: par})
		return err
	}
	for name, err := range map[string]error{
		"a string":        open("command:"+secret+" x", "dir", ""),
		"a shell line":    open("command:lb", "switch_green", "/opt/lb to green "+secret),
		"a relative path": open("command:lb", "switch_green", `["lb","`+secret+`"]`),
		"dots":            open("command:lb", "switch_green", `["/opt/../lb"]`),
		"one side only":   open("command:lb", "switch_green", ""),
		"hold alone":      open("command:lb", "release", ""),
		"health of one":   open("command:lb", "health_green", ""),
		"a variable":      open("command:lb", "env", "NO_SUCH_VARIABLE"),
		"no status":       open("command:lb", "status", `["/bin/false"]`),
		"another status":  open("command:lb", "status", `["/bin/echo","{\"nodes\":[{\"name\":\"a\",\"share\":{\"blue\":1},\"more\":1}]}"]`),
	} {
		var e *engines.Error
		if !errors.As(err, &e) || e.Next == "" || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestGaugesAndChecks: each passes in order and stops or warns otherwise.
func TestGaugesAndChecks(t *testing.T) {
	r := newRig(t)
	rd := &Reader{c: r.c}
	in := engines.Scope{On: "router", From: "blue", To: "green"}
	gauge := func(name string) engines.Reading {
		for _, g := range rd.Gauges(t.Context(), in) {
			if g.Gauge == engines.Gauge("router", name) {
				return g
			}
		}
		t.Fatalf("no gauge %s", name)
		return engines.Reading{}
	}
	level := func(i int) engines.Level { return rd.Inspect(t.Context(), in)[i].Level }
	if g := gauge("serves_side"); g.Text != "blue" || level(0) != engines.Pass || level(1) != engines.Pass || level(2) != engines.Pass {
		t.Errorf("%+v %+v", g, rd.Inspect(t.Context(), in))
	}
	r.write("held", "true\n")
	r.write("sick-green", "")
	if g, h := gauge("paused_count"), gauge("green_health"); g.Value != 2 || h.Text != "no" || level(0) != engines.Block || level(2) != engines.Block {
		t.Errorf("held, sick: %+v %+v", g, h)
	}
	if err := os.Chmod(r.path("lb"), 0o777); err != nil {
		t.Fatal(err)
	}
	if level(1) != engines.Block {
		t.Error("a command that everybody may write passes")
	}
	r.write("broken", "")
	if g := gauge("serves_side"); g.Err == nil || level(0) != engines.Blind {
		t.Errorf("a status that is not the agreed JSON: %+v", g)
	}
}

func FuzzStatus(f *testing.F) {
	f.Add([]byte(`{"nodes":[{"name":"lb-1","share":{"blue":100,"green":0},"held":false}]}`))
	f.Add([]byte(`{"nodes":[{"name":"\u001b[2J","share":{"green":100},"held":true}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := parseStatus(in)
		if err == nil && (s.where() == "" || s.where() != engines.Clean(s.where())) {
			t.Errorf("%q gives %q", in, s.where())
		}
		if err != nil && engines.Clean(err.Error()) != err.Error() {
			t.Errorf("%q came through", err)
		}
	})
}
