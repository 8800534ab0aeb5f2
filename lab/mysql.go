package lab

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"

	"github.com/turquoise-db/turquoise/engines"
)

// MySQLRoot is the account that may do everything, on each server.
const MySQLRoot = "root"

// MySQL is one running MySQL or MariaDB server.
type MySQL struct {
	Flavor    string
	Name      string // blue, green
	Port      int
	ServerID  int
	Socket    string // local socket
	Root      string // folder of its programs, see Servers.MySQL
	LogPath   string
	Options   []string // of the server program, behind the lab's own; they count from its next start
	cache     string   // where a fresh data folder is kept for the next server
	noGTID    bool
	folder    string // data, socket; of the servers' user
	passwords map[string]string
	proc      *process
}

// startMySQL makes a new server in dir/name and starts it. The server says what
// it is to be: Flavor, Name, ServerID (1 or more, and no two of a pair the same),
// Root and passwords, which must hold root's.
func startMySQL(ctx context.Context, m MySQL, dir *runDir) (*MySQL, error) {
	as, err := serverOwner()
	if err != nil {
		return nil, err
	}
	m.LogPath = filepath.Join(dir.path, m.Name+".log")
	if m.folder, err = dir.sub(m.Name, as); err == nil {
		m.Socket = filepath.Join(m.folder, "sock")
		err = m.init(ctx, as)
	}
	if err != nil {
		return nil, &engines.Error{Op: "make a data folder", Object: m.Name + " (" + m.Flavor + ")", Err: err}
	}
	for try := 1; ; try++ {
		if m.Port, err = freePort(); err != nil {
			return nil, err
		}
		if err = m.start(ctx, as); err == nil {
			return &m, nil
		}
		if m.proc == nil || !m.proc.portTaken() || try == startTries {
			return &m, err
		}
	}
}

// base are the options of every call of the server program.
func (m *MySQL) base() []string {
	usr := filepath.Join(m.Root, "usr")
	share := filepath.Join(usr, "share/mysql")
	return []string{"--no-defaults", "--basedir=" + usr, "--datadir=" + filepath.Join(m.folder, "data"), "--tmpdir=" + m.folder,
		"--lc-messages-dir=" + share, "--character-sets-dir=" + share + "/charsets", "--plugin-dir=" + filepath.Join(usr, "lib/mysql/plugin")}
}

func (m *MySQL) program(name string) string { return filepath.Join(m.Root, "usr", name) }

func (m *MySQL) init(ctx context.Context, as owner) error {
	if err := m.initData(ctx, as); err != nil {
		return err
	}
	accounts := filepath.Join(m.folder, "accounts.sql")
	return errors.Join(os.WriteFile(accounts, []byte(m.accounts()), 0o600), as.give(accounts))
}

// accounts is what a server runs when it starts for the first time, outside the
// binary log. Passwords are hex and need no quoting.
func (m *MySQL) accounts() string {
	lines := []string{"set sql_log_bin=0;",
		"alter user root@localhost identified by '" + m.passwords[MySQLRoot] + "';",
		"create user if not exists root@'127.0.0.1';",
		"alter user root@'127.0.0.1' identified by '" + m.passwords[MySQLRoot] + "';",
		"grant all on *.* to root@'127.0.0.1' with grant option;",
		"drop user if exists ''@localhost;"} // MariaDB makes it, and it catches others
	if host, err := os.Hostname(); err == nil && !strings.ContainsAny(host, "'\\") {
		lines = append(lines, "drop user if exists ''@'"+host+"';", "drop user if exists root@'"+host+"';")
	}
	return strings.Join(lines, "\n") + "\n"
}

// mysqlSettings are those of both flavours. As with PostgreSQL, durability
// against a power cut is off: what is proven here is order, not disks. Each commit
// reaches the system before it is answered, so a killed server loses none.
var mysqlSettings = []string{"--bind-address=127.0.0.1", "--skip-name-resolve", "--report-host=127.0.0.1", "--max-connections=200",
	"--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0", "--table-open-cache=200"}

// mysqlRedo keeps the data folder of a MySQL small.
const mysqlRedo = "--innodb-redo-log-capacity=32M"

// flavorSettings turn GTID on or off, and off what the lab does not use. An empty
// secure-file-priv is needed: the packaged default folder does not exist.
func (m *MySQL) flavorSettings() []string {
	gtid := "ON"
	if m.noGTID {
		gtid = "OFF"
	}
	if m.Flavor == FlavorMariaDB {
		return []string{"--gtid-strict-mode=" + gtid, "--binlog-format=ROW", "--log-slave-updates=ON", "--performance-schema=ON", "--innodb-log-file-size=32M"}
	}
	return []string{"--gtid-mode=" + gtid, "--enforce-gtid-consistency=" + gtid, "--mysqlx=OFF", "--secure-file-priv=", mysqlRedo,
		"--performance-schema-max-table-instances=200"}
}

// start starts the server on its data, at its port.
func (m *MySQL) start(ctx context.Context, as owner) error {
	k, err := kindOf(m.Flavor)
	if err != nil {
		return err
	}
	port := strconv.Itoa(m.Port)
	args := append(m.base(), "--port="+port, "--report-port="+port, "--server-id="+strconv.Itoa(m.ServerID),
		"--socket="+m.Socket, "--pid-file="+filepath.Join(m.folder, "pid"), "--log-bin="+filepath.Join(m.folder, "data/binlog"),
		"--init-file="+filepath.Join(m.folder, "accounts.sql"))
	args = append(append(append(args, mysqlSettings...), m.flavorSettings()...), m.Options...)
	m.proc, err = start(k.title+" ("+m.Name+")", syscall.SIGTERM, as, m.folder, m.LogPath, m.program(k.server), args...)
	if err != nil {
		return err
	}
	if err := m.proc.ready(ctx, func(ctx context.Context) error { return m.Exec(ctx, "", "select 1") }); err != nil {
		return errors.Join(err, m.proc.kill())
	}
	return nil
}

// config is a connection of an account, without TLS: the lab stays on loopback.
func (m *MySQL) config(account, database string) *mysql.Config {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.DBName = account, m.passwords[account], database
	c.Net, c.Addr = "tcp", m.Address()
	c.Logger = &mysql.NopLogger{} // the default writes over the screen
	return c
}

// DSN returns the connection string of an account that the lab made, in the
// form that go-sql-driver reads.
func (m *MySQL) DSN(account, database string) string { return m.config(account, database).FormatDSN() }

// Exec runs statements in order on one connection, as root.
func (m *MySQL) Exec(ctx context.Context, database string, statements ...string) (err error) {
	c, err := mysql.NewConnector(m.config(MySQLRoot, database))
	if err != nil {
		return err
	}
	db := sql.OpenDB(c)
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	for _, text := range statements {
		if _, err := conn.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// Address is where the server listens.
func (m *MySQL) Address() string { return "127.0.0.1:" + strconv.Itoa(m.Port) }

// Pid returns the process id of the server.
func (m *MySQL) Pid() int { return m.proc.pid }

// Stop ends the server in order. One that feeds a replica takes some 10 s.
func (m *MySQL) Stop() error { return m.proc.stop() }

// Kill ends the server without a shutdown, as a crash does.
func (m *MySQL) Kill() error { return m.proc.kill() }

// Start starts a server again that was stopped or killed, on its data and on the
// same port: its replica and the router know it by that. What SET GLOBAL had set
// is gone.
func (m *MySQL) Start(ctx context.Context) error {
	as, err := serverOwner()
	if err != nil {
		return err
	}
	return m.start(ctx, as)
}
