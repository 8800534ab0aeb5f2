package lab

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/turquoise-db/turquoise/engines"
)

//go:embed mysql.sql
var mysqlSchema string

// MySQLOptions of a pair.
type MySQLOptions struct {
	Flavor     string    // FlavorMySQL when empty
	BlueMajor  int       // the usual version of the flavour when zero
	GreenMajor int       // the same
	NoGTID     bool      // MySQL: gtid_mode=OFF; MariaDB: not strict. Then replication goes by file and position
	Log        io.Writer // progress lines; nil drops them
	Dir        string    // where the run folder is made; empty means the system's folder for temporary files
	Servers    *Servers  // nil means OpenServers
}

// MySQLDatabase is the database of a MySQL pair.
const MySQLDatabase = "shop"

// MySQLMarker is the table that says: this is a lab. Its one row, column run,
// holds the run's name. A rehearsal refuses a target without it.
const MySQLMarker = "tq_lab.marker"

// RoleBeat is an account that writes to the control schema and nowhere else.
const RoleBeat = "tq_beat"

// ControlSchema is where accounts of a MySQL pair may keep what a cutover needs.
const ControlSchema = "tqctl"

// MySQLPairLab is a running blue and green, both with a binary log and GTIDs.
type MySQLPairLab struct {
	RunID  string
	Dir    string // the run folder; gone after Close
	Flavor string
	GTID   bool // both sides replicate by GTID
	Blue   *MySQL
	Green  *MySQL
	Router *HAProxy // sends clients to blue

	run       *runDir
	passwords map[string]string
	close     func() error
}

// MySQLPair starts blue, filled, and green, empty but for its accounts and
// database. On an error nothing is left running.
func MySQLPair(ctx context.Context, o MySQLOptions) (_ *MySQLPairLab, err error) {
	if o.Flavor == "" {
		o.Flavor = FlavorMySQL
	}
	servers := o.Servers
	if servers == nil {
		s, err := OpenServers(o.Log)
		if err != nil {
			return nil, err
		}
		servers = &s
	}
	blue, err := servers.MySQL(ctx, o.Flavor, o.BlueMajor)
	if err != nil {
		return nil, err
	}
	green, err := servers.MySQL(ctx, o.Flavor, o.GreenMajor)
	if err != nil {
		return nil, err
	}
	router, err := servers.HAProxy(ctx)
	if err != nil {
		return nil, err
	}
	run, err := openRunDir(o.Dir)
	if err != nil {
		return nil, err
	}
	l := &MySQLPairLab{RunID: password()[:12], Dir: run.path, Flavor: o.Flavor, GTID: !o.NoGTID, run: run, passwords: map[string]string{}}
	l.close = sync.OnceValue(l.end)
	for _, a := range []string{MySQLRoot, RoleTurquoise, RoleReplication, RoleApp, RoleBatch, RoleBeat} {
		l.passwords[a] = password()
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	began := time.Now()
	if err := l.startServers(ctx, blue, green, MySQL{Flavor: o.Flavor, cache: servers.Cache, noGTID: o.NoGTID, passwords: l.passwords}); err != nil {
		return nil, err
	}
	if l.Router, err = startHAProxy(ctx, router, run, l.Blue.Port, l.Green.Port); err != nil {
		return nil, err
	}
	servers.say("%s: blue on port %d, green on port %d, router on port %d: up in %.1f s",
		o.Flavor, l.Blue.Port, l.Green.Port, l.Router.Port, time.Since(began).Seconds())
	return l, nil
}

func (l *MySQLPairLab) startServers(ctx context.Context, blueRoot, greenRoot string, like MySQL) error {
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		blue := like
		blue.Name, blue.ServerID, blue.Root = "blue", 1, blueRoot
		if l.Blue, err = startMySQL(gctx, blue, l.run); err != nil {
			return err
		}
		if err := l.prepare(gctx, l.Blue); err != nil {
			return err
		}
		return l.Blue.Exec(gctx, "", append([]string{"create database " + MySQLDatabase, "use " + MySQLDatabase}, statements(mysqlSchema)...)...)
	})
	g.Go(func() (err error) {
		green := like
		green.Name, green.ServerID, green.Root = "green", 2, greenRoot
		if l.Green, err = startMySQL(gctx, green, l.run); err != nil {
			return err
		}
		return l.prepare(gctx, l.Green)
	})
	return g.Wait()
}

