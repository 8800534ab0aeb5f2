package mysql

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

var _ engines.Contention = (*Conn)(nil)

// Words of a server for a lock that was not had in time, or not without a
// deadlock. A change of the catalog was given up before it did anything; a batch
// took its transaction back.
const (
	numLockWait = 1205
	numDeadlock = 1213
)

// foreverSeconds is the longest wait for a lock that both products take.
const foreverSeconds = 31536000

// waitFor sets how long the session waits for locks, of tables and of rows; 0 is
// what every session of ours begins with, less than 0 no limit. Both products
// count in seconds.
func (l *link) waitFor(ctx context.Context, d time.Duration) error {
	n := lockLimit
	switch {
	case d < 0:
		n = strconv.Itoa(foreverSeconds)
	case d > 0:
		n = strconv.Itoa(int((d + time.Second - 1) / time.Second))
	}
	if n == l.wait {
		return nil
	}
	if err := l.send(ctx, "SET SESSION lock_wait_timeout = "+n+", innodb_lock_wait_timeout = "+n); err != nil {
		return err
	}
	l.wait = n
	return nil
}

// LockRefused reports whether the last statement failed by its wait for a lock
// alone.
func (c *Conn) LockRefused(err error) bool {
	var se *ServerError
	return errors.As(err, &se) && (se.Number == numLockWait || se.Number == numDeadlock)
}

// holdersSQL names sessions that hold a table's metadata lock, openSQL those that
// have a transaction open, which is all that a server shows where metadata locks
// are not instrumented.
const (
	holdersSQL = `SELECT t.processlist_id, COALESCE(t.processlist_user, '?'), LOWER(COALESCE(t.processlist_command, '?')), COALESCE(MAX(TIMESTAMPDIFF(SECOND, x.trx_started, NOW())), 0)
FROM performance_schema.metadata_locks m JOIN performance_schema.threads t ON t.thread_id = m.owner_thread_id
 LEFT JOIN information_schema.innodb_trx x ON x.trx_mysql_thread_id = t.processlist_id
WHERE m.object_type = 'TABLE' AND m.object_schema = %SCHEMA% AND m.object_name = %NAME% AND m.lock_status = 'GRANTED' AND t.processlist_id <> CONNECTION_ID()
GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 5`
	openSQL = `SELECT p.id, p.user, LOWER(p.command), TIMESTAMPDIFF(SECOND, x.trx_started, NOW())
FROM information_schema.innodb_trx x JOIN information_schema.processlist p ON p.id = x.trx_mysql_thread_id WHERE p.id <> CONNECTION_ID() ORDER BY 4 DESC LIMIT 5`
)

// Holders names the sessions that hold a lock on a table, the oldest transaction
// first.
func (c *Conn) Holders(ctx context.Context, object string) ([]string, error) {
	seen, err := c.one(ctx, instrumentSQL)
	if err != nil {
		return nil, c.fail("look who holds a lock", err)
	}
	schema, name := splitName(object)
	ask, form := replace(holdersSQL, "%SCHEMA%", schema, "%NAME%", lit(name)), "session %s of %s (%s), transaction open for %s s"
	if text(seen, 0) == "0" {
		ask, form = openSQL, "perhaps session %s of %s (%s), transaction open for %s s"
	}
	res, err := c.run(ctx, ask)
	if err != nil {
		return nil, c.fail("look who holds a lock", err)
	}
	var out []string
	for _, r := range res.Rows {
		out = append(out, clean(fmt.Sprintf(form, text(r, 0), text(r, 1), text(r, 2), text(r, 3))))
	}
	return out, nil
}
