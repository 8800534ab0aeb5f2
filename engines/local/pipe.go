package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// ErrProgram is a program that ended badly. Its own output is not shown: it may
// quote a row or a connection string.
var ErrProgram = errors.New("the program ended with an error")

var errCommand = errors.New("not a command this engine runs")

// Command is one program of a pipe, as planned.
type Command struct {
	Password string
	Argv     []string
}

// Programs are what a pipe may run: the password variable that may stand in
// front of each, and the names allowed before and behind the bar.
type Programs struct {
	Password   string
	Dump, Load []string
}

// Parse reads a planned text: exactly `dump … | load …`, words in single quotes
// taken as they stand, an optional password variable in front of each.
func (p Programs) Parse(text string) ([2]Command, error) {
	var out [2]Command
	words, err := split(text)
	if err != nil {
		return out, err
	}
	part := 0
	for _, w := range words {
		c := &out[part]
		password, given := strings.CutPrefix(w.text, p.Password+"=")
		switch {
		case w.bare && w.text == "|" && part == 1:
			return out, errCommand
		case w.bare && w.text == "|":
			part++
		case len(c.Argv) == 0 && given:
			c.Password = password
		default:
			c.Argv = append(c.Argv, w.text)
		}
	}
	for i, names := range [][]string{p.Dump, p.Load} {
		if len(out[i].Argv) == 0 || !slices.Contains(names, out[i].Argv[0]) {
			return out, errCommand
		}
	}
	return out, nil
}

type word struct {
	text string
	bare bool
}

func split(text string) ([]word, error) {
	var out []word
	var b strings.Builder
	in, quoted, some := false, false, false
	flush := func() {
		if some {
			out = append(out, word{b.String(), !quoted})
		}
		b.Reset()
		quoted, some = false, false
	}
	for _, r := range text {
		switch {
		case r == '\'':
			in, quoted, some = !in, true, true
		case !in && (r == ' ' || r == '\n'):
			flush()
		default:
			b.WriteRune(r)
			some = true
		}
	}
	if in {
		return nil, errCommand
	}
	flush()
	return out, nil
}

// Pipe runs both programs and hands what the first says to the second by way of
// hand. The loader's input is closed only when the dump ended well: a cut dump
// must not look like a whole one. kill ends both, which were made with its
// context; began is called when both run.
func Pipe(dump, load *exec.Cmd, kill context.CancelFunc, began func(), hand func(io.Writer, io.Reader) error) error {
	out, err := dump.StdoutPipe()
	if err != nil {
		return err
	}
	in, err := load.StdinPipe()
	if err != nil {
		return err
	}
	if err := dump.Start(); err != nil {
		return fmt.Errorf("start %s: %w", Base(dump), err)
	}
	if err := load.Start(); err != nil {
		kill()
		_ = dump.Wait() // it was ended
		return fmt.Errorf("start %s: %w", Base(load), err)
	}
	began()
	handed := hand(in, out)
	if err := dump.Wait(); err != nil || handed != nil {
		kill()
		_ = load.Wait() // it was ended
		return fmt.Errorf("%s: %w", Base(dump), ErrProgram)
	}
	if err := in.Close(); err != nil {
		kill()
		_ = load.Wait() // it was ended
		return fmt.Errorf("%s: %w", Base(load), ErrProgram)
	}
	if err := load.Wait(); err != nil {
		return fmt.Errorf("%s: %w", Base(load), ErrProgram)
	}
	return nil
}

// Base is the bare name of a program.
func Base(c *exec.Cmd) string { return filepath.Base(c.Path) }

// Tool looks for a program in the given folder alone if there is one, else along
// PATH.
func Tool(dir, name string) (string, error) {
	if dir != "" {
		return exec.LookPath(filepath.Join(dir, name))
	}
	return exec.LookPath(name)
}

// Outcome of a pipe that was started: a program that began may have changed
// something, whatever it says at its end; the step's proof decides.
func Outcome(err error) engines.Outcome {
	if err == nil {
		return engines.Done
	}
	return engines.Unclear
}
