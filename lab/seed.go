package lab

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// Tool returns the path of a client program (pg_dump, psql) of blue. It is
// blue's that reads blue's schema: a minor release later than the tool's can
// leave marks in the catalogue that the tool writes out and no server takes
// (pg_attver: PostgreSQL 17.12 has it, the pg_dump of 18.6 does not know it).
func (l *PairLab) Tool(name string) string { return filepath.Join(l.Blue.Bin, name) }

// SeedSchema gives green the schema of blue: tables, sequences, grants, no
// rows, no publication.
func (l *PairLab) SeedSchema(ctx context.Context) error {
	dump, err := l.client(ctx, nil, l.Tool("pg_dump"), l.Blue, "-s", "--no-publications", "--no-subscriptions")
	if err != nil {
		return &engines.Error{Op: "dump the schema", Object: "blue", Err: err}
	}
	if bytes.Contains(dump, []byte("pg_attver")) {
		return &engines.Error{Op: "dump the schema", Object: "blue",
			Err:  fmt.Errorf("the dump sets pg_attver, which no server takes"),
			Next: "use a pg_dump whose minor release is not older than blue's"}
	}
	_, err = l.client(ctx, loadable(dump), l.Tool("psql"), l.Green, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-1")
	if err != nil {
		return &engines.Error{Op: "load the schema", Object: "green", Err: err}
	}
	return nil
}

// loadable drops the one setting of a newer pg_dump that servers before 17
// refuse. Those from 17 on lose nothing: it only switches a limit off.
func loadable(dump []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(dump) {
		if !bytes.HasPrefix(line, []byte("SET transaction_timeout")) {
			out.Write(line)
		}
	}
	return out.Bytes()
}

// client runs a client program against one side. The password travels in the
// environment, where other users of the machine cannot read it.
func (l *PairLab) client(ctx context.Context, stdin []byte, program string, p *Postgres, args ...string) ([]byte, error) {
	args = append(args, "-h", "127.0.0.1", "-p", strconv.Itoa(p.Port), "-U", RoleTurquoise, "-d", Database)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(serverEnv(), "PGPASSWORD="+l.passwords[RoleTurquoise])
	cmd.Stdin = bytes.NewReader(stdin)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(program), err, strings.TrimSpace(complaint.String()))
	}
	return out, nil
}
