package lab

import (
	"context"
	"errors"
	"sync"
)

// Single is one PostgreSQL server by itself.
type Single struct {
	*Postgres
	close func() error
}

// StartSingle starts one empty server. dir is where its run folder is made;
// empty means the system's folder for temporary files.
func StartSingle(ctx context.Context, s Servers, major int, dir string) (*Single, error) {
	run, err := openRunDir(dir)
	if err != nil {
		return nil, err
	}
	p, err := startPostgres(ctx, s, major, run, "server", map[string]string{Superuser: password()})
	if err != nil {
		return nil, errors.Join(err, run.close())
	}
	end := func() error { return errors.Join(p.Stop(), run.close()) }
	return &Single{Postgres: p, close: sync.OnceValue(end)}, nil
}

// Close stops the server and removes its run folder. It is safe to call twice.
func (s *Single) Close() error { return s.close() }
