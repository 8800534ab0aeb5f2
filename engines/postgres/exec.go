package postgres

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/local"
)

// copies are what a copy of the schema may run.
var copies = local.Programs{Password: "PGPASSWORD", Dump: []string{"pg_dump"}, Load: []string{"psql"}}

// exec runs `PGPASSWORD=… pg_dump … | psql …`: the first program reads the other
// side, the second writes this connection's server. There is no shell.
func (c *Conn) exec(ctx context.Context, s engines.Statement) (engines.Result, error) {
	cmds, err := copies.Parse(s.Text)
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
	cmds[1].Password = c.cfg.Password
	load, err := c.program(ctx, dir, "to", cmds[1], own)
	if err != nil {
		return engines.Result{}, err
	}
	start := time.Now()
	err = local.Pipe(dump, load, cancel, func() { c.ran = true }, copyLines)
	res := engines.Result{Took: time.Since(start), Command: local.Base(dump) + " | " + local.Base(load)}
	if err != nil {
		return res, &engines.Error{Op: "run " + res.Command, Object: object(c.target, c.cfg), Err: err,
			Next: "run the printed command by hand to read its own message"}
	}
	return res, nil
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
func (c *Conn) program(ctx context.Context, dir, name string, k local.Command, env []string) (*exec.Cmd, error) {
	pass := filepath.Join(dir, name)
	esc := strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(k.Password)
	if err := os.WriteFile(pass, []byte("*:*:*:*:"+esc+"\n"), 0o600); err != nil {
		return nil, &engines.Error{Op: "write the password file", Object: string(c.target), Err: err}
	}
	path, err := tool(c.params["tools"], k.Argv[0])
	if err != nil {
		return nil, &engines.Error{Op: "find " + k.Argv[0], Object: string(c.target), Err: err,
			Next: "install the PostgreSQL client programs, or set the target's parameter tools to their folder"}
	}
	cmd := exec.CommandContext(ctx, path, k.Argv[1:]...)
	cmd.Env = append([]string{"PGPASSFILE=" + pass, "PGAPPNAME=" + c.cfg.RuntimeParams["application_name"],
		"PGCONNECT_TIMEOUT=10", "LC_ALL=C", "PATH=" + os.Getenv("PATH"), "LD_LIBRARY_PATH=" + os.Getenv("LD_LIBRARY_PATH")}, env...)
	cmd.WaitDelay = grace
	return cmd, nil
}

// tool looks in the given folder alone if there is one, else along PATH, else
// where Debian keeps the programs of each major version, newest first: a
// pg_dump reads servers older than itself, never newer ones.
func tool(dir, name string) (string, error) {
	if p, err := local.Tool(dir, name); err == nil || dir != "" {
		return p, err
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		return "", exec.ErrNotFound
	}
	slices.Sort(found)
	return found[len(found)-1], nil
}
