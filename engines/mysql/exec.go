package mysql

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/local"
)

// copies are what a copy may run, of both products.
var copies = local.Programs{Password: "MYSQL_PWD", Dump: []string{"mysqldump", "mariadb-dump"}, Load: []string{"mysql", "mariadb"}}

// exec runs `MYSQL_PWD=… mysqldump … | mysql …`: the first program reads the
// other side, the second writes this connection's server. There is no shell. The
// answer is where the copy stands: file, position and ids of the dump's head.
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
	host, port, _ := net.SplitHostPort(c.cfg.Addr) // identify has read it before
	cmds[1].Password = c.cfg.Passwd
	load, err := c.program(ctx, dir, "to", cmds[1], []string{"host=" + host, "port=" + port, "user=" + c.cfg.User})
	if err != nil {
		return engines.Result{}, err
	}
	start := time.Now()
	var head coordinates
	err = local.Pipe(dump, load, cancel, func() { c.ran = true }, head.copy)
	res := engines.Result{Took: time.Since(start), Command: local.Base(dump) + " | " + local.Base(load),
		Columns: []string{"file", "position", "ids"}, Rows: [][]*string{head.row()}}
	if err != nil {
		return res, &engines.Error{Op: "run " + res.Command, Object: c.object(), Err: err, Next: "run the printed command by hand to read its own message"}
	}
	return res, nil
}

// coordinates are where a dump says it stands in the log of its server.
type coordinates struct{ file, pos, ids string }

// headBytes of a dump are searched for the coordinates: they stand in front of
// the first table.
const headBytes = 1 << 20

var (
	dumpFile = regexp.MustCompile(`(?:MASTER|SOURCE)_LOG_FILE='([^']+)', (?:MASTER|SOURCE)_LOG_POS=([0-9]+)`)
	dumpIDs  = regexp.MustCompile(`(?s)GTID_PURGED=(?:/\*.*?\*/ ?)?'([^']*)'`)
)

// copy hands the dump on and reads its head.
func (k *coordinates) copy(w io.Writer, r io.Reader) error {
	b := bufio.NewReaderSize(r, 1<<16)
	var head strings.Builder
	for head.Len() < headBytes {
		line, err := b.ReadString('\n')
		if _, werr := io.WriteString(w, line); werr != nil {
			return werr
		}
		if err == io.EOF || strings.HasPrefix(line, "CREATE ") {
			break
		}
		if err != nil {
			return err
		}
		head.WriteString(line)
	}
	k.read(head.String())
	_, err := io.Copy(w, b)
	return err
}

func (k *coordinates) read(head string) {
	if m := dumpFile.FindStringSubmatch(head); m != nil {
		k.file, k.pos = m[1], m[2]
	}
	if m := dumpIDs.FindStringSubmatch(head); m != nil {
		k.ids = strings.Join(strings.Fields(m[1]), "")
	}
}

// row gives what is not known as NULL, so that nothing can be bound to it.
func (k coordinates) row() []*string {
	var out []*string
	for _, s := range []string{k.file, k.pos, k.ids} {
		if s == "" {
			out = append(out, nil)
			continue
		}
		out = append(out, &s)
	}
	return out
}

// program prepares one command: host, account and password in a file only we can
// read, its path from the target's tools folder.
func (c *Conn) program(ctx context.Context, dir, name string, k local.Command, options []string) (*exec.Cmd, error) {
	file := filepath.Join(dir, name)
	quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(k.Password) + `"`
	lines := append([]string{"[client]", "protocol=tcp"}, options...)
	if err := os.WriteFile(file, []byte(strings.Join(append(lines, "password="+quoted), "\n")+"\n"), 0o600); err != nil {
		return nil, &engines.Error{Op: "write the password file", Object: string(c.target), Err: err}
	}
	path, err := local.Tool(c.params["tools"], k.Argv[0])
	if err != nil {
		return nil, &engines.Error{Op: "find " + k.Argv[0], Object: string(c.target), Err: err,
			Next: "install the client programs of the servers' product, or set the target's parameter tools to their folder"}
	}
	cmd := exec.CommandContext(ctx, path, append([]string{"--defaults-file=" + file}, k.Argv[1:]...)...)
	cmd.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH"), "LD_LIBRARY_PATH=" + os.Getenv("LD_LIBRARY_PATH")}
	cmd.WaitDelay = grace
	return cmd, nil
}
