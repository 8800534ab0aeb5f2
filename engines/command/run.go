package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

const (
	// outputMost of a command is looked at: what it says is for people, and a
	// status is some hundred bytes.
	outputMost = 64 << 10
	// afterTerm is how long a command may take to end when its time is over.
	afterTerm = 5 * time.Second
	// refusedStatus is the exit status that says: nothing was changed.
	refusedStatus = 10
	// shortest value of a variable that is masked: shorter ones stand in every text.
	shortest = 4
)

// runner starts the commands of one target.
type runner struct {
	dir   string
	env   []string // NAME=value
	masks []string // values
}

func newRunner(params map[string]string) (runner, error) {
	r := runner{dir: params["dir"]}
	if r.dir == "" {
		r.dir = "/"
	}
	for _, name := range strings.FieldsFunc(params["env"], func(c rune) bool { return c == ',' || c == ' ' }) {
		v, ok := os.LookupEnv(name)
		if !ok {
			return r, fmt.Errorf("variable %s is not set", engines.Clean(name))
		}
		r.env = append(r.env, name+"="+v)
		if len(v) >= shortest && name != "PATH" && name != "HOME" {
			r.masks = append(r.masks, v)
		}
	}
	return r, nil
}

// said is what a command printed, cut, without secrets, line by line.
func (r runner) said(b []byte) []string {
	text := string(b)
	for _, m := range r.masks {
		text = strings.ReplaceAll(text, m, "***")
	}
	var out []string
	for _, l := range strings.Split(text, "\n") {
		if l = engines.Clean(strings.TrimSpace(l)); l != "" && len(out) < 5 {
			out = append(out, l)
		}
	}
	return out
}

// tail keeps the beginning of what is written to it.
type kept struct {
	mu sync.Mutex
	b  []byte
}

func (k *kept) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if room := outputMost - len(k.b); room > 0 {
		k.b = append(k.b, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

// run starts a command and waits for it. out is what it printed on its standard
// output, notes the beginning of both outputs for people.
func (r runner) run(ctx context.Context, argv []string, sum string) (out []byte, notes []string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, engines.Known(engines.Unsent, err)
	}
	if sum != "" {
		is, err := sumOf(argv[0])
		if err != nil {
			return nil, nil, engines.Known(engines.Unsent, err)
		}
		if is != sum {
			return nil, nil, engines.Known(engines.Unsent, fmt.Errorf("%s is another file than the one that the plan names: its sum is %s", argv[0], is))
		}
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var stdout, stderr kept
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = r.dir, r.env, &stdout, &stderr
	if cmd.Env == nil {
		cmd.Env = []string{} // nil would hand all of ours over
	}
	cmd.WaitDelay = afterTerm
	end := group(cmd)
	if err := cmd.Start(); err != nil {
		return nil, nil, engines.Known(engines.Unsent, err)
	}
	err = cmd.Wait()
	end() // what it left behind in its group, also when it ended well
	notes = append(r.said(stdout.b), r.said(stderr.b)...)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return stdout.b, notes, nil
	case ctx.Err() != nil:
		return nil, notes, fmt.Errorf("ended by its time limit: %w", ctx.Err())
	case errors.As(err, &exit) && exit.ExitCode() == refusedStatus:
		return nil, notes, engines.Refuse("it refused (exit status %d)%s", refusedStatus, why(notes))
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return nil, notes, fmt.Errorf("exit status %d%s", exit.ExitCode(), why(notes))
	case errors.As(err, &exit):
		return nil, notes, fmt.Errorf("ended by a signal%s", why(notes))
	}
	return nil, notes, fmt.Errorf("its end was not seen")
}

func why(notes []string) string {
	if len(notes) == 0 {
		return ""
	}
	return ": " + strings.Join(notes, " | ")
}
