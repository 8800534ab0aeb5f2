package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// guarded is a cockpit in a child process that has a dead-man. It stops at one
// boundary of the window, says so, and waits there until it is killed.
type guarded struct {
	childTask
	At string
}

const guardedEnv = "TURQUOISE_TEST_GUARDED"

// guardedMain is the child. Its own environment has the secrets, as that of a
// real cockpit has; its dead-man gets the same.
func guardedMain(task string) int {
	var g guarded
	err := json.Unmarshal([]byte(task), &g)
	if err == nil {
		err = g.run(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	return 0
}

func (g guarded) run(ctx context.Context) error {
	cfg, err := g.config(os.LookupEnv)
	if err != nil {
		return err
	}
	app := &App{Out: io.Discard, Err: io.Discard}
	cfg.Deadman = app.guarding(cfg.Dir)
	cfg.Crash = func(point string) {
		if point == g.At {
			fmt.Println(point)
			select {} // the executor hangs here; the beats go on
		}
	}
	s, err := openOrResume(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	return g.walk(ctx, s)
}

// stop starts a cockpit and returns it when it stands at the boundary.
func (n *night) stop(at string) *exec.Cmd {
	n.t.Helper()
	g := guarded{n.task(), at}
	g.Until = "5"
	if n.cut.window == "stepwise" {
		g.Until = "5.6"
	}
	b, err := json.Marshal(g)
	if err != nil {
		n.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), guardedEnv+"="+string(b))
	for k, v := range g.Env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = cmd.Process.Kill() }) // long gone, if all went well
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		n.t.Fatalf("the cockpit never came to %s: %v", at, err)
	}
	if got := strings.TrimSpace(line); got != at {
		n.t.Fatalf("the cockpit says %q, want %q", got, at)
	}
	return cmd
}

// tells waits until the record says what is asked for.
func (n *night) tells(what string, cond func(steps.State) bool) steps.State {
	n.t.Helper()
	limit := time.NewTimer(90 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		cfg, err := n.task().config(n.get)
		if err != nil {
			n.t.Fatal(err)
		}
		st, err := session.Recorded(cfg)
		if err == nil && cond(st) {
			return st
		}
		select {
		case <-tick.C:
		case <-limit.C:
			it, _ := st.Current()
			n.t.Fatalf("the record never told %s: step %s is %s (%s), %v", what, it.Step.ID, st.Step(it.Step.ID).Phase, st.Step(it.Step.ID).Why, err)
		}
	}
}

// TestTheDeadManTakesTheWindowBack: a cockpit that is killed, or stopped, inside
// the window leaves no client waiting: its dead-man brings them back to blue, on
// record, and a resumed session may run the window again.
func TestTheDeadManTakesTheWindowBack(t *testing.T) {
	takenBack(t, courses()[0], []stopAt{
		{"5:main:after-send:1", syscall.SIGKILL}, // clients are held, and nobody wrote it down
		{"5:main:after-end:4", syscall.SIGKILL},
		{"5:main:before-begin:9", syscall.SIGSTOP}, // it hangs: ended first
		{"5:main:after-send:16", syscall.SIGKILL},  // the pooler points at green
		{"5:main:before-begin:19", syscall.SIGKILL},
	})
}

// TestTheDeadManTakesAWindowOfMySQLBack is the same where clients are not held but
// turned away.
func TestTheDeadManTakesAWindowOfMySQLBack(t *testing.T) {
	for _, c := range courses()[1:] {
		t.Run(c.name, func(t *testing.T) {
			c.dear(t, "mysql")
			t.Parallel()
			takenBack(t, c, []stopAt{
				{"5:main:after-send:1", syscall.SIGKILL},    // clients are turned away, and nobody wrote it down
				{"5:main:after-end:6", syscall.SIGKILL},     // blue is closed
				{"5:main:before-begin:15", syscall.SIGKILL}, // the link is turned around
				{"5:main:before-begin:20", syscall.SIGKILL},
			})
		})
	}
}

// stopAt is how a cockpit ends at a boundary.
type stopAt struct {
	at   string
	stop syscall.Signal
}

func takenBack(t *testing.T, c course, stops []stopAt) {
	t.Helper()
	n := newNightOn(t, c)
	n.cut.identity = signing(t, "script")
	tried := 0
	for _, tt := range stops {
		cmd := n.stop(tt.at)
		from := time.Now()
		if err := cmd.Process.Signal(tt.stop); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Fatalf("%s: the cockpit ended well", tt.at)
		}
		n.flows(tt.at)
		t.Logf("%-24s %-8s clients flow again after %s", tt.at, tt.stop, time.Since(from).Round(time.Millisecond))
		st := n.tells("that the window was taken back", func(st steps.State) bool {
			x := st.Step("5")
			return x.Attempt > tried && x.Phase == steps.Undone // a gate may have closed under load: armed twice
		})
		tried = st.Step("5").Attempt
		if st.Freeze.On || st.Writes != "blue" {
			t.Fatalf("%s: writes on %s, freeze %+v", tt.at, st.Writes, st.Freeze)
		}
		if err := n.ledger.Kept(t.Context(), n.bench.LedgerDSN("blue")); err != nil {
			t.Fatalf("%s: %v", tt.at, err)
		}
	}
	s := n.resumes()
	var said strings.Builder
	(&App{Err: &said}).compare(s)
	if got := strings.Count(said.String(), "the abort plan of step 5 was run"); got != len(stops) || silent(stops) && !strings.Contains(said.String(), "dead-man: the cockpit was silent for 5s and was ended") {
		t.Errorf("a resume tells %d times of the dead-man's work, want %d:\n%s", got, len(stops), said.String())
	}
	if err := n.walk(s, lab.WalkOptions{Until: "5"}); err != nil {
		t.Fatal(err)
	}
	n.compare(s)
	n.signed(s)
}

