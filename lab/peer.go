package lab

import (
	"context"
	"path/filepath"
)

// pgcopydbSuite carries a pgcopydb whose `compare data` there is; bookworm's 0.10
// has none.
const pgcopydbSuite = "sid"

// Pgcopydb returns the path of the pgcopydb program and the folder of the client
// programs that it calls. Nothing of a cutover needs it: benchmarks of
// comparisons run it beside our own.
func (s Servers) Pgcopydb(ctx context.Context) (program, tools string, err error) {
	root := filepath.Join(s.Cache, "pgcopydb-"+pgcopydbSuite)
	program = filepath.Join(root, "usr/bin/pgcopydb")
	if dir := s.getenv("TURQUOISE_LAB_PGCOPYDB"); dir != "" {
		return filepath.Join(dir, "pgcopydb"), dir, nil
	}
	if err := s.fetch(ctx, "pgcopydb", "TURQUOISE_LAB_PGCOPYDB", pgcopydbSuite, root, "pgcopydb"); err != nil {
		return "", "", err
	}
	tool, err := filepath.Glob(filepath.Join(root, "usr/lib/postgresql/*/bin"))
	if err != nil || len(tool) == 0 {
		return program, filepath.Dir(program), err
	}
	return program, tool[0], nil
}
