package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/turquoise-db/turquoise/engines"
)

var _ engines.Contention = (*Conn)(nil)

// lockNotAvailable is the server's word for a lock that was not had in time. The
// statement was given up before it did anything.
const lockNotAvailable = "55P03"

// LockRefused reports whether the last statement failed by its wait for a lock
// alone. Of a form that works in several transactions this proves nothing; those
// are never sent with a limit.
func (c *Conn) LockRefused(err error) bool {
	var se *ServerError
	return errors.As(err, &se) && se.Code == lockNotAvailable
}

// Holders names the sessions that hold a lock on a table, the oldest
// transaction first.
func (c *Conn) Holders(ctx context.Context, object string) ([]string, error) {
	res, err := run(ctx, c.pg, `SELECT a.pid, coalesce(a.usename, '?'), a.application_name, coalesce(a.state, '?'), coalesce(round(extract(epoch FROM clock_timestamp() - a.xact_start)), 0)
 FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
 WHERE l.relation = to_regclass($1) AND l.granted AND l.pid <> pg_backend_pid() GROUP BY 1, 2, 3, 4, a.xact_start ORDER BY a.xact_start LIMIT 5`, []string{table(object)})
	if err != nil {
		return nil, c.fail("look who holds a lock", err)
	}
	var out []string
	for _, r := range res.Rows {
		out = append(out, clean(fmt.Sprintf("process %s of %s (%s), %s, transaction open for %s s", text(r, 0), text(r, 1), text(r, 2), text(r, 3), text(r, 4))))
	}
	return out, nil
}
