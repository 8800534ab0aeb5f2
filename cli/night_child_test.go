package cli

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// The crash matrix. The lab and the clients live in the test's process; the
// cutover runs in a child that kills itself at a boundary, or is killed.

const childEnv = "TURQUOISE_TEST_CHILD"

// childTask is what a child is told.
type childTask struct {
	Book, Dir, Sid, Window string
	Key, Signers           string // files; of a session that its operator signs
	Params                 []string
	EveryMS                int // sampling interval; 0: 250
	Until, BackFrom        runbooks.StepID
	Env                    map[string]string
	Crash                  bool     // die at the first boundary that nobody died at yet
	Whole                  bool     // at all of them, not at a selection
	Only                   string   // at those that begin with this
	Seen                   []string // boundaries that a child died at already
	End                    bool     // close the session when the walk is over
	Sit                    string   // at a cockpit, full or plain, in a terminal; the process has to go while a step runs
}

// childDone is where a cutover stands.
type childDone struct {
	Current        runbooks.StepID
	Phase, Why     string // of the step that was unclear, or of the last one
	Writes, Result string
	Frozen         bool
}

// childSays is one line of a child's output.
type childSays struct {
	Killed  string     `json:",omitempty"` // it dies at this boundary now
	Settled *childDone `json:",omitempty"` // what was unclear is settled; it waits for a line
	Again   string     `json:",omitempty"` // a window was aborted and is taken back, and why: it is confirmed again
	Full    bool       `json:",omitempty"` // a copy was cut and has to be made anew into an empty side; it waits for a line
	Done    *childDone `json:",omitempty"` // the walk is over
}

