package lab

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/engines"
)

// Superuser is the role that initdb makes on each server.
const Superuser = "postgres"

// postgresSettings are those of both sides. Durability against a power cut is
// off: the data is thrown away, and what is proven here is order, not disks.
const postgresSettings = `listen_addresses = '127.0.0.1'
unix_socket_directories = ''
wal_level = logical
max_connections = 200
max_wal_senders = 10
max_replication_slots = 10
max_logical_replication_workers = 8
max_worker_processes = 16
fsync = off
autovacuum_naptime = 10s
log_line_prefix = '%m [%p] %a '
`

const postgresHBA = `host all         all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
`

// Postgres is one running PostgreSQL server.
type Postgres struct {
	Major     int
	Port      int
	Bin       string // folder of its programs
	Data      string // its data folder
	LogPath   string
	passwords map[string]string
	proc      *process
}

// startPostgres makes a new cluster in dir/name and starts it. passwords must
// hold the superuser's.
func startPostgres(ctx context.Context, s Servers, major int, dir *runDir, name string, passwords map[string]string) (*Postgres, error) {
	bin, err := s.Postgres(ctx, major)
	if err != nil {
		return nil, err
	}
	as, err := serverOwner()
	if err != nil {
		return nil, err
	}
	p := &Postgres{Major: major, Bin: bin, LogPath: filepath.Join(dir.path, name+".log"), passwords: passwords}
	if p.Data, err = dir.sub(name, as); err == nil {
		err = p.init(ctx, as, dir.path)
	}
	if err != nil {
		return nil, &engines.Error{Op: "make a PostgreSQL cluster", Object: fmt.Sprintf("%s (%d)", name, major), Err: err}
	}
	return p, p.start(ctx, as, fmt.Sprintf("PostgreSQL %d (%s)", major, name))
}

// init runs initdb and writes settings. Checksums are on for each version: 18
// turns them on by itself, and a pair must agree.
func (p *Postgres) init(ctx context.Context, as owner, run string) error {
	secret, err := os.CreateTemp(run, "pw-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(secret.Name()) }()
	_, err = secret.WriteString(p.passwords[Superuser] + "\n")
	if err = errors.Join(err, secret.Close(), as.give(secret.Name())); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(p.Bin, "initdb"), "-D", p.Data, "-U", Superuser, "--pwfile="+secret.Name(),
		"-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "-k", "--no-sync")
	cmd.Dir, cmd.Env, cmd.SysProcAttr = run, serverEnv(), serverAttr(as, syscall.SIGKILL)
	// As with start: the thread that starts the child must outlive it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, strings.TrimSpace(string(out)))
	}
	conf := filepath.Join(p.Data, "postgresql.conf")
	text, err := os.ReadFile(conf)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(conf, append(text, postgresSettings...), 0o600),
		os.WriteFile(filepath.Join(p.Data, "pg_hba.conf"), []byte(postgresHBA), 0o600))
}

func (p *Postgres) start(ctx context.Context, as owner, name string) error {
	for try := 1; ; try++ {
		port, err := freePort()
		if err != nil {
			return err
		}
		p.Port = port
		p.proc, err = start(name, syscall.SIGINT, as, p.Data, p.LogPath, filepath.Join(p.Bin, "postgres"),
			"-D", p.Data, "-c", "port="+strconv.Itoa(port))
		if err != nil {
			return err
		}
		err = p.proc.ready(ctx, func(ctx context.Context) error { return answers(ctx, p.DSN(Superuser, "postgres")) })
		if err == nil {
			return nil
		}
		if !p.proc.portTaken() || try == startTries {
			return errors.Join(err, p.proc.stop())
		}
	}
}

// DSN returns the connection string of a role that the lab made, to one
// database of this server.
func (p *Postgres) DSN(role, database string) string {
	return dsn(role, p.passwords[role], p.Port, database)
}

// Pid returns the process id of the postmaster.
func (p *Postgres) Pid() int { return p.proc.pid }

// Stop ends the server with a fast shutdown: sessions are cut, data is kept.
func (p *Postgres) Stop() error { return p.proc.stop() }

// Kill ends the server without a shutdown, as a crash does.
func (p *Postgres) Kill() error { return p.proc.kill() }

// Exec runs statements in order on one connection, as the superuser. Each is
// sent alone, so none of them shares a transaction with another.
func (p *Postgres) Exec(ctx context.Context, database string, statements ...string) error {
	conn, err := pgx.Connect(ctx, p.DSN(Superuser, database))
	if err != nil {
		return err
	}
	for _, sql := range statements {
		// The simple protocol takes any statement, also several in one text.
		if _, err = conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			break
		}
	}
	return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
}

func dsn(role, password string, port int, database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(role, password), Host: "127.0.0.1:" + strconv.Itoa(port),
		Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// answers asks a server one question over a new connection.
func answers(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "select 1")
	return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
}

// password makes a new secret. It needs no escaping in SQL, files or addresses.
func password() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails: it ends the program instead
	return hex.EncodeToString(b)
}