// silent reports whether one of the cockpits is only stopped.
func silent(stops []stopAt) bool {
	return slices.ContainsFunc(stops, func(s stopAt) bool { return s.stop == syscall.SIGSTOP })
}

// signing makes a key and the signers file that gives it to a person.
func signing(t *testing.T, who string) identity {
	t.Helper()
	dir := t.TempDir()
	key, line := keyFile(t, dir, "key", "")
	signers := filepath.Join(dir, "allowed_signers")
	if err := os.WriteFile(signers, []byte(who+" "+line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return identity{key: key, signers: signers}
}

// signed ends the session and demands a record in which the operator stands behind
// every seal, those of the dead-man included.
func (n *night) signed(s *session.Session) {
	n.t.Helper()
	h := s.Handle(session.Person{Name: "script", Role: "operator"})
	if err := h.Do(n.t.Context(), session.Intent{Command: steps.End{Reason: "enough"}}); err != nil {
		n.t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		n.t.Fatal(err)
	}
	who, err := audit.LoadAllowedSigners(n.cut.identity.signers)
	if err != nil {
		n.t.Fatal(err)
	}
	r := entries.Verify(s.Dir(), audit.VerifyOptions{Signers: who})
	if r.Exit != 0 || !r.Levels[1].Met {
		n.t.Errorf("%s: %s\n%v", r.Verdict, r.Levels[1].Text, r.Findings)
	}
	n.t.Log(r.Levels[1].Text)
}

// TestTheDeadManLeavesAnOpenedWindowAlone: once the statement that lets writes in
// on green may have left, only a person knows which side is right.
func TestTheDeadManLeavesAnOpenedWindowAlone(t *testing.T) {
	n := newNight(t)
	cmd := n.stop("5:main:after-begin:20")
	before := n.entries()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the cockpit ended well")
	}
	n.ended(before)
	if now := n.entries(); len(now) != len(before) {
		t.Fatalf("the record went on with %s after the cockpit's death", now[len(before)].Type)
	}
	s := n.resumes()
	if id, doubt := s.State().Doubt(); !doubt || id != "5" {
		t.Fatalf("step %q in doubt: %v", id, doubt)
	}
	h := s.Handle(session.Person{Name: "script", Role: "operator"})
	if err := h.Do(t.Context(), session.Intent{Command: steps.Settle{Step: "5", Next: steps.NextRollBack, Reason: "never sent"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(t.Context(), func(st steps.State) bool { return !st.Busy() && st.Step("5").Phase == steps.Undone }); err != nil {
		t.Fatal(err)
	}
	n.flows("after the roll-back by a person")
}

func (n *night) entries() []audit.Entry {
	n.t.Helper()
	cfg, err := n.task().config(n.get)
	if err != nil {
		n.t.Fatal(err)
	}
	rec, err := audit.Load(cfg.Dir)
	if err != nil {
		n.t.Fatal(err)
	}
	return rec.Entries
}

// ended waits until the dead-man that the record names is gone.
func (n *night) ended(es []audit.Entry) {
	n.t.Helper()
	pid := 0
	for _, e := range es {
		b, err := entries.Types().Decode(e)
		if err != nil {
			n.t.Fatal(err)
		}
		if c, ok := b.(entries.CheckResult); ok && c.Check == "dead-man" {
			if _, err := fmt.Sscanf(c.Is, "process %d", &pid); err != nil {
				n.t.Fatal(err)
			}
		}
	}
	if pid == 0 {
		n.t.Fatal("the record names no dead-man")
	}
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if _, rest, _ := strings.Cut(string(stat), ") "); err != nil || strings.HasPrefix(rest, "Z") {
			return
		}
		select {
		case <-tick.C:
		case <-limit.C:
			n.t.Fatalf("dead-man %d is still there", pid)
		}
	}
}

// resumes opens the session in this process.
func (n *night) resumes() *session.Session {
	n.t.Helper()
	cfg, err := n.task().config(n.get)
	if err != nil {
		n.t.Fatal(err)
	}
	s, err := session.Resume(n.t.Context(), cfg, "look at the result")
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = s.Close() })
	return s
}
