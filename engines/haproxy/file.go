package haproxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/local"
)

// instruction is the text of a File action, readable as it stands on the card.
//
//	read: /etc/haproxy/haproxy.cfg     lines of these servers, for the record
//	backend: be
//	server: blue
//	server: green
//
//	show: …                            the same, one column each
//
//	edit: /etc/haproxy/haproxy.cfg     these lines, all in one rename
//	backend: be
//	old: server blue 10.0.0.1:5432 check
//	new: server blue 10.0.0.1:5432 check disabled
type instruction struct {
	verb, path, backend string
	servers             []string
	lines               []change
}

type change struct{ old, new string }

func (in instruction) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\nbackend: %s", in.verb, in.path, in.backend)
	for _, s := range in.servers {
		fmt.Fprintf(&b, "\nserver: %s", s)
	}
	for _, c := range in.lines {
		fmt.Fprintf(&b, "\nold: %s\nnew: %s", c.old, c.new)
	}
	return b.String()
}

func parseInstruction(text string) (instruction, error) {
	var in instruction
	for i, l := range strings.Split(text, "\n") {
		key, val, ok := strings.Cut(l, ": ")
		last := len(in.lines) - 1
		switch {
		case !ok || val == "":
			return in, fmt.Errorf("line %d of the instruction has no value", i+1)
		case i == 0:
			in.verb, in.path = key, val
		case i == 1 && key == "backend":
			in.backend = val
		case key == "server" && in.verb != "edit":
			in.servers = append(in.servers, val)
		case key == "old" && in.verb == "edit" && (last < 0 || in.lines[last].new != ""):
			in.lines = append(in.lines, change{old: val})
		case key == "new" && in.verb == "edit" && last >= 0 && in.lines[last].new == "":
			in.lines[last].new = val
		default:
			return in, fmt.Errorf("line %d of the instruction: %q does not belong there", i+1, key)
		}
	}
	reads := (in.verb == "read" || in.verb == "show") && len(in.servers) > 0
	edits := in.verb == "edit" && len(in.lines) > 0 && in.lines[len(in.lines)-1].new != ""
	if !reads && !edits || in.path == "" || in.backend == "" {
		return in, fmt.Errorf("instruction %q is not complete", in.verb)
	}
	return in, nil
}

// action carries the change out and shows the lines afterwards.
func (in instruction) action(r engines.Request, n names, side engines.TargetID) engines.Action {
	want := make([]string, len(in.lines))
	for i, c := range in.lines {
		want[i] = c.new
	}
	return engines.Action{Target: r.On, Verb: engines.File, Title: "make the file lead to " + n.server[side], Text: in.String(),
		Proof: &engines.Proof{Target: r.On, Verb: engines.File, Title: "the file leads to " + n.server[side],
			Text: instruction{verb: "show", path: in.path, backend: in.backend, servers: n.both()}.String(), Want: strings.Join(want, " / ")}}
}

// switched is the line of a server that is out of rotation from the start, or not.
func switched(line string, out bool) string {
	words := slices.DeleteFunc(strings.Fields(line), func(w string) bool { return w == "disabled" || w == "enabled" })
	if out {
		words = append(words, "disabled")
	}
	return strings.Join(words, " ")
}

func decodeLines(s string) ([]string, error) {
	var ls []string
	err := json.Unmarshal([]byte(s), &ls)
	return ls, err
}

