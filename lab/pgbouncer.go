package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/engines"
)

// poolerSettings: transaction pooling; clients wait 120 s behind a PAUSE; a
// pool whose login was cut by a PAUSE tries again after 0.1 s and not after 15.
const poolerSettings = `;; turquoise lab %s
[databases]
%s = host=127.0.0.1 port=%d

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
admin_users = %s
pool_mode = transaction
default_pool_size = 20
max_client_conn = 400
query_wait_timeout = 120
server_login_retry = 0.1
server_fast_close = 1
ignore_startup_parameters = extra_float_digits,options
`

// preparedSettings is for versions from 1.21 on; older ones refuse it.
const preparedSettings = "max_prepared_statements = 200\n"

// PgBouncer is one running pooler.
type PgBouncer struct {
	Port int
	// IniPath is the settings file, owned by whoever runs the lab: a runbook
	// rewrites it and sends RELOAD.
	IniPath   string
	LogPath   string
	admin     string
	passwords map[string]string
	proc      *process
	again     func() (*process, error) // starts the program with its settings file
}

// startPgBouncer starts a pooler that sends one database to a port. passwords
// holds all roles it lets in; admin is the one with the admin console.
func startPgBouncer(ctx context.Context, program, settings string, dir *runDir, database string, port int, admin string, passwords map[string]string) (*PgBouncer, error) {
	as, err := serverOwner()
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(dir.path, "router")
	users := filepath.Join(folder, "users.txt")
	b := &PgBouncer{IniPath: filepath.Join(folder, "pgbouncer.ini"), LogPath: filepath.Join(dir.path, "pgbouncer.log"),
		admin: admin, passwords: passwords}
	err = os.Mkdir(folder, 0o755)
	if err == nil {
		err = errors.Join(os.Chmod(folder, 0o755), // whatever the umask: the pooler's user reads its settings here
			os.WriteFile(users, []byte(userList(passwords)), 0o600), as.give(users))
	}
	if err != nil {
		return nil, &engines.Error{Op: "write the settings of PgBouncer", Object: folder, Err: err}
	}
	for try := 1; ; try++ {
		if b.Port, err = freePort(); err != nil {
			return nil, err
		}
		ini := fmt.Sprintf(poolerSettings, filepath.Base(dir.path), database, port, b.Port, users, admin) + settings
		if err := errors.Join(os.WriteFile(b.IniPath, []byte(ini), 0o644), os.Chmod(b.IniPath, 0o644)); err != nil {
			return nil, &engines.Error{Op: "write the settings of PgBouncer", Object: b.IniPath, Err: err}
		}
		// SIGTERM would wait for the last client; SIGQUIT ends at once.
		b.again = func() (*process, error) {
			return start("PgBouncer", syscall.SIGQUIT, as, folder, b.LogPath, program, b.IniPath)
		}
		if b.proc, err = b.again(); err != nil {
			return nil, err
		}
		err = b.proc.ready(ctx, func(ctx context.Context) error { return b.Admin(ctx, "SHOW VERSION") })
		if err == nil {
			return b, nil
		}
		if !b.proc.portTaken() || try == startTries {
			return nil, errors.Join(err, b.proc.stop())
		}
	}
}

// userList is the auth file. The passwords stand in clear, since the pooler
// must log in to the servers with them; only it and the lab can read the file.
func userList(passwords map[string]string) string {
	var b strings.Builder
	for role, pw := range passwords {
		fmt.Fprintf(&b, "\"%s\" \"%s\"\n", role, pw)
	}
	lines := strings.SplitAfter(b.String(), "\n")
	sort.Strings(lines)
	return strings.Join(lines, "")
}

// DSN returns the connection string of a role through the pooler.
func (b *PgBouncer) DSN(role, database string) string {
	return dsn(role, b.passwords[role], b.Port, database)
}

// AdminDSN returns the connection string of the admin console, which takes the
// simple protocol only.
func (b *PgBouncer) AdminDSN() string { return b.DSN(b.admin, "pgbouncer") }

// Admin sends one command to the admin console.
func (b *PgBouncer) Admin(ctx context.Context, command string) error {
	conn, err := pgx.Connect(ctx, b.AdminDSN())
	if err != nil {
		return err
	}
	_, err = conn.PgConn().Exec(ctx, command).ReadAll()
	return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
}

// Pid returns the process id of the pooler.
func (b *PgBouncer) Pid() int { return b.proc.pid }

// Stop ends the pooler at once.
func (b *PgBouncer) Stop() error { return b.proc.stop() }