// childMain is the cutover of a child process.
func childMain(task string) int {
	var c childTask
	err := json.Unmarshal([]byte(task), &c)
	if err == nil && c.Sit != "" {
		return c.sit(context.Background())
	}
	if err == nil {
		err = c.run(context.Background(), os.Stdin, json.NewEncoder(os.Stdout))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	return 0
}

func (c childTask) run(ctx context.Context, in io.Reader, out *json.Encoder) error {
	get := func(k string) (string, bool) { v, ok := c.Env[k]; return v, ok }
	cfg, err := c.config(get)
	if err != nil {
		return err
	}
	if c.Crash {
		cfg.Crash = func(point string) {
			if !c.wants(point) {
				return
			}
			_ = out.Encode(childSays{Killed: point}) // the parent sees it missing otherwise
			if p, err := os.FindProcess(os.Getpid()); err == nil {
				_ = p.Kill()
			}
			select {}
		}
	}
	s, err := openOrResume(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	unclear, err := settleDoubt(ctx, s)
	if err != nil {
		return err
	}
	if err := out.Encode(childSays{Settled: stands(s, unclear)}); err != nil {
		return err
	}
	told := bufio.NewReader(in)
	if _, err := told.ReadString('\n'); err != nil {
		return err
	}
	walk := func() error {
		return walkAgain(func() error { return c.walk(ctx, s) }, func() string { return abortedAt(s.State()) },
			func(why string) error { return out.Encode(childSays{Again: why}) })
	}
	err = walk()
	if err != nil && strings.Contains(err.Error(), "(the side is empty)") {
		if err := out.Encode(childSays{Full: true}); err != nil {
			return err
		}
		if _, err := told.ReadString('\n'); err != nil {
			return err
		}
		err = walk()
	}
	if err != nil {
		return err
	}
	return out.Encode(childSays{Done: stands(s, c.Until)})
}

func (c childTask) config(get env) (session.Config, error) {
	cut := cutover{book: c.Book, params: c.Params, operator: "script", window: c.Window, every: time.Duration(cmp.Or(c.EveryMS, 250)) * time.Millisecond}
	if c.Key != "" {
		cut.identity = identity{key: c.Key, signers: c.Signers}
		if err := cut.identify(); err != nil {
			return session.Config{}, err
		}
	}
	book, values, _, err := cut.load(get)
	if err != nil {
		return session.Config{}, err
	}
	if book == nil {
		return session.Config{}, errors.New("the runbook is refused")
	}
	cfg, err := cut.config(book, values, get)
	cfg.LabOnly, cfg.Scripted = true, true
	cfg.Sid, cfg.Dir, cfg.Run = c.Sid, filepath.Join(c.Dir, c.Sid), "s"+c.Sid[len(c.Sid)-4:]
	cfg.Record = recordDeps(ticket{}.origin(c.Sid))
	return cfg, err
}

func openOrResume(ctx context.Context, cfg session.Config) (*session.Session, error) {
	if _, err := os.Stat(filepath.Join(cfg.Dir, "0001.jsonl")); err == nil {
		return session.Resume(ctx, cfg, "crash test")
	}
	return session.Start(ctx, cfg)
}

// walk goes to the end of the task. A walk that stands before the step without
// return, and was to turn back before it, turns back now.
func (c childTask) walk(ctx context.Context, s *session.Session) error {
	if it, ok := s.State().Current(); ok && it.Step.Risk == runbooks.NoReturn && c.BackFrom != "" {
		h := s.Handle(session.Person{Name: "script", Role: "operator"})
		if err := h.Do(ctx, session.Intent{Command: steps.BackOut{Reason: "crash test"}}); err != nil {
			return err
		}
	}
	if _, err := lab.Walk(ctx, s, lab.WalkOptions{Until: c.Until, BackFrom: c.BackFrom}); err != nil {
		return err
	}
	if !c.End {
		return nil
	}
	return s.Handle(session.Person{Name: "script", Role: "operator"}).Do(ctx, endIntent("crash test"))
}

// moreWindows is how often a life confirms a window again that was aborted and
// taken back. Under the load of two nights on two cores a limit of the product may
// pass; an operator looks at what the card says and tries again. A matrix that
// stopped there would not show what it is for; a rehearsal does stop.
const moreWindows = 2

// walkAgain walks, and walks on behind an aborted window. back says which one that
// is and why, or nothing; tell hands it on.
func walkAgain(walk func() error, back func() string, tell func(string) error) error {
	err := walk()
	for n := 0; n < moreWindows && errors.Is(err, lab.ErrStopped); n++ {
		why := back()
		if why == "" {
			return err
		}
		if err := tell(why); err != nil {
			return err
		}
		err = walk()
	}
	return err
}

// abortedAt names the block at which the walk stands after its abort.
func abortedAt(st steps.State) string {
	it, ok := st.Current()
	if !ok || len(it.Parts) == 0 || st.Step(it.Step.ID).Phase != steps.Undone {
		return ""
	}
	return string(it.Step.ID) + ": " + st.Step(it.Step.ID).Why
}

func stands(s *session.Session, id runbooks.StepID) *childDone {
	st := s.State()
	it, _ := st.Current()
	x := st.Step(id)
	return &childDone{Phase: x.Phase.String(), Why: x.Why, Writes: string(st.Writes), Current: it.Step.ID, Frozen: st.Freeze.On, Result: st.Result}
}

// settleDoubt does what an operator does after a crash: asks the proofs, and
// rolls back what stopped inside the block.
func settleDoubt(ctx context.Context, s *session.Session) (runbooks.StepID, error) {
	h := s.Handle(session.Person{Name: "script", Role: "operator"})
	id, doubt := s.State().Doubt()
	if !doubt {
		return "", nil
	}
	if err := h.Do(ctx, session.Intent{Command: steps.Verify{Step: id}}); err != nil {
		return id, err
	}
	if _, doubt = s.State().Doubt(); !doubt {
		return id, nil
	}
	if it, _ := s.State().Current(); len(it.Parts) == 0 {
		return id, fmt.Errorf("step %s stays unclear after its proofs: %s", id, said(s, id))
	}
	if err := h.Do(ctx, session.Intent{Command: steps.Settle{Step: id, Next: steps.NextRollBack, Reason: "crash test"}}); err != nil {
		return id, fmt.Errorf("%w; the proofs had said: %s", err, said(s, id))
	}
	if err := s.Wait(ctx, func(st steps.State) bool { return !st.Busy() }); err != nil {
		return id, err
	}
	if x := s.State().Step(id); x.Phase != steps.Undone {
		return id, fmt.Errorf("step %s rolled back is %s: %s: %s", id, x.Phase, x.Why, said(s, id))
	}
	return id, nil
}

func said(s *session.Session, id runbooks.StepID) string {
	var out []string
	for _, l := range s.Snapshot().Cards[id].Output {
		out = append(out, l.Text)
	}
	return strings.Join(out, "; ")
}

// wants says whether to die at a boundary: STEP:PLACE, or STEP:PART:PLACE:ACTION.
func (c childTask) wants(point string) bool {
	if slices.Contains(c.Seen, point) || !strings.HasPrefix(point, c.Only) {
		return false
	}
	if c.Whole {
		return true
	}
	f := strings.Split(point, ":")
	step, place, n := f[0], f[1], 0
	if len(f) == 4 {
		place = f[2]
		_, _ = fmt.Sscan(f[3], &n) // a name of our own
	}
	places := []string{"before-intent", "after-intent", "before-begin", "after-begin", "after-send", "after-end", "before-outcome", "after-outcome"}
	at := slices.Index(places, place)
	if !strings.Contains(step, ".") {
		// The window: every fourth action, at another place each time, and the first of an abort.
		return len(f) == 4 && (f[1] == "main" && n%4 == 1 && at == 2+(n/4)%4 || f[1] == "abort" && n == 1 && place == "after-send")
	}
	sum := 0
	for _, b := range []byte(step) {
		sum = sum*7 + int(b)
	}
	// One place of a step; which one differs from step to step.
	for _, seen := range c.Seen {
		if strings.HasPrefix(seen, step+":") {
			return false
		}
	}
	return at == sum%len(places)
}