// prepare makes accounts and marker, outside the binary log: each side has its
// own, and replication must not carry them. Passwords are hex and need no quoting.
func (l *MySQLPairLab) prepare(ctx context.Context, m *MySQL) error {
	all := []string{"set sql_log_bin = 0", "create database tq_lab", "create table " + MySQLMarker + " (run varchar(32) primary key)",
		"insert into " + MySQLMarker + " values ('" + l.RunID + "')"}
	for _, a := range []string{RoleTurquoise, RoleReplication, RoleApp, RoleBatch, RoleBeat} {
		all = append(all, fmt.Sprintf("create user %s@'%%' identified by '%s'", a, l.passwords[a]))
	}
	for _, grant := range append(cutoverRights[l.Flavor],
		RoleTurquoise+": all on "+ControlSchema+".*",
		RoleTurquoise+": all on "+MySQLDatabase+".*", // a copy loads more than ALTER TABLE asks for
		RoleTurquoise+": select on performance_schema.*", RoleTurquoise+": select on tq_lab.*", RoleTurquoise+": select on mysql.*",
		RoleReplication+": replication slave, replication client on *.*",
		RoleApp+": all on "+MySQLDatabase+".*", RoleBatch+": select, insert, update on "+MySQLDatabase+".*",
		RoleBeat+": select, insert, update on "+ControlSchema+".*") {
		who, what, _ := strings.Cut(grant, ": ")
		what, option, _ := strings.Cut(what, " with ")
		if option != "" {
			option = " with " + option
		}
		all = append(all, fmt.Sprintf("grant %s to %s@'%%'%s", what, who, option))
	}
	return m.Exec(ctx, "", all...)
}

// cutoverRights are what Turquoise's own account needs of the whole server, by
// flavour. It is no SUPER, and applications are none either.
var cutoverRights = map[string][]string{
	FlavorMySQL: {RoleTurquoise + ": process, replication client, reload, create user on *.*", RoleTurquoise + ": replication slave on *.* with grant option",
		RoleTurquoise + ": replication_slave_admin, connection_admin, system_variables_admin, xa_recover_admin, show_routine on *.*"},
	FlavorMariaDB: {RoleTurquoise + ": process, reload, create user on *.*", RoleTurquoise + ": replication slave on *.* with grant option",
		RoleTurquoise + ": connection admin, read_only admin, replication slave admin, replication master admin, slave monitor, binlog monitor, binlog admin on *.*"},
}

