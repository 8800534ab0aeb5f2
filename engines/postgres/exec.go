package postgres

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// errExec is a local program that ended badly. Its own output is not shown: it
// may quote a row or a connection string.
var (
	errExec    = errors.New("the program ended with an error")
	errCommand = errors.New("not a command this engine runs")
)

// command is one program of a pipe, as planned.
type command struct {
	password string
	argv     []string
}

// exec runs `PGPASSWORD=… pg_dump … | psql …`: the first program reads the other
// side, the second writes this connection's server. There is no shell.
func (c *Conn) exec(ctx context.Context, s engines.Statement) (engines.Result, error) {
	cmds, err := parsePipe(s.Text)
	if err != nil {
		return engines.Result{}, &engines.Error{Op: "read the command", Object: string(c.target), Err: err}
	}
	dir, err := os.MkdirTemp("", "turquoise-")
	if err != nil {
		return engines.Result{}, &engines.Error{Op: "make a folder for the password file", Object: string(c.target), Err: err}
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if s.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.Limit)
		defer cancel()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dump, err := c.program(ctx, dir, "from", cmds[0], nil)
	if err != nil {
		return engines.Result{}, err
	}
	own := []string{"PGHOST=" + c.cfg.Host, "PGPORT=" + strconv.Itoa(int(c.cfg.Port)), "PGUSER=" + c.cfg.User,
		"PGDATABASE=" + c.cfg.Database, "PGOPTIONS=-c default_transaction_read_only=off -c lock_timeout=2s"}
	if c.cfg.TLSConfig == nil {
		own = append(own, "PGSSLMODE=disable")
	}
	cmds[1].password = c.cfg.Password
	load, err := c.program(ctx, dir, "to", cmds[1], own)
	if err != nil {
		return engines.Result{}, err
	}
	start := time.Now()
	err = c.pipe(dump, load, cancel)
	res := engines.Result{Took: time.Since(start), Command: filepath.Base(dump.Path) + " | " + filepath.Base(load.Path)}
	if err != nil {
		return res, &engines.Error{Op: "run " + res.Command, Object: object(c.target, c.cfg), Err: err,
			Next: "run the printed command by hand to read its own message"}
	}
	return res, nil
}

// pipe starts both programs and copies between them. The reader is started
// last and its input is closed only when the writer ended well: with
// --single-transaction a cut input must not look like its end.
func (c *Conn) pipe(dump, load *exec.Cmd, kill context.CancelFunc) error {
	out, err := dump.StdoutPipe()
	if err != nil {
		return err
	}
	in, err := load.StdinPipe()
	if err != nil {
		return err
	}
	if err := dump.Start(); err != nil {
		return fmt.Errorf("start %s: %w", filepath.Base(dump.Path), err)
	}
	if err := load.Start(); err != nil {
		kill()
		_ = dump.Wait()
		return fmt.Errorf("start %s: %w", filepath.Base(load.Path), err)
	}
	c.ran = true
	copyErr := copyLines(in, out)
	dumpErr := dump.Wait()
	if copyErr != nil || dumpErr != nil {
		kill()
		_ = load.Wait()
		return fmt.Errorf("%s: %w", filepath.Base(dump.Path), errExec)
	}
	if err := in.Close(); err != nil {
		kill()
		_ = load.Wait()
		return fmt.Errorf("%s: %w", filepath.Base(load.Path), errExec)
	}
	if err := load.Wait(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(load.Path), errExec)
	}
	return nil
}

// copyLines leaves out the one setting that pg_dump 17 and newer writes and
// servers before 17 refuse. It only limits the restoring session.
func copyLines(w io.Writer, r io.Reader) error {
	b := bufio.NewReader(r)
	for {
		line, err := b.ReadString('\n')
		if !strings.HasPrefix(line, "SET transaction_timeout = 0;") {
			if _, werr := io.WriteString(w, line); werr != nil {
				return werr
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// program prepares one command: its password in a file only we can read, its
// path from the target's tools folder.
func (c *Conn) program(ctx context.Context, dir, name string, k command, env []string) (*exec.Cmd, error) {
	pass := filepath.Join(dir, name)
	esc := strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(k.password)
	if err := os.WriteFile(pass, []byte("*:*:*:*:"+esc+"\n"), 0o600); err != nil {
		return nil, &engines.Error{Op: "write the password file", Object: string(c.target), Err: err}
	}
	path, err := tool(c.params["tools"], k.argv[0])
	if err != nil {
		return nil, &engines.Error{Op: "find " + k.argv[0], Object: string(c.target), Err: err,
			Next: "install the PostgreSQL client programs, or set the target's parameter tools to their folder"}
	}
	cmd := exec.CommandContext(ctx, path, k.argv[1:]...)
	cmd.Env = append([]string{"PGPASSFILE=" + pass, "PGAPPNAME=" + c.cfg.RuntimeParams["application_name"],
		"PGCONNECT_TIMEOUT=10", "LC_ALL=C", "PATH=" + os.Getenv("PATH"), "LD_LIBRARY_PATH=" + os.Getenv("LD_LIBRARY_PATH")}, env...)
	cmd.WaitDelay = grace
	return cmd, nil
}

// tool looks in the given folder alone if there is one, else along PATH, else
// where Debian keeps the programs of each major version, newest first: a
// pg_dump reads servers older than itself, never newer ones.
func tool(dir, name string) (string, error) {
	if dir != "" {
		return exec.LookPath(filepath.Join(dir, name))
	}
	if p, err := exec.LookPath(name); err == nil {
		return p, nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		return "", exec.ErrNotFound
	}
	slices.Sort(found)
	return found[len(found)-1], nil
}

// parsePipe reads the planned text: exactly `pg_dump … | psql …`, words in
// single quotes taken as they stand, an optional PGPASSWORD in front.
func parsePipe(text string) ([2]command, error) {
	var out [2]command
	words, err := split(text)
	if err != nil {
		return out, err
	}
	part := 0
	for _, w := range words {
		switch {
		case w.bare && w.text == "|":
			part++
			if part > 1 {
				return out, errCommand
			}
		case len(out[part].argv) == 0 && strings.HasPrefix(w.text, "PGPASSWORD="):
			out[part].password = strings.TrimPrefix(w.text, "PGPASSWORD=")
		default:
			out[part].argv = append(out[part].argv, w.text)
		}
	}
	for i, want := range []string{"pg_dump", "psql"} {
		if len(out[i].argv) == 0 || out[i].argv[0] != want {
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
	in, quoted, any := false, false, false
	flush := func() {
		if any {
			out = append(out, word{b.String(), !quoted})
		}
		b.Reset()
		quoted, any = false, false
	}
	for _, r := range text {
		switch {
		case r == '\'':
			in, quoted, any = !in, true, true
		case !in && (r == ' ' || r == '\n'):
			flush()
		default:
			b.WriteRune(r)
			any = true
		}
	}
	if in {
		return nil, errCommand
	}
	flush()
	return out, nil
}

// classifyExec: a program that began may have changed something, whatever it
// says at its end; the step's proof decides.
func classifyExec(err error) engines.Outcome {
	if err == nil {
		return engines.Done
	}
	return engines.Unclear
}