// runFile carries out one instruction on the router's own file.
func runFile(text, own string) (engines.Result, error) {
	in, err := parseInstruction(text)
	if err != nil {
		return engines.Result{}, engines.Refuse("%w", err)
	}
	if own == "" || in.path != own {
		return engines.Result{}, engines.Refuse("%s is not the file of this target", in.path)
	}
	old, err := os.ReadFile(in.path)
	if err != nil {
		return engines.Result{}, engines.Known(engines.Unsent, err)
	}
	lines := strings.Split(string(old), "\n")
	if in.verb != "edit" {
		found := make([]string, len(in.servers))
		for i, s := range in.servers {
			at, err := serverLine(lines, in.backend, s)
			if err != nil {
				return engines.Result{}, engines.Refuse("%w", err)
			}
			found[i] = plain(lines[at])
		}
		if in.verb == "show" {
			res := engines.Result{Columns: in.servers, Rows: [][]*string{nil}}
			for i := range found {
				res.Rows[0] = append(res.Rows[0], &found[i])
			}
			return res, nil
		}
		kept, err := json.Marshal(found)
		if err != nil {
			return engines.Result{}, engines.Refuse("%w", err)
		}
		return engines.One("lines", string(kept)), nil
	}
	for _, c := range in.lines {
		if err := editLine(lines, in.backend, c); err != nil {
			return engines.Result{}, engines.Refuse("%w", err)
		}
	}
	next := []byte(strings.Join(lines, "\n"))
	if bytes.Equal(old, next) {
		return engines.Result{Command: "EDIT", Notices: []string{"the file held the new lines already"}}, nil
	}
	return engines.Result{Command: "EDIT"}, local.Replace(in.path, next)
}

// plain is a line with single blanks and without its comment.
func plain(line string) string {
	head, _, _ := strings.Cut(line, " #")
	return strings.Join(strings.Fields(head), " ")
}

// sections begin with one of these words in the first column.
var sections = []string{"global", "defaults", "frontend", "backend", "listen", "peers", "resolvers", "userlist", "mailers", "cache", "program", "ring", "http-errors", "fcgi-app", "log-forward"}

// serverLine finds the line of a server in a backend or listen section.
func serverLine(lines []string, backend, server string) (int, error) {
	in, at := false, -1
	for i, l := range lines {
		w := strings.Fields(l)
		if len(w) == 0 {
			continue
		}
		if slices.Contains(sections, w[0]) {
			in = len(w) > 1 && (w[0] == "backend" || w[0] == "listen") && w[1] == backend
			continue
		}
		if in && len(w) > 1 && w[0] == "server" && w[1] == server {
			if at >= 0 {
				return -1, fmt.Errorf("server %s stands twice in backend %s", server, backend)
			}
			at = i
		}
	}
	if at < 0 {
		return -1, fmt.Errorf("no server %s in backend %s of the file", server, backend)
	}
	return at, nil
}

// editLine replaces a server's line. It must be the old one, or the new one already.
func editLine(lines []string, backend string, c change) error {
	w := strings.Fields(c.new)
	if len(w) < 3 || w[0] != "server" {
		return fmt.Errorf("%q is no line of a server", c.new)
	}
	at, err := serverLine(lines, backend, w[1])
	if err != nil {
		return err
	}
	is := plain(lines[at])
	// The word disabled may stand in the middle of the line: it is the same line.
	if is != c.new && switched(is, true) != switched(c.new, true) {
		return fmt.Errorf("server %s stands there as %q: the file changed since it was read", w[1], is)
	}
	indent := lines[at][:len(lines[at])-len(strings.TrimLeft(lines[at], " \t"))]
	_, comment, found := strings.Cut(lines[at], " #")
	lines[at] = indent + c.new
	if found {
		lines[at] += " #" + comment
	}
	return nil
}

// checkText is the text of the action that has the file checked; the program is
// started without a shell.
func checkText(program, file string) string { return program + " -c -f " + file }

func runCheck(ctx context.Context, text string, params map[string]string) (engines.Result, error) {
	program, file := params["program"], params["file"]
	if program == "" || file == "" || text != checkText(program, file) {
		return engines.Result{}, engines.Refuse("%q is not the check of this target's file", text)
	}
	if !filepath.IsAbs(program) {
		return engines.Result{}, engines.Refuse("%s is not an absolute path", program)
	}
	cmd := exec.CommandContext(ctx, program, "-c", "-f", file)
	cmd.Env = []string{"LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return engines.Result{}, engines.Refuse("%s", engines.Clean(lines[0]))
	case err != nil:
		return engines.Result{}, engines.Known(engines.Unsent, err)
	}
	return engines.One("file", "valid"), nil
}