// statements splits the lab's own script; no text in it holds a semicolon.
func statements(script string) []string {
	var out []string
	for _, s := range strings.Split(script, ";\n") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// BinlogPosition is a place in a server's binary log.
type BinlogPosition struct {
	File string
	Pos  int64
}

var dumpPosition = regexp.MustCompile(`(?m)^-- CHANGE (?:MASTER|REPLICATION SOURCE) TO (?:MASTER|SOURCE)_LOG_FILE='([^']+)', (?:MASTER|SOURCE)_LOG_POS=([0-9]+);`)

// dumpIDs are MariaDB's; the dump of MySQL sets its own.
var dumpIDs = regexp.MustCompile(`(?m)^-- SET GLOBAL gtid_slave_pos='([-0-9,]+)';`)

// CopyToGreen gives green a consistent copy of the database of running blue,
// outside green's binary log, and returns the place from which it can follow.
// Green knows blue's GTIDs up to there, so that it can follow by them too: a
// MariaDB that does not know them runs blue's whole log over the copy, and makes
// each table anew without a word (slave_ddl_exec_mode is IDEMPOTENT).
func (l *MySQLPairLab) CopyToGreen(ctx context.Context) (BinlogPosition, error) {
	k, err := kindOf(l.Flavor)
	if err != nil {
		return BinlogPosition{}, err
	}
	args := []string{"--single-transaction", "--routines", "--source-data=2", "--set-gtid-purged=ON"}
	if l.Blue.noGTID {
		args[3] = "--set-gtid-purged=OFF"
	}
	if l.Flavor == FlavorMariaDB {
		args = []string{"--single-transaction", "--routines", "--gtid", "--master-data=2"}
	}
	dump, err := l.client(ctx, nil, l.Blue, k.dump, append(args, "--databases", MySQLDatabase)...)
	if err != nil {
		return BinlogPosition{}, &engines.Error{Op: "dump the database", Object: "blue", Err: err}
	}
	found := dumpPosition.FindSubmatch(dump)
	if found == nil {
		return BinlogPosition{}, &engines.Error{Op: "dump the database", Object: "blue", Err: errors.New("the dump names no place in the binary log")}
	}
	pos, err := strconv.ParseInt(string(found[2]), 10, 64)
	if err != nil {
		return BinlogPosition{}, err
	}
	load := append([]byte("set sql_log_bin=0;\n"), dump...)
	if ids := dumpIDs.FindSubmatch(dump); ids != nil && l.GTID {
		load = append(load, "set global gtid_slave_pos='"+string(ids[1])+"';\n"...)
	}
	if _, err := l.client(ctx, load, l.Green, k.client); err != nil {
		return BinlogPosition{}, &engines.Error{Op: "load the database", Object: "green", Err: err}
	}
	return BinlogPosition{File: string(found[1]), Pos: pos}, nil
}

// client runs a client program as root; the password is in its environment.
func (l *MySQLPairLab) client(ctx context.Context, stdin []byte, m *MySQL, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, m.program(program), append([]string{"--no-defaults", "-h", "127.0.0.1", "-P", strconv.Itoa(m.Port), "-u", MySQLRoot}, args...)...)
	cmd.Env = append(serverEnv(), "MYSQL_PWD="+l.passwords[MySQLRoot])
	cmd.Stdin = bytes.NewReader(stdin)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(program), err, strings.TrimSpace(complaint.String()))
	}
	return out, nil
}

// BlueDSN is Turquoise's own way into blue.
func (l *MySQLPairLab) BlueDSN() string { return l.Blue.DSN(RoleTurquoise, "") }

// GreenDSN is Turquoise's own way into green.
func (l *MySQLPairLab) GreenDSN() string { return l.Green.DSN(RoleTurquoise, "") }

// AppDSN is the application's way: through the router, to the side that serves.
func (l *MySQLPairLab) AppDSN() string {
	c := l.Blue.config(RoleApp, MySQLDatabase)
	c.Addr = l.Router.Address()
	return c.FormatDSN()
}

// Env returns the variables that a runbook's targets refer to. They hold
// passwords: for a child's environment, not for a screen or a record.
func (l *MySQLPairLab) Env() map[string]string {
	return map[string]string{
		"TURQUOISE_BLUE_DSN":        l.BlueDSN(),
		"TURQUOISE_GREEN_DSN":       l.GreenDSN(),
		"TURQUOISE_ROUTER_DSN":      "unix:" + l.Router.Socket,
		"TURQUOISE_ROUTER_FILE":     l.Router.CfgPath,
		"TURQUOISE_ROUTER_FRONTEND": l.Router.Address(),
		"TURQUOISE_ROUTER_PROGRAM":  l.Router.Program,
		"TURQUOISE_DUMP_PASSWORD":   l.passwords[RoleTurquoise],
		"TURQUOISE_REPL_PASSWORD":   l.passwords[RoleReplication],
		"TURQUOISE_BEAT_PASSWORD":   l.passwords[RoleBeat],
		"TURQUOISE_TOOLS":           l.Blue.program("bin"),
	}
}

// Close ends the servers and removes the run folder. It is safe to call twice.
func (l *MySQLPairLab) Close() error { return l.close() }

// end kills: the data is thrown away, and a source would wait 10 s for its
// replica's connection.
func (l *MySQLPairLab) end() error {
	var errs []error
	if l.Router != nil {
		errs = append(errs, l.Router.Stop())
	}
	for _, m := range []*MySQL{l.Blue, l.Green} {
		if m != nil && m.proc != nil {
			errs = append(errs, m.Kill())
		}
	}
	return errors.Join(append(errs, l.run.close())...)
}
